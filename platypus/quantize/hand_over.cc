#include "platypus/quantize/hand_over.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "platypus/base/error.h"
#include "platypus/graph/affine.h"

namespace platypus::quantize {
namespace {

using graph::Factor;
using graph::Node;
using graph::TensorId;

constexpr int kWeightBits = 7;  // of a constant weight, without its sign
constexpr int32_t kLargestMultiplier = 255;
constexpr int64_t kLargestOffset = (1 << 23) - 1;       // 24 bits, behind weights of 8 bits
constexpr int64_t kLargestOffsetOfFew = (1 << 15) - 1;  // 16 bits, behind fewer

struct Range {
  int32_t lo = -128;
  int32_t hi = 127;
  double Largest() const { return std::max(std::abs(lo), std::abs(hi)); }
};

Range RangeOf(DType type) {
  switch (type) {
    case DType::kUInt8:
      return {0, 255};
    case DType::kInt16:
      return {-32768, 32767};
    default:
      return {-128, 127};
  }
}

int32_t LargestMagnitude(const std::vector<int8_t>& codes) {
  int32_t largest = 0;
  for (const int8_t code : codes) largest = std::max(largest, std::abs(int32_t{code}));
  return largest;
}

// Offset behind a sum of products with a weight: floor of the shift rounds to nearest.
int64_t Half(int shift) { return shift > 0 ? int64_t{1} << (shift - 1) : 0; }

class Rewriting {
 public:
  explicit Rewriting(const graph::Graph& source)
      : source_(source), out_(graph::MakeGraph(source.name, source.Input().shape)) {}

  HandedOver Run() {
    renamed_[source_.input] = out_.input;
    for (const Node& node : source_.nodes) {
      std::visit([&](const auto& op) { Visit(node, op); }, node.op);
    }
    out_.output = renamed_.at(source_.output);
    graph::Verify(out_);
    return {std::move(out_), std::move(notes_), rewritten_};
  }

 private:
  TensorId In(const Node& node, size_t i = 0) const { return renamed_.at(node.inputs[i]); }

  void Note(const Node& node, std::string text, double most_steps = 0) {
    notes_.push_back({node.name, std::move(text), most_steps});
  }

  // Appends what gives the node's codes.
  TensorId Emit(const std::string& name, graph::Op op, std::vector<TensorId> inputs,
                const graph::Tensor& like) {
    const TensorId tensor = graph::Append(out_, name, std::move(op), std::move(inputs));
    out_.At(tensor).scale = like.scale;
    out_.At(tensor).zero_point = like.zero_point;
    return tensor;
  }

  void Copy(const Node& node) {
    std::vector<TensorId> inputs;
    for (const TensorId id : node.inputs) inputs.push_back(renamed_.at(id));
    renamed_[node.output] = Emit(node.name, node.op, inputs, source_.At(node.output));
    const std::string prefix = node.name + ".";
    for (const graph::Role& role : graph::Roles(node.op, source_.At(node.inputs[0]).shape))
      out_.parameters[prefix + role.name] = source_.Parameter(node, role.name);
  }

  void SetFactor(const std::string& name, int64_t offset, int32_t multiplier, int shift) {
    const auto one = [](int64_t value) {
      return Array{{1}, std::vector<int32_t>{static_cast<int32_t>(value)}};
    };
    out_.parameters[name + ".offset"] = one(offset);
    out_.parameters[name + ".multiplier"] = one(multiplier);
    out_.parameters[name + ".shift"] = one(shift);
  }

  template <typename Op>
  void Visit(const Node& node, const Op&) {
    Copy(node);
  }

  // The only reader of a pool's sums, if it gives every channel the same factor.
  const Node* SharedRequantize(const Node& pool) const {
    const std::vector<const Node*> readers = graph::Consumers(source_, pool.output);
    const bool fits = readers.size() == 1 && pool.output != source_.output &&
                      std::holds_alternative<graph::Requantize>(readers[0]->op) &&
                      source_.Parameter(*readers[0], "shift").shape == Shape{1};
    return fits ? readers[0] : nullptr;
  }

