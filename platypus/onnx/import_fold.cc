// Nodes whose inputs are all constants: shapes that exporters compute, scales written as formulas.
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>

#include "platypus/onnx/importer.h"

namespace platypus::onnx_io {
namespace {

using Inputs = std::vector<const Constant*>;
using Folder = Constant (*)(NodeReader&, const Inputs&);

// ---- elementwise ------------------------------------------------------------------------------

Shape Broadcast(const NodeReader& node, const Shape& a, const Shape& b) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape shape = longer;
  for (size_t i = 0; i < shorter.size(); ++i) {
    int64_t& extent = shape[longer.size() - shorter.size() + i];
    if (extent == 1) extent = shorter[i];
    if (shorter[i] != extent && shorter[i] != 1) {
      node.Refuse("{} and {} do not broadcast", ToString(a), ToString(b));
    }
  }
  if (!CountElements(shape)) node.Refuse("a constant of {}", ToString(shape));
  return shape;
}

// The place in a constant of `shape` that place `i` of the broadcast result reads.
size_t Source(size_t i, const Shape& result, const Shape& shape) {
  size_t place = 0;
  size_t stride = 1;
  for (size_t k = 0; k < result.size(); ++k) {
    const auto extent = static_cast<size_t>(result[result.size() - 1 - k]);
    const size_t index = i % extent;
    i /= extent;
    if (k >= shape.size()) continue;
    const auto own = static_cast<size_t>(shape[shape.size() - 1 - k]);
    if (own > 1) place += index * stride;
    stride *= own;
  }
  return place;
}

template <typename T>
std::vector<T> ValuesOf(const Constant& constant) {
  if constexpr (std::is_same_v<T, float>) {
    return constant.Floats();
  } else {
    return constant.Ints();
  }
}

template <typename T, typename Function>
Constant Pairwise(const NodeReader& node, const Inputs& in, Function function) {
  const Shape shape = Broadcast(node, in[0]->shape, in[1]->shape);
  const std::vector<T> a = ValuesOf<T>(*in[0]);
  const std::vector<T> b = ValuesOf<T>(*in[1]);
  std::vector<T> values(static_cast<size_t>(NumElements(shape)));
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = function(a[Source(i, shape, in[0]->shape)], b[Source(i, shape, in[1]->shape)]);
  }
  return {shape, std::move(values)};
}

bool IsInteger(const Inputs& in) { return !in[0]->IsFloat() && !in[1]->IsFloat(); }

// Integers in wrapping arithmetic, as the file's own types would.
int64_t Wrap(uint64_t value) { return static_cast<int64_t>(value); }

