// Bits of single layers by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platypus/base/error.h"
#include "platypus/quantize/quantize.h"

namespace platypus::quantize {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kTask = config::TaskCategory::kTimeseriesClassification;

// norm, two convolutions with batch norm and ReLU, two linear layers.
graph::Graph Network() {
  graph::Graph g = graph::MakeGraph("g", {1, 16, 1});
  const auto add = [&](const char* name, const graph::Op& op) {
    graph::Append(g, name, op, {g.output});
    for (const graph::Role& role : graph::Roles(op, g.At(g.nodes.back().inputs[0]).shape)) {
      g.parameters[std::string(name) + "." + role.name] = {
          role.shape, std::vector<float>(static_cast<size_t>(NumElements(role.shape)), 1.0f)};
    }
  };
  graph::Conv2d conv;
  conv.out_channels = 4;
  conv.kernel = {3, 1};
  add("norm", graph::BatchNorm{});
  add("features.0.conv", conv);
  add("features.0.norm", graph::BatchNorm{});
  add("features.0.relu", graph::Relu{});
  add("features.1.conv", conv);
  add("features.1.relu", graph::Relu{});
  add("pool", graph::AvgPool{{2, 1}, {2, 1}, {}});
  add("flatten", graph::Flatten{});
  add("hidden", graph::Linear{8, true, {}});
  add("hidden.relu", graph::Relu{});
  add("classifier", graph::Linear{3, true, {}});
  return g;
}

config::Training Training() {
  config::Training training;
  training.quantization = config::Quantization::kTinpu;
  return training;
}

TEST(SettingsTest, TheFirstPatternThatFitsHoldsForALayerAndItsParts) {
  config::Training training = Training();
  training.layer_precision = {
      {"features.1.conv", 2, {}}, {"features.?.conv", 4, 16}, {"class*", 32, {}}};
  const Settings settings = MakeSettings(training, kTask, Network());
  EXPECT_EQ(settings.Of("features.0.conv"), (Precision{4, 16}));
  EXPECT_EQ(settings.Of("features.0.norm"), (Precision{4, 16})) << "folds into the convolution";
  EXPECT_EQ(settings.Of("features.0.relu"), (Precision{4, 16})) << "limits its codes";
  EXPECT_EQ(settings.Of("features.1.conv"), (Precision{2, 8}));
  EXPECT_EQ(settings.Of("features.1.relu"), (Precision{2, 8}));
  EXPECT_EQ(settings.Of("hidden"), (Precision{8, 8}));
  EXPECT_EQ(settings.Of("norm"), (Precision{8, 8}));
  EXPECT_TRUE(settings.Of("classifier").IsFloat());
  EXPECT_EQ(settings.Weights("features.1.conv").bits, 2);
  EXPECT_FALSE(settings.Weights("features.1.conv").power_of_two_scale) << "per layer (Q22)";
  EXPECT_TRUE(settings.Weights("hidden").power_of_two_scale);
}

TEST(SettingsTest, APatternThatFitsNothingGetsTheNearestName) {
  config::Training training = Training();
  training.layer_precision = {{"clasifier", 4, {}}};
  try {
    MakeSettings(training, kTask, Network());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::kConfiguration);
    EXPECT_THAT(error.what(), HasSubstr("no layer is called 'clasifier'"));
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'classifier'?"));
  }
  training.layer_precision = {{"features.0.relu", 4, {}}};
  EXPECT_THROW(MakeSettings(training, kTask, Network()), Error) << "a part is no layer";
}

// Q28: for every task, not for regression alone.
TEST(SettingsTest, PartialQuantisationKeepsTheEndsInFloat) {
  EXPECT_THAT(PartialLayers(Network()), ElementsAre("norm", "features.0.conv", "classifier"));
  config::Training training = Training();
  training.partial_quantization = true;
  training.layer_precision = {{"classifier", 8, {}}};
  for (const auto task :
       {config::TaskCategory::kTimeseriesClassification,
        config::TaskCategory::kTimeseriesRegression, config::TaskCategory::kTimeseriesForecasting,
        config::TaskCategory::kTimeseriesAnomalyDetection}) {
    const Settings settings = MakeSettings(training, task, Network());
    EXPECT_TRUE(settings.Of("norm").IsFloat());
    EXPECT_TRUE(settings.Of("features.0.conv").IsFloat());
    EXPECT_TRUE(settings.Of("features.0.relu").IsFloat());
    EXPECT_FALSE(settings.Of("features.1.conv").IsFloat());
    EXPECT_FALSE(settings.Of("classifier").IsFloat()) << "named by hand";
    EXPECT_FALSE(StaysInFloat(settings, Network()));
  }
  training.layer_precision = {{"*", 32, {}}};
  EXPECT_TRUE(StaysInFloat(MakeSettings(training, kTask, Network()), Network()));
}

TEST(SettingsTest, LayersWithWeightsAreNamedInOrder) {
  EXPECT_THAT(LayersWithWeights(Network()),
              ElementsAre("features.0.conv", "features.1.conv", "hidden", "classifier"));
}

}  // namespace
}  // namespace platypus::quantize