  void Visit(const Node& node, const graph::SumPool& op) {
    const Node* codes = SharedRequantize(node);
    const int32_t multiplier =
        codes == nullptr ? 1 : source_.Parameter(*codes, "multiplier").Int32s()[0];
    if (multiplier == 1 || source_.At(codes->output).zero_point != 0) return Copy(node);
    const Shape& shape = source_.At(node.inputs[0]).shape;
    const Factor exact{multiplier, source_.Parameter(*codes, "shift").Int32s()[0]};
    graph::Conv2d conv;
    conv.kernel = op.kernel;
    conv.stride = op.stride;
    conv.padding = op.padding;
    AppendDepthwise(node.name, conv, In(node), shape[0], exact);
    renamed_[node.output] = out_.output;
    const Factor factor = graph::MakeFactor(exact.Value(), kWeightBits);
    replaced_[codes] = factor;
    const double sums =
        RangeOf(source_.At(node.inputs[0]).dtype).Largest() * op.kernel.h * op.kernel.w;
    Note(node,
         fmt::format("an average pool with factor {:.6g}: a depthwise convolution with weights {} "
                     "and a shift by {}",
                     exact.Value(), factor.multiplier, factor.shift),
         1 + std::floor(std::abs(factor.Value() - exact.Value()) * sums));
  }

  // A depthwise convolution with one weight for all; what it gives is its multiple.
  void AppendDepthwise(const std::string& name, graph::Conv2d conv, TensorId input,
                       int64_t channels, const Factor& exact) {
    const Factor factor = graph::MakeFactor(exact.Value(), kWeightBits);
    conv.out_channels = conv.groups = static_cast<int>(channels);
    conv.has_bias = false;
    graph::Append(out_, name, conv, {input});
    const Shape weight = {channels, 1, conv.kernel.h, conv.kernel.w};
    out_.parameters[name + ".weight"] = {
        weight, std::vector<int8_t>(static_cast<size_t>(NumElements(weight)),
                                    static_cast<int8_t>(factor.multiplier))};
    rewritten_ = true;
  }

  void Visit(const Node& node, const graph::Requantize& op) {
    if (const auto found = replaced_.find(&node); found != replaced_.end()) {
      renamed_[node.output] = Emit(node.name, op, {In(node)}, source_.At(node.output));
      SetFactor(node.name, Half(found->second.shift), 1, found->second.shift);
      return;
    }
    const auto& multipliers = source_.Parameter(node, "multiplier").Int32s();
    const bool of_codes = source_.At(node.inputs[0]).dtype != DType::kInt32;
    if (of_codes && multipliers.size() == 1 && multipliers[0] != 1) return Rescale(node, op);
    Copy(node);
    Look(node, op, multipliers);
  }

  // Codes to other codes, alone.
  void Rescale(const Node& node, const graph::Requantize& op) {
    const graph::Tensor& from = source_.At(node.inputs[0]);
    const Factor exact{source_.Parameter(node, "multiplier").Int32s()[0],
                       source_.Parameter(node, "shift").Int32s()[0]};
    if (from.shape.size() != 3 || from.zero_point != 0 || source_.At(node.output).zero_point != 0) {
      Copy(node);
      return Note(node, "a requantisation of codes that is left to the processor");
    }
    renamed_[node.output] =
        AppendScaled(node.name, In(node), exact, {op.lo, op.hi}, source_.At(node.output));
    const double gain = graph::MakeFactor(exact.Value(), kWeightBits).Value();
    Note(node, fmt::format("codes times {:.6g}: a depthwise convolution", exact.Value()),
         1 + std::floor(std::abs(gain - exact.Value()) * RangeOf(from.dtype).Largest()));
  }

  // Codes times a factor, rounded: with a shift alone where that is enough.
  TensorId AppendScaled(const std::string& name, TensorId input, const Factor& exact,
                        const Range& range, const graph::Tensor& like) {
    const Factor factor = graph::MakeFactor(exact.Value(), kWeightBits);
    TensorId sums = input;
    int32_t multiplier = factor.multiplier;
    const Shape& shape = out_.At(input).shape;
    if (multiplier != 1 && shape.size() == 3) {
      AppendDepthwise(name + ".scale", {}, input, shape[0], exact);
      sums = out_.output;
      multiplier = 1;
    }
    const TensorId result = Emit(name, graph::Requantize{range.lo, range.hi}, {sums}, like);
    SetFactor(name, multiplier == 1 ? Half(factor.shift) : graph::RoundingOffset(0.0, factor),
              multiplier, factor.shift);
    rewritten_ = true;
    return result;
  }

