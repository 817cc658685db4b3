// The choice of bits: the best within its budget by trying all, and the search for a tolerance.
#include "platypus/pipeline/auto_precision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "platypus/base/error.h"
#include "platypus/base/random.h"
#include "platypus/exec/interpreter.h"
#include "platypus/quantize/bit_choice.h"

namespace platypus::pipeline {
namespace {

using ::testing::HasSubstr;

// A network that is asked for what it gives: float is perfect, R2 is what integers lose.
class AutoPrecisionTest : public ::testing::Test {
 protected:
  AutoPrecisionTest() {
    splits_.train = Samples(96);
    splits_.val = Samples(64);
    lesson_.emplace(Lesson(splits_, goal_, network_.Output().shape).WithRealValues());
    config_.common.task_category = goal_.category;
    config_.training.quantization = config::Quantization::kTinpu;
    config_.training.auto_quantization = true;
  }

  std::vector<float> Normals(int64_t count, double deviation) {
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = static_cast<float>(deviation * random_.Normal());
    return values;
  }

  graph::Graph Network() {
    graph::Graph g = graph::MakeGraph("net", {1, 12, 1});
    const auto add = [&](const char* name, const graph::Op& op) {
      graph::Append(g, name, op, {g.output});
      for (const graph::Role& role : graph::Roles(op, g.At(g.nodes.back().inputs[0]).shape)) {
        g.parameters[std::string(name) + "." + role.name] = {role.shape,
                                                             Normals(NumElements(role.shape), 0.4)};
      }
    };
    graph::Conv2d conv;
    conv.out_channels = 4;
    conv.kernel = {3, 1};
    add("conv", conv);
    add("relu", graph::Relu{});
    add("flatten", graph::Flatten{});
    add("hidden", graph::Linear{10, true, {}});
    add("hidden.relu", graph::Relu{});
    add("fc", graph::Linear{2, true, {}});
    return g;
  }

  SampleSet Samples(int64_t count) {
    SampleSet set;
    set.shape = {1, 12, 1};
    std::vector<float> inputs = Normals(count * 12, 1);
    set.targets = exec::Interpreter(network_).Run(inputs, count, pool_);
    set.inputs = Floats(std::move(inputs));
    set.recording.assign(static_cast<size_t>(count), 0);
    return set;
  }

  quantize::Settings Settings() const {
    return quantize::MakeSettings(config_.training, goal_.category, network_);
  }

  AutoPrecision Choose(const quantize::Settings& settings, MacRates rates = {}) {
    const Calibrated calibrated = [&](const quantize::Settings& candidate) {
      ++calibrations_;
      return train::Calibrate(quantize::PrepareForTraining(network_, candidate), lesson_->Train(),
                              pool_);
    };
    NullSink sink;
    return ChoosePrecision(
        {network_, *lesson_, config_, settings, lesson_->Train(), calibrated, rates}, pool_, sink);
  }

  double Perturbation(const LayerChoice& layer, int bits) const {
    for (const graph::Node& node : network_.nodes) {
      if (node.name != layer.name) continue;
      quantize::Settings settings = Settings();
      settings.precision.weight_bits = bits;
      return std::max(layer.trace, layer.trace_error) / static_cast<double>(layer.weights) *
             quantize::RoundingError(network_, node, settings.Weights(layer.name));
    }
    return std::nan("");
  }

