// Fake quantisation of weights: values by the formulas, gradients by central differences, hard
// codes equal to conversion's.
#include "platypus/train/rounding.h"

#include <gtest/gtest.h>
#include <hwy/highway.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "platypus/base/random.h"
#include "platypus/exec/interpreter.h"
#include "platypus/graph/quantization.h"
#include "platypus/train/kernels.h"
#include "platypus/train/network.h"
#include "reference.h"

namespace platypus::train {
namespace {

using graph::Rounding;
using graph::WeightQuantizer;

double Logistic(double x) { return 1 / (1 + std::exp(-x)); }

// r(u) in double, before the clamp.
double Formula(const WeightRounding& rounding, double u) {
  return std::visit(
      graph::Overloaded{
          [&](const NearestRounding&) { return std::nearbyint(u); },
          [&](const LearnedStepRounding&) { return std::nearbyint(u); },
          [&](const TernaryRounding&) { return std::abs(u) > 0.5 ? std::copysign(1.0, u) : 0.0; },
          [&](const SoftSigmoidRounding& r) {
            const double f = std::floor(u);
            return f + Logistic(r.temperature * (u - f - 0.5));
          },
          [&](const SoftTanhRounding& r) {
            const double m = std::floor(u) + 0.5;
            return m + std::tanh(r.temperature * (u - m)) / (2 * std::tanh(r.temperature / 2.0));
          },
          [&](const SoftTernaryRounding& r) {
            return Logistic(r.temperature * (u - 0.5)) + Logistic(r.temperature * (u + 0.5)) - 1;
          }},
      rounding);
}

std::vector<float> Weights(size_t count, uint64_t seed) {
  Random random(seed, "weights");
  std::vector<float> weights(count);
  for (float& w : weights) w = static_cast<float>(random.Uniform(-1, 1));
  return weights;
}

const std::vector<WeightRounding>& AllRoundings() {
  static const std::vector<WeightRounding> kAll = {NearestRounding{},
                                                   TernaryRounding{},
                                                   SoftSigmoidRounding{1},
                                                   SoftSigmoidRounding{20},
                                                   SoftSigmoidRounding{500},
                                                   SoftTanhRounding{1},
                                                   SoftTanhRounding{20},
                                                   SoftTanhRounding{500},
                                                   SoftTernaryRounding{1},
                                                   SoftTernaryRounding{8},
                                                   SoftTernaryRounding{0x1.0p20f}};
  return kAll;
}

// Rows of equal length.
WeightArray Rows(const WeightQuantizer& quantizer, size_t channels, std::span<const float> weight,
                 std::span<const float> steps = {}) {
  return {
      quantizer, {channels, channels, 1, weight.size() / channels, weight.size()}, weight, steps};
}

// Of one row.
graph::Codes CodesOf(const WeightQuantizer& quantizer, std::span<const float> weight) {
  return graph::WeightCodes(
      quantizer, graph::Magnitude(quantizer, {1, 1, 1, weight.size(), weight.size()}, 0, weight));
}

constexpr size_t kChannels = 3;

// Runs that are no multiple of a vector, one scale each or one for all.
TEST(RoundingTest, ValuesFollowTheFormulas) {
  const std::vector<float> weight = Weights(kChannels * 37, 1);
  for (const WeightRounding& rounding : AllRoundings()) {
    const bool ternary = std::holds_alternative<TernaryRounding>(rounding) ||
                         std::holds_alternative<SoftTernaryRounding>(rounding);
    for (const bool per_channel : {true, false}) {
      for (const bool power_of_two : {true, false}) {
        const WeightQuantizer quantizer = {ternary ? 2 : 4, power_of_two, per_channel,
                                           ternary ? Rounding::kTernary : Rounding::kNearest};
        std::vector<float> rounded(weight.size());
        RoundWeights(rounding, Rows(quantizer, kChannels, weight), rounded);
        const size_t row = per_channel ? 37 : weight.size();
        for (size_t i = 0; i < weight.size(); ++i) {
          const auto first = weight.begin() + static_cast<std::ptrdiff_t>(i / row * row);
          float largest = 0;
          double sum = 0;
          for (auto w = first; w != first + static_cast<std::ptrdiff_t>(row); ++w) {
            largest = std::max(largest, std::abs(*w));
            sum += std::abs(*w);
          }
          const double top = ternary ? 1 : 7;
          double scale = ternary ? 1.4 * sum / static_cast<double>(row) : largest / 7.0;
          if (power_of_two) scale = std::exp2(std::ceil(std::log2(scale)));
          const double u = weight[i] / scale;
          // At a jump a float may fall on either side.
          if (std::abs(Formula(rounding, u - 1e-6) - Formula(rounding, u + 1e-6)) > 4e-5) continue;
          EXPECT_NEAR(rounded[i], scale * std::clamp(Formula(rounding, u), -top, top), 2e-6)
              << rounding.index() << " " << weight[i];
        }
      }
    }
  }
}

TEST(RoundingTest, HardRoundingIsConversions) {
  std::vector<float> weight = Weights(4096, 2);
  for (int code = -7; code <= 7; ++code) {  // ties, and the codes themselves
    weight.push_back(static_cast<float>(code) / 7);
    weight.push_back((static_cast<float>(code) + 0.5f) / 7);
  }
  weight.push_back(0.35f);
  weight.push_back(-0.35f);
  for (const int bits : {2, 3, 4, 8}) {
    for (const bool power_of_two : {true, false}) {
      for (const Rounding kind : {Rounding::kNearest, Rounding::kSoftSigmoid, Rounding::kSoftTanh,
                                  Rounding::kTernary, Rounding::kLearnedStep}) {
        const WeightQuantizer quantizer{bits, power_of_two, true, kind};
        const std::vector<float> steps = {0.09f};
        const graph::Codes codes = kind == Rounding::kLearnedStep
                                       ? graph::StepCodes(quantizer, steps[0])
                                       : CodesOf(quantizer, weight);
        std::vector<float> rounded(weight.size());
        RoundWeights(HardRounding(kind), Rows(quantizer, 1, weight, steps), rounded);
        for (size_t i = 0; i < weight.size(); ++i) {
          const int32_t code = graph::QuantizeWeight(quantizer, weight[i], codes);
          EXPECT_EQ(rounded[i], static_cast<float>(code) * codes.scale) << weight[i];
          EXPECT_LE(std::abs(code), kind == Rounding::kTernary ? 1 : (1 << (bits - 1)) - 1);
        }
      }
    }
  }
}

TEST(RoundingTest, AChannelOfZerosStaysZero) {
  const std::vector<float> zeros(20, 0.0f);
  for (const WeightRounding& rounding : AllRoundings()) {
    const bool sigmoid = std::holds_alternative<SoftSigmoidRounding>(rounding);
    std::vector<float> rounded(zeros.size(), 1.0f);
    RoundWeights(rounding, Rows({2, true, true, Rounding::kTernary}, 4, zeros), rounded);
    // The sigmoid does not keep whole numbers: at most one step of the smallest scale.
    for (const float r : rounded) EXPECT_LE(std::abs(r), sigmoid ? 0x1.0p-23f : 1e-12f);
  }
}

// One output channel is one run, whatever the number of inputs (quirk Q21 of the reference).
TEST(RoundingTest, OneOutputChannelHasOneScale) {
  const std::vector<float> weight = {0.9f, -0.2f, 0.5f, 0.31f};
  std::vector<float> rounded(4);
  const WeightQuantizer quantizer{2, false, true, Rounding::kTernary};
  RoundWeights(HardRounding(Rounding::kTernary), Rows(quantizer, 1, weight), rounded);
  const float scale = 1.4f * (0.9f + 0.2f + 0.5f + 0.31f) / 4;
  for (size_t i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(rounded[i], i == 0 || i == 2 ? scale : 0) << i;
  for (const WeightRounding& rounding : AllRoundings()) {
    // The same channel twice rounds as it does alone.
    std::vector<float> twice = weight;
    twice.insert(twice.end(), weight.begin(), weight.end());
    std::vector<float> both(8);
    RoundWeights(rounding, Rows(quantizer, 1, weight), rounded);
    RoundWeights(rounding, Rows(quantizer, 2, twice), both);
    for (size_t i = 0; i < 8; ++i) EXPECT_EQ(both[i], rounded[i % 4]);
  }
}

// However few epochs there are, the last one trains on the codes of conversion (quirk Q20).
TEST(RoundingTest, IsHardInTheLastEpoch) {
  const std::vector<float> weight = Weights(2000, 6);
  for (const int epochs : {1, 2, 3, 7, 10, 50}) {
    for (const Rounding kind :
         {Rounding::kNearest, Rounding::kSoftSigmoid, Rounding::kSoftTanh, Rounding::kTernary}) {
      const WeightQuantizer quantizer{kind == Rounding::kTernary ? 2 : 4, false, true, kind};
      const float scale = CodesOf(quantizer, weight).scale;
      std::vector<float> last(weight.size());
      std::vector<float> hard(weight.size());
      RoundWeights(TrainingRounding(kind, epochs - 1, epochs), Rows(quantizer, 1, weight), last);
      RoundWeights(HardRounding(kind), Rows(quantizer, 1, weight), hard);
      size_t compared = 0;
      for (size_t i = 0; i < weight.size(); ++i) {
        const float u = std::abs(weight[i] / scale);
        const float step =
            kind == Rounding::kTernary ? graph::kTernaryThreshold : std::floor(u) + 0.5f;
        if (std::abs(u - step) < 0.02f) continue;
        EXPECT_NEAR(last[i], hard[i], 1e-4 * scale) << static_cast<int>(kind) << " " << epochs;
        ++compared;
      }
      EXPECT_GT(compared, weight.size() * 9 / 10);
    }
  }
}

// A step of its own for each row, or one for all: values, gradients of weights (1 inside the codes)
// and of the steps by the formula of the paper.
TEST(RoundingTest, LearnedStepFollowsThePaper) {
  const std::vector<float> weight = Weights(kChannels * 37, 7);
  const std::vector<float> upstream = Weights(weight.size(), 8);
  for (const bool per_channel : {true, false}) {
    for (const bool power_of_two : {true, false}) {
      const WeightQuantizer quantizer{4, power_of_two, per_channel, Rounding::kLearnedStep};
      const std::vector<float> steps =
          per_channel ? std::vector<float>{0.1f, 0.2f, 0.06f} : std::vector<float>{0.09f};
      const WeightArray array = Rows(quantizer, kChannels, weight, steps);
      std::vector<float> rounded(weight.size());
      RoundWeights(LearnedStepRounding{}, array, rounded);
      std::vector<float> gradient = upstream;
      std::vector<float> step_gradient(steps.size(), 5.0f);
      RoundGradients(LearnedStepRounding{}, array, gradient, step_gradient);
      std::vector<double> expected(steps.size(), 0.0);
      for (size_t i = 0; i < weight.size(); ++i) {
        const size_t row = per_channel ? i / 37 : 0;
        double scale = steps[row];
        if (power_of_two) scale = std::exp2(std::ceil(std::log2(scale)));
        const double u = weight[i] / scale;
        const bool inside = std::abs(u) <= 7;
        const double r = inside ? std::nearbyint(u) : std::copysign(7.0, u);
        EXPECT_NEAR(rounded[i], scale * r, 1e-6);
        EXPECT_EQ(gradient[i], inside ? upstream[i] : 0.0f);
        expected[row] += double{upstream[i]} * (inside ? r - u : r);
      }
      const double n = static_cast<double>(weight.size() / steps.size());
      for (size_t row = 0; row < steps.size(); ++row) {
        EXPECT_NEAR(step_gradient[row], expected[row] / std::sqrt(n * 7), 1e-5);
      }
      const std::vector<float> first = graph::InitialSteps(quantizer, array.layout, weight);
      ASSERT_EQ(first.size(), steps.size());
      double sum = 0;
      double largest = 0;
      for (size_t i = 0; i < weight.size() / steps.size(); ++i) {
        sum += std::abs(weight[i]);
        largest = std::max(largest, std::abs(double{weight[i]}));
      }
      EXPECT_NEAR(first[0], std::min(2 * sum / n / std::sqrt(7.0), largest / 7), 1e-6);
    }
  }
}

// Of a transposed convolution, [in][out / groups][k][k]: each output channel's weights stand apart.
TEST(RoundingTest, TransposedConvolutionsHaveAScaleForEachOutputChannel) {
  graph::ConvTranspose2d op;
  op.out_channels = 6;
  op.kernel = {3, 2};
  op.groups = 2;
  const Shape shape = {4, 3, 3, 2};
  const graph::WeightLayout layout = graph::LayoutOf(op, shape);
  const std::vector<float> weight = Weights(layout.Size(), 9);
  ASSERT_EQ(weight.size(), 72u);
  const WeightQuantizer quantizer{4, false, true, Rounding::kNearest};
  std::vector<float> rounded(weight.size());
  RoundWeights(NearestRounding{}, {quantizer, layout, weight}, rounded);
  for (size_t group = 0; group < 2; ++group) {
    for (size_t out = 0; out < 3; ++out) {
      const auto at = [&](size_t in, size_t tap) { return ((2 * group + in) * 3 + out) * 6 + tap; };
      double largest = 0;
      for (size_t in = 0; in < 2; ++in) {
        for (size_t tap = 0; tap < 6; ++tap) {
          largest = std::max(largest, std::abs(double{weight[at(in, tap)]}));
        }
      }
      for (size_t in = 0; in < 2; ++in) {
        for (size_t tap = 0; tap < 6; ++tap) {
          const double u = weight[at(in, tap)] / (largest / 7);
          EXPECT_NEAR(rounded[at(in, tap)], largest / 7 * std::nearbyint(u), 1e-6);
        }
      }
    }
  }
}

TEST(RoundingTest, HardensFromTheFirstToTheLastEpoch) {
  const auto temperature = [](Rounding kind, int epoch, int epochs) {
    return std::visit(graph::Overloaded{[](const NearestRounding&) { return -1.0f; },
                                        [](const TernaryRounding&) { return -2.0f; },
                                        [](const LearnedStepRounding&) { return -3.0f; },
                                        [](const auto& r) { return r.temperature; }},
                      TrainingRounding(kind, epoch, epochs));
  };
  for (const Rounding kind : {Rounding::kSoftSigmoid, Rounding::kSoftTanh}) {
    EXPECT_FLOAT_EQ(temperature(kind, 0, 11), 1);
    EXPECT_NEAR(temperature(kind, 5, 11), std::sqrt(500.0f), 1e-3);
    EXPECT_NEAR(temperature(kind, 10, 11), 500, 0.01);
    EXPECT_NEAR(temperature(kind, 0, 1), 500, 0.01);
  }
  EXPECT_EQ(temperature(Rounding::kTernary, 0, 50), 1);
  EXPECT_EQ(temperature(Rounding::kTernary, 9, 50), 512);
  EXPECT_EQ(temperature(Rounding::kTernary, 40, 50), 0x1.0p20f);
  EXPECT_EQ(temperature(Rounding::kTernary, 2, 3), 500);
  EXPECT_EQ(temperature(Rounding::kNearest, 3, 50), -1);
}

// A linear layer of 2 x 5, its quantizer's rounding, and a batch.
struct Layer {
  static constexpr size_t kInputs = 5;
  graph::Graph graph = graph::MakeGraph("layer", {kInputs});
  std::vector<float> values = Weights(9 * kInputs, 4);
  std::vector<const float*> samples;
  Reference::Values doubles;
  std::vector<int32_t> labels;
  ThreadPool pool{1};

  Layer(const WeightQuantizer& quantizer) {
    graph::Append(graph, "linear", graph::Linear{2, true, quantizer}, {graph.output});
    graph.parameters["linear.weight"] = {{2, kInputs}, Weights(2 * kInputs, 3)};
    graph.parameters["linear.bias"] = {{2}, std::vector<float>{0.25f, -0.5f}};
    graph::Verify(graph);
    for (int n = 0; n < 9; ++n) {
      samples.push_back(values.data() + static_cast<size_t>(n) * kInputs);
      doubles.emplace_back(samples.back(), samples.back() + kInputs);
      labels.push_back(n % 2);
    }
  }
  // Gradients of a training step in epoch 2 of 6.
  std::vector<float> Gradients(double* loss) {
    Network network(graph, 9);
    Network::Batch batch{samples, labels};
    batch.epoch = 2;
    batch.epochs = 6;
    const Network::Outcome outcome = network.Train(batch, CrossEntropy{}, pool);
    *loss = outcome.loss / outcome.weight;
    return {network.Gradients().begin(), network.Gradients().end()};
  }
};

// Of the loss with weights scale * r(w / scale), the scale held: for the ternary rounding r moves
// with w; the others pass the gradient of the rounded weight straight through.
TEST(RoundingTest, GradientsAgreeWithCentralDifferences) {
  for (const bool per_channel : {true, false}) {
    for (const Rounding kind :
         {Rounding::kNearest, Rounding::kSoftSigmoid, Rounding::kSoftTanh, Rounding::kTernary}) {
      const bool ternary = kind == Rounding::kTernary;
      // A scale that is a power of two: no weight lies on a code, where the sigmoid jumps.
      const WeightQuantizer quantizer{ternary ? 2 : 4, true, per_channel, kind};
      Layer layer(quantizer);
      double mean = 0;
      const std::vector<float> gradients = layer.Gradients(&mean);
      const std::vector<float> weight = layer.graph.parameters["linear.weight"].Floats();
      const WeightRounding rounding = TrainingRounding(kind, 2, 6);
      std::vector<double> scales;
      for (const auto row :
           {std::span(weight).first(Layer::kInputs), std::span(weight).last(Layer::kInputs)}) {
        const auto all = per_channel ? row : std::span(weight);
        scales.push_back(CodesOf(quantizer, all).scale);
      }
      Reference reference(layer.graph);
      std::vector<double>& rounded = reference.parameters.at("linear.weight");
      const auto round = [&](size_t i, double w) {
        const double scale = scales[i / Layer::kInputs];
        const double top = ternary ? 1 : 7;
        return scale * std::clamp(Formula(rounding, w / scale), -top, top);
      };
      const auto loss = [&] {
        return reference.LossAt(layer.doubles, {layer.labels}, CrossEntropy{});
      };
      for (size_t i = 0; i < rounded.size(); ++i) rounded[i] = round(i, double{weight[i]});
      EXPECT_NEAR(mean, loss(), 1e-6);
      for (size_t i = 0; i < rounded.size(); ++i) {
        constexpr double kStep = 1e-6;
        const double kept = rounded[i];
        const auto at = [&](double step) {
          rounded[i] = ternary ? round(i, double{weight[i]} + step) : kept + step;
          return loss();
        };
        const double numeric = (at(kStep) - at(-kStep)) / (2 * kStep);
        rounded[i] = kept;
        EXPECT_NEAR(gradients[i], numeric, 1e-6 + 1e-5 * std::abs(numeric))
            << static_cast<int>(kind) << " " << i;
      }
    }
  }
}

// Prediction computes with whole codes, as the interpreter does, in any epoch.
TEST(RoundingTest, PredictsWithHardCodes) {
  for (const Rounding kind : {Rounding::kSoftSigmoid, Rounding::kSoftTanh, Rounding::kTernary}) {
    for (const bool per_channel : {true, false}) {
      Layer layer({kind == Rounding::kTernary ? 2 : 4, false, per_channel, kind});
      const std::vector<float> expected =
          exec::Interpreter(layer.graph).Run(layer.values, 9, layer.pool);
      Network network(layer.graph, 9);
      network.Train({layer.samples, layer.labels}, CrossEntropy{}, layer.pool);
      std::vector<float> found(18);
      network.Predict({layer.samples, {}}, found, layer.pool);
      for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 2e-6);
    }
  }
}

TEST(RoundingTest, AllInstructionSetsAgree) {
  const std::vector<float> weight = Weights(1000, 5);
  for (const WeightRounding& rounding : AllRoundings()) {
    const bool hard = rounding.index() < 2;
    const WeightQuantizer quantizer{4, true, true, Rounding::kNearest};
    const auto run = [&] {
      std::vector<float> values(weight.size());
      std::vector<float> gradient(weight.size(), 1.0f);
      std::vector<float> steps(8, 0.1f);
      RoundWeights(rounding, Rows(quantizer, 8, weight), values);
      RoundGradients(rounding, Rows(quantizer, 8, weight), gradient, steps);
      values.insert(values.end(), gradient.begin(), gradient.end());
      return values;
    };
    const std::vector<float> expected = run();
    for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
      hwy::SetSupportedTargetsForTest(target);
      hwy::GetChosenTarget().Update(hwy::SupportedTargets());
      const std::vector<float> found = run();
      hwy::SetSupportedTargetsForTest(0);
      hwy::GetChosenTarget().Update(hwy::SupportedTargets());
      for (size_t i = 0; i < found.size(); ++i) {
        if (hard) {
          EXPECT_EQ(found[i], expected[i]) << target;
        } else {
          EXPECT_NEAR(found[i], expected[i], 1e-5 * std::max(1.0f, std::abs(expected[i])))
              << target;
        }
      }
    }
  }
}

}  // namespace
}  // namespace platypus::train
