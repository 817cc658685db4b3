// Every network of the registry through all rooms: some steps of training, quantisation, C.
#include <gtest/gtest.h>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/config/registry.h"
#include "platypus/deploy/verify.h"
#include "platypus/quantize/quantize.h"
#include "platypus/train/network.h"
#include "platypus/train/train.h"
#include "platypus/zoo/zoo.h"
#include "tests/deploy/fixtures.h"

namespace platypus::pipeline {
namespace {

constexpr int64_t kSamples = 32;

const config::Registry& Registry() {
  static const config::Registry kRegistry = config::LoadRegistry();
  return kRegistry;
}

// Small, so that all networks take a minute.
Shape InputOf(const std::string& network) {
  if (network == "CNN_LENET5") return {1, 28, 28};
  if (network == "CNN_AUDIO_DSCNN") return {1, 49, 10};
  if (network == "CNN_TS_PIR2D_BASE") return {1, 25, 25};
  if (network.starts_with("CNN_IMG")) return {3, 32, 32};
  return {2, 32, 1};
}

// Ten steps towards random targets; the mean loss before and after.
std::pair<double, double> Train(graph::Graph& graph, const std::vector<float>& inputs,
                                const std::vector<float>& targets, ThreadPool& pool) {
  const auto elements = static_cast<size_t>(NumElements(graph.Input().shape));
  const auto outputs = static_cast<size_t>(NumElements(graph.Output().shape));
  std::vector<const float*> samples, wanted;
  for (size_t i = 0; i < kSamples; ++i) {
    samples.push_back(inputs.data() + i * elements);
    wanted.push_back(targets.data() + i * outputs);
  }
  train::Network network(graph, kSamples);
  std::pair<double, double> loss;
  constexpr int kSteps = 10;
  for (int step = 0; step < kSteps; ++step) {
    train::Network::Batch batch{samples, {}, wanted};
    batch.draw = static_cast<uint64_t>(step);
    const train::Network::Outcome outcome = network.Train(batch, train::MeanSquaredError{}, pool);
    EXPECT_TRUE(outcome.finite);
    (step == 0 ? loss.first : loss.second) = outcome.loss / kSamples;
    for (size_t i = 0; i < network.Parameters().size(); ++i)
      network.Parameters()[i] -= 0.02f * network.Gradients()[i];
  }
  network.Save(graph);
  return loss;
}

void ExpectSameC(const graph::Graph& network, const char* what) {
  const deploy::VerifyResult result = deploy::fixtures::VerifyOnHost(network, 20, 1);
  if (!result.ran) GTEST_SKIP() << result.notice;
  EXPECT_EQ(result.samples, 20) << what;
  EXPECT_EQ(result.mismatches, 0) << what << ": " << result.first_difference;
}

class ZooNetworkTest : public testing::TestWithParam<std::string> {};

void LearnQuantiseAndVerify(const std::string& name) {
  ThreadPool pool(1);
  config::Training training;
  training.model_training_id = training.model_name = name;
  graph::Graph graph = zoo::Build(training, Registry(), InputOf(name), 3, 1);
  Random random(5, name);
  const auto draw = [&](const Shape& shape) {
    return deploy::fixtures::Floats(random, kSamples * NumElements(shape), 1.0);
  };
  const std::vector<float> inputs = draw(graph.Input().shape);
  const auto [before, after] = Train(graph, inputs, draw(graph.Output().shape), pool);
  EXPECT_LT(after, before);
  ExpectSameC(graph::FoldBatchNorm(graph), "float");

  const quantize::Settings settings;
  ASSERT_TRUE(quantize::FloatLayers(graph, settings).empty());
  EXPECT_TRUE(quantize::HasIntegerForm(graph, settings));
  const std::vector<int32_t> labels(kSamples, 0);
  const train::LabelledSet set = {graph.Input().shape, inputs, labels};
  const graph::Graph calibrated =
      train::Calibrate(quantize::PrepareForTraining(graph, settings), set, pool);
  ExpectSameC(quantize::Convert(calibrated, settings), "integers");
}

TEST_P(ZooNetworkTest, LearnsQuantisesAndBecomesC) { LearnQuantiseAndVerify(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Networks, ZooNetworkTest, testing::ValuesIn(Registry().networks.Names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace platypus::pipeline
