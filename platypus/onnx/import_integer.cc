// Integer operators of the TI-NPU form: float32 nodes that compute with integers.
#include <algorithm>
#include <cmath>

#include "platypus/onnx/importer.h"
#include "tm_resize.h"

namespace platypus::onnx_io {
namespace {

constexpr int kMostShift = 31;

// "n" of "n.clip", as our exporter names the last node of a chain.
std::string ChainName(const NodeReader& node, const std::string& constant, const char* role) {
  const std::string suffix = std::string(".") + role;
  if (constant.ends_with(suffix)) return constant.substr(0, constant.size() - suffix.size());
  return node.Name();
}

const Constant& Values(const NodeReader& node, const std::string& name) {
  const Constant* constant = node.Model().FindConstant(name);
  Check(constant != nullptr, "pattern without its constant {}", name);
  return *constant;
}

View Operand(const NodeReader& node, const std::string& name) {
  const Value* value = node.Model().Find(name);
  const View* view = value == nullptr ? nullptr : std::get_if<View>(value);
  if (view == nullptr) node.Refuse("nothing before it writes '{}'", name);
  return *view;
}

int32_t Whole(const NodeReader& node, const char* what, float value) {
  if (!(std::abs(value) <= 2147483520.0f) || value != std::nearbyint(value)) {
    node.Refuse("{} {} of an integer operator; legal: 32-bit integers", what, value);
  }
  return static_cast<int32_t>(value);
}

std::vector<int32_t> Wholes(const NodeReader& node, const char* what,
                            const std::vector<float>& values) {
  std::vector<int32_t> wholes;
  wholes.reserve(values.size());
  for (const float value : values) wholes.push_back(Whole(node, what, value));
  return wholes;
}

// s of 2^-s.
int32_t ShiftOf(const NodeReader& node, float factor) {
  int exponent = 0;
  const float mantissa = std::frexp(factor, &exponent);
  const int shift = 1 - exponent;
  if (mantissa != 0.5f || shift < 0 || shift > kMostShift) {
    node.Refuse("factor {}; legal: powers of two from 2^-{} to 1", factor, kMostShift);
  }
  return shift;
}

struct Codes {
  int32_t lo = 0;
  int32_t hi = 0;
};

// What Clip and Relu nodes behind each other leave.
Codes CodesOf(NodeReader& node, const std::vector<const onnx::NodeProto*>& limits) {
  float lo = -3e9f;
  float hi = 3e9f;
  for (const onnx::NodeProto* limit : limits) {
    NodeReader reader(node.Model(), *limit);
    std::pair<float, float> range{0.0f, 3e9f};
    if (limit->op_type() == "Clip") range = Limits(reader);
    if (!(range.first <= range.second)) reader.Refuse("from {} to {}", range.first, range.second);
    lo = std::clamp(lo, range.first, range.second);
    hi = std::clamp(hi, range.first, range.second);
  }
  if (!(lo >= -32768 && hi <= 32767)) {
    node.Refuse("codes from {} to {}; legal: within 16 bits", lo, hi);
  }
  return {Whole(node, "limit", lo), Whole(node, "limit", hi)};
}

}  // namespace

namespace {

// clamp((x multiplier0 + y multiplier1 + added) >> shift).
void ReadSum(NodeReader& node, const std::string& name, const View& left, const View& right,
             graph::AddRequantize op, float added) {
  Importer& importer = node.Model();
  if (op.shift > 30) node.Refuse("a shift by {}; supported: at most 30", op.shift);
  op.offset = Whole(node, "offset", added) - op.Added();
  const View x = importer.Canonical(left, name + ".left_order");
  const View y = importer.Canonical(right, name + ".right_order");
  if (!node.IsInteger(x) || !node.IsInteger(y) || x.shape != y.shape) {
    node.Refuse("of {} and {}; supported: two integer tensors of equal shape", ToString(x.shape),
                ToString(y.shape));
  }
  View out = x;
  out.tensor = importer.Append(name, op, {x.tensor, y.tensor});
  out.sole = importer.Reads(node.OutputName()) == 1;
  node.Emit(std::move(out));
}

float SingleOf(NodeReader& node, const std::string& name) {
  const Constant& constant = Values(node, name);
  if (constant.Count() != 1) node.Refuse("'{}' has {} elements", name, constant.Count());
  return constant.Floats()[0];
}

// A sum of two tensors of codes behind which stands the chain of `pattern`.
void ReadSum(NodeReader& node, const RequantizePattern& pattern, const Codes& codes) {
  const int32_t multiplier = Whole(node, "multiplier", SingleOf(node, pattern.multiplier));
  graph::AddRequantize op{multiplier, multiplier, ShiftOf(node, SingleOf(node, pattern.factor)),
                          codes.lo, codes.hi};
  ReadSum(node, ChainName(node, pattern.offset, "offset"), Operand(node, pattern.sum->input(0)),
          Operand(node, pattern.sum->input(1)), op,
          SingleOf(node, pattern.offset) * static_cast<float>(multiplier));
}

}  // namespace

void Read(NodeReader& node, const RequantizePattern& pattern) {
  Importer& importer = node.Model();
  const Codes codes = CodesOf(node, pattern.limits);
  if (pattern.sum != nullptr) {
    if (node.IsInteger(Operand(node, pattern.sum->input(0)))) return ReadSum(node, pattern, codes);
    NodeReader sum(importer, *pattern.sum);
    ReadAdd(sum);
  }
  View view = Operand(node, pattern.input);
  std::vector<AlongAxis> roles;
  for (const std::string* name : {&pattern.offset, &pattern.multiplier, &pattern.factor}) {
    const Constant& constant = Values(node, *name);
    auto along = Along(constant, view.shape);
    if (!along) {
      node.Refuse("'{}' of {}; supported: one value, or one for each channel", *name,
                  ToString(constant.shape));
    }
    roles.push_back(std::move(*along));
  }
  int axis = -1;
  size_t count = 1;
  for (const AlongAxis& role : roles) {
    axis = std::max(axis, role.axis);
    count = std::max(count, role.values.size());
  }
  const std::string name = ChainName(node, pattern.offset, "offset");
  if (axis >= 0) view = importer.ToFront(view, axis, name + ".front");
  const bool from_floats = !node.IsInteger(view);
  if (from_floats && (axis >= 0 || view.tensor == importer.Graph().input)) {
    count = static_cast<size_t>(importer.Graph().At(view.tensor).shape[0]);
  }
  for (AlongAxis& role : roles) role.values.resize(count, role.values[0]);
  const Shape shape = {static_cast<int64_t>(count)};
  std::vector<int32_t> shifts;
  for (const float factor : roles[2].values) shifts.push_back(ShiftOf(node, factor));

  graph::Requantize rounder{codes.lo, codes.hi};
  if (!pattern.half.empty()) {
    rounder.to_nearest = true;
    rounder.zero_point = Whole(node, "zero point", SingleOf(node, pattern.zero_point));
    const auto halves = Along(Values(node, pattern.half), view.shape);
    if (!halves) node.Refuse("'{}': not one half for each channel", pattern.half);
    for (size_t c = 0; c < count; ++c) {
      const float half = halves->values[halves->values.size() == 1 ? 0 : c];
      if (shifts[c] < 1 || half != static_cast<float>(rounder.Half(shifts[c])))
        node.Refuse("rounding by {} with a shift by {}", half, shifts[c]);
    }
  }
  graph::Op op = rounder;
  if (from_floats) op = graph::QuantizeInput{codes.lo, codes.hi};
  View out = node.Append(name, op, view);
  if (from_floats) {
    node.SetParameter("offset", {shape, roles[0].values});
  } else {
    node.SetParameter("offset", {shape, Wholes(node, "offset", roles[0].values)});
  }
  node.SetParameter("multiplier", {shape, Wholes(node, "multiplier", roles[1].values)});
  node.SetParameter("shift", {shape, shifts});
  node.Emit(std::move(out));
}

void Read(NodeReader& node, const AddRequantizePattern& pattern) {
  const Codes codes = CodesOf(node, pattern.limits);
  graph::AddRequantize op;
  op.multiplier0 = Whole(node, "multiplier", SingleOf(node, pattern.multiplier0));
  op.multiplier1 = Whole(node, "multiplier", SingleOf(node, pattern.multiplier1));
  op.shift = ShiftOf(node, SingleOf(node, pattern.factor));
  op.lo = codes.lo;
  op.hi = codes.hi;
  ReadSum(node, ChainName(node, node.Name(), "clip"), Operand(node, pattern.left),
          Operand(node, pattern.right), op, SingleOf(node, pattern.half));
}

void Read(NodeReader& node, const WindowSumPattern& pattern) {
  NodeReader pool(node.Model(), *pattern.pool);
  const View in = Image(pool, 0);
  const Windows w = ReadWindows(pool, in.shape, pool.Ints("kernel_shape"));
  const Constant& size = Values(node, pattern.size);
  const bool whole = size.Count() == 1 && size.Floats()[0] == static_cast<float>(w.kernel.h) *
                                                                  static_cast<float>(w.kernel.w);
  const bool counts = pool.Int("count_include_pad", 0) != 0 || w.padding == graph::Padding2{};
  if (!node.IsInteger(in) || !whole || !counts || w.dilation != graph::Size2{} ||
      pool.Int("ceil_mode", 0) != 0) {
    node.Refuse("of real numbers; supported: sums of integers over windows, padding counted");
  }
  pool.Finish();
  const View out = node.Append(node.Name(), graph::SumPool{w.kernel, w.stride, w.padding}, in);
  node.Emit(ImageView(node, out));
}

namespace {

// Axis of a Gather node on an image: 1 (rows) or 2 (columns) of its shape here.
size_t BlendAxis(NodeReader& gather) {
  const int axis = gather.Axis(gather.Int("axis", 0), 4);
  gather.Finish();
  if (axis < 2) gather.Refuse("on axis {} of a weighted sum; supported: rows and columns", axis);
  return static_cast<size_t>(axis - 1);
}

// How many outputs a blend has along its axis; refused if its numbers are not ours for `ins`.
int BlendOutputs(const NodeReader& node, const BlendPattern& pattern, int64_t ins) {
  std::array<std::vector<float>, 2> indices;
  std::array<std::vector<float>, 2> weights;
  for (size_t k = 0; k < 2; ++k) {
    indices[k] = Values(node, pattern.gathers[k]->input(1)).Floats();
    weights[k] = Values(node, pattern.weights[k]).Floats();
  }
  const size_t outs = indices[0].size();
  const int size = node.Small("rows or columns", static_cast<int64_t>(outs));
  const tm_stretch stretch = tm_stretch_of(static_cast<tm_i32>(ins), size);
  bool ours = outs > 0 && indices[1].size() == outs && weights[0].size() == outs &&
              weights[1].size() == outs;
  for (size_t i = 0; ours && i < outs; ++i) {
    const tm_blend b = tm_blend_at(static_cast<tm_i32>(i), stretch, static_cast<tm_i32>(ins));
    ours = indices[0][i] == static_cast<float>(b.first) &&
           indices[1][i] == static_cast<float>(b.second) &&
           weights[0][i] == static_cast<float>(b.weight_first) &&
           weights[1][i] == static_cast<float>(b.weight_second);
  }
  if (!ours) {
    node.Refuse("a weighted sum of {} from {} elements; supported: bilinear weights as exported",
                outs, ins);
  }
  return size;
}

}  // namespace

void Read(NodeReader& node, const BlendPattern& pattern) {
  const BlendPattern& first = pattern.inner ? *pattern.inner : pattern;
  NodeReader gather(node.Model(), *first.gathers[0]);
  const View in = Image(gather, 0);
  if (!node.IsInteger(in) || in.shape.size() != 4) {
    node.Refuse("a weighted sum of elements of {}; supported: of integer images",
                ToString(in.shape));
  }
  graph::Resize op;
  op.mode = graph::Resize::Mode::kBilinear;
  op.output = {static_cast<int>(in.shape[2]), static_cast<int>(in.shape[3])};
  for (const BlendPattern* blend : {&first, &pattern}) {
    NodeReader reader(node.Model(), *blend->gathers[0]);
    const size_t axis = BlendAxis(reader);
    const int outs = BlendOutputs(node, *blend, in.shape[axis + 1]);
    (axis == 1 ? op.output.h : op.output.w) = outs;
    NodeReader second(node.Model(), *blend->gathers[1]);
    if (BlendAxis(second) != axis) node.Refuse("a weighted sum along two axes");
  }
  node.Emit(ImageView(node, node.Append(node.Name(), op, in)));
}

void ReadPattern(NodeReader& node, const Pattern& pattern) {
  if (const auto* gelu = std::get_if<GeluPattern>(&pattern)) {
    return node.Emit(node.Append(node.Name(), graph::Gelu{}, Operand(node, gelu->input)));
  }
  std::visit(graph::Overloaded{[](const GeluPattern&) {},
                               [&](const auto& integer) { Read(node, integer); }},
             pattern);
}

}  // namespace platypus::onnx_io
