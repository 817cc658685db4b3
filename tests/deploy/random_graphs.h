#ifndef PLATYPUS_TESTS_DEPLOY_RANDOM_GRAPHS_H_
#define PLATYPUS_TESTS_DEPLOY_RANDOM_GRAPHS_H_

#include "tests/deploy/fixtures.h"
#include "tests/deploy/integer_operators.h"

// Small networks that use every operator, in odd sizes.
namespace platypus::deploy::fixtures {

inline void SetFloats(Graph& g, Random& random, const std::string& name, Shape shape,
                      double deviation) {
  const int64_t count = NumElements(shape);
  g.parameters[name] = {std::move(shape), Floats(random, count, deviation)};
}

inline TensorId AddNorm(Graph& g, Random& random, const std::string& name, TensorId in) {
  const int64_t channels = g.At(in).shape.at(0);
  const TensorId out = graph::Append(g, name, graph::BatchNorm{}, {in});
  SetFloats(g, random, name + ".weight", {channels}, 1.0);
  SetFloats(g, random, name + ".bias", {channels}, 1.0);
  SetFloats(g, random, name + ".running_mean", {channels}, 1.0);
  std::vector<float> variance = Floats(random, channels, 1.0);
  for (float& v : variance) v = 0.1f + v * v;
  g.parameters[name + ".running_var"] = {{channels}, variance};
  return out;
}

inline graph::Padding2 RandomPadding(Random& random, graph::Size2 kernel) {
  return {Below(random, kernel.h / 2 + 1), Below(random, kernel.w / 2 + 1),
          Below(random, kernel.h / 2 + 1), Below(random, kernel.w / 2 + 1)};
}

// A window that fits into `in`.
struct Window {
  graph::Size2 kernel;
  graph::Size2 stride;
  graph::Size2 dilation;
  graph::Padding2 padding;
};

inline Window RandomWindow(Random& random, const Shape& in) {
  Window w;
  w.kernel = {Between(random, 1, static_cast<int>(std::min<int64_t>(5, in[1]))),
              Between(random, 1, static_cast<int>(std::min<int64_t>(3, in[2])))};
  w.stride = {Between(random, 1, 3), in[2] == 1 ? 1 : Between(random, 1, 2)};
  w.padding = RandomPadding(random, w.kernel);
  if (w.kernel.h > 1 && (w.kernel.h - 1) * 2 + 1 <= in[1]) w.dilation.h = Between(random, 1, 2);
  return w;
}

inline Codes RandomCodes(Random& random) {
  const int kind = Below(random, 9);
  return kind < 2 ? kSixteenBits : kind < 4 ? kSigned : kUnsigned;
}
inline Codes RandomShortCodes(Random& random) {
  return Below(random, 3) == 0 ? kSigned : kUnsigned;
}
// Bits of weights whose sums over `row` codes of a tensor stay within 32 bits.
inline int RandomBits(Random& random, const graph::Tensor& in, int64_t row) {
  const int bits = 1 << Between(random, 1, 3);
  return in.dtype == DType::kInt16 && row > 400 ? std::min(bits, 4) : bits;
}
inline Scaling RandomScaling(Random& random) { return static_cast<Scaling>(Below(random, 3)); }

inline graph::Conv2d RandomConv(Random& random, const Shape& in) {
  const Window w = RandomWindow(random, in);
  graph::Conv2d op;
  op.kernel = w.kernel;
  op.stride = w.stride;
  op.dilation = w.dilation;
  op.padding = w.padding;
  const auto channels = static_cast<int>(in[0]);
  op.groups = 1;
  op.out_channels = Between(random, 1, 9);
  if (channels > 1 && Below(random, 3) == 0) {
    op.groups = channels;
    op.out_channels = channels * Between(random, 1, 2);
  } else if (channels % 2 == 0 && Below(random, 4) == 0) {
    op.groups = 2;
    op.out_channels = 2 * Between(random, 1, 4);
  }
  return op;
}

inline graph::Size2 RandomSize(Random& random, const Shape& in) {
  return {Between(random, 1, 2 * static_cast<int>(in[1]) + 1),
          in[2] == 1 ? 1 : Between(random, 1, 8)};
}

inline graph::ConvTranspose2d RandomSpread(Random& random, const Shape& in) {
  graph::ConvTranspose2d op;
  op.groups = in[0] % 2 == 0 ? Between(random, 1, 2) : 1;
  op.out_channels = op.groups * Between(random, 1, 3);
  op.kernel = {Between(random, 1, 4), in[2] == 1 ? 1 : Between(random, 1, 3)};
  op.stride = {Between(random, 1, 2), in[2] == 1 ? 1 : Between(random, 1, 2)};
  op.dilation = {Between(random, 1, 2), 1};
  op.padding = {Below(random, op.kernel.h), 0, 0, Below(random, op.kernel.w)};
  op.extra.h = Below(random, op.stride.h);
  op.has_bias = Below(random, 2) == 0;
  return op;
}

// A function of codes of 8 bits.
inline TensorId AddFunction(Graph& g, Random& random, const std::string& name, TensorId t) {
  switch (Below(random, 4)) {
    case 0:
      return AddLookup(g, random, name, t, RandomShortCodes(random));
    case 1:
      return AddSoftmax(g, name, t);
    case 2:
      return AddLayerNorm(g, random, name, t, RandomShortCodes(random));
    default: {
      const TensorId gate = AddLookup(g, random, name + ".gate", t, RandomShortCodes(random));
      return AddMul(g, random, name, t, gate, RandomShortCodes(random));
    }
  }
}

// Operators that take codes of 8 bits.
inline TensorId AddShortOperator(Graph& g, Random& random, const std::string& name, TensorId t) {
  const Shape in = g.At(t).shape;
  switch (Below(random, 6)) {
    case 0:
      return AddTransposed(g, random, name, t, RandomSpread(random, in), RandomScaling(random),
                           RandomShortCodes(random));
    case 1:
      return AddCellPool(g, random, name, t,
                         {Between(random, 1, static_cast<int>(in[1]) + 1),
                          Between(random, 1, static_cast<int>(in[2]))},
                         RandomShortCodes(random));
    case 2:
      if (in[2] == 1) {
        const auto cell = static_cast<graph::Recurrent::Cell>(Below(random, 3));
        return AddCells(
            g, random, name, t,
            {cell, Between(random, 1, 5), Between(random, 1, 3), false, Between(random, 8, 12)});
      }
      return graph::Append(g, name, graph::Transpose{{0, 2, 1}}, {t});
    default:
      return AddFunction(g, random, name, t);
  }
}

inline TensorId AddFloatConv(Graph& g, Random& random, const std::string& name, TensorId in,
                             graph::Conv2d op) {
  op.has_bias = Below(random, 2) == 0;
  const int64_t ins = g.At(in).shape.at(0) / op.groups;
  const TensorId out = graph::Append(g, name, op, {in});
  SetFloats(g, random, name + ".weight", {op.out_channels, ins, op.kernel.h, op.kernel.w}, 0.3);
  if (op.has_bias) SetFloats(g, random, name + ".bias", {op.out_channels}, 0.3);
  return out;
}

// Any float operator, its parameters drawn.
inline TensorId AddFloat(Graph& g, Random& random, const std::string& name, const graph::Op& op,
                         const std::vector<TensorId>& inputs) {
  const TensorId out = graph::Append(g, name, op, inputs);
  for (const graph::Role& role : graph::Roles(op, g.At(inputs[0]).shape)) {
    SetFloats(g, random, name + "." + role.name, role.shape, 0.4);
  }
  return out;
}

inline graph::Slice RandomSlice(Random& random, const Shape& in) {
  const int axis = Below(random, 3);
  const auto size = static_cast<int>(in[static_cast<size_t>(axis)]);
  const int begin = Below(random, size);
  return {axis, begin, Between(random, begin + 1, size), Between(random, 1, 3)};
}

// An operator that takes one image and has no window.
inline graph::Op RandomImageOperator(Random& random, const Shape& in) {
  using graph::Resize;
  const graph::Size2 size = RandomSize(random, in);
  switch (Below(random, 14)) {
    case 0:
      return graph::Clamp{-0.5f, 1.5f};
    case 1:
      return graph::LeakyRelu{0.1f};
    case 2:
      return graph::Sigmoid{};
    case 3:
      return graph::Tanh{};
    case 4:
      return graph::Gelu{};
    case 5:
      return graph::Softmax{};
    case 6:
      return graph::LogSoftmax{};
    case 7:
      return graph::Transpose{Below(random, 2) == 0 ? std::array<int, 3>{1, 0, 2}
                                                    : std::array<int, 3>{2, 0, 1}};
    case 8:
      return graph::Pad{{Below(random, 3), in[2] == 1 ? 0 : Below(random, 2), Below(random, 2),
                         in[2] == 1 ? 0 : Below(random, 3)},
                        -1.5f};
    case 9:
      return RandomSlice(random, in);
    case 10:
      return Resize{size, Resize::Mode::kNearest};
    case 11:
      return Resize{size, Resize::Mode::kBilinear};
    case 12:
      return graph::LayerNorm{};
    default:
      return graph::Scale{};
  }
}

// Codes moved, or padded with a code: what 0 is with a zero point.
inline graph::Op RandomMove(Random& random, const graph::Tensor& in) {
  const Shape& shape = in.shape;
  switch (Below(random, 3)) {
    case 0:
      return RandomSlice(random, shape);
    case 1:
      return graph::Transpose{{2, 0, 1}};
    default:
      return graph::Pad{{Below(random, 3), shape[2] == 1 ? 0 : Below(random, 2), Below(random, 2),
                         shape[2] == 1 ? 0 : Below(random, 3)},
                        static_cast<float>(Between(random, in.dtype == DType::kUInt8 ? 0 : -128,
                                                   in.dtype == DType::kUInt8 ? 255 : 127))};
  }
}

// Layers that stay float between integer ones.
inline TensorId AddIsland(Graph& g, Random& random, const std::string& name, TensorId in) {
  const float scale = g.At(in).dtype == DType::kInt16 ? 0.0001f : 0.02f;
  TensorId t =
      graph::Append(g, name + ".real", graph::Dequantize{scale, Between(random, -3, 3)}, {in});
  for (int i = Below(random, 3); i >= 0; --i) {
    const std::string layer = fmt::format("{}.{}", name, i);
    t = AddFloat(g, random, layer, RandomImageOperator(random, g.At(t).shape), {t});
  }
  return AddQuantize(g, random, name + ".quantize", t, RandomCodes(random), Below(random, 2) == 0);
}

// The input's codes, of each channel by its own parameters or not, or behind layers of floats.
inline TensorId AddStart(Graph& g, Random& random) {
  TensorId t = g.input;
  if (Below(random, 4) == 0) {
    t = AddFloat(g, random, "start", RandomImageOperator(random, g.Input().shape), {t});
  }
  t = AddQuantize(g, random, "input.quantize", t, RandomCodes(random), Below(random, 3) == 0);
  g.At(t).zero_point = Between(random, 0, 20);
  return t;
}

inline Graph RandomIntegerGraph(uint64_t seed) {
  Random random(seed, "integer graph");
  const bool narrow = Below(random, 2) == 0;
  Graph g = graph::MakeGraph("random", {Between(random, 1, 4), Between(random, 2, 24),
                                        narrow ? 1 : Between(random, 2, 6)});
  TensorId t = AddStart(g, random);
  const int layers = Between(random, 1, 6);
  for (int i = 0; i < layers; ++i) {
    const std::string name = "layer." + std::to_string(i);
    const Shape in = g.At(t).shape;
    const bool is_short = g.At(t).dtype != DType::kInt16;
    if (is_short && Below(random, 3) == 0) {
      t = AddShortOperator(g, random, name, t);
      continue;
    }
    switch (Below(random, 15)) {
      case 8:
        t = graph::Append(g, name, graph::Resize{RandomSize(random, in)}, {t});
        break;
      case 9: {
        const graph::Resize op{RandomSize(random, in), graph::Resize::Mode::kBilinear};
        t = AddBilinear(g, random, name, t, op, RandomCodes(random));
        break;
      }
      case 0: {
        const Window w = RandomWindow(random, in);
        t = graph::Append(g, name, graph::MaxPool{w.kernel, w.stride, w.dilation, w.padding}, {t});
        break;
      }
      case 1: {
        const Window w = RandomWindow(random, in);
        t = AddMeanPool(g, random, name, t, {w.kernel, w.stride, w.padding}, RandomCodes(random));
        break;
      }
      case 2: {  // a residual: t + f(t)
        graph::Conv2d op;
        op.out_channels = static_cast<int>(in[0]);
        op.kernel = {in[1] >= 3 ? 3 : 1, 1};
        op.padding = {op.kernel.h / 2, 0, op.kernel.h / 2, 0};
        const TensorId branch = AddConv(g, random, name + ".branch", t, op, RandomScaling(random),
                                        RandomCodes(random), RandomBits(random, g.At(t), 0));
        const Codes codes = RandomCodes(random);
        std::vector<TensorId> inputs = {t, branch};
        if (Below(random, 2) == 0) std::swap(inputs[0], inputs[1]);
        t = graph::Append(g, name,
                          graph::AddRequantize{Between(random, 1, 9000), Between(random, 1, 9000),
                                               Between(random, 12, 14), codes.lo, codes.hi},
                          inputs);
        break;
      }
      case 3: {  // two branches joined along channels or time
        const Codes codes = RandomCodes(random);
        graph::Conv2d op;
        op.out_channels = static_cast<int>(in[0]);
        const TensorId a = AddConv(g, random, name + ".a", t, op, RandomScaling(random), codes);
        const TensorId b = AddConv(g, random, name + ".b", t, op, RandomScaling(random), codes);
        t = graph::Append(g, name, graph::Concat{Below(random, 3)}, {a, b, a});
        break;
      }
      case 4:
        t = AddRequantize(g, random, name, t, SpreadOf(g.At(t).dtype), Scaling::kNarrow,
                          RandomCodes(random), Below(random, 2) == 0);
        break;
      case 10:
        t = AddIsland(g, random, name, t);
        break;
      case 11:
        t = graph::Append(g, name, RandomMove(random, g.At(t)), {t});
        break;
      default: {
        const graph::Conv2d op = RandomConv(random, in);
        const int64_t row = in[0] / op.groups * op.kernel.h * op.kernel.w;
        t = AddConv(g, random, name, t, op, RandomScaling(random), RandomCodes(random),
                    RandomBits(random, g.At(t), row));
      }
    }
  }
  const int end = Below(random, 6);
  if (end == 5 && g.At(t).shape[2] == 1 && g.At(t).dtype != DType::kInt16) {
    const auto cell = static_cast<graph::Recurrent::Cell>(Below(random, 3));
    t = AddCells(g, random, "last", t, {cell, 4, Between(random, 1, 2), true});
  } else if (end > 0) {
    t = graph::Append(g, "flatten", graph::Flatten{}, {t});
  }
  if (g.At(t).shape.size() == 1) {
    if (g.At(t).dtype != DType::kInt16 && Below(random, 3) == 0)
      t = AddFunction(g, random, "function", t);
    if (Below(random, 4) != 0) {
      t = AddLinear(g, random, "classifier", t, Between(random, 1, 6), RandomScaling(random),
                    RandomCodes(random), RandomBits(random, g.At(t), g.At(t).shape[0]));
    }
  }
  if (Below(random, 3) == 0) {
    t = graph::Append(g, "real", graph::Dequantize{0.0625f, Between(random, -9, 9)}, {t});
    if (Below(random, 2) == 0) AddNorm(g, random, "units", t);
  }
  return g;
}

inline Graph RandomFloatGraph(uint64_t seed) {
  Random random(seed, "float graph");
  const bool narrow = Below(random, 2) == 0;
  Graph g = graph::MakeGraph("random", {Between(random, 1, 4), Between(random, 2, 24),
                                        narrow ? 1 : Between(random, 2, 6)});
  TensorId t = AddNorm(g, random, "norm", g.input);
  const int layers = Between(random, 1, 6);
  for (int i = 0; i < layers; ++i) {
    const std::string name = "layer." + std::to_string(i);
    const Shape in = g.At(t).shape;
    const Window w = RandomWindow(random, in);
    switch (Below(random, 16)) {
      case 9:
      case 10:
      case 11:
        t = AddFloat(g, random, name, RandomImageOperator(random, in), {t});
        break;
      case 12:
        t = AddFloat(g, random, name, RandomSpread(random, in), {t});
        break;
      case 13: {
        const TensorId gate = graph::Append(g, name + ".gate", graph::Sigmoid{}, {t});
        t = graph::Append(g, name, graph::Mul{}, {t, gate});
        break;
      }
      case 14:
        if (in[2] == 1) {
          const auto cell = static_cast<graph::Recurrent::Cell>(Below(random, 3));
          t = AddFloat(g, random, name,
                       graph::Recurrent{cell, Between(random, 1, 5), Between(random, 1, 3), false},
                       {t});
        } else {
          t = graph::Append(g, name, graph::Reshape{{in[2], in[0], in[1]}}, {t});
        }
        break;
      case 0:
        t = graph::Append(g, name, graph::MaxPool{w.kernel, w.stride, w.dilation, w.padding}, {t});
        break;
      case 1:
        t = graph::Append(g, name, graph::AvgPool{w.kernel, w.stride, w.padding}, {t});
        break;
      case 2:
        t = graph::Append(g, name,
                          graph::AdaptiveAvgPool{{Between(random, 1, static_cast<int>(in[1])),
                                                  Between(random, 1, static_cast<int>(in[2]))}},
                          {t});
        break;
      case 3: {
        graph::Conv2d op;
        op.out_channels = static_cast<int>(in[0]);
        const TensorId branch = AddFloatConv(g, random, name + ".branch", t, op);
        t = graph::Append(g, name, graph::Add{}, {t, branch});
        break;
      }
      case 4: {
        const TensorId relu = graph::Append(g, name + ".relu", graph::Relu{}, {t});
        t = graph::Append(g, name, graph::Concat{Below(random, 3)}, {t, relu});
        break;
      }
      case 5:
        t = graph::Append(g, name, graph::Identity{}, {t});
        break;
      default:
        t = AddFloatConv(g, random, name, t, RandomConv(random, in));
        t = AddNorm(g, random, name + ".norm", t);
        t = graph::Append(g, name + ".relu", graph::Relu{}, {t});
    }
  }
  const int end = Below(random, 5);
  if (end == 4 && g.At(t).shape[2] == 1) {
    const auto cell = static_cast<graph::Recurrent::Cell>(Below(random, 3));
    t = AddFloat(g, random, "last", graph::Recurrent{cell, 4, Between(random, 1, 2), true}, {t});
  } else if (end > 0) {
    t = graph::Append(g, "flatten", graph::Flatten{}, {t});
  }
  if (g.At(t).shape.size() == 1) {
    t = AddFloat(g, random, "classifier", graph::Linear{Between(random, 2, 6), true, {}}, {t});
  }
  return g;
}

}  // namespace platypus::deploy::fixtures

#endif  // PLATYPUS_TESTS_DEPLOY_RANDOM_GRAPHS_H_
