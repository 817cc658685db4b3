// Sums of codes with whole weights: average pools and blended neighbours.
#include <algorithm>
#include <cstdlib>

#include "platypus/base/error.h"
#include "platypus/quantize/conversion.h"
#include "tm_resize.h"

namespace platypus::quantize {
namespace {

// The windows of an adaptive pool when they are all alike.
graph::AvgPool EvenWindows(const graph::Graph& source, const graph::Node& node,
                           const graph::AdaptiveAvgPool& op) {
  const Shape& in = source.At(node.inputs[0]).shape;
  const auto axis = [&](int64_t n, int o, const char* name) {
    if (n % o != 0) {
      throw Error(Category::kModel,
                  fmt::format("layer {}: adaptive average pool from {} to {} along {} has windows "
                              "of different sizes, which have no integer form",
                              node.name, n, o, name),
                  fmt::format("choose a frame size that makes {} a multiple of {}", n, o));
    }
    return static_cast<int>(n / o);
  };
  const graph::Size2 kernel = {axis(in[1], op.output.h, "height"),
                               axis(in[2], op.output.w, "width")};
  return {kernel, kernel, {}};
}

// `op` makes sums of codes that are `parts` times too large, of a tensor that stands for x.
Summed Sum(Conversion& conversion, const graph::Node& node, const Quantized& x,
           graph::TensorId input, graph::Op op, int64_t parts, const char* what) {
  Summed value;
  value.layer = node.name;
  value.scale = double{x.codes.scale} / static_cast<double>(parts);
  value.bound = parts * LargestMagnitude(x.codes);
  value.zero = parts * x.codes.zero_point;
  value.exact = conversion.ExactInFloat(x.codes);
  RequireInt32(node.name, 0, value.bound, what);
  value.tensor = graph::Append(conversion.Out(), node.name, std::move(op), {input});
  return value;
}

}  // namespace

Summed Begin(Conversion& conversion, const graph::Node& node, const graph::AvgPool& op) {
  const Quantized& x = conversion.Input(node, 0);
  graph::SumPool pool{op.kernel, op.stride, op.padding};
  const graph::TensorId input = conversion.Pad(node.name, x, pool.padding);
  return Sum(conversion, node, x, input, pool, int64_t{op.kernel.h} * op.kernel.w, "window sum");
}

Summed Begin(Conversion& conversion, const graph::Node& node, const graph::AdaptiveAvgPool& op) {
  return Begin(conversion, node, EvenWindows(conversion.Source(), node, op));
}

Summed Begin(Conversion& conversion, const graph::Node& node, const graph::Resize& bilinear) {
  const Shape& in = conversion.Source().At(node.inputs[0]).shape;
  const auto parts = [](int64_t ins, int outs) {
    return int64_t{tm_stretch_of(static_cast<tm_i32>(ins), outs).parts};
  };
  const Quantized& x = conversion.Input(node, 0);
  return Sum(conversion, node, x, x.tensor, bilinear,
             parts(in[1], bilinear.output.h) * parts(in[2], bilinear.output.w),
             "sum of neighbours");
}

Quantized Finish(Conversion& conversion, const Summed& x, const graph::Codes& codes) {
  const double ratio = std::min(x.scale / codes.scale, WholeRange(codes));
  const auto offset_of = [&](const Factor& factor) {
    return RoundingOffset(codes.zero_point / factor.Value() - static_cast<double>(x.zero), factor);
  };
  Factor factor = MakeFactor(ratio, 15);
  if (x.exact && conversion.ExactInFloat(codes)) {
    // As many multiplier bits as keep (sum + offset) * multiplier exact in float32.
    constexpr int kMostBits = 12;
    constexpr int kFewestBits = 6;
    for (int bits = kMostBits; bits >= kFewestBits; --bits) {
      factor = MakeFactor(ratio, bits);
      const int64_t largest = x.bound + std::abs(offset_of(factor));
      if (largest * factor.multiplier < int64_t{1} << kExactBits) break;
    }
  }
  const int64_t offset = offset_of(factor);
  RequireInt32(x.layer, 0, x.bound + std::abs(offset), "window sum");
  const std::string name = x.layer + ".requantize";
  const Quantized result =
      conversion.Emit(name, graph::Requantize{codes.lo, codes.hi}, {x.tensor}, codes);
  conversion.SetFactors(name, Integers({offset}), {factor.multiplier}, {factor.shift});
  return result;
}

}  // namespace platypus::quantize
