// Imports that need several rooms: the networks of the zoo, integer graphs, files of other programs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "platypus/config/registry.h"
#include "platypus/exec/interpreter.h"
#include "platypus/onnx/onnx.h"
#include "platypus/zoo/zoo.h"
#include "tests/deploy/random_graphs.h"
#include "tests/oracle/run_onnx.h"

namespace platypus {
namespace {

std::vector<float> Compute(const graph::Graph& graph, const std::vector<float>& samples) {
  ThreadPool pool(1);
  const auto count = static_cast<int64_t>(samples.size()) / NumElements(graph.Input().shape);
  return exec::Interpreter(graph).Run(samples, count, pool);
}

TEST(ImportTest, EveryNetworkOfTheZooComesBack) {
  const config::Registry registry = config::LoadRegistry();
  int networks = 0;
  for (const std::string& network : registry.networks.Names()) {
    SCOPED_TRACE(network);
    config::Training training;
    training.model_training_id = training.model_name = network;
    const Shape input = network == "CNN_LENET5"              ? Shape{1, 28, 28}
                        : network == "CNN_TS_PIR2D_BASE"     ? Shape{1, 25, 25}
                        : network == "CNN_AUDIO_DSCNN"       ? Shape{1, 49, 10}
                        : network.starts_with("CNN_IMG_MOB") ? Shape{3, 64, 64}
                                                             : Shape{2, 128, 1};
    const graph::Graph graph = zoo::Build(training, registry, input, 3, 7);
    const graph::Graph back = onnx_io::Import(onnx_io::Serialize(graph, {}), "zoo.onnx");
    EXPECT_EQ(graph::CountParameters(back), graph::CountParameters(graph));
    EXPECT_EQ(graph::CountMacs(back), graph::CountMacs(graph));
    EXPECT_EQ(back.parameters, graph.parameters);
    const std::vector<float> samples = RandomSamples(input, 2, 1);
    EXPECT_EQ(Compute(back, samples), Compute(graph, samples));
    ++networks;
  }
  EXPECT_EQ(networks, 71);
}

TEST(ImportTest, RandomIntegerGraphsComeBackWithTheirCodes) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const graph::Graph graph = deploy::fixtures::RandomIntegerGraph(seed);
    SCOPED_TRACE(testing::Message() << "seed " << seed << "\n" << graph::ToText(graph));
    const graph::Graph back = onnx_io::Import(onnx_io::Serialize(graph, {}), "random.onnx");
    EXPECT_EQ(back.Output().dtype, graph.Output().dtype);
    EXPECT_EQ(back.Output().scale, graph.Output().scale);
    EXPECT_EQ(back.parameters, graph.parameters);
    const std::vector<float> samples = RandomSamples(graph.Input().shape, 5, seed);
    ASSERT_EQ(Compute(back, samples), Compute(graph, samples)) << graph::ToText(back);
  }
}

TEST(ImportTest, RandomFloatGraphsOfDeploymentComeBack) {
  int compared = 0;
  for (uint64_t seed = 0; compared < 100; ++seed) {
    const graph::Graph graph = deploy::fixtures::RandomFloatGraph(seed);
    std::string bytes;
    try {
      bytes = onnx_io::Serialize(graph, {});
    } catch (const Error&) {
      continue;  // an adaptive pool of uneven windows
    }
    SCOPED_TRACE(testing::Message() << "seed " << seed << "\n" << graph::ToText(graph));
    const graph::Graph back = onnx_io::Import(bytes, "random.onnx");
    EXPECT_EQ(graph::CountParameters(back), graph::CountParameters(graph));
    const std::vector<float> samples = RandomSamples(graph.Input().shape, 5, seed);
    ASSERT_EQ(Compute(back, samples), Compute(graph, samples)) << graph::ToText(back);
    ++compared;
  }
}

}  // namespace
}  // namespace platypus
