#include "platypus/deploy/trace.h"

#include <cstring>

#include "platypus/base/error.h"
#include "platypus/deploy/arena.h"
#include "platypus/deploy/lowering.h"
#include "platypus/exec/interpreter.h"

namespace platypus::deploy {
namespace {

float Load(std::string_view bytes, size_t element, DType type) {
  if (type == DType::kFloat32) {
    float value = 0;
    std::memcpy(&value, bytes.data() + element * 4, sizeof value);
    return value;
  }
  if (type == DType::kInt16) {
    int16_t code = 0;
    std::memcpy(&code, bytes.data() + element * 2, sizeof code);
    return code;
  }
  const char code = bytes[element];
  return type == DType::kUInt8 ? static_cast<float>(static_cast<unsigned char>(code))
                               : static_cast<float>(static_cast<signed char>(code));
}

size_t OctetsOf(const graph::Tensor& tensor) {
  return static_cast<size_t>(NumElements(tensor.shape) *
                             ElementOctets("tm_" + TypeName(tensor.dtype), 8));
}

// Compares a tensor's values, given in C order, with those kept at `bytes` (`lowered`: by 128); ""
// or the first element that differs.
std::string Compare(const graph::Tensor& tensor, const std::vector<float>& values,
                    std::string_view bytes, bool channels_last, bool lowered) {
  const Shape& shape = tensor.shape;
  const int64_t channels = shape[0];
  const int64_t positions = NumElements(shape) / channels;
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t p = 0; p < positions; ++p) {
      const int64_t at = channels_last ? p * channels + c : c * positions + p;
      const float expected = values[static_cast<size_t>(c * positions + p)];
      const auto place = static_cast<size_t>(at);
      const float found =
          lowered ? Load(bytes, place, DType::kInt8) + 128 : Load(bytes, place, tensor.dtype);
      if (expected == found) continue;
      const int64_t width = shape.size() == 3 ? shape[2] : 1;
      const std::string element = shape.size() == 3
                                      ? fmt::format("[{}, {}, {}]", c, p / width, p % width)
                                      : fmt::format("[{}]", c);
      return fmt::format("{}: expected {}, found {}", element, expected, found);
    }
  }
  return {};
}

}  // namespace

std::string FirstDifference(const graph::Graph& network, int char_bits, config::Kernels kernels,
                            std::span<const float> features, std::string_view recorded) {
  const CNetwork net = LowerToC(network, char_bits, config::Optimise::kBalanced, kernels);
  const graph::Tensor& in = network.At(net.input);
  const graph::Tensor& out = network.Output();
  const size_t in_octets = OctetsOf(in);
  const size_t out_octets = OctetsOf(out);
  const int64_t element = ElementOctets(net.arena_type, 8);
  const auto arena_octets = static_cast<size_t>(ArenaElements(net) * element);
  const size_t each = arena_octets + out_octets;
  if (recorded.size() != in_octets + net.layers.size() * each) {
    Fail(Category::kToolchain, "the package is not this network's: its trace has {} octets, not {}",
         recorded.size(), in_octets + net.layers.size() * each);
  }
  const std::vector<std::vector<float>> values = exec::Interpreter(network).RunAll(features);
  const auto tensor_values = [&](graph::TensorId id) -> const std::vector<float>& {
    return values[static_cast<size_t>(id)];
  };
  std::string found = Compare(in, tensor_values(net.input), recorded, false, false);
  if (!found.empty()) return "network input " + found;
  for (size_t i = 0; i < net.layers.size(); ++i) {
    const CLayer& layer = net.layers[i];
    if (layer.tensor < 0) continue;
    const std::string_view after = recorded.substr(in_octets + i * each, each);
    const int64_t offset = layer.offset / ElementOctets(net.arena_type, char_bits) * element;
    const size_t start = layer.offset < 0 ? arena_octets : static_cast<size_t>(offset);
    const graph::Tensor& tensor = network.At(layer.tensor);
    found = Compare(tensor, tensor_values(layer.tensor), after.substr(start), layer.channels_last,
                    layer.lowered);
    if (!found.empty()) return fmt::format("layer {} {}", layer.name, found);
  }
  return {};
}

}  // namespace platypus::deploy
