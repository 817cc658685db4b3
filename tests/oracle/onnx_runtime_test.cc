// Exported files against ONNX Runtime, another program's reading of the same graph: floats within
// 1e-4, integers equal.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "platypus/base/files.h"
#include "platypus/base/process.h"
#include "platypus/base/random.h"
#include "platypus/config/registry.h"
#include "platypus/exec/interpreter.h"
#include "platypus/onnx/onnx.h"
#include "platypus/quantize/quantize.h"
#include "platypus/train/train.h"
#include "platypus/zoo/zoo.h"

namespace platypus {
namespace {

constexpr int64_t kSamples = 200;

std::vector<float> RandomSamples(const Shape& shape, int64_t count, uint64_t seed) {
  Random random(seed, "samples");
  std::vector<float> values(static_cast<size_t>(NumElements(shape) * count));
  for (float& v : values) v = static_cast<float>(random.Uniform(-3, 5));
  return values;
}

std::vector<float> RunOnnx(const graph::Graph& graph, const std::vector<float>& samples) {
  const TemporaryFolder folder;
  onnx_io::Export(graph, {{"model", graph.name}}, folder.Path() / "m.onnx");
  WriteFile(folder.Path() / "in.bin",
            {reinterpret_cast<const char*>(samples.data()), samples.size() * 4});
  const std::string oracle = PLATYPUS_SOURCE_DIR "/tests/oracle";
  const ProcessResult result =
      RunProcess({"node", oracle + "/run_onnx.js", (folder.Path() / "m.onnx").string(),
                  (folder.Path() / "in.bin").string(), std::to_string(kSamples),
                  (folder.Path() / "out.bin").string(), "1x" + ToString(graph.Input().shape)},
                 oracle, 50);
  EXPECT_EQ(result.status, 0) << result.output;
  const std::string bytes = result.status == 0 ? ReadFile(folder.Path() / "out.bin") : "";
  std::vector<float> outputs(bytes.size() / 4);
  std::memcpy(outputs.data(), bytes.data(), outputs.size() * 4);
  return outputs;
}

struct Case {
  const char* network;
  Shape input;
};

class OnnxRuntimeTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (!HasProgram("node") ||
        !std::filesystem::exists(PLATYPUS_SOURCE_DIR
                                 "/tests/oracle/node_modules/onnxruntime-node")) {
      GTEST_SKIP() << "ONNX Runtime is not installed: run `make oracle`";
    }
    config::Training training;
    training.model_training_id = training.model_name = GetParam().network;
    graph_ = zoo::Build(training, config::LoadRegistry(), GetParam().input, 3, 5);
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
                         testing::Values(Case{"CNN_TS_GEN_BASE_1K_NPU", {1, 128, 1}},
                                         Case{"CNN_TS_GEN_BASE_6K_NPU", {3, 100, 1}},
                                         Case{"CNN_TS_GEN_BASE_4P2K_NPU", {2, 64, 1}},
                                         Case{"CNN_TS_GEN_BASE_55K_NPU", {1, 300, 1}},
                                         Case{"CNN_MF_3L", {2, 64, 1}}),
                         [](const auto& info) { return std::string(info.param.network); });

}  // namespace
}  // namespace platypus
