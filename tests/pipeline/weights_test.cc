#include "platypus/pipeline/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/random.h"
#include "platypus/onnx/onnx.h"
#include "platypus/train/train.h"
#include "platypus/zoo/zoo.h"

namespace platypus::pipeline {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

graph::Graph Network(const std::string& name, int classes, uint64_t seed,
                     const Shape& input = {3, 32, 1}) {
  static const config::Registry kRegistry = config::LoadRegistry();
  config::Training training;
  training.model_training_id = training.model_name = name;
  return zoo::Build(training, kRegistry, input, classes, seed);
}

// Two epochs on noise; the best network and its checkpoint.
graph::Graph Train(const graph::Graph& initial, const fs::path& checkpoint) {
  Random random(3, "noise");
  std::vector<float> inputs(48 * NumElements(initial.Input().shape));
  std::vector<int32_t> labels(48);
  for (float& x : inputs) x = static_cast<float>(random.Uniform(-1, 1));
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int32_t>(i % 2);
  const train::LabelledSet set = {initial.Input().shape, inputs, labels};
  train::Options options;
  options.epochs = 2;
  options.learning_rate = 0.05;
  options.checkpoint = checkpoint;
  ThreadPool pool(1);
  NullSink sink;
  return train::Fit(initial, set, set, options, {}, pool, sink).best;
}

std::string MessageOf(graph::Graph& graph, const fs::path& file) {
  try {
    LoadWeights(graph, file);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// The tensors of `graph` that are those of `other`.
std::vector<std::string> Equal(const graph::Graph& graph, const graph::Graph& other) {
  std::vector<std::string> names;
  for (const auto& [name, array] : graph.parameters) {
    const auto found = other.parameters.find(name);
    if (found != other.parameters.end() && found->second == array) names.push_back(name);
  }
  return names;
}

// Every kind of network that has parameters of another kind: convolutions and norms, LSTM, two
// branches.
class WeightsTest : public testing::TestWithParam<const char*> {};

TEST_P(WeightsTest, FromCheckpointAndOnnxToTheSameClasses) {
  const TemporaryFolder folder;
  const graph::Graph trained = Train(Network(GetParam(), 2, 1), folder.Path() / "checkpoint.bin");
  onnx_io::Export(trained, {}, folder.Path() / "model.onnx");
  for (const char* name : {"checkpoint.bin", "model.onnx"}) {
    graph::Graph graph = Network(GetParam(), 2, 2);
    ASSERT_NE(graph.parameters, trained.parameters);
    const Transfer transfer = LoadWeights(graph, folder.Path() / name);
    EXPECT_EQ(graph.parameters, trained.parameters) << name;
    EXPECT_EQ(transfer.loaded.size(), graph.parameters.size());
    EXPECT_TRUE(transfer.missing.empty() && transfer.unused.empty() &&
                transfer.other_shape.empty());
  }
}

TEST_P(WeightsTest, OfOtherClassesTheLastLayerStaysAsInitialised) {
  const TemporaryFolder folder;
  const graph::Graph trained = Train(Network(GetParam(), 2, 1), folder.Path() / "checkpoint.bin");
  const graph::Graph initial = Network(GetParam(), 5, 2);
  graph::Graph graph = initial;
  const Transfer transfer = LoadWeights(graph, folder.Path() / "checkpoint.bin");
  EXPECT_EQ(transfer.loaded, Equal(graph, trained));
  EXPECT_EQ(transfer.loaded.size(), graph.parameters.size() - 2);
  ASSERT_EQ(transfer.other_shape.size(), 2);
  EXPECT_THAT(transfer.other_shape[0], HasSubstr(".bias (5, in the file 2)"));
  const std::string last = graph.nodes.back().name;
  EXPECT_EQ(graph.parameters.at(last + ".weight"), initial.parameters.at(last + ".weight"));
}

INSTANTIATE_TEST_SUITE_P(Networks, WeightsTest,
                         testing::Values("CNN_TS_GEN_BASE_1K_NPU", "CNN_TS_GEN_BASE_40K_NPU",
                                         "LSTM8_TS_GEN_BASE", "RES_CAT_CNN_TS_GEN_BASE_3K"));

TEST(LoadWeightsTest, APrefixOfTheFileDoesNotCount) {
  const TemporaryFolder folder;
  graph::Graph file = Network("CNN_TS_GEN_BASE_1K_NPU", 2, 1);
  const graph::Graph plain = file;
  std::map<std::string, Array> parameters;
  for (auto& [name, array] : file.parameters) parameters["model." + name] = array;
  file.parameters = parameters;
  for (graph::Node& node : file.nodes) node.name = "model." + node.name;
  onnx_io::Export(file, {}, folder.Path() / "model.onnx");
  graph::Graph graph = Network("CNN_TS_GEN_BASE_1K_NPU", 2, 2);
  LoadWeights(graph, folder.Path() / "model.onnx");
  EXPECT_EQ(graph.parameters, plain.parameters);
}

TEST(LoadWeightsTest, ErrorsNameTheFileAndBothSides) {
  const TemporaryFolder folder;
  const auto path = [&](const char* name) { return folder.Path() / name; };
  graph::Graph graph = Network("CNN_TS_GEN_BASE_1K_NPU", 2, 1);
  onnx_io::Export(Network("RES_ADD_CNN_TS_GEN_BASE_3K", 2, 1), {}, path("other.onnx"));
  const std::string message = MessageOf(graph, path("other.onnx"));
  EXPECT_THAT(message, HasSubstr("it has bottom_layers.1.bias"));
  EXPECT_THAT(message, HasSubstr("CNN_TS_GEN_BASE_1K_NPU has features.0.bias"));
  onnx_io::Export(Network("LINEAR_4L_PC", 3, 1, {1, 9, 1}), {}, path("wide.onnx"));
  WriteFile(path("torch.pth"), "PK\x03\x04");
  EXPECT_THAT(MessageOf(graph, path("torch.pth")), HasSubstr("a PyTorch file"));
  WriteFile(path("text.onnx"), "no model at all");
  EXPECT_THAT(MessageOf(graph, path("text.onnx")), HasSubstr("text.onnx: "));
  EXPECT_THAT(MessageOf(graph, path("none.onnx")), HasSubstr("none.onnx"));
  Train(graph, path("checkpoint.bin"));
  const std::string bytes = ReadFile(path("checkpoint.bin"));
  WriteFile(path("cut.bin"), std::string_view(bytes).substr(0, bytes.size() / 2));
  EXPECT_THAT(MessageOf(graph, path("cut.bin")), HasSubstr("it is damaged"));
}

std::string SavedMessage(const config::Config& config, graph::Graph& graph) {
  NullSink sink;
  try {
    StartFromSaved(config, graph, sink);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(StartFromSavedTest, TheNetworkIsThatOfTheFile) {
  const TemporaryFolder folder;
  config::Config config;
  config.training.load_saved_model = folder.Path() / "model.onnx";
  const graph::Graph saved = Network("CNN_TS_GEN_BASE_500_NPU", 2, 1);
  onnx_io::Export(saved, {}, config.training.load_saved_model);
  graph::Graph graph = Network("CNN_TS_GEN_BASE_1K_NPU", 2, 2);
  EXPECT_EQ(SavedMessage(config, graph), "no error");
  EXPECT_EQ(graph.parameters, saved.parameters);
  EXPECT_EQ(graph.nodes.size(), saved.nodes.size());
  graph = Network("CNN_TS_GEN_BASE_1K_NPU", 3, 2);
  EXPECT_THAT(SavedMessage(config, graph),
              HasSubstr("takes 3x32x1 and gives 2; the data have 3x32x1 and need 3"));
  WriteFile(config.training.load_saved_model, "PLATYPUS-CHECKPOINT-2");
  EXPECT_THAT(SavedMessage(config, graph), HasSubstr("a checkpoint holds no network"));
}

}  // namespace
}  // namespace platypus::pipeline
