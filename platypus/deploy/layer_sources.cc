#include "platypus/deploy/layer_sources.h"

#include <fmt/format.h>

#include <algorithm>

namespace platypus::deploy {

std::vector<LayerSource> ReadLayerSources(std::string_view source) {
  std::vector<LayerSource> layers;
  const auto line_of = [&](size_t at) {
    return 1 + static_cast<int>(
                   std::count(source.begin(), source.begin() + static_cast<int64_t>(at), '\n'));
  };
  for (size_t at = 0;;) {
    const size_t comment = source.find(fmt::format("\n/* {}. ", layers.size()), at);
    if (comment == std::string_view::npos) return layers;
    const size_t function = source.find(fmt::format(" layer_{}(", layers.size()), comment);
    const size_t end = source.find("\n}\n", function);
    if (function == std::string_view::npos || end == std::string_view::npos) return layers;
    layers.push_back({std::string(source.substr(comment + 1, end + 2 - comment)),
                      line_of(comment + 1), line_of(end + 1)});
    at = end;
  }
}

}  // namespace platypus::deploy