Constant FoldAdd(NodeReader& node, const Inputs& in) {
  if (IsInteger(in)) {
    return Pairwise<int64_t>(node, in, [](int64_t a, int64_t b) {
      return Wrap(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    });
  }
  return Pairwise<float>(node, in, [](float a, float b) { return a + b; });
}

Constant FoldSub(NodeReader& node, const Inputs& in) {
  if (IsInteger(in)) {
    return Pairwise<int64_t>(node, in, [](int64_t a, int64_t b) {
      return Wrap(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
    });
  }
  return Pairwise<float>(node, in, [](float a, float b) { return a - b; });
}

Constant FoldMul(NodeReader& node, const Inputs& in) {
  if (IsInteger(in)) {
    return Pairwise<int64_t>(node, in, [](int64_t a, int64_t b) {
      return Wrap(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    });
  }
  return Pairwise<float>(node, in, [](float a, float b) { return a * b; });
}

Constant FoldDiv(NodeReader& node, const Inputs& in) {
  if (IsInteger(in)) {
    return Pairwise<int64_t>(node, in, [&](int64_t a, int64_t b) {
      if (b == 0 || b == -1) return b == 0 ? int64_t{0} : Wrap(-static_cast<uint64_t>(a));
      return a / b;
    });
  }
  return Pairwise<float>(node, in, [](float a, float b) { return a / b; });
}

Constant FoldPow(NodeReader& node, const Inputs& in) {
  return Pairwise<float>(node, in, [](float a, float b) { return std::pow(a, b); });
}

Constant FoldEqual(NodeReader& node, const Inputs& in) {
  if (IsInteger(in)) {
    return Pairwise<int64_t>(node, in, [](int64_t a, int64_t b) { return int64_t{a == b}; });
  }
  Constant result = Pairwise<float>(node, in, [](float a, float b) { return a == b ? 1.f : 0.f; });
  const std::vector<float> values = result.Floats();
  result.values = std::vector<int64_t>(values.begin(), values.end());
  return result;
}

template <float (*function)(float)>
Constant FoldUnary(NodeReader&, const Inputs& in) {
  std::vector<float> values = in[0]->Floats();
  for (float& v : values) v = function(v);
  return {in[0]->shape, std::move(values)};
}

// The same for integers, which most of these leave as they are.
template <float (*function)(float), int64_t (*of_integer)(int64_t)>
Constant FoldEither(NodeReader& node, const Inputs& in) {
  if (in[0]->IsFloat()) return FoldUnary<function>(node, in);
  std::vector<int64_t> values = in[0]->Ints();
  for (int64_t& v : values) v = of_integer(v);
  return {in[0]->shape, std::move(values)};
}

float Sign(float v) { return v > 0 ? 1.0f : v < 0 ? -1.0f : v; }
float Reciprocal(float v) { return 1.0f / v; }
float Negative(float v) { return -v; }
float Abs(float v) { return std::abs(v); }
float Log(float v) { return std::log(v); }
float Exp(float v) { return std::exp(v); }
float Sqrt(float v) { return std::sqrt(v); }
float Floor(float v) { return std::floor(v); }
float Ceil(float v) { return std::ceil(v); }
float HalfToEven(float v) { return std::nearbyint(v); }
int64_t NegativeInt(int64_t v) { return Wrap(-static_cast<uint64_t>(v)); }
int64_t AbsInt(int64_t v) { return v < 0 ? NegativeInt(v) : v; }
int64_t Same(int64_t v) { return v; }

Constant FoldIsNan(NodeReader&, const Inputs& in) {
  std::vector<int64_t> values;
  for (const float v : in[0]->Floats()) values.push_back(std::isnan(v) ? 1 : 0);
  return {in[0]->shape, std::move(values)};
}

Constant FoldClip(NodeReader& node, const Inputs& in) {
  const auto [low, high] = Limits(node);
  if (!in[0]->IsFloat()) node.Refuse("of integers");
  std::vector<float> values = in[0]->Floats();
  for (float& v : values) v = std::min(std::max(v, low), high);
  return {in[0]->shape, std::move(values)};
}

Constant FoldWhere(NodeReader& node, const Inputs& in) {
  if (in[0]->IsFloat()) node.Refuse("the condition must be truth values");
  const Shape shape = Broadcast(node, in[0]->shape, Broadcast(node, in[1]->shape, in[2]->shape));
  const auto pick = [&]<typename T>(const std::vector<T>& yes, const std::vector<T>& no) {
    std::vector<T> values(static_cast<size_t>(NumElements(shape)));
    for (size_t i = 0; i < values.size(); ++i) {
      const bool condition = in[0]->Ints()[Source(i, shape, in[0]->shape)] != 0;
      values[i] =
          condition ? yes[Source(i, shape, in[1]->shape)] : no[Source(i, shape, in[2]->shape)];
    }
    return Constant{shape, std::move(values)};
  };
  if (in[1]->IsFloat() || in[2]->IsFloat()) return pick(in[1]->Floats(), in[2]->Floats());
  return pick(in[1]->Ints(), in[2]->Ints());
}

Constant FoldCast(NodeReader& node, const Inputs& in) {
  const int64_t to = node.Int("to", 0);
  node.Ignore({"saturate"});
  using Type = onnx::TensorProto;
  if (to == Type::FLOAT || to == Type::DOUBLE || to == Type::FLOAT16) {
    return {in[0]->shape, in[0]->Floats()};
  }
  if (!in[0]->IsFloat()) {
    if (to != Type::BOOL) {
      Constant same = *in[0];
      same.element_type = static_cast<int>(to);
      return same;
    }
    std::vector<int64_t> truths = in[0]->Ints();
    for (int64_t& v : truths) v = v != 0 ? 1 : 0;
    return {in[0]->shape, std::move(truths)};
  }
  std::vector<int64_t> values;
  for (const float v : in[0]->Floats()) {
    // What does not fit has no meaning in ONNX either.
    const bool fits = v > -9e18f && v < 9e18f;
    values.push_back(to == Type::BOOL ? int64_t{v != 0} : fits ? static_cast<int64_t>(v) : 0);
  }
  return {in[0]->shape, std::move(values)};
}

// ---- shapes -----------------------------------------------------------------------------------

// A constant whose place i is place sources[i] of another.
Constant Picked(const Constant& from, const Shape& shape, const std::vector<size_t>& sources) {
  return std::visit(
      [&](const auto& values) -> Constant {
        std::remove_cvref_t<decltype(values)> picked;
        picked.reserve(sources.size());
        for (const size_t source : sources) picked.push_back(values[source]);
        return {shape, std::move(picked)};
      },
      from.values);
}

Constant FoldConstant(NodeReader& node, const Inputs&) {
  for (const onnx::AttributeProto& attribute : node.Node().attribute()) {
    if (attribute.name() == "value") return ReadConstant(attribute.t());
  }
  if (node.Has("value_int")) return {{}, std::vector<int64_t>{node.Int("value_int", 0)}};
  if (node.Has("value_float")) return {{}, std::vector<float>{node.Float("value_float", 0)}};
  if (node.Has("value_ints")) {
    const std::vector<int64_t> values = node.Ints("value_ints");
    return {{static_cast<int64_t>(values.size())}, values};
  }
  if (node.Has("value_floats")) {
    const std::vector<float> values = node.Floats("value_floats");
    return {{static_cast<int64_t>(values.size())}, values};
  }
  node.Refuse("no value; legal: value, value_int, value_ints, value_float, value_floats");
}

const std::vector<int64_t>& IntsOf(const NodeReader& node, const Constant& constant) {
  if (constant.IsFloat()) node.Refuse("an input must be integers");
  return constant.Ints();
}

Constant FoldConstantOfShape(NodeReader& node, const Inputs& in) {
  const Shape shape = IntsOf(node, *in[0]);
  if (!CountElements(shape)) node.Refuse("a constant of {}", ToString(shape));
  Constant value{{1}, std::vector<float>{0.0f}};
  for (const onnx::AttributeProto& attribute : node.Node().attribute()) {
    if (attribute.name() == "value") value = ReadConstant(attribute.t());
  }
  if (value.Count() != 1) node.Refuse("value must be one element");
  return Picked(value, shape, std::vector<size_t>(static_cast<size_t>(NumElements(shape)), 0));
}

Constant FoldExpand(NodeReader& node, const Inputs& in) {
  const Shape shape = Broadcast(node, in[0]->shape, IntsOf(node, *in[1]));
  std::vector<size_t> sources(static_cast<size_t>(NumElements(shape)));
  for (size_t i = 0; i < sources.size(); ++i) sources[i] = Source(i, shape, in[0]->shape);
  return Picked(*in[0], shape, sources);
}

Constant FoldShape(NodeReader& node, const Inputs& in) {
  if (node.Has("start") || node.Has("end")) node.Refuse("start and end of a constant's shape");
  return {{static_cast<int64_t>(in[0]->shape.size())}, std::vector<int64_t>(in[0]->shape)};
}

Constant FoldIdentity(NodeReader&, const Inputs& in) { return *in[0]; }

Constant FoldReshape(NodeReader& node, const Inputs& in) {
  Shape shape = IntsOf(node, *in[1]);
  const bool zero_is_zero = node.Int("allowzero", 0) != 0;
  const auto count = static_cast<int64_t>(in[0]->Count());
  int64_t known = 1;
  int64_t* open = nullptr;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && !zero_is_zero && i < in[0]->shape.size()) shape[i] = in[0]->shape[i];
    if (shape[i] == -1 && open == nullptr) {
      open = &shape[i];
    } else if (shape[i] < 0 || shape[i] > kMostElements || known > kMostElements) {
      node.Refuse("no shape for {} elements", count);
    } else {
      known *= shape[i];
    }
  }
  if (open != nullptr) *open = known == 0 ? 0 : count / known;
  if (CountElements(shape) != count) node.Refuse("no shape for {} elements", count);
  Constant result = *in[0];
  result.shape = shape;
  return result;
}

Constant FoldSqueeze(NodeReader& node, const Inputs& in) {
  Constant result = *in[0];
  const auto axes = node.IntsFrom("axes", 1);
  std::vector<bool> dropped(result.shape.size(), false);
  for (size_t i = 0; !axes && i < dropped.size(); ++i) dropped[i] = result.shape[i] == 1;
  for (const int64_t axis : axes.value_or(std::vector<int64_t>{})) {
    const auto i = static_cast<size_t>(node.Axis(axis, dropped.size()));
    if (result.shape[i] != 1) node.Refuse("axis {} has {} elements", axis, result.shape[i]);
    dropped[i] = true;
  }
  result.shape.clear();
  for (size_t i = 0; i < dropped.size(); ++i) {
    if (!dropped[i]) result.shape.push_back(in[0]->shape[i]);
  }
  return result;
}

Constant FoldUnsqueeze(NodeReader& node, const Inputs& in) {
  Constant result = *in[0];
  const auto given = node.IntsFrom("axes", 1);
  if (!given || given->size() > 8) node.Refuse("no axes, or more than 8");
  std::vector<int> axes;
  for (const int64_t axis : *given) {
    axes.push_back(node.Axis(axis, in[0]->shape.size() + given->size()));
  }
  std::ranges::sort(axes);
  if (std::ranges::adjacent_find(axes) != axes.end()) node.Refuse("an axis is named twice");
  for (const int axis : axes) result.shape.insert(result.shape.begin() + axis, 1);
  return result;
}

// For each place of `shape`, the place in C order of `from` at `index` of its axes.
std::vector<size_t> Places(const Shape& shape, const Shape& from,
                           const std::function<std::vector<int64_t>(const Shape&)>& index) {
  std::vector<size_t> places;
  Shape at(shape.size(), 0);
  const auto count = NumElements(shape);
  for (int64_t n = 0; n < count; ++n) {
    const std::vector<int64_t> source = index(at);
    size_t place = 0;
    for (size_t k = 0; k < from.size(); ++k) {
      place = place * static_cast<size_t>(from[k]) + static_cast<size_t>(source[k]);
    }
    places.push_back(place);
    for (size_t k = shape.size(); k-- > 0;) {
      if (++at[k] < shape[k]) break;
      at[k] = 0;
    }
  }
  return places;
}

Constant FoldTranspose(NodeReader& node, const Inputs& in) {
  const Shape& from = in[0]->shape;
  std::vector<int64_t> perm = node.Ints("perm");
  if (perm.empty()) {
    for (size_t i = from.size(); i-- > 0;) perm.push_back(static_cast<int64_t>(i));
  }
  std::vector<int64_t> axes(from.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (!std::ranges::is_permutation(perm, axes)) {
    node.Refuse("perm is no order of {} axes", from.size());
  }
  Shape shape;
  for (const int64_t axis : perm) shape.push_back(from[static_cast<size_t>(axis)]);
  return Picked(*in[0], shape, Places(shape, from, [&](const Shape& at) {
    std::vector<int64_t> source(at.size());
    for (size_t i = 0; i < at.size(); ++i) {
      source[static_cast<size_t>(perm[i])] = at[i];
    }
    return source;
  }));
}

Constant FoldGather(NodeReader& node, const Inputs& in) {
  const Shape& from = in[0]->shape;
  const auto axis = static_cast<size_t>(node.Axis(node.Int("axis", 0), from.size()));
  const std::vector<int64_t>& indices = IntsOf(node, *in[1]);
  if (in[1]->shape.size() > 1) node.Refuse("indices of {}", ToString(in[1]->shape));
  Shape shape = from;
  shape[axis] = static_cast<int64_t>(indices.size());
  if (!CountElements(shape)) node.Refuse("a constant of {}", ToString(shape));
  std::vector<int64_t> places;
  for (const int64_t index : indices) {
    if (index < -from[axis] || index >= from[axis])
      node.Refuse("index {} of {}", index, from[axis]);
    places.push_back(index < 0 ? index + from[axis] : index);
  }
  Constant result = Picked(*in[0], shape, Places(shape, from, [&](const Shape& at) {
    std::vector<int64_t> source = at;
    source[axis] = places[static_cast<size_t>(at[axis])];
    return source;
  }));
  if (in[1]->shape.empty()) {
    result.shape.erase(result.shape.begin() + static_cast<std::ptrdiff_t>(axis));
  }
  return result;
}

// One axis at most, as shapes are cut.
Constant FoldSlice(NodeReader& node, const Inputs& in) {
  const auto starts = node.IntsFrom("starts", 1);
  const auto ends = node.IntsFrom("ends", 2);
  const auto axes = node.IntsFrom("axes", 3);
  const auto steps = node.IntsFrom("steps", 4);
  const auto single = [](const auto& list) { return !list || list->size() == 1; };
  if (!starts || !ends || !single(starts) || !single(ends) || !single(axes) || !single(steps)) {
    node.Refuse("of a constant along other than one axis");
  }
  const Shape& from = in[0]->shape;
  const auto axis = static_cast<size_t>(node.Axis(axes ? (*axes)[0] : 0, from.size()));
  const int64_t n = from[axis];
  const int64_t step = steps ? (*steps)[0] : 1;
  if (step == 0 || step < -kMostElements || step > kMostElements) node.Refuse("step {}", step);
  // Backwards, the last index may be 0: the end is before it.
  const bool forward = step > 0;
  const auto place = [&](int64_t i) {
    const int64_t lowest = forward ? 0 : -1;
    return std::clamp<int64_t>(i < 0 ? i + n : i, lowest, forward ? n : n - 1);
  };
  const int64_t begin = place((*starts)[0]);
  const int64_t end = place((*ends)[0]);
  Shape shape = from;
  const int64_t span = forward ? end - begin : begin - end;
  shape[axis] = std::max<int64_t>(0, (span + std::abs(step) - 1) / std::abs(step));
  return Picked(*in[0], shape, Places(shape, from, [&](const Shape& at) {
    std::vector<int64_t> source = at;
    source[axis] = begin + at[axis] * step;
    return source;
  }));
}

Constant FoldConcat(NodeReader& node, const Inputs& in) {
  // Only lists: what joins shapes.
  Constant result{{0}, std::vector<int64_t>{}};
  std::vector<int64_t> values;
  for (const Constant* part : in) {
    if (part == nullptr || part->IsFloat() || part->shape.size() != 1) {
      node.Refuse("of constants; supported: lists of integers");
    }
    values.insert(values.end(), part->Ints().begin(), part->Ints().end());
  }
  node.Ignore({"axis"});
  result.shape = {static_cast<int64_t>(values.size())};
  result.values = std::move(values);
  return result;
}

struct Entry {
  const char* type;
  size_t inputs;  // at least so many
  Folder fold;
};

constexpr std::array kFolders = {
    Entry{"Abs", 1, FoldEither<Abs, AbsInt>},
    Entry{"Add", 2, FoldAdd},
    Entry{"Cast", 1, FoldCast},
    Entry{"Ceil", 1, FoldUnary<Ceil>},
    Entry{"Clip", 1, FoldClip},
    Entry{"Concat", 1, FoldConcat},
    Entry{"Constant", 0, FoldConstant},
    Entry{"ConstantOfShape", 1, FoldConstantOfShape},
    Entry{"Div", 2, FoldDiv},
    Entry{"Equal", 2, FoldEqual},
    Entry{"Exp", 1, FoldUnary<Exp>},
    Entry{"Expand", 2, FoldExpand},
    Entry{"Floor", 1, FoldEither<Floor, Same>},
    Entry{"Gather", 2, FoldGather},
    Entry{"Identity", 1, FoldIdentity},
    Entry{"IsNaN", 1, FoldIsNan},
    Entry{"Log", 1, FoldUnary<Log>},
    Entry{"Mul", 2, FoldMul},
    Entry{"Neg", 1, FoldEither<Negative, NegativeInt>},
    Entry{"Pow", 2, FoldPow},
    Entry{"Reciprocal", 1, FoldUnary<Reciprocal>},
    Entry{"Reshape", 2, FoldReshape},
    Entry{"Round", 1, FoldUnary<HalfToEven>},
    Entry{"Shape", 1, FoldShape},
    Entry{"Sign", 1, FoldUnary<Sign>},
    Entry{"Slice", 1, FoldSlice},
    Entry{"Sqrt", 1, FoldUnary<Sqrt>},
    Entry{"Squeeze", 1, FoldSqueeze},
    Entry{"Sub", 2, FoldSub},
    Entry{"Transpose", 1, FoldTranspose},
    Entry{"Unsqueeze", 1, FoldUnsqueeze},
    Entry{"Where", 3, FoldWhere},
};

}  // namespace

std::optional<Constant> Fold(NodeReader& node, const std::vector<const Constant*>& inputs) {
  for (const Entry& entry : kFolders) {
    if (node.Node().op_type() != entry.type) continue;
    for (size_t i = 0; i < entry.inputs; ++i) {
      if (i >= inputs.size() || inputs[i] == nullptr) node.Refuse("input {} is missing", i);
    }
    return entry.fold(node, inputs);
  }
  return std::nullopt;
}

}  // namespace platypus::onnx_io
