// Calls of CMSIS-NN, for the layers whose results it has to the bit.
//
// With single rounding the library's codes are floor(sum M 2^(shift-31) + 1/2) + offset, clamped, M
// of 31 bits. A factor m 2^-t to nearest is that with M = m 2^k. A floor of sum 2^-t is it too,
// when half a unit is taken off the sum before; a floor behind other factors is not.
#include <algorithm>
#include <bit>
#include <cmath>

#include "platypus/deploy/c_text.h"
#include "platypus/deploy/lowering.h"
#include "platypus/graph/quantization.h"

namespace platypus::deploy {
namespace {

constexpr int kSumBits = 20;  // TM_NN_SUM_BITS (rt/tm_cmsis_nn.h)
constexpr double kBeyond = 0x1.0p31;

// value M 2^(shift - 31)
struct Multiplier {
  int32_t multiplier = 0;
  int32_t shift = 0;
};

// m 2^-by.
Multiplier Normalized(int64_t m, int by) {
  if (m == 0) return {};
  const int k = 31 - std::bit_width(static_cast<uint64_t>(std::abs(m)));
  return {static_cast<int32_t>(m * (int64_t{1} << k)), 31 - by - k};
}

// Whether the library multiplies all values up to `largest` without leaving 32 bits: with Helium it
// shifts them to the left first, by one bit more where the whole shift is none to the right.
bool Holds(const Multiplier& by, double largest) {
  if (by.shift < -31 || by.shift > 30) return false;
  return std::ldexp(largest, by.shift >= 0 ? by.shift + 1 : 0) < kBeyond;
}

bool IsOctet(DType type) { return type == DType::kInt8 || type == DType::kUInt8; }

// What is added to a code as it stands in memory.
int32_t Raised(DType type) { return type == DType::kUInt8 ? 128 : 0; }

// How a convolution is called.
struct LibraryCall {
  const char* kernel;    // of rt/tm_cmsis_nn.h
  const char* function;  // of the library
  bool has_groups = false;
  int64_t octets = -1;  // of scratch memory, the most that it asks for on any core; -1: none
};

LibraryCall CallFor(const graph::Conv2d& op, Extent in, Extent out) {
  const int64_t taps = int64_t{op.kernel.h} * op.kernel.w;
  if (IsDepthwise(op, in, out)) {
    constexpr int64_t kHeliumChannels = 124;
    const bool dilated = op.dilation.h != 1 || op.dilation.w != 1;
    return {"tm_nn_depthwise", "arm_depthwise_conv_wrapper_s8", false,
            dilated ? 0 : taps * std::max(2 * in.c, 4 * kHeliumChannels)};
  }
  if (!IsPointwise(op) || op.groups != 1)
    return {"tm_nn_conv", "arm_convolve_s8", true, 4 * ((in.c * taps + 15) / 16 * 16)};
  if (out.h * out.w == 1) return {"tm_nn_linear", "arm_fully_connected_per_channel_s8"};
  return {"tm_nn_conv", "arm_convolve_1x1_s8_fast", true, 0};
}

// [channel][tap] to [tap][channel].
std::vector<int8_t> TapByTap(const std::vector<int8_t>& weights, size_t channels) {
  const size_t taps = weights.size() / channels;
  std::vector<int8_t> ordered(weights.size());
  for (size_t c = 0; c < channels; ++c) {
    for (size_t t = 0; t < taps; ++t) ordered[t * channels + c] = weights[c * taps + t];
  }
  return ordered;
}

bool FitsSides(Extent e) { return std::max(e.h, e.w) <= 32767 && e.c <= 32767; }

// Whether a mean of `area` codes by the library is the Requantize's, for every sum there is. The
// library divides the sum of codes as they stand in memory, halves away from zero.
bool IsMean(const graph::Requantize& op, int64_t offset, int64_t multiplier, int shift,
            int64_t area, DType type) {
  constexpr int64_t kMostSums = int64_t{1} << 22;
  const int64_t raised = Raised(type);
  if (area * 256 > kMostSums) return false;
  const bool half_even = op.to_nearest && multiplier == 1;
  if (half_even) return false;
  for (int64_t sum = area * -128; sum <= area * 127; ++sum) {
    const int64_t product = (sum + area * raised + offset) * multiplier + op.Half(shift);
    const int64_t ours =
        std::clamp<int64_t>((product >> shift) + (op.to_nearest ? op.zero_point : 0), op.lo, op.hi);
    const int64_t mean = (sum > 0 ? sum + area / 2 : sum - area / 2) / area;
    const int64_t theirs = std::clamp<int64_t>(mean, op.lo - raised, op.hi - raised) + raised;
    if (ours != theirs) return false;
  }
  return true;
}

}  // namespace

// Channel by channel.
Lowering::LibraryFactors Lowering::FactorsFor(const Node& node,
                                              const std::vector<double>& bounds) const {
  const auto& op = std::get<graph::Requantize>(node.op);
  const std::vector<int32_t>& offset = g_.Parameter(node, "offset").Int32s();
  const std::vector<int32_t>& multiplier = g_.Parameter(node, "multiplier").Int32s();
  const std::vector<int32_t>& shift = g_.Parameter(node, "shift").Int32s();
  LibraryFactors factors;
  if (op.to_nearest && std::ranges::all_of(multiplier, [](int32_t m) { return m == 1; })) {
    factors.why = "halves are rounded to even";
    return factors;
  }
  for (size_t c = 0; c < bounds.size(); ++c) {
    int64_t bias = offset[c % offset.size()];
    int64_t m = multiplier[c % multiplier.size()];
    int by = shift[c % shift.size()];
    if (!op.to_nearest && m != 0) {
      if (m < 0 || !std::has_single_bit(static_cast<uint64_t>(m))) {
        factors.why = "its factors round down";
        return factors;
      }
      by -= std::countr_zero(static_cast<uint64_t>(m));
      m = 1;
      bias -= by > 0 ? int64_t{1} << (by - 1) : 0;
    }
    const Multiplier library = Normalized(m, by);
    if (!Holds(library, bounds[c] + std::abs(static_cast<double>(bias)))) {
      factors.why = "its sums leave no bit for the library";
      return factors;
    }
    factors.bias.push_back(static_cast<int32_t>(bias));
    factors.multiplier.push_back(library.multiplier);
    factors.shift.push_back(library.shift);
  }
  return factors;
}

std::string Lowering::WhyKept(const Node& node, const graph::Conv2d& op) const {
  const Extent in = ExtentOf(At(node.inputs[0]).shape);
  const Extent out = ExtentOf(At(node.output).shape);
  if (At(node.inputs[0]).dtype == DType::kFloat32) return "it computes in floats";
  const Node* requantize = OnlyConsumer(node.output);
  if (requantize == nullptr) return "its sums are read as they are";
  if (!IsOctet(At(node.inputs[0]).dtype) || !IsOctet(At(requantize->output).dtype))
    return "codes of 16 bits";
  const std::vector<int8_t>& codes = g_.Parameter(node, "weight").Int8s();
  if (const int bits = graph::CodeBits(codes); bits != 8)
    return fmt::format("weights of {} bits", bits);
  if (!FitsSides(in) || !FitsSides(out)) return "a side of more than 32767";
  // Of three taps in a row the library reads the middle one everywhere.
  const int64_t overhang = (out.w - 1) * op.stride.w - op.padding.left + 3 - in.w;
  if (IsDepthwise(op, in, out) && op.kernel.h == 3 && op.kernel.w == 3 && overhang > 1)
    return "its windows stick out too far";
  return FactorsFor(*requantize, SumBounds(node, out.c)).why;
}

std::string Lowering::WhyKept(const Node& node) const {
  const DType in = At(node.inputs[0]).dtype;
  const DType out = At(node.output).dtype;
  const auto other = [&](const auto&) -> std::string {
    return in == DType::kFloat32 || out == DType::kFloat32 ? "floats"
                                                           : "the library has no such layer";
  };
  const auto moves = [&](const auto&) -> std::string {
    return in == DType::kFloat32 ? "floats" : "it moves codes";
  };
  return std::visit(
      graph::Overloaded{
          [&](const graph::Conv2d& op) { return WhyKept(node, op); },
          [&](const graph::Linear& op) { return WhyKept(node, AsConvolution(op)); },
          [&](const graph::MaxPool& op) -> std::string {
            const graph::Padding2& p = op.padding;
            if (in == DType::kFloat32) return "floats";
            if (!IsOctet(in)) return "codes of 16 bits";
            if (op.dilation.h != 1 || op.dilation.w != 1) return "dilated windows";
            if (std::max(p.top, p.bottom) >= op.kernel.h ||
                std::max(p.left, p.right) >= op.kernel.w)
              return "windows beside its input";
            return "";
          },
          [&](const graph::SumPool& op) -> std::string {
            const Node* requantize = OnlyConsumer(node.output);
            if (requantize == nullptr || !IsOctet(in) || At(requantize->output).dtype != in)
              return "codes of other types";
            const graph::Padding2& p = op.padding;
            if (p.top + p.left + p.bottom + p.right != 0) return "padded windows";
            const auto first = [&](const char* role) {
              return g_.Parameter(*requantize, role).Int32s();
            };
            const std::vector<int32_t> offset = first("offset");
            const std::vector<int32_t> multiplier = first("multiplier");
            const std::vector<int32_t> shift = first("shift");
            const bool is_mean =
                offset.size() == 1 &&
                IsMean(std::get<graph::Requantize>(requantize->op), offset[0], multiplier[0],
                       shift[0], int64_t{op.kernel.h} * op.kernel.w, in);
            return is_mean ? "" : "its means have a factor of their own";
          },
          [&](const graph::AddRequantize& op) -> std::string {
            if (!IsOctet(in) || !IsOctet(At(node.inputs[1]).dtype) || !IsOctet(out))
              return "codes of 16 bits";
            if (op.offset % (int64_t{1} << op.shift) != 0) return "its offset is no whole code";
            const double left = LargestCode(node.inputs[0]);
            const double right = LargestCode(node.inputs[1]);
            const auto m0 = static_cast<double>(std::abs(int64_t{op.multiplier0}));
            const auto m1 = static_cast<double>(std::abs(int64_t{op.multiplier1}));
            const bool holds =
                Holds(Normalized(op.multiplier0, kSumBits), std::ldexp(left, kSumBits)) &&
                Holds(Normalized(op.multiplier1, kSumBits), std::ldexp(right, kSumBits)) &&
                Holds(Normalized(1, op.shift), left * m0 + right * m1);
            return holds ? "" : "its sums leave no bit for the library";
          },
          [&](const graph::Concat& op) { return moves(op); },
          [&](const graph::Transpose& op) { return moves(op); },
          [&](const graph::Slice& op) { return moves(op); },
          [&](const graph::Pad& op) { return moves(op); },
          [&](const graph::Identity& op) { return moves(op); },
          [&](const graph::Dropout& op) { return moves(op); },
          [&](const graph::Flatten& op) { return moves(op); },
          [&](const graph::Reshape& op) { return moves(op); }, other},
      static_cast<const graph::AnyOp&>(node.op));
}

void Lowering::Turn(TensorId tensor, TensorId from, TensorId to, bool lower,
                    const std::string& name) {
  CLayer layer;
  layer.name = name;
  layer.comment = fmt::format(
      "{}: codes from {}", ToString(At(tensor).shape),
      lower ? "0 to 255 become those from -128 to 127" : "-128 to 127 become those from 0 to 255");
  layer.code = fmt::format("tm_nn_{}(@{}, {}, @{});", lower ? "lower" : "raise", from,
                           NumElements(At(tensor).shape), to);
  layer.header = kLibraryHeader;
  layer.inputs = {from};
  layer.overwrites = {from};
  layer.output = to;
  layer.activation_octets = storage_.at(to).octets;
  net_.layers.push_back(std::move(layer));
}

void Lowering::HoldLowered(TensorId id, const std::string& name) {
  const TensorId place = Place(id);
  if (At(id).dtype != DType::kUInt8 || lowered_.contains(place)) return;
  lowered_[place] = Temporary(NumElements(At(id).shape), "i8");
  Turn(id, place, lowered_[place], true, name);
}

void Lowering::HoldPlain(TensorId id, const std::string& name) {
  const TensorId place = Place(id);
  if (only_lowered_.erase(place) == 0) return;
  Turn(id, lowered_.at(place), place, false, name);
}

TensorId Lowering::LibraryPlace(TensorId id) const {
  const auto found = lowered_.find(Place(id));
  return found == lowered_.end() ? Place(id) : found->second;
}

CLayer Lowering::NewLibraryLayer(const Node& node, TensorId output, const std::string& function) {
  CLayer layer = NewLayer(node, output);
  for (size_t i = 0; i < node.inputs.size(); ++i) layer.inputs[i] = LibraryPlace(node.inputs[i]);
  if (At(output).dtype == DType::kUInt8) {
    layer.output = Temporary(NumElements(At(output).shape), "i8");
    layer.lowered = true;
    lowered_[output] = layer.output;
    only_lowered_.insert(output);
  }
  layer.library = function;
  layer.header = kLibraryHeader;
  return layer;
}

std::string Lowering::LibraryScratch(int64_t octets, CLayer& layer) {
  if (octets == 0) return "NULL, 0";
  layer.scratch = {Temporary(octets, "i8")};
  return fmt::format("@{}, {}", layer.scratch[0], octets);
}

void Lowering::CallLibrary(const Node& node, const graph::Conv2d& op, Extent in, Extent out,
                           const std::vector<int8_t>& weights) {
  const std::string id = Identifier(node);
  const std::vector<double> bounds = SumBounds(node, out.c);
  const Node* requantize = TakeRequantize(node);
  const auto& codes = std::get<graph::Requantize>(requantize->op);
  const bool depthwise = IsDepthwise(op, in, out);
  const LibraryCall call = CallFor(op, in, out);
  CLayer layer = NewLibraryLayer(node, requantize->output, call.function);
  const std::vector<int8_t> ordered =
      depthwise ? TapByTap(weights, static_cast<size_t>(out.c)) : weights;
  const std::string weight = AddTable(id + "_weight", "tm_i8", CList(ordered),
                                      static_cast<int64_t>(ordered.size()), layer);
  layer.weight_bits = 8;
  const LibraryFactors factors = FactorsFor(*requantize, bounds);
  const auto add = [&](const char* role, const std::vector<int32_t>& values) {
    return AddTable(fmt::format("{}_{}", id, role), "int32_t", CList(values), out.c, layer);
  };
  const Argument shape =
      AddShape(id, in, out, op.kernel, op.stride, op.dilation, op.padding, layer);
  const int32_t lowered = Raised(At(requantize->output).dtype);
  const auto number = [](int32_t value) { return fmt::format("{}", value); };
  layer.constants.push_back({"tm_nn_factors",
                             "f_" + id,
                             {add("bias", factors.bias), add("multiplier", factors.multiplier),
                              add("shift", factors.shift), number(Raised(At(node.inputs[0]).dtype)),
                              number((codes.to_nearest ? codes.zero_point : 0) - lowered),
                              number(codes.lo - lowered), number(codes.hi - lowered)}});
  const std::string groups = call.has_groups ? fmt::format("{}, ", op.groups) : "";
  const std::string scratch = call.octets >= 0 ? LibraryScratch(call.octets, layer) + ", " : "";
  layer.code = fmt::format("return {}(@{}, {}, {}{}, f_{}, {}@{});", call.kernel, layer.inputs[0],
                           weight, groups, shape.text, id, scratch, layer.output);
  Finish(std::move(layer));
}

void Lowering::CallLibrary(const Node& node, const graph::MaxPool& op) {
  CLayer layer = NewLibraryLayer(node, node.output, "arm_max_pool_s8");
  const Argument shape =
      AddShape(Identifier(node), ExtentOf(At(node.inputs[0]).shape),
               ExtentOf(At(node.output).shape), op.kernel, op.stride, {}, op.padding, layer);
  layer.code = fmt::format("return tm_nn_max_pool(@{}, {}, @{});", layer.inputs[0], shape.text,
                           layer.output);
  Finish(std::move(layer));
}

void Lowering::CallLibrary(const Node& node, const graph::SumPool& op) {
  const Node* requantize = TakeRequantize(node);
  const auto& codes = std::get<graph::Requantize>(requantize->op);
  const Extent in = ExtentOf(At(node.inputs[0]).shape);
  CLayer layer = NewLibraryLayer(node, requantize->output, "arm_avgpool_s8");
  const Argument shape = AddShape(Identifier(node), in, ExtentOf(At(node.output).shape), op.kernel,
                                  op.stride, {}, {}, layer);
  const int32_t lowered = Raised(At(requantize->output).dtype);
  layer.code = fmt::format("return tm_nn_avg_pool(@{}, {}, {}, {}, {}, @{});", layer.inputs[0],
                           shape.text, codes.lo - lowered, codes.hi - lowered,
                           LibraryScratch(4 * in.c, layer), layer.output);
  Finish(std::move(layer));
}

void Lowering::CallLibrary(const Node& node, const graph::AddRequantize& op) {
  const std::string id = Identifier(node);
  CLayer layer = NewLibraryLayer(node, node.output, "arm_elementwise_add_s8");
  const Multiplier left = Normalized(op.multiplier0, kSumBits);
  const Multiplier right = Normalized(op.multiplier1, kSumBits);
  const Multiplier both = Normalized(1, op.shift);
  const int32_t lowered = Raised(At(node.output).dtype);
  std::vector<std::string> fields;
  for (const int32_t value : {Raised(At(node.inputs[0]).dtype), left.multiplier, left.shift,
                              Raised(At(node.inputs[1]).dtype), right.multiplier, right.shift,
                              static_cast<int32_t>(op.offset / (int64_t{1} << op.shift)) - lowered,
                              both.multiplier, both.shift, op.lo - lowered, op.hi - lowered})
    fields.push_back(fmt::format("{}", value));
  layer.constants.push_back({"tm_nn_sum", "a_" + id, fields});
  layer.code = fmt::format("return tm_nn_add(@{}, @{}, {}, a_{}, @{});", layer.inputs[0],
                           layer.inputs[1], NumElements(At(node.output).shape), id, layer.output);
  Finish(std::move(layer));
}

std::string DescribeLibrary(const CNetwork& network) {
  std::vector<std::pair<std::string, std::string>> kept;  // reason, layers
  size_t computed = 0;
  size_t others = 0;
  for (const CLayer& layer : network.layers) {
    computed += layer.library.empty() ? 0 : 1;
    if (layer.kept.empty()) continue;
    ++others;
    const auto same = std::ranges::find(kept, layer.kept, [](const auto& k) { return k.first; });
    if (same == kept.end()) {
      kept.emplace_back(layer.kept, layer.name);
    } else {
      same->second += ", " + layer.name;
    }
  }
  std::string text = fmt::format("CMSIS-NN computes {} of {} layers", computed, computed + others);
  if (!kept.empty()) text += "; Platypus's kernels keep";
  for (const auto& [why, layers] : kept)
    text += fmt::format("{} {} ({})", why == kept[0].first ? "" : ",", layers, why);
  return text;
}

}  // namespace platypus::deploy
