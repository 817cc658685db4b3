#include <gtest/gtest.h>

#include <cmath>

#include "platypus/base/random.h"
#include "platypus/exec/interpreter.h"
#include "platypus/quantize/quantize.h"

namespace platypus::quantize {
namespace {

// Two quantisers with a gain between them: normal values with a rare extreme, rounded twice.
struct TwoSteps {
  graph::Graph g = graph::MakeGraph("two", {1, 1, 1});
  std::vector<float> inputs;
  ThreadPool pool{1};

  TwoSteps() {
    graph::Append(g, "first", graph::FakeQuantize{}, {g.input});
    graph::Append(g, "gain", graph::Conv2d{1, {1, 1}, {}, {}, {}, 1, false, {}}, {g.output});
    g.parameters["gain.weight"] = {{1, 1, 1, 1}, std::vector<float>{0.75f}};
    graph::Append(g, "second", graph::FakeQuantize{}, {g.output});
    Random random(3, "values");
    for (int i = 0; i < 4000; ++i) inputs.push_back(static_cast<float>(random.Normal()));
    inputs[77] = -60.0f;
    g.parameters["first.range"] = {{2}, std::vector<float>{-60.0f, 4.0f}};
    g.parameters["second.range"] = {{2}, std::vector<float>{-45.0f, 3.0f}};
  }
  // Mean distance to what comes out without rounding; the extreme counts like any other value.
  double Loss(const graph::Graph& graph) {
    const std::vector<float> found =
        exec::Interpreter(graph).Run(inputs, static_cast<int64_t>(inputs.size()), pool);
    double sum = 0;
    for (size_t i = 0; i < found.size(); ++i) sum += std::abs(found[i] - 0.75f * inputs[i]);
    return sum / static_cast<double>(found.size());
  }
  double LossWith(int first_halvings, int second_halvings) {
    graph::Graph halved = g;
    for (float& end : halved.parameters["first.range"].Floats())
      end = std::ldexp(end, -first_halvings);
    for (float& end : halved.parameters["second.range"].Floats())
      end = std::ldexp(end, -second_halvings);
    return Loss(halved);
  }
};

TEST(RangesTest, EachRangeIsTheBestOfItsHalvings) {
  TwoSteps net;
  int first = 0;
  for (int i = 1; i < 8; ++i) first = net.LossWith(i, 0) < net.LossWith(first, 0) ? i : first;
  int second = 0;
  for (int i = 1; i < 8; ++i) {
    second = net.LossWith(first, i) < net.LossWith(first, second) ? i : second;
  }
  EXPECT_GT(first, 1);  // the extreme is worth being clipped
  const graph::Graph chosen = ChooseRanges(
      net.g, [&](const graph::Graph& g) { return net.Loss(g); }, 0);
  EXPECT_EQ(chosen.parameters.at("first.range").Floats()[0], std::ldexp(-60.0f, -first));
  EXPECT_EQ(chosen.parameters.at("first.range").Floats()[1], std::ldexp(4.0f, -first));
  EXPECT_EQ(chosen.parameters.at("second.range").Floats()[0], std::ldexp(-45.0f, -second));
}

TEST(RangesTest, GoesOverHalvingsThatChangeNothing) {
  TwoSteps net;
  // 16 times wider than anything that comes by, and judged by a loss that sees only whole codes.
  const auto coarse = [&](const graph::Graph& g) { return std::round(net.Loss(g) * 8) + 1; };
  net.g.parameters["first.range"].Floats() = {-960.0f, 64.0f};
  const graph::Graph chosen = ChooseRanges(net.g, coarse, 0);
  EXPECT_LE(coarse(chosen), coarse(net.g));
  EXPECT_GE(chosen.parameters.at("first.range").Floats()[0], -60.0f);
}

// Values beyond those of calibration come: what a narrower range gains must be worth it.
TEST(RangesTest, StaysWideWhereNarrowerGainsLittle) {
  TwoSteps net;
  const auto flat = [](const graph::Graph& g) {
    return g.parameters.at("first.range").Floats()[0] > -60.0f ? 0.995 : 1.0;
  };
  EXPECT_EQ(ChooseRanges(net.g, flat, 0.01).parameters, net.g.parameters);
  EXPECT_NE(ChooseRanges(net.g, flat, 0).parameters, net.g.parameters);
}

TEST(RangesTest, FineCodesReachBeyondWhatCalibrationHasSeen) {
  TwoSteps net;
  for (graph::Node& node : net.g.nodes) {
    if (auto* op = std::get_if<graph::FakeQuantize>(&node.op)) op->bits = 16;
  }
  const graph::Graph chosen = ChooseRanges(
      net.g, [&](const graph::Graph& g) { return net.Loss(g); }, 0);
  EXPECT_EQ(chosen.parameters.at("first.range").Floats(), (std::vector<float>{-240.0f, 16.0f}));
}

TEST(RangesTest, LeavesRangesThatNeedTheirWidth) {
  TwoSteps net;
  net.inputs.assign(100, 1.0f);
  net.g.parameters["first.range"].Floats() = {0.0f, 1.0f};
  net.g.parameters["second.range"].Floats() = {0.0f, 0.75f};
  const graph::Graph chosen = ChooseRanges(
      net.g, [&](const graph::Graph& g) { return net.Loss(g); }, 0);
  EXPECT_EQ(chosen.parameters, net.g.parameters);
}

}  // namespace
}  // namespace platypus::quantize