  void Visit(const Node& node, const graph::AddRequantize& op) {
    const bool equal = op.multiplier0 == 1 && op.multiplier1 == 1;
    if (equal || node.inputs[0] == node.inputs[1]) return Copy(node);
    const graph::Tensor& left = source_.At(node.inputs[0]);
    const graph::Tensor& right = source_.At(node.inputs[1]);
    if (op.offset != 0 || op.multiplier0 <= 0 || op.multiplier1 <= 0) {
      Copy(node);
      return Note(node, "a sum of codes with zero points that is left to the processor");
    }
    // Operands of scale (output's scale) * 2^-finer, as fine as neither of them saturates.
    const auto fits = [&](const graph::Tensor& operand, int32_t multiplier, int finer) {
      const Range range = RangeOf(operand.dtype);
      return std::ldexp(multiplier, finer - op.shift) * range.hi <= range.hi;
    };
    int finer = 0;
    while (finer < 15 && fits(left, op.multiplier0, finer + 1) &&
           fits(right, op.multiplier1, finer + 1))
      ++finer;
    double error = 0;
    std::vector<TensorId> inputs;
    for (size_t i = 0; i < 2; ++i) {
      const graph::Tensor& operand = i == 0 ? left : right;
      const int32_t multiplier = i == 0 ? op.multiplier0 : op.multiplier1;
      const double ratio = std::ldexp(multiplier, finer - op.shift);
      if (ratio == 1.0) {
        inputs.push_back(In(node, i));
        continue;
      }
      const Factor factor = graph::MakeFactor(ratio, kWeightBits);
      const Range range = RangeOf(operand.dtype);
      graph::Tensor like = operand;
      like.scale = std::ldexp(source_.At(node.output).scale, -finer);
      inputs.push_back(AppendScaled(fmt::format("{}.operand{}", node.name, i), In(node, i),
                                    {multiplier, op.shift - finer}, range, like));
      error += 0.5 + std::abs(factor.Value() - ratio) * range.Largest() +
               std::max(0.0, ratio * range.Largest() - range.Largest());
    }
    const graph::AddRequantize sum{1, 1, finer, op.lo, op.hi};
    renamed_[node.output] = Emit(node.name, sum, inputs, source_.At(node.output));
    rewritten_ = true;
    Note(node,
         fmt::format("a sum with factors {:.6g} and {:.6g}: operands of one scale, then a sum of "
                     "equal scales",
                     std::ldexp(op.multiplier0, -op.shift), std::ldexp(op.multiplier1, -op.shift)),
         std::ceil(std::ldexp(error, -finer)));
  }

  // What the accelerator cannot hold of a layer's requantisation.
  void Look(const Node& node, const graph::Requantize& op,
            const std::vector<int32_t>& multipliers) {
    const Node* layer = graph::Producer(source_, node.inputs[0]);
    if (layer == nullptr || !source_.HasParameter(*layer, "weight")) return;
    const int32_t weight = LargestMagnitude(source_.Parameter(*layer, "weight").Int8s());
    const bool few = weight <= 8;  // codes of 4 or 2 bits
    const int32_t most = few ? kLargestMultiplier : 1;
    const int64_t most_offset = few ? kLargestOffsetOfFew : kLargestOffset;
    const auto beyond = [](const std::vector<int32_t>& values, int64_t limit) {
      return std::ranges::any_of(values, [&](int32_t v) { return std::abs(int64_t{v}) > limit; });
    };
    if (beyond(multipliers, most)) {
      Note(node, fmt::format("multipliers beyond {} behind weights of {} bits: left to the "
                             "processor",
                             most, few ? "4 or 2" : "8"));
    }
    if (beyond(source_.Parameter(node, "offset").Int32s(), most_offset)) {
      Note(node, fmt::format("offsets beyond {}: left to the processor", most_offset));
    }
    const bool whole = (op.lo == 0 || op.lo == -op.hi - 1) && ((op.hi + 1) & op.hi) == 0;
    if (!whole) {
      Note(node, fmt::format("codes from {} to {}, not the range of a type: left to the processor",
                             op.lo, op.hi));
    }
  }

  const graph::Graph& source_;
  graph::Graph out_;
  std::vector<HandOverNote> notes_;
  bool rewritten_ = false;
  std::map<TensorId, TensorId> renamed_;
  std::map<const Node*, Factor> replaced_;  // of requantisations behind pools that are convolutions
};

}  // namespace

HandedOver HandOver(const graph::Graph& integer) { return Rewriting(integer).Run(); }

}  // namespace platypus::quantize
