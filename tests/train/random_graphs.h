#ifndef PLATYPUS_TESTS_TRAIN_RANDOM_GRAPHS_H_
#define PLATYPUS_TESTS_TRAIN_RANDOM_GRAPHS_H_

#include <algorithm>
#include <string>
#include <vector>

#include "platypus/base/error.h"
#include "tests/train/networks.h"

// Random networks of every float operator but FakeQuantize, with random parameters.
namespace platypus::train {

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed, "graphs") {}
  int Below(int n) { return static_cast<int>(random_.Below(static_cast<uint64_t>(n))); }
  int Between(int low, int high) { return low + Below(high - low + 1); }
  bool Once(int in) { return Below(in) == 0; }
  double Uniform(double low, double high) { return random_.Uniform(low, high); }
  graph::Size2 Size(int low, int high) { return {Between(low, high), Between(low, high)}; }
  graph::Padding2 Padding(int high) {
    return {Below(high + 1), Below(high + 1), Below(high + 1), Below(high + 1)};
  }
  template <typename T>
  T Of(const std::vector<T>& items) {
    return items[static_cast<size_t>(Below(static_cast<int>(items.size())))];
  }

 private:
  Random random_;
};

inline int Divisor(Dice& dice, int64_t n) {
  std::vector<int> divisors;
  for (int d = 1; d <= n; ++d) {
    if (n % d == 0) divisors.push_back(d);
  }
  return dice.Of(divisors);
}

// Any operator that takes a tensor of this shape, though not always with these numbers.
inline graph::Op RandomOp(Dice& dice, const Shape& in) {
  switch (dice.Below(in.size() == 1 ? 15 : 27)) {
    case 0:
      return graph::Identity{};
    case 1:
      return graph::BatchNorm{};
    case 2:
      return graph::Relu{};
    case 3:
      return graph::Clamp{-0.8f, 0.9f};
    case 4:
      return graph::LeakyRelu{0.1f};
    case 5:
      return graph::Sigmoid{};
    case 6:
      return graph::Tanh{};
    case 7:
      return graph::Gelu{};
    case 8:
      return graph::Softmax{};
    case 9:
      return graph::LogSoftmax{};
    case 10:
      return graph::LayerNorm{1e-2f};
    case 11:
      return graph::Scale{};
    case 12: {
      const int axis = dice.Below(static_cast<int>(in.size()));
      const int64_t n = in[static_cast<size_t>(axis)];
      const int begin = dice.Below(static_cast<int>(n));
      return graph::Slice{axis, begin, dice.Between(begin + 1, static_cast<int>(n)),
                          dice.Between(1, 3)};
    }
    case 13: {
      const int64_t n = NumElements(in);
      const int c = Divisor(dice, n);
      const int h = Divisor(dice, n / c);
      return graph::Reshape{{c, h, n / c / h}};
    }
    case 14:
      if (in.size() == 3) return graph::Flatten{};
      return graph::Linear{dice.Between(1, 9), !dice.Once(3), {}};
    case 15:
    case 16:
    case 17: {
      const int groups = dice.Once(2) ? 1 : Divisor(dice, in[0]);
      return graph::Conv2d{groups * dice.Between(1, 3),
                           dice.Size(1, 3),
                           dice.Size(1, 3),
                           dice.Size(1, 2),
                           dice.Padding(2),
                           groups,
                           !dice.Once(3),
                           {}};
    }
    case 18:
    case 19: {
      const int groups = dice.Once(2) ? 1 : Divisor(dice, in[0]);
      return graph::ConvTranspose2d{groups * dice.Between(1, 3),
                                    dice.Size(1, 3),
                                    dice.Size(1, 3),
                                    dice.Size(1, 2),
                                    dice.Padding(1),
                                    dice.Size(0, 1),
                                    groups,
                                    !dice.Once(3)};
    }
    case 20:
      return graph::MaxPool{dice.Size(1, 3), dice.Size(1, 2), dice.Size(1, 2), dice.Padding(1)};
    case 21:
      return graph::AvgPool{dice.Size(1, 3), dice.Size(1, 2), dice.Padding(1)};
    case 22:
      return graph::AdaptiveAvgPool{dice.Size(1, 4)};
    case 23: {
      std::vector<std::array<int, 3>> orders = {
          {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
      return graph::Transpose{dice.Of(orders)};
    }
    case 24:
      return graph::Pad{dice.Padding(2), static_cast<float>(dice.Uniform(-1, 1))};
    case 25:
      return graph::Resize{dice.Size(1, 9), dice.Once(2) ? graph::Resize::Mode::kNearest
                                                         : graph::Resize::Mode::kBilinear};
    default:
      return graph::Recurrent{static_cast<graph::Recurrent::Cell>(dice.Below(3)),
                              dice.Between(1, 5), dice.Between(1, 2), dice.Once(2)};
  }
}

inline graph::Graph RandomGraph(Dice& dice) {
  Maker maker(dice.Once(4) ? Shape{dice.Between(1, 12)}
                           : Shape{dice.Between(1, 4), dice.Between(1, 10),
                                   dice.Once(2) ? 1 : dice.Between(2, 5)});
  graph::Graph& g = maker.graph;
  std::vector<graph::TensorId> tensors = {g.input};
  const int operators = dice.Between(2, 12);
  while (static_cast<int>(g.nodes.size()) < operators) {
    const graph::TensorId in = dice.Once(4) ? dice.Of(tensors) : tensors.back();
    if (dice.Once(5)) {  // of two or three
      graph::Op op = graph::Concat{dice.Below(static_cast<int>(g.At(in).shape.size()))};
      if (!dice.Once(3)) op = dice.Once(2) ? graph::Op{graph::Add{}} : graph::Op{graph::Mul{}};
      std::vector<graph::TensorId> inputs = {in, dice.Of(tensors)};
      try {
        graph::InferShape("", op, {g.At(in).shape, g.At(inputs[1]).shape});
      } catch (const Error&) {
        inputs[1] = in;
      }
      tensors.push_back(maker.Layer(op, inputs));
      continue;
    }
    const graph::Op op = RandomOp(dice, g.At(in).shape);
    try {
      if (NumElements(graph::InferShape("", op, {g.At(in).shape})) > 400) continue;
    } catch (const Error&) {
      continue;  // a window that does not fit and the like
    }
    tensors.push_back(maker.Layer(op, {in}));
  }
  const bool trained = std::ranges::any_of(
      g.nodes, [&](const graph::Node& node) { return !TrainedRoles(g, node).empty(); });
  if (!trained) maker.Layer(graph::Scale{});
  graph::Verify(g);
  return g;
}

}  // namespace platypus::train

#endif  // PLATYPUS_TESTS_TRAIN_RANDOM_GRAPHS_H_
