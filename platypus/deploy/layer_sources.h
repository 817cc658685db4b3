#ifndef PLATYPUS_DEPLOY_LAYER_SOURCES_H_
#define PLATYPUS_DEPLOY_LAYER_SOURCES_H_

#include <string>
#include <string_view>
#include <vector>

namespace platypus::deploy {

// Where a layer stands in <m>.c: its comment, its constants, its function.
struct LayerSource {
  std::string text;
  int first_line = 0, last_line = 0;  // from 1, both included
};

// In the order of the layers; ends before the first one that is not there.
std::vector<LayerSource> ReadLayerSources(std::string_view source);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_LAYER_SOURCES_H_
