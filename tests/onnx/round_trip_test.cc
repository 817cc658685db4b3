// What the exporter writes, the importer reads: the same outputs to the bit.
#include <gtest/gtest.h>

#include "platypus/exec/interpreter.h"
#include "platypus/onnx/onnx.h"
#include "tests/train/random_graphs.h"

namespace platypus::onnx_io {
namespace {

// An adaptive pool of uneven windows has no ONNX form.
bool HasOnnxForm(const graph::Graph& graph) {
  for (const graph::Node& node : graph.nodes) {
    const auto* pool = std::get_if<graph::AdaptiveAvgPool>(&node.op);
    if (pool == nullptr) continue;
    const Shape& in = graph.At(node.inputs[0]).shape;
    if (in[1] % pool->output.h != 0 || in[2] % pool->output.w != 0) return false;
  }
  return true;
}

TEST(RoundTripTest, RandomGraphsComputeTheSame) {
  constexpr int kGraphs = 200;
  constexpr int64_t kCount = 4;
  ThreadPool pool(1);
  int compared = 0;
  for (uint64_t seed = 0; compared < kGraphs; ++seed) {
    train::Dice dice(seed);
    const graph::Graph graph = train::RandomGraph(dice);
    if (!HasOnnxForm(graph)) continue;
    SCOPED_TRACE(testing::Message() << "seed " << seed << "\n" << graph::ToText(graph));
    const graph::Graph back = Import(Serialize(graph, {}), "random.onnx");
    EXPECT_EQ(back.Input().shape, graph.Input().shape);
    EXPECT_EQ(back.Output().shape, graph.Output().shape);
    std::vector<float> samples(static_cast<size_t>(NumElements(graph.Input().shape) * kCount));
    for (float& v : samples) v = static_cast<float>(dice.Uniform(-1.5, 1.5));
    ASSERT_EQ(exec::Interpreter(back).Run(samples, kCount, pool),
              exec::Interpreter(graph).Run(samples, kCount, pool))
        << graph::ToText(back);
    ++compared;
  }
}

// A second trip changes nothing any more: names, nodes and parameters are those of the file.
TEST(RoundTripTest, ImportedGraphsComeBackAsTheyAre) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    train::Dice dice(seed);
    const graph::Graph graph = train::RandomGraph(dice);
    if (!HasOnnxForm(graph)) continue;
    const graph::Graph once = Import(Serialize(graph, {}), "random.onnx");
    if (!HasOnnxForm(once)) continue;
    const graph::Graph twice = Import(Serialize(once, {}), "random.onnx");
    EXPECT_EQ(graph::ToText(twice), graph::ToText(once)) << "seed " << seed;
    EXPECT_EQ(twice.parameters, once.parameters) << "seed " << seed;
  }
}

}  // namespace
}  // namespace platypus::onnx_io
