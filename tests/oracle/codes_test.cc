// Random integer networks, functions of codes and cells among them, against ONNX Runtime: equal.
#include "platypus/exec/interpreter.h"
#include "tests/deploy/random_graphs.h"
#include "tests/oracle/run_onnx.h"

namespace platypus {
namespace {

void ExpectEqual(graph::Graph g) {
  if (!HasOnnxRuntime()) GTEST_SKIP() << "ONNX Runtime is not installed: run `make oracle`";
  constexpr int64_t kSamples = 20;
  graph::Verify(g);
  ThreadPool pool(1);
  const std::vector<float> samples = RandomSamples(g.Input().shape, kSamples, 4);
  const std::vector<float> ours = exec::Interpreter(g).Run(samples, kSamples, pool);
  EXPECT_EQ(ours, RunOnnx(g, samples)) << graph::ToText(g);
  EXPECT_NE(*std::max_element(ours.begin(), ours.end()),
            *std::min_element(ours.begin(), ours.end()));
}

struct Case {
  const char* name;
  Shape input;
  deploy::fixtures::Codes codes;  // of the input
  graph::TensorId (*add)(graph::Graph& g, Random& random, graph::TensorId in);
};

class CodesTest : public testing::TestWithParam<Case> {};

TEST_P(CodesTest, OnnxRuntimeAgrees) {
  const Case& c = GetParam();
  Random random(9, c.name);
  graph::Graph g = graph::MakeGraph(c.name, c.input);
  c.add(g, random, deploy::fixtures::AddInput(g, random, c.codes));
  ExpectEqual(std::move(g));
}

using deploy::fixtures::kSigned;
using deploy::fixtures::kUnsigned;
using graph::Graph;
using graph::TensorId;
namespace fixtures = deploy::fixtures;

template <graph::Recurrent::Cell kCell, bool kLast, bool kWide>
TensorId AddCells(Graph& g, Random& random, TensorId in) {
  graph::IntegerRecurrent op{kCell, 4, 2, kLast};
  if (kWide) {
    op.lo = -32768;
    op.hi = 32767;
  }
  return fixtures::AddCells(g, random, "x", in, op);
}

using Cell = graph::Recurrent::Cell;

INSTANTIATE_TEST_SUITE_P(
    Operators, CodesTest,
    testing::Values(
        Case{"Lookup",
             {3, 8, 1},
             kSigned,
             [](Graph& g, Random& r, TensorId t) {
               return fixtures::AddLookup(g, r, "x", t, kUnsigned);
             }},
        Case{"LookupUnsigned",
             {9},
             kUnsigned,
             [](Graph& g, Random& r, TensorId t) {
               return fixtures::AddLookup(g, r, "x", t, kSigned);
             }},
        Case{"Softmax",
             {6},
             kSigned,
             [](Graph& g, Random&, TensorId t) { return fixtures::AddSoftmax(g, "x", t); }},
        Case{"SoftmaxOfChannels",
             {3, 5, 2},
             kUnsigned,
             [](Graph& g, Random&, TensorId t) { return fixtures::AddSoftmax(g, "x", t); }},
        Case{"LayerNorm",
             {3, 8, 2},
             kSigned,
             [](Graph& g, Random& r, TensorId t) {
               return fixtures::AddLayerNorm(g, r, "x", t, kSigned);
             }},
        Case{"LayerNormFlat",
             {5},
             kUnsigned,
             [](Graph& g, Random& r, TensorId t) {
               return fixtures::AddLayerNorm(g, r, "x", t, kUnsigned);
             }},
        Case{"Mul",
             {3, 8, 1},
             kSigned,
             [](Graph& g, Random& r, TensorId t) {
               return fixtures::AddMul(g, r, "x", t, t, kUnsigned);
             }},
        Case{"CellPool",
             {2, 13, 5},
             kUnsigned,
             [](Graph& g, Random& r, TensorId t) {
               return fixtures::AddCellPool(g, r, "x", t, {4, 3}, kUnsigned);
             }},
        Case{"Transposed",
             {2, 5, 4},
             kSigned,
             [](Graph& g, Random& r, TensorId t) {
               return fixtures::AddTransposed(g, r, "x", t, fixtures::RandomSpread(r, {2, 5, 4}),
                                              fixtures::Scaling::kShift, kSigned);
             }},
        Case{"Rnn", {2, 9, 1}, kSigned, AddCells<Cell::kRnn, true, false>},
        Case{"Gru", {2, 9, 1}, kSigned, AddCells<Cell::kGru, false, false>},
        Case{"GruWide", {2, 9, 1}, kUnsigned, AddCells<Cell::kGru, true, true>},
        Case{"Lstm", {2, 9, 1}, kUnsigned, AddCells<Cell::kLstm, true, false>},
        Case{"LstmSteps", {2, 9, 1}, kSigned, AddCells<Cell::kLstm, false, true>}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace platypus
