// Floats, possibly normalised, to codes.
#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"
#include "platypus/quantize/conversion.h"

namespace platypus::quantize {

Normalized Begin(const Conversion& conversion, const graph::Node& node,
                 const graph::BatchNorm& op) {
  const graph::Graph& source = conversion.Source();
  const auto* floats = std::get_if<Normalized>(&conversion.Value(node.inputs[0]));
  Check(floats != nullptr, "node {}: a batch norm on codes", node.name);
  Normalized value = *floats;
  const auto& gamma = source.Parameter(node, "weight").Floats();
  const auto& beta = source.Parameter(node, "bias").Floats();
  const auto& mean = source.Parameter(node, "running_mean").Floats();
  const auto& variance = source.Parameter(node, "running_var").Floats();
  if (value.gain.empty()) {
    value.gain.assign(gamma.size(), 1.0);
    value.shift.assign(gamma.size(), 0.0);
  }
  for (size_t c = 0; c < gamma.size(); ++c) {
    const double gain = gamma[c] / std::sqrt(double{variance[c]} + double{op.epsilon});
    value.gain[c] *= gain;
    value.shift[c] = (value.shift[c] - mean[c]) * gain + beta[c];
  }
  return value;
}

// floor(((x + offset) * multiplier) * 2^-shift) with (x * gain + shift) / scale + zero point + 1/2
// inside the floor. A channel that hardly varies has a large gain: its multiplier is a few bits and
// zeros, which float32 holds exactly.
Quantized Finish(Conversion& conversion, const std::string& name, const Normalized& x,
                 const graph::Codes& codes) {
  constexpr int kMaxShift = 60;  // floats: no integer is shifted here
  const int bits = conversion.ExactInFloat(codes) ? 12 : kExactBits;
  // The network's input has factors for each channel: applications compute them on their own.
  graph::Graph& out = conversion.Out();
  const bool shared = x.gain.empty() && x.tensor != out.input;
  const size_t channels = shared ? 1 : static_cast<size_t>(out.At(x.tensor).shape[0]);
  std::vector<float> offset(channels);
  std::vector<int64_t> multiplier(channels);
  std::vector<int64_t> shift(channels);
  for (size_t c = 0; c < channels; ++c) {
    const double gain = x.gain.empty() ? 1.0 : x.gain[c];
    const double added =
        (x.gain.empty() ? 0.0 : x.shift[c]) + codes.zero_point * double{codes.scale};
    const double w = gain / codes.scale;
    if (std::abs(w) < 0x1.0p-48) {  // a constant channel: one code, whatever the input
      offset[c] =
          static_cast<float>((CodeOf(added, {codes.scale, codes.lo, codes.hi}) + 0.5) * 0x1.0p31);
      multiplier[c] = 1;
      shift[c] = 31;
      continue;
    }
    const Factor factor = MakeFactor(w, bits, kMaxShift);
    // The offset belongs to the exact gain; half a code is half / gain in units of x.
    offset[c] = static_cast<float>(added / gain + 0.5 / factor.Value());
    multiplier[c] = factor.multiplier;
    shift[c] = factor.shift;
  }
  const Quantized result =
      conversion.Emit(name, graph::QuantizeInput{codes.lo, codes.hi}, {x.tensor}, codes);
  conversion.SetFactors(name, {{static_cast<int64_t>(channels)}, std::move(offset)}, multiplier,
                        shift);
  return result;
}

}  // namespace platypus::quantize
