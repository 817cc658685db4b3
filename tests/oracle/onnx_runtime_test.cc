// Exported files against ONNX Runtime, another program's reading of the same graph: floats within
// 1e-4, integers equal.
#include <gtest/gtest.h>

#include <cmath>

#include "platypus/config/registry.h"
#include "platypus/exec/interpreter.h"
#include "platypus/quantize/quantize.h"
#include "platypus/train/train.h"
#include "platypus/zoo/zoo.h"
#include "tests/oracle/network_case.h"
#include "tests/oracle/run_onnx.h"

namespace platypus {
namespace {

constexpr int64_t kSamples = 200;

class OnnxRuntimeTest : public testing::TestWithParam<NetworkCase> {
 protected:
  void SetUp() override {
    if (!HasOnnxRuntime()) GTEST_SKIP() << "ONNX Runtime is not installed: run `make oracle`";
    graph_ = Build(GetParam());
    // A few epochs on random data, so that batch norms and weights are not the initial ones.
    const std::vector<float> inputs = RandomSamples(GetParam().input, 64, 1);
    std::vector<int32_t> labels;
    for (int32_t i = 0; i < 64; ++i) labels.push_back(i % 3);
    const train::LabelledSet set{GetParam().input, inputs, labels};
    train::Options options;
    options.epochs = 3;
    options.settings.optimizer = "adam";
    options.settings.batch_size = 16;
    NullSink sink;
    graph_ = train::Fit(graph_, set, set, options, {}, pool_, sink).best;
    const quantize::Settings settings;
    integer_ = quantize::Convert(
        train::Calibrate(quantize::PrepareForTraining(graph_, settings), set, pool_), settings);
  }

  ThreadPool pool_{2};
  graph::Graph graph_;
  graph::Graph integer_;
};

TEST_P(OnnxRuntimeTest, FloatAgrees) {
  const std::vector<float> samples = RandomSamples(GetParam().input, kSamples, 2);
  const std::vector<float> ours = exec::Interpreter(graph_).Run(samples, kSamples, pool_);
  const std::vector<float> theirs = RunOnnx(graph_, samples);
  ASSERT_EQ(ours.size(), theirs.size());
  for (size_t i = 0; i < ours.size(); ++i)
    EXPECT_NEAR(ours[i], theirs[i], 1e-4 * std::max(1.0f, std::abs(ours[i])));
}

TEST_P(OnnxRuntimeTest, IntegersAreEqual) {
  const std::vector<float> samples = RandomSamples(GetParam().input, kSamples, 3);
  const std::vector<float> ours = exec::Interpreter(integer_).Run(samples, kSamples, pool_);
  const std::vector<float> theirs = RunOnnx(integer_, samples);
  ASSERT_EQ(ours.size(), theirs.size());
  EXPECT_EQ(ours, theirs);
  EXPECT_NE(*std::max_element(ours.begin(), ours.end()),
            *std::min_element(ours.begin(), ours.end()));
}

INSTANTIATE_TEST_SUITE_P(Zoo, OnnxRuntimeTest,
                         testing::Values(NetworkCase{"CNN_TS_GEN_BASE_1K_NPU", {1, 128, 1}},
                                         NetworkCase{"CNN_TS_GEN_BASE_6K_NPU", {3, 100, 1}},
                                         NetworkCase{"CNN_TS_GEN_BASE_4P2K_NPU", {2, 64, 1}},
                                         NetworkCase{"CNN_TS_GEN_BASE_55K_NPU", {1, 300, 1}},
                                         NetworkCase{"CNN_MF_3L", {2, 64, 1}}),
                         [](const auto& info) { return std::string(info.param.network); });

}  // namespace
}  // namespace platypus