  ThreadPool pool_{2};
  Random random_{5, "auto precision test"};
  const Goal goal_{.category = config::TaskCategory::kTimeseriesRegression, .targets = {"a", "b"}};
  const graph::Graph network_ = Network();
  Splits splits_;
  std::optional<Lesson> lesson_;
  config::Config config_;
  int calibrations_ = 0;
};

TEST_F(AutoPrecisionTest, ABudgetOfFlashIsUsedAsWellAsCanBe) {
  config_.training.auto_quantization_goal = config::AutoGoal::kFlash;
  for (const double share : {0.3, 0.5, 0.8, 1.0}) {
    config_.training.auto_quantization_budget = share;
    const AutoPrecision choice = Choose(Settings());
    ASSERT_EQ(choice.layers.size(), 3u);
    EXPECT_EQ(choice.layers[0].name, "conv");
    EXPECT_EQ(choice.layers[1].weights, 400);
    EXPECT_EQ(choice.at_eight_bits, 12 + 400 + 20);
    EXPECT_LE(choice.used, choice.budget);
    double chosen = 0;
    for (const LayerChoice& layer : choice.layers) chosen += Perturbation(layer, layer.bits);
    for (const int a : {2, 4, 8}) {
      for (const int b : {2, 4, 8}) {
        for (const int c : {2, 4, 8}) {
          // Four rows of 3; ten rows of 40; two rows of 10, each in elements of its own.
          if (12 * a / 8 + 400 * b / 8 + (c == 8 ? 20 : 3 * c) > choice.budget) continue;
          EXPECT_LE(chosen, Perturbation(choice.layers[0], a) + Perturbation(choice.layers[1], b) +
                                Perturbation(choice.layers[2], c) + 1e-12);
        }
      }
    }
  }
  EXPECT_EQ(calibrations_, 0) << "nothing is judged";
}

TEST_F(AutoPrecisionTest, InstructionsByTheCostOfAMultiplication) {
  config_.training.auto_quantization_goal = config::AutoGoal::kInstructions;
  config_.training.auto_quantization_budget = 0.6;
  const AutoPrecision choice = Choose(Settings(), {.two = 1, .four = 2, .eight = 4});
  // 10 positions of 12 weights, then the two linear layers.
  EXPECT_EQ(choice.at_eight_bits, 4 * (120 + 400 + 20));
  EXPECT_LE(choice.used, choice.budget);
  EXPECT_GT(choice.used, choice.at_eight_bits / 4);
  try {
    Choose(Settings(), {.two = 4, .four = 4, .eight = 4});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::kConfiguration);
    EXPECT_THAT(error.what(), HasSubstr("no choice takes less than 2160"));
  }
}

TEST_F(AutoPrecisionTest, ATighterToleranceTakesMoreBits) {
  config_.training.autoquant_tolerance_regression = 0.9;
  const AutoPrecision loose = Choose(Settings());
  EXPECT_NEAR(loose.float_metric, 1, 1e-6) << "measured";
  EXPECT_NEAR(loose.threshold, 0.1, 1e-6);
  config_.training.autoquant_tolerance_regression = 0.01;
  const AutoPrecision tight = Choose(Settings());
  EXPECT_LE(loose.AverageBits(), tight.AverageBits());
  EXPECT_TRUE(std::ranges::any_of(tight.trials, &PrecisionTrial::passes));
  for (const PrecisionTrial& trial : tight.trials)
    EXPECT_EQ(trial.passes, trial.metric >= tight.threshold);
  const std::string json = ToJson(tight);
  EXPECT_EQ(nlohmann::json::parse(json)["search"]["trials"].size(), tight.trials.size());
  const std::vector<std::string> lines = Lines(tight);
  EXPECT_THAT(lines,
              ::testing::Contains(HasSubstr("| threshold=0.990000 | higher_is_better=True")));
  EXPECT_THAT(lines.back(), HasSubstr("| Layer (Type)"));
  EXPECT_EQ(ToJson(Choose(Settings())), json) << "deterministic";
}

TEST_F(AutoPrecisionTest, LayersThatAreNamedKeepTheirBits) {
  config_.training.auto_quantization_goal = config::AutoGoal::kFlash;
  config_.training.layer_precision = {{"hidden", 4, {}}};
  config_.training.quantization_activation_bitwidth = 16;
  quantize::Settings settings = Settings();
  const AutoPrecision choice = Choose(settings);
  ASSERT_EQ(choice.layers.size(), 2u);
  Apply(choice, network_, settings);
  EXPECT_EQ(settings.Of("hidden").weight_bits, 4);
  EXPECT_EQ(settings.Of("relu"), settings.Of("conv")) << "parts of a layer have its bits";
  EXPECT_EQ(settings.Of("conv").activation_bits, 16) << "activations keep theirs";
}

}  // namespace
}  // namespace platypus::pipeline
