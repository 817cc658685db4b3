#include <algorithm>
#include <bit>

#include "platypus/zoo/zoo.h"

namespace platypus::zoo {

graph::Graph BuildExtractor(const Shape& raw, const Shape& features, uint64_t seed) {
  constexpr int64_t kFirst = 16;  // channels for each variable of the first layer
  const int64_t values = NumElements(features);
  // As many layers of doubled width as lead from 16 channels to the features of a variable.
  const int doublings = static_cast<int>(std::bit_width(
                            static_cast<uint64_t>(std::max<int64_t>(1, features[1] / kFirst)))) -
                        1;
  std::string spec = "paths: flat\nmodel_spec:\n  extractor.0: {type: BatchNormLayer}\n";
  int part = 1;  // a ConvBNReLULayer is three operators
  for (int layer = 0; layer <= doublings; ++layer, part += 3) {
    spec += fmt::format(
        "  extractor.{}: {{type: ConvBNReLULayer, out_channels: {}, kernel_size: [5, 1], "
        "stride: [2, 1], padding: [2, 0]}}\n",
        part, (kFirst << layer) * raw[0]);
  }
  spec += fmt::format(
      "  extractor.{}: {{type: ConvLayer, out_channels: {}, kernel_size: [5, 1], stride: [2, 1], "
      "padding: [2, 0]}}\n"
      "  extractor.{}: {{type: AdaptiveAvgPoolLayer, output_size: [1, 1]}}\n"
      "  extractor.{}: {{type: ReshapeLayer, shape: [{}, {}, {}]}}\n",
      part, values, part + 1, part + 2, features[0], features[1], features[2]);
  return BuildFromSpec(config::ParseYaml(spec, "extractor"), "extractor", raw,
                       static_cast<int>(values), seed);
}

}  // namespace platypus::zoo
