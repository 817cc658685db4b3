// Models that other programs have quantised: codes with a zero point, as nodes between
// DequantizeLinear and QuantizeLinear (QDQ), or as QLinear operators.
//
// Both become integer operators of ours as conversion makes them (quantize/): the zero point of an
// input goes into the offset behind its layer (padding is written out with it), that of an output
// too. A factor of real numbers becomes a multiplier of at most 15 bits and a shift. Halves are
// rounded up, not to even.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <tuple>

#include "platypus/graph/affine.h"
#include "platypus/onnx/importer.h"
#include "platypus/onnx/model.h"
#include "tm_resize.h"

namespace platypus::onnx_io {
namespace {

using Type = onnx::TensorProto;

constexpr int kInputBits = 24;             // what float32 holds
constexpr double kMostMultiplier = 16383;  // beyond it a factor has no bit to round by

graph::Factor FactorOf(const NodeReader& node, double factor) {
  if (!(factor > 0) || factor > kMostMultiplier) {
    node.Refuse("scales whose quotient is {}; legal: above 0, to {}", factor, kMostMultiplier);
  }
  return graph::MakeNearestFactor(factor);
}

int32_t Fits(const NodeReader& node, const char* what, double value) {
  if (!(std::abs(value) <= std::numeric_limits<int32_t>::max())) {
    node.Refuse("{} of {} is beyond 32 bits", what, value);
  }
  return static_cast<int32_t>(value);
}

double Single(const NodeReader& node, int input, const char* what) {
  const Constant& constant = node.Constants(input, what);
  if (constant.Count() != 1) {
    node.Refuse("{} of {} elements; supported: one for a tensor of activations", what,
                constant.Count());
  }
  return double{constant.Floats()[0]};
}

// The codes of an element type of at most 16 bits; nothing for others.
std::optional<std::pair<int32_t, int32_t>> RangeOf(int type) {
  switch (type) {
    case kUint2:
    case kUint4:
    case kUint8:
      return std::pair{0, (1 << BitsOf(type)) - 1};
    case kInt2:
    case kInt4:
    case kInt8:
    case kInt16:
      return std::pair{-(1 << (BitsOf(type) - 1)), (1 << (BitsOf(type) - 1)) - 1};
    default:
      return std::nullopt;
  }
}

// The scale and zero point of activations at two inputs of a node, and the range of their codes.
Target SchemeAt(const NodeReader& node, int scale_input, int zero_input) {
  Target target;
  target.real.scale = Single(node, scale_input, "scale");
  if (!(target.real.scale > 0)) node.Refuse("scale {}; legal: above 0", target.real.scale);
  int type = Type::UINT8;
  if (node.HasInput(zero_input)) {
    target.real.zero = static_cast<int64_t>(Single(node, zero_input, "zero point"));
    type = node.Constants(zero_input, "zero point").element_type;
  }
  const auto range = RangeOf(type);
  if (!range) {
    node.Refuse(
        "codes of element type {}; supported: 2 (uint8), 3 (int8), 5 (int16), 21 (uint4), 22 "
        "(int4)",
        type);
  }
  std::tie(target.lo, target.hi) = *range;
  if (target.real.zero < target.lo || target.real.zero > target.hi)
    node.Refuse("zero point {}", target.real.zero);
  return target;
}

// Codes that stand for low to high.
void Limit(Target& target, float low, float high) {
  const auto code = [&](float value) {
    const double q =
        std::floor(double{value} / target.real.scale + 0.5) + static_cast<double>(target.real.zero);
    return static_cast<int32_t>(
        std::clamp(q, static_cast<double>(target.lo), static_cast<double>(target.hi)));
  };
  const int32_t lo = code(low);
  const int32_t hi = code(high);
  target.lo = lo;
  target.hi = std::max(lo, hi);
}

bool IsCodes(Importer& importer, const View& view) {
  const DType type = importer.Graph().At(view.tensor).dtype;
  return type == DType::kInt8 || type == DType::kUInt8 || type == DType::kInt16;
}

graph::Codes CodesOf(const Target& target) {
  return {static_cast<float>(target.real.scale), target.lo, target.hi,
          static_cast<int32_t>(target.real.zero)};
}

// The node whose codes a tensor holds, perhaps in other places.
const graph::Node* Maker(Importer& importer, graph::TensorId tensor) {
  const graph::Node* node = importer.Producer(tensor);
  const auto moves = [](const graph::Op& op) {
    return std::holds_alternative<graph::MaxPool>(op) ||
           std::holds_alternative<graph::Flatten>(op) ||
           std::holds_alternative<graph::Reshape>(op) ||
           std::holds_alternative<graph::Transpose>(op) || std::holds_alternative<graph::Slice>(op);
  };
  while (node != nullptr && moves(node->op)) node = importer.Producer(node->inputs[0]);
  return node;
}

// The codes that a view can hold: those of its type, or fewer if its operator says so.
graph::Codes CodesIn(Importer& importer, const View& view) {
  const DType type = importer.Graph().At(view.tensor).dtype;
  graph::Codes codes{static_cast<float>(view.real->scale), -128, 127,
                     static_cast<int32_t>(view.real->zero)};
  if (type == DType::kUInt8) codes.lo = 0, codes.hi = 255;
  if (type == DType::kInt16) codes.lo = -32768, codes.hi = 32767;
  if (const graph::Node* producer = Maker(importer, view.tensor)) {
    std::visit(
        graph::Overloaded{[&](const graph::QuantizeInput& q) { codes.lo = q.lo, codes.hi = q.hi; },
                          [&](const graph::Requantize& q) { codes.lo = q.lo, codes.hi = q.hi; },
                          [&](const graph::AddRequantize& q) { codes.lo = q.lo, codes.hi = q.hi; },
                          [](const auto&) {}},
        producer->op);
  }
  return codes;
}

// What stands for real numbers becomes known of a tensor of the graph.
void SetScale(Importer& importer, const View& view) {
  graph::Tensor& tensor = importer.Graph().At(view.tensor);
  tensor.scale = static_cast<float>(view.real->scale);
  tensor.zero_point = static_cast<int32_t>(view.real->zero);
}

const View* ViewOf(const Importer& importer, const std::string& name) {
  const Value* value = importer.Find(name);
  return value == nullptr ? nullptr : std::get_if<View>(value);
}

// Codes of weights that stand at three inputs: codes, scale, zero point.
WeightCodes CodesAt(const NodeReader& node, int first, int axis) {
  const Constant& codes = node.Constants(first, "codes");
  if (codes.IsFloat()) node.Refuse("codes that are no integers");
  WeightCodes weight{codes.shape, codes.Ints(), {}, axis};
  for (const float scale : node.Constants(first + 1, "scale").Floats())
    weight.scale.push_back(double{scale});
  const size_t count = weight.scale.size();
  const auto extent =
      axis < static_cast<int>(codes.shape.size()) ? codes.shape[static_cast<size_t>(axis)] : 1;
  if (count != 1 && static_cast<int64_t>(count) != extent) {
    node.Refuse("{} scales for an axis of {}", count, extent);
  }
  if (!node.HasInput(first + 2)) return weight;
  const Constant& zero = node.Constants(first + 2, "zero point");
  if (zero.IsFloat() || (zero.Count() != 1 && zero.Count() != static_cast<size_t>(extent)))
    node.Refuse("{} zero points for an axis of {}", zero.Count(), extent);
  size_t below = 1;  // elements between neighbours of the axis
  for (size_t i = static_cast<size_t>(axis) + 1; i < codes.shape.size(); ++i)
    below *= static_cast<size_t>(codes.shape[i]);
  for (size_t i = 0; i < weight.codes.size(); ++i) {
    const size_t place = zero.Count() == 1 ? 0 : i / below % zero.Count();
    weight.codes[i] -= zero.Ints()[place];
  }
  return weight;
}

std::vector<int8_t> Int8s(const NodeReader& node, const std::vector<int64_t>& codes) {
  std::vector<int8_t> result;
  result.reserve(codes.size());
  for (const int64_t code : codes) {
    if (code < -128 || code > 127)
      node.Refuse("a weight of {} less its zero point; legal: -128 to 127", code);
    result.push_back(static_cast<int8_t>(code));
  }
  return result;
}

// Behind a layer of `outs` channels with weights [outs][...]: what is added to the sums, and the
// largest sum.
struct Sums {
  std::vector<double> scale;
  std::vector<int64_t> offset;
  double bound = 0;
};
Sums SumsOf(const NodeReader& node, const View& view, const WeightCodes& weight,
            const std::optional<std::vector<int64_t>>& bias) {
  const Real& in = *view.real;
  if (weight.codes.empty()) node.Refuse("no weights");
  const auto outs = static_cast<size_t>(weight.shape[0]);
  const size_t each = weight.codes.size() / outs;
  if (weight.scale.size() > 1 && weight.axis != 0) {
    node.Refuse("a scale for each input of the weights; supported: for each output");
  }
  if (bias && bias->size() != outs) {
    node.Refuse("bias of {} elements for {} channels", bias->size(), outs);
  }
  Sums sums;
  for (size_t o = 0; o < outs; ++o) {
    int64_t sum = 0;
    double magnitude = 0;
    for (size_t i = 0; i < each; ++i) {
      sum += weight.codes[o * each + i];
      magnitude += std::abs(static_cast<double>(weight.codes[o * each + i]));
    }
    sums.scale.push_back(in.scale * weight.scale[weight.scale.size() == 1 ? 0 : o]);
    sums.offset.push_back((bias ? (*bias)[o] : 0) - in.zero * sum);
    sums.bound = std::max(sums.bound, LargestCode(node.Model(), view) * magnitude);
  }
  return sums;
}

// The codes that the node has given, for readers that know no real numbers.
void EndCodes(NodeReader& node) {
  View view = *ViewOf(node.Model(), node.OutputName());
  view.real.reset();
  node.Emit(std::move(view));
}

// An input as codes with their real numbers.
View CodesOf(const NodeReader& node, int input, const Real& real) {
  View view = node.Data(input);
  if (!IsCodes(node.Model(), view)) node.Refuse("input {} holds no codes", input);
  view.real = real;
  return view;
}

}  // namespace

const onnx::NodeProto* Importer::SoleReader(const std::string& name) const {
  if (Reads(name) != 1) return nullptr;
  for (const onnx::NodeProto& node : source_.node()) {
    if (live_.contains(&node) && node.op_type() != "Shape" &&
        std::ranges::find(node.input(), name) != node.input().end())
      return &node;
  }
  return nullptr;
}

const graph::Node* Importer::Last(graph::TensorId tensor) {
  const graph::Node* node = Producer(tensor);
  const bool is_last = node != nullptr && node == &graph_.nodes.back() &&
                       tensor + 1 == static_cast<graph::TensorId>(graph_.tensors.size());
  const bool is_read_again = std::ranges::any_of(values_, [&](const auto& named) {
    const View* view = std::get_if<View>(&named.second);
    return view != nullptr && view->tensor == tensor && Reads(named.first) > 1;
  });
  return is_last && !is_read_again ? node : nullptr;
}

void Importer::TakeLast() {
  const graph::Node& node = graph_.nodes.back();
  graph_.output = node.inputs[0];
  for (const graph::Role& role : graph::Roles(node.op, graph_.At(node.inputs[0]).shape))
    graph_.parameters.erase(node.name + "." + role.name);
  graph_.nodes.pop_back();
  graph_.tensors.pop_back();
}

std::optional<graph::Clamp> Importer::TakeClamp(graph::TensorId tensor) {
  const graph::Node* node = Last(tensor);
  if (node == nullptr || !std::holds_alternative<graph::Clamp>(node->op)) return std::nullopt;
  const auto clamp = std::get<graph::Clamp>(node->op);
  TakeLast();
  return clamp;
}

std::optional<Importer::Norm> Importer::TakeBatchNorm(graph::TensorId tensor) {
  const graph::Node* node = Last(tensor);
  const auto* op = node == nullptr ? nullptr : std::get_if<graph::BatchNorm>(&node->op);
  if (op == nullptr) return std::nullopt;
  Norm norm;
  norm.input = node->inputs[0];
  const auto& gamma = graph_.Parameter(*node, "weight").Floats();
  const auto& beta = graph_.Parameter(*node, "bias").Floats();
  const auto& mean = graph_.Parameter(*node, "running_mean").Floats();
  const auto& variance = graph_.Parameter(*node, "running_var").Floats();
  for (size_t c = 0; c < gamma.size(); ++c) {
    norm.gain.push_back(gamma[c] / std::sqrt(double{variance[c]} + double{op->epsilon}));
    norm.shift.push_back(-mean[c] * norm.gain[c] + beta[c]);
  }
  TakeLast();
  return norm;
}

const WeightCodes* Importer::FindCodes(const std::string& name) const {
  const auto found = codes_.find(name);
  return found == codes_.end() ? nullptr : &found->second;
}

void Importer::SetCodes(const std::string& name, WeightCodes codes) {
  codes_[name] = std::move(codes);
}

std::optional<Target> TargetOf(Importer& importer, const std::string& output) {
  std::vector<std::pair<float, float>> limits;
  std::string at = output;
  while (const onnx::NodeProto* reader = importer.SoleReader(at)) {
    NodeReader node(importer, *reader);
    if (reader->op_type() == "QuantizeLinear") {
      for (int i = 1; i < node.InputCount(); ++i) {
        if (node.HasInput(i) && !node.IsConstant(i)) return std::nullopt;
      }
      Target target = SchemeAt(node, 1, 2);
      for (const auto& [low, high] : limits) Limit(target, low, high);
      return target;
    }
    if (reader->op_type() == "Relu") {
      limits.emplace_back(0.0f, std::numeric_limits<float>::max());
    } else if (reader->op_type() == "Clip") {
      for (int i = 1; i < node.InputCount(); ++i) {
        if (node.HasInput(i) && !node.IsConstant(i)) return std::nullopt;
      }
      limits.push_back(Limits(node));
    } else {
      return std::nullopt;
    }
    at = reader->output(0);
  }
  return std::nullopt;
}

bool TakesCodes(Importer& importer, const onnx::NodeProto& node) {
  static constexpr auto kMoving = std::to_array<std::string_view>(
      {"Cast",    "Clip",          "Dropout", "Expand",         "Flatten",   "Gather",   "Identity",
       "MaxPool", "GlobalMaxPool", "Pad",     "QuantizeLinear", "ReduceMax", "Relu",     "Shape",
       "Reshape", "Slice",         "Split",   "Squeeze",        "Transpose", "Unsqueeze"});
  const std::string& type = node.op_type();
  if (std::ranges::find(kMoving, std::string_view(type)) != kMoving.end()) return true;
  if (node.output_size() == 0) return false;
  const auto real = [&](int i) -> const std::optional<Real>* {
    const View* view = i < node.input_size() ? ViewOf(importer, node.input(i)) : nullptr;
    return view == nullptr || !view->real ? nullptr : &view->real;
  };
  const bool again = TargetOf(importer, node.output(0)).has_value();
  if (type == "Conv" || type == "Gemm" || type == "MatMul") {
    return again && node.input_size() > 1 && importer.FindCodes(node.input(1)) != nullptr;
  }
  if (type == "Add") return again && real(0) != nullptr && real(1) != nullptr;
  if (type == "Concat") {
    for (int i = 0; i < node.input_size(); ++i) {
      if (real(i) == nullptr || (!again && **real(i) != **real(0))) return false;
    }
    return true;
  }
  if (type == "Resize" || type == "Upsample") {
    NodeReader reader(importer, node);
    return again || reader.Text("mode", "nearest") == "nearest";
  }
  return again && (type == "AveragePool" || type == "GlobalAveragePool" || type == "ReduceMean");
}

View Dequantized(Importer& importer, const View& codes, const std::string& name) {
  const Real real = *codes.real;
  View view = codes;
  view.real.reset();
  const graph::Dequantize op{static_cast<float>(real.scale), static_cast<int32_t>(real.zero)};
  view.tensor = importer.Append(name + ".real", op, {codes.tensor});
  view.sole = false;
  return view;
}

double LargestCode(Importer& importer, const View& codes) {
  const graph::Codes range = CodesIn(importer, codes);
  return std::max(std::abs(static_cast<double>(range.lo)), std::abs(static_cast<double>(range.hi)));
}

View RequantizeTo(NodeReader& node, const std::string& name, const View& sums,
                  const std::vector<double>& scale, const std::vector<int64_t>& offset,
                  double bound, const Target& target) {
  std::vector<int32_t> offsets;
  std::vector<int32_t> multipliers;
  std::vector<int32_t> shifts;
  for (size_t c = 0; c < scale.size(); ++c) {
    const graph::Factor factor = FactorOf(node, scale[c] / target.real.scale);
    const auto added = static_cast<double>(offset[c]);
    Fits(node, "a sum", bound + std::abs(added));
    offsets.push_back(Fits(node, "an offset", added));
    multipliers.push_back(factor.multiplier);
    shifts.push_back(factor.shift);
  }
  const graph::Requantize op{target.lo, target.hi, static_cast<int32_t>(target.real.zero), true};
  const View out = node.Append(name, op, sums);
  const Shape shape = {static_cast<int64_t>(scale.size())};
  node.SetParameter("offset", {shape, offsets});
  node.SetParameter("multiplier", {shape, multipliers});
  node.SetParameter("shift", {shape, shifts});
  View view = out;
  view.real = target.real;
  SetScale(node.Model(), view);
  return view;
}

graph::TensorId AppendSum(NodeReader& node, const std::string& name, const View& a, const View* b,
                          const Target& target) {
  Importer& importer = node.Model();
  graph::Codes right;
  right.scale = 0.0f;
  if (b != nullptr) right = CodesIn(importer, *b);
  const auto op = graph::SumOfCodes(CodesIn(importer, a), right, CodesOf(target));
  if (!op) node.Refuse("scales whose quotients with {} are beyond 32 bits", target.real.scale);
  View sum = a;
  sum.tensor = importer.Append(name, *op, {a.tensor, b == nullptr ? a.tensor : b->tensor});
  sum.real = target.real;
  SetScale(importer, sum);
  return sum.tensor;
}

View CodesTo(NodeReader& node, const std::string& name, const View& codes, const Target& target) {
  if (*codes.real == target.real) {
    // The same codes, within limits.
    const graph::Codes range = CodesIn(node.Model(), codes);
    if (range.lo >= target.lo && range.hi <= target.hi) return codes;
  }
  View view = codes;
  view.tensor = AppendSum(node, name, codes, nullptr, target);
  view.real = target.real;
  view.name.clear();
  return view;
}

View LimitCodes(NodeReader& node, const View& codes, float low, float high) {
  const graph::Codes range = CodesIn(node.Model(), codes);
  Target target{*codes.real, range.lo, range.hi};
  Limit(target, low, high);
  return CodesTo(node, node.Name(), codes, target);
}

WeightCodes Transposed(const WeightCodes& weight) {
  WeightCodes result = weight;
  const auto ins = static_cast<size_t>(weight.shape.at(0));
  const auto outs = static_cast<size_t>(weight.shape.at(1));
  result.shape = {weight.shape[1], weight.shape[0]};
  result.axis = weight.axis == 0 ? 1 : 0;
  for (size_t i = 0; i < ins; ++i) {
    for (size_t o = 0; o < outs; ++o) result.codes[o * ins + i] = weight.codes[i * outs + o];
  }
  return result;
}

std::vector<int64_t> BiasCodes(const NodeReader& node, const Constant& bias, double in_scale,
                               const WeightCodes& weight) {
  const std::vector<float> values = bias.Floats();
  if (static_cast<int64_t>(values.size()) != weight.shape[0] ||
      (weight.scale.size() > 1 && weight.scale.size() != values.size())) {
    node.Refuse("bias of {} elements for {} channels and {} scales", values.size(), weight.shape[0],
                weight.scale.size());
  }
  // Those of the file, whose real numbers float32 does not hold to the last one.
  const WeightCodes* given = node.Model().FindCodes(node.InputName(2));
  if (given != nullptr && given->codes.size() != values.size()) given = nullptr;
  std::vector<int64_t> codes;
  for (size_t o = 0; o < values.size(); ++o) {
    const double unit = in_scale * weight.scale[weight.scale.size() == 1 ? 0 : o];
    const double scale = given == nullptr ? 0.0 : given->scale[given->scale.size() == 1 ? 0 : o];
    const bool alike = std::abs(scale - unit) < 0x1.0p-22 * unit;
    const double code =
        alike ? static_cast<double>(given->codes[o]) : std::nearbyint(double{values[o]} / unit);
    codes.push_back(Fits(node, "a bias", code));
  }
  return codes;
}

void ConvolveCodes(NodeReader& node, graph::Conv2d op, const View& in, const WeightCodes& weight,
                   const std::optional<std::vector<int64_t>>& bias, const Target& target) {
  const std::string name = node.NameOf(1, "weight");
  const Sums sums = SumsOf(node, in, weight, bias);
  View padded = in;
  if (in.real->zero != 0 && op.padding != graph::Padding2{}) {
    // Around the image there are zeros of the real numbers.
    padded =
        node.Append(name + ".pad", graph::Pad{op.padding, static_cast<float>(in.real->zero)}, in);
    op.padding = {};
  }
  op.has_bias = false;
  const View out = node.Append(name, op, padded);
  Shape shape = weight.shape;
  shape.resize(4, 1);
  node.SetParameter("weight", {shape, Int8s(node, weight.codes)});
  node.Emit(ImageView(node, RequantizeTo(node, name + ".requantize", out, sums.scale, sums.offset,
                                         sums.bound, target)));
}

void MultiplyCodes(NodeReader& node, const View& in, const WeightCodes& weight,
                   const std::optional<std::vector<int64_t>>& bias, const Target& target) {
  if (in.shape.size() != 2 || in.shape[0] != 1 || in.shape[1] != weight.shape[1]) {
    node.Refuse("codes of {} by weights of {} (outputs x inputs); supported: 1 x inputs",
                ToString(in.shape), ToString(weight.shape));
  }
  const std::string name = node.NameOf(1, "weight");
  const Sums sums = SumsOf(node, in, weight, bias);
  const View flat = node.Model().Arrange(in, {1}, name + ".flat");
  const auto outs = static_cast<int>(weight.shape[0]);
  View out = node.Append(name, graph::Linear{outs, false, {}}, flat);
  node.SetParameter("weight", {weight.shape, Int8s(node, weight.codes)});
  out = RequantizeTo(node, name + ".requantize", out, sums.scale, sums.offset, sums.bound, target);
  out.shape[1] = outs;
  out.axes[1] = 0;
  node.Emit(std::move(out));
}

namespace {

// Weights that the file stores as real numbers and quantises itself.
void QuantizeConstant(NodeReader& node, int64_t axis_given) {
  const Constant& real = node.Constants(0, "values");
  const std::vector<float> scales = node.Constants(1, "scale").Floats();
  Constant zeros{{1}, std::vector<int64_t>{0}};
  zeros.element_type = Type::UINT8;
  if (node.HasInput(2)) zeros = node.Constants(2, "zero point");
  if (zeros.IsFloat()) node.Refuse("codes of real numbers");
  if (scales.empty() || zeros.Count() == 0) node.Refuse("no scale or zero point");
  const bool single = scales.size() == 1;
  const int axis = single ? 0 : node.Axis(axis_given, real.shape.size());
  size_t below = 1;
  for (size_t i = static_cast<size_t>(axis) + 1; i < real.shape.size(); ++i)
    below *= static_cast<size_t>(real.shape[i]);
  const auto range = RangeOf(zeros.element_type);
  if (!range) node.Refuse("codes of element type {}", zeros.element_type);
  const double lo = range->first;
  const double hi = range->second;
  const std::vector<float> values = real.Floats();
  std::vector<int64_t> codes(values.size());
  for (size_t i = 0; i < codes.size(); ++i) {
    const size_t place = i / below;
    const auto zero = static_cast<double>(zeros.Ints()[place % zeros.Count()]);
    const double q = std::nearbyint(double{values[i]} / scales[place % scales.size()]) + zero;
    codes[i] = static_cast<int64_t>(std::isnan(q) ? zero : std::clamp(q, lo, hi));
  }
  Constant result{real.shape, std::move(codes)};
  result.element_type = zeros.element_type;
  node.Model().Set(node.OutputName(), std::move(result));
}

}  // namespace

void ReadQuantizeLinear(NodeReader& node) {
  const int64_t axis = node.Int("axis", 1);
  if (node.Int("block_size", 0) != 0) node.Refuse("block_size; supported: 0");
  node.Ignore({"saturate", "output_dtype", "precision"});
  if (node.HasInput(0) && node.IsConstant(0)) return QuantizeConstant(node, axis);
  Target target = SchemeAt(node, 1, 2);
  View view = node.Data(0);
  if (view.real) {
    view = CodesTo(node, node.Name(), view, target);
    view.real.reset();
    return node.EmitView(std::move(view));
  }
  if (node.IsInteger(view)) node.Refuse("of codes; supported: of real numbers");
  // A limit and a batch norm before it become part of it.
  Importer& importer = node.Model();
  if (const auto clamp = view.sole ? importer.TakeClamp(view.tensor) : std::nullopt) {
    Limit(target, clamp->low, clamp->high);
    view.tensor = importer.Graph().output;
  }
  const auto norm = view.sole ? importer.TakeBatchNorm(view.tensor) : std::nullopt;
  if (norm) view.tensor = norm->input;
  const bool shared = !norm && view.tensor != importer.Graph().input;
  const size_t count = shared ? 1 : static_cast<size_t>(importer.Graph().At(view.tensor).shape[0]);
  std::vector<float> offset;
  std::vector<int32_t> multiplier;
  std::vector<int32_t> shift;
  for (size_t c = 0; c < count; ++c) {
    const graph::InputFactor factor = graph::MakeInputFactor(
        norm ? norm->gain[c] : 1.0, norm ? norm->shift[c] : 0.0, CodesOf(target), kInputBits);
    offset.push_back(factor.offset);
    multiplier.push_back(factor.factor.multiplier);
    shift.push_back(factor.factor.shift);
  }
  View out = node.Append(node.Name(), graph::QuantizeInput{target.lo, target.hi}, view);
  const Shape shape = {static_cast<int64_t>(count)};
  node.SetParameter("offset", {shape, std::move(offset)});
  node.SetParameter("multiplier", {shape, std::move(multiplier)});
  node.SetParameter("shift", {shape, std::move(shift)});
  out.real = target.real;
  SetScale(importer, out);
  out.real.reset();
  node.Emit(std::move(out));
}

void ReadDequantizeLinear(NodeReader& node) {
  const int64_t axis = node.Int("axis", 1);
  if (node.Int("block_size", 0) != 0) node.Refuse("block_size; supported: 0");
  node.Ignore({"output_dtype"});
  if (node.IsConstant(0)) {
    const Constant& codes = node.Constants(0, "codes");
    const bool single = node.Constants(1, "scale").Count() == 1;
    WeightCodes weight = CodesAt(node, 0, single ? 0 : node.Axis(axis, codes.shape.size()));
    size_t below = 1;
    for (size_t i = static_cast<size_t>(weight.axis) + 1; i < codes.shape.size(); ++i)
      below *= static_cast<size_t>(codes.shape[i]);
    std::vector<float> values(weight.codes.size());
    for (size_t i = 0; i < values.size(); ++i) {
      const double scale = weight.scale[single ? 0 : i / below % weight.scale.size()];
      values[i] = static_cast<float>(static_cast<double>(weight.codes[i]) * scale);
    }
    node.Model().Set(node.OutputName(), Constant{codes.shape, std::move(values)});
    node.Model().SetCodes(node.OutputName(), std::move(weight));
    return;
  }
  node.EmitView(CodesOf(node, 0, SchemeAt(node, 1, 2).real));
}

void ReadQLinearConv(NodeReader& node) {
  // x, its scale and zero point, w, ..., y's scale and zero point, bias
  const Real in_real = SchemeAt(node, 1, 2).real;
  View in = Image(node, 0);
  if (!IsCodes(node.Model(), in)) node.Refuse("input 0 holds no codes");
  in.real = in_real;
  const WeightCodes weight = CodesAt(node, 3, 0);
  std::optional<std::vector<int64_t>> bias;
  if (node.HasInput(8)) {
    const Constant& given = node.Constants(8, "bias");
    if (given.IsFloat()) node.Refuse("a bias that is no integers");
    bias = given.Ints();
  }
  const graph::Conv2d op = ReadConvolution(node, in, weight.shape);
  ConvolveCodes(node, op, in, weight, bias, SchemeAt(node, 6, 7));
  EndCodes(node);
}

void ReadQLinearMatMul(NodeReader& node) {
  const Real real = SchemeAt(node, 1, 2).real;
  const View in = CodesOf(node, 0, real);
  const WeightCodes given = CodesAt(node, 3, 1);
  if (given.shape.size() != 2) {
    node.Refuse("weights of {}; supported: two axes", ToString(given.shape));
  }
  const WeightCodes weight = Transposed(given);
  MultiplyCodes(node, in, weight, std::nullopt, SchemeAt(node, 6, 7));
  EndCodes(node);
}

}  // namespace platypus::onnx_io
