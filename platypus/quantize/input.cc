// Float input, possibly normalised, to codes.
#include <algorithm>
#include <cmath>

#include "platypus/quantize/conversion.h"

namespace platypus::quantize {

Normalized Begin(const Conversion& conversion, const graph::Node& node,
                 const graph::BatchNorm& op) {
  const graph::Graph& source = conversion.Source();
  auto value = std::get<Normalized>(conversion.Value(node.inputs[0]));
  const auto& gamma = source.Parameter(node, "weight").Floats();
  const auto& beta = source.Parameter(node, "bias").Floats();
  const auto& mean = source.Parameter(node, "running_mean").Floats();
  const auto& variance = source.Parameter(node, "running_var").Floats();
  for (size_t c = 0; c < gamma.size(); ++c) {
    const double gain = gamma[c] / std::sqrt(double{variance[c]} + double{op.epsilon});
    value.gain[c] *= gain;
    value.shift[c] = (value.shift[c] - mean[c]) * gain + beta[c];
  }
  return value;
}

// floor(((x + offset) * multiplier) * 2^-shift) with (x * gain + shift) / scale + 1/2 inside the
// floor. A channel that hardly varies has a large gain: its multiplier is 12 bits and zeros,
// which float32 holds exactly.
Quantized Finish(Conversion& conversion, const std::string& name, const Normalized& x,
                 const graph::Codes& codes) {
  constexpr int kBits = 12;
  constexpr int kMaxShift = 60;  // floats: no integer is shifted here
  const size_t channels = x.gain.size();
  std::vector<float> offset(channels);
  std::vector<int64_t> multiplier(channels);
  std::vector<int64_t> shift(channels);
  for (size_t c = 0; c < channels; ++c) {
    const double w = x.gain[c] / codes.scale;
    if (std::abs(w) < 0x1.0p-48) {  // a constant channel: one code, whatever the input
      const double code = std::clamp(std::floor(x.shift[c] / codes.scale + 0.5),
                                     static_cast<double>(codes.lo), static_cast<double>(codes.hi));
      offset[c] = static_cast<float>((code + 0.5) * 0x1.0p31);
      multiplier[c] = 1;
      shift[c] = 31;
      continue;
    }
    const Factor factor = MakeFactor(w, kBits, kMaxShift);
    // The offset belongs to the exact gain; half a code is half / gain in units of x.
    offset[c] = static_cast<float>(x.shift[c] / x.gain[c] + 0.5 / factor.Value());
    multiplier[c] = factor.multiplier;
    shift[c] = factor.shift;
  }
  const Quantized result = conversion.Emit(name, graph::QuantizeInput{codes.lo, codes.hi},
                                           {conversion.Out().input}, codes);
  conversion.SetFactors(name, {{static_cast<int64_t>(channels)}, std::move(offset)}, multiplier,
                        shift);
  return result;
}

}  // namespace platypus::quantize
