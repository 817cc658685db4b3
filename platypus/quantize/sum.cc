// Sums of codes with whole weights: average pools and blended neighbours.
#include <algorithm>
#include <cstdlib>

#include "platypus/base/error.h"
#include "platypus/quantize/conversion.h"
#include "platypus/quantize/form.h"
#include "tm_resize.h"

namespace platypus::quantize {
namespace {

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

// Windows that are all alike are those of an average pool.
Summed Begin(Conversion& conversion, const graph::Node& node, const graph::AdaptiveAvgPool& op) {
  const Shape& in = conversion.Source().At(node.inputs[0]).shape;
  if (in[1] % op.output.h == 0 && in[2] % op.output.w == 0) {
    const graph::Size2 kernel = {static_cast<int>(in[1] / op.output.h),
                                 static_cast<int>(in[2] / op.output.w)};
    return Begin(conversion, node, graph::AvgPool{kernel, kernel, {}});
  }
  const Quantized& x = conversion.Input(node, 0);
  return Sum(conversion, node, x, x.tensor, op, CellParts(in, op), "sum over a window");
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
  const double ratio = x.scale / codes.scale;
  const auto offset_of = [&](const Factor& factor) {
    return conversion.OffsetTo(-static_cast<double>(x.zero), codes, factor);
  };
  Factor factor = conversion.FactorTo(ratio, codes, graph::kFactorBits);
  if (x.exact && conversion.ExactInFloat(codes)) {
    // As many multiplier bits as keep (sum + offset) * multiplier exact in float32.
    constexpr int kMostBits = 12;
    constexpr int kFewestBits = 6;
    for (int bits = kMostBits; bits >= kFewestBits; --bits) {
      factor = conversion.FactorTo(ratio, codes, bits);
      const int64_t largest = x.bound + std::abs(offset_of(factor));
      if (largest * factor.multiplier < int64_t{1} << kExactBits) break;
    }
  }
  const int64_t offset = offset_of(factor);
  RequireInt32(x.layer, 0, x.bound + std::abs(offset), "window sum");
  const std::string name = x.layer + ".requantize";
  const Quantized result = conversion.Emit(name, conversion.Rounder(codes), {x.tensor}, codes);
  conversion.SetFactors(name, Integers({offset}), {factor.multiplier}, {factor.shift});
  return result;
}

}  // namespace platypus::quantize
