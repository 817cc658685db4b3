#include "platypus/zoo/zoo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "platypus/base/error.h"
#include "platypus/zoo/record.h"

namespace platypus::zoo {
namespace {

// Facts of the reference's model registry, one row a network: parameters and multiplications at its
// own reference input, and parameters at 3 x 128 (0: the network is none for time series). The
// parameters of CNN_TS_PIR2D_BASE are one less: the original counts a scalar that it does not use.
struct Fact {
  const char* network;
  Shape input;
  int outputs;
  int64_t parameters, macs;
  int64_t parameters_3_128;
  int outputs_3_128;
};

const std::vector<Fact>& Facts() {
  static const std::vector<Fact> kFacts = {
      {"RES_ADD_CNN_TS_GEN_BASE_3K", {3, 512, 1}, 4, 866, 82348, 866, 4},
      {"RES_CAT_CNN_TS_GEN_BASE_3K", {3, 512, 1}, 4, 866, 82348, 866, 4},
      {"CNN_TS_GEN_BASE_6K_NPU", {1, 512, 1}, 2, 6596, 217120, 6730, 4},
      {"CNN_TS_GEN_BASE_1K_NPU", {1, 512, 1}, 2, 876, 282656, 994, 4},
      {"CNN_TS_GEN_BASE_100_NPU", {1, 512, 1}, 2, 268, 102416, 306, 4},
      {"CNN_TS_GEN_BASE_500_NPU", {1, 512, 1}, 2, 532, 217120, 650, 4},
      {"CNN_TS_GEN_BASE_1P2K_NPU", {4, 256, 1}, 2, 1174, 262176, 1166, 4},
      {"CNN_TS_GEN_BASE_1P5K_NPU", {4, 256, 1}, 2, 1530, 79904, 1502, 4},
      {"CNN_TS_GEN_BASE_1P9K_NPU", {4, 256, 1}, 2, 1914, 442400, 1898, 4},
      {"CNN_TS_GEN_BASE_2K_NPU", {1, 512, 1}, 2, 4996, 761920, 5226, 4},
      {"CNN_TS_GEN_BASE_2P8K_NPU", {4, 256, 1}, 2, 2802, 32432, 2746, 4},
      {"CNN_TS_GEN_BASE_3P1K_NPU", {4, 256, 1}, 2, 3142, 116592, 3166, 4},
      {"CNN_TS_GEN_BASE_3P9K_NPU", {4, 256, 1}, 2, 3926, 73768, 3942, 4},
      {"CNN_TS_GEN_BASE_4K_NPU", {1, 512, 1}, 2, 3692, 182336, 3842, 4},
      {"CNN_TS_GEN_BASE_4P2K_NPU", {4, 256, 1}, 2, 4246, 102288, 4242, 4},
      {"CNN_TS_GEN_BASE_5K_NPU", {4, 256, 1}, 2, 4982, 202816, 4986, 4},
      {"CNN_TS_GEN_BASE_8K_NPU", {1, 512, 1}, 2, 9668, 630848, 9898, 4},
      {"CNN_TS_GEN_BASE_13K_NPU", {1, 512, 1}, 2, 12580, 649344, 12794, 4},
      {"CNN_TS_GEN_BASE_20K_NPU", {1, 512, 1}, 2, 66596, 2324608, 66890, 4},
      {"CNN_TS_GEN_BASE_40K_NPU", {3, 128, 1}, 6, 39188, 2821984, 39058, 4},
      {"CNN_TS_GEN_BASE_55K_NPU", {1, 2500, 1}, 4, 53374, 1192464, 52434, 4},
      {"CNN_AF_3L_1400", {1, 256, 1}, 2, 1436, 337936, 1538, 4},
      {"CNN_AF_3L_700", {1, 256, 1}, 2, 732, 153632, 818, 4},
      {"CNN_AF_3L_300", {1, 256, 1}, 2, 328, 66576, 390, 4},
      {"CNN_AF_3L_200", {1, 256, 1}, 2, 224, 39952, 270, 4},
      {"CNN_MF_1L", {1, 256, 1}, 4, 646, 20992, 810, 4},
      {"CNN_MF_2L", {1, 256, 1}, 4, 3302, 676352, 3466, 4},
      {"CNN_MF_3L", {1, 256, 1}, 4, 910, 144640, 954, 4},
      {"CNN_TS_PIR2D_BASE", {1, 25, 25}, 3, 52963, 262472, 0, 4},
      {"LINEAR_4L_PC", {1, 176, 1}, 5, 14597, 13904, 28308, 4},
      {"REG_TS_GEN_BASE_10K", {4, 16, 1}, 1, 4369, 7488, 4343, 1},
      {"REG_TS_GEN_BASE_1K", {4, 16, 1}, 1, 705, 2440, 679, 1},
      {"REG_TS_GEN_BASE_2K", {4, 16, 1}, 1, 1881, 3344, 1855, 1},
      {"REG_TS_GEN_BASE_3K", {1, 512, 1}, 1, 17019, 16964, 12927, 1},
      {"REG_TS_GEN_BASE_13K", {4, 6, 1}, 1, 10329, 11872, 10279, 1},
      {"REG_TS_GEN_BASE_4K", {4, 6, 1}, 1, 2969, 4704, 2919, 1},
      {"REG_TS_GEN_BASE_500_NPU", {4, 16, 1}, 1, 197, 776, 183, 1},
      {"REG_TS_GEN_BASE_2K_NPU", {4, 16, 1}, 1, 1521, 3976, 1495, 1},
      {"REG_TS_GEN_BASE_6K_NPU", {4, 16, 1}, 1, 2257, 4192, 2215, 1},
      {"REG_TS_GEN_BASE_8K_NPU", {4, 16, 1}, 1, 6449, 9504, 6423, 1},
      {"REG_TS_GEN_BASE_20K_NPU", {4, 16, 1}, 1, 16633, 34368, 16583, 1},
      {"AD_CNN_TS_17K", {1, 512, 1}, 1, 16705, 1050624, 16803, 4},
      {"AD_3_LAYER_DEEP_ONDEVICE_TRAINABLE_MODEL_TS", {1, 512, 1}, 1, 345408, 344064, 194544, 4},
      {"AD_3_LAYER_DEEP_LINEAR_MODEL_TS", {1, 512, 1}, 1, 153312, 151552, 86568, 4},
      {"AE_CNN_TS_GEN_BASE_16K", {1, 512, 1}, 1, 16705, 4491264, 16803, 4},
      {"AE_CNN_TS_GEN_BASE_4K", {1, 512, 1}, 1, 4129, 402432, 4227, 4},
      {"AE_CNN_TS_GEN_BASE_1K", {1, 512, 1}, 1, 1213, 337920, 1407, 4},
      {"AE_CNN_TS_GEN_BASE_500_NPU", {1, 512, 1}, 1, 265, 43008, 315, 4},
      {"AE_CNN_TS_GEN_BASE_2K_NPU", {1, 512, 1}, 1, 2545, 405504, 2643, 4},
      {"AE_CNN_TS_GEN_BASE_6K_NPU", {1, 512, 1}, 1, 3041, 563200, 3139, 4},
      {"AE_CNN_TS_GEN_BASE_8K_NPU", {1, 512, 1}, 1, 10465, 1536000, 10563, 4},
      {"AE_CNN_TS_GEN_BASE_10K_NPU", {1, 512, 1}, 1, 9697, 1597440, 9891, 4},
      {"AE_CNN_TS_GEN_BASE_20K_NPU", {1, 512, 1}, 1, 40897, 6119424, 41091, 4},
      {"FC_CNN_TS_GEN_BASE_13K", {1, 1, 1}, 1, 6595, 6304, 39498, 4},
      {"LSTM10_TS_GEN_BASE", {1, 1, 1}, 1, 531, 450, 644, 4},
      {"LSTM8_TS_GEN_BASE", {1, 1, 1}, 1, 361, 296, 452, 4},
      {"FC_CNN_TS_GEN_BASE_500_NPU", {4, 16, 1}, 1, 197, 776, 210, 4},
      {"FC_CNN_TS_GEN_BASE_1K_NPU", {4, 16, 1}, 1, 705, 2440, 1210, 4},
      {"FC_CNN_TS_GEN_BASE_2K_NPU", {4, 16, 1}, 1, 1521, 3976, 2026, 4},
      {"FC_CNN_TS_GEN_BASE_4K_NPU", {4, 16, 1}, 1, 3281, 6432, 6906, 4},
      {"FC_CNN_TS_GEN_BASE_6K_NPU", {4, 16, 1}, 1, 2257, 4192, 5866, 4},
      {"FC_CNN_TS_GEN_BASE_8K_NPU", {4, 16, 1}, 1, 6449, 9504, 10074, 4},
      {"FC_CNN_TS_GEN_BASE_10K_NPU", {4, 16, 1}, 1, 7225, 15936, 14474, 4},
      {"FC_CNN_TS_GEN_BASE_20K_NPU", {4, 16, 1}, 1, 24921, 48704, 38314, 4},
      {"CNN_LENET5", {1, 28, 28}, 10, 60432, 246984, 0, 4},
      {"CNN_IMG_MOBILENETV1_58K_NPU", {3, 128, 128}, 10, 60240, 17898752, 0, 4},
      {"CNN_IMG_MOBILENETV2_58K_NPU", {3, 128, 128}, 4, 43786, 17963392, 0, 4},
      {"CNN_AUDIO_DSCNN", {1, 49, 10}, 12, 23756, 2656768, 0, 4},
      {"TEST_NEW_MODEL_2K", {1, 128, 1}, 3, 1861, 110176, 2058, 4},
      {"HAR_TINIE_CNN_2K", {3, 512, 1}, 4, 1690, 767104, 1690, 4},
      {"YOLO_Classifier_8K", {3, 512, 1}, 4, 8426, 9265408, 8426, 4},
  };
  return kFacts;
}

graph::Graph Network(const std::string& network, const Shape& input, int outputs) {
  static const config::Registry kRegistry = config::LoadRegistry();
  config::Training training;
  training.model_training_id = training.model_name = network;
  return Build(training, kRegistry, input, outputs, 1);
}

class ZooTest : public testing::TestWithParam<size_t> {};

TEST_P(ZooTest, ParameterCounts) {
  const Fact& fact = Facts()[GetParam()];
  const graph::Graph g = Network(fact.network, fact.input, fact.outputs);
  EXPECT_EQ(graph::CountParameters(g), fact.parameters);
  EXPECT_EQ(graph::CountMacs(g), fact.macs);
  if (fact.parameters_3_128 > 0) {
    EXPECT_EQ(graph::CountParameters(Network(fact.network, {3, 128, 1}, fact.outputs_3_128)),
              fact.parameters_3_128);
  }
}

TEST_P(ZooTest, OutputShapes) {
  const Fact& fact = Facts()[GetParam()];
  const std::string name = fact.network;
  const bool autoencoder = name.starts_with("AE_") || name.starts_with("AD_");
  std::vector<Shape> inputs = {fact.input};
  if (fact.input.back() == 1) inputs.insert(inputs.end(), {{1, 31, 1}, {2, 101, 1}, {3, 509, 1}});
  for (const Shape& input : inputs) {
    EXPECT_EQ(Network(name, input, 3).Output().shape, autoencoder ? input : Shape{3})
        << ToString(input);
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, ZooTest, testing::Range(size_t{0}, Facts().size()),
                         [](const auto& info) { return std::string(Facts()[info.param].network); });

TEST(ZooRegistryTest, TheTableKnowsEveryNetwork) {
  for (const std::string& name : config::LoadRegistry().networks.Names()) {
    EXPECT_TRUE(std::ranges::any_of(Facts(), [&](const Fact& f) { return name == f.network; }))
        << name;
  }
}

// The counts that the reference states for its catalogue, model by model.
TEST(ZooRegistryTest, EveryModelHasTheParametersThatItsEntryStates) {
  const config::Registry registry = config::LoadRegistry();
  int models = 0;
  for (const auto& [name, entry] : registry.models.entries.entries) {
    if (name == "NAS") continue;
    ++models;
    SCOPED_TRACE(name);
    const config::Value* reference = entry.Find("reference");
    ASSERT_NE(reference, nullptr);
    Shape input;
    for (const config::Value& extent : reference->Find("input")->items)
      input.push_back(*config::ToInteger(extent));
    const int outputs =
        static_cast<int>(config::ToInteger(*reference->Find("outputs")).value_or(1));
    const graph::Graph g = Network(entry.Text("network"), input, outputs);
    // The reference counts a scalar of its PIR network that nothing reads.
    const int64_t unread = entry.Text("network") == "CNN_TS_PIR2D_BASE" ? 1 : 0;
    EXPECT_EQ(graph::CountParameters(g) + unread,
              config::ToInteger(*reference->Find("parameters")));
    EXPECT_EQ(graph::CountMacs(g), config::ToInteger(*reference->Find("macs")));
  }
  EXPECT_EQ(models, 74);
}

TEST(ZooErrorTest, TheShortestLengthIsNamed) {
  const auto message = [](const std::string& network, const Shape& input) {
    try {
      Network(network, input, 3);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  using testing::HasSubstr;
  EXPECT_EQ(message("RES_ADD_CNN_TS_GEN_BASE_3K", {3, 15, 1}), "no error");
  EXPECT_THAT(message("RES_ADD_CNN_TS_GEN_BASE_3K", {3, 14, 1}),
              HasSubstr("samples of 3x14x1 are too short: network RES_ADD_CNN_TS_GEN_BASE_3K: "));
  EXPECT_THAT(message("RES_ADD_CNN_TS_GEN_BASE_3K", {3, 2, 1}),
              HasSubstr("the network takes 15 time steps and more"));
  EXPECT_THAT(message("HAR_TINIE_CNN_2K", {3, 8, 1}), HasSubstr("takes 9 time steps and more"));
  // No length helps where the width is what is missing.
  EXPECT_THAT(message("CNN_TS_PIR2D_BASE", {1, 128, 1}), testing::Not(HasSubstr("are too short")));
}

TEST(ZooRegistryTest, AModelWithoutClassIdIsItsClass) {
  config::Training training;
  training.model_name = "HAR_TINIE_CNN_2K";
  EXPECT_EQ(graph::CountParameters(Build(training, config::LoadRegistry(), {3, 512, 1}, 4, 1)),
            1690);
}

std::vector<std::string> NodeNames(const graph::Graph& g) {
  std::vector<std::string> names;
  for (const graph::Node& node : g.nodes) names.push_back(node.name);
  return names;
}

TEST(ZooRegistryTest, NodesAreCalledAsInCheckpoints) {
  using testing::IsSupersetOf;
  EXPECT_THAT(NodeNames(Network("RES_CAT_CNN_TS_GEN_BASE_3K", {3, 512, 1}, 4)),
              IsSupersetOf({"top_layer", "layer1.0", "layer1.1", "layer1.6", "layer1.7", "layer2.0",
                            "layer2.1", "bottom_layers.2"}));
  EXPECT_THAT(NodeNames(Network("AD_CNN_TS_17K", {1, 512, 1}, 1)),
              IsSupersetOf({"enc1.0", "enc1.1", "enc4.0", "dec4.0", "dec2.1", "dec1"}));
  EXPECT_THAT(NodeNames(Network("AD_3_LAYER_DEEP_LINEAR_MODEL_TS", {1, 512, 1}, 1)),
              IsSupersetOf({"encoder.1", "encoder.2", "encoder.7", "decoder.0", "decoder.6"}));
  EXPECT_THAT(NodeNames(Network("LSTM8_TS_GEN_BASE", {1, 32, 1}, 1)),
              IsSupersetOf({"features.1.rnn", "features.2"}));
  EXPECT_THAT(NodeNames(Network("CNN_IMG_MOBILENETV2_58K_NPU", {3, 128, 128}, 4)),
              IsSupersetOf({"stem.0", "stem.1", "stem.2", "blocks.0.block.3", "blocks.8.block.6",
                            "blocks.8.block.7", "head.0", "head.5"}));
  EXPECT_THAT(NodeNames(Network("CNN_TS_GEN_BASE_40K_NPU", {3, 128, 1}, 6)),
              IsSupersetOf({"features.3a.0", "features.3a.1", "features.6.0", "features.8"}));
}

std::string MessageOf(const std::string& spec, const Shape& input = {1, 16, 1}) {
  try {
    BuildFromSpec(config::ParseYaml(spec, "net.yaml"), "mine", input, 2, 1);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(ExtractorTest, MakesAnyNumberOfFeaturesOfRowsOfAnyLength) {
  struct Case {
    Shape raw, features;
    int64_t channels;  // of the last hidden layer
  };
  for (const auto& [raw, features, channels] :
       {Case{{1, 512, 1}, {1, 64, 1}, 64}, Case{{3, 100, 1}, {3, 20, 1}, 48},
        Case{{2, 33, 1}, {1, 5, 1}, 32}, Case{{1, 1, 1}, {2, 31, 25}, 16}}) {
    const graph::Graph g = BuildExtractor(raw, features, 1);
    graph::Verify(g);
    EXPECT_EQ(g.Input().shape, raw);
    EXPECT_EQ(g.Output().shape, features);
    const auto& last = g.nodes[g.nodes.size() - 3];
    EXPECT_EQ(g.Parameter(last, "weight").shape, (Shape{NumElements(features), channels, 5, 1}));
    EXPECT_EQ(g.nodes[0].name, "extractor.0");
  }
  // By hand: 2 + 5 16 + 16 + 32 + 5 16 32 + 32 + 64 + 5 32 32 + 32.
  EXPECT_EQ(graph::CountParameters(BuildExtractor({1, 64, 1}, {1, 32, 1}, 1)), 7938);
}

TEST(ZooErrorTest, NamesFileLineLayerAndWhatIsLegal) {
  EXPECT_NE(MessageOf("a: {type: BatchNormLayer, num_features: 1}\nb: {type: ConvBNReluLayer}")
                .find("net.yaml:2:1: layer 'b': unknown type 'ConvBNReluLayer'; did you mean "
                      "'ConvBNReLULayer'?"),
            std::string::npos);
  EXPECT_NE(
      MessageOf(
          "a: {type: IdentityLayer}\nb: {type: ConvLayer, out_chanels: 3, kernel_size: [3, 1]}")
          .find("unknown parameter 'out_chanels'; did you mean 'out_channels'?"),
      std::string::npos);
  EXPECT_NE(MessageOf("a: {type: IdentityLayer}").find("at least two layers"), std::string::npos);
  EXPECT_NE(MessageOf("a: {type: IdentityLayer}\nb: {type: ConvLayer, out_channels: 3, "
                      "kernel_size: [30, 1], padding: 0}")
                .find("a window of 30 does not fit"),
            std::string::npos);
  EXPECT_NE(
      MessageOf(
          "a: {type: IdentityLayer}\nb: {type: ConvLayer, out_channels: 0, kernel_size: [3, 1]}")
          .find("no error"),
      0u);
}

TEST(ZooErrorTest, NewRecordsSayWhatIsLegal) {
  const auto expect = [](const std::string& second, const std::string& text) {
    const std::string message = MessageOf("aa: {type: IdentityLayer}\nb: " + second);
    EXPECT_NE(message.find(text), std::string::npos) << message;
  };
  expect("{type: AddLayer, from: [aa, a]}",
         "net.yaml:2:1: layer 'b' (AddLayer): from: no layer 'a' before it; did you mean 'aa'?");
  expect("{type: AddLayer, from: [aa, aa, input]}", "from: expected two layers, got 3");
  expect("{type: CatLayer}", "from: expected at least two layers, got 1");
  expect("{type: ReLULayer, from: [aa, input]}", "from: expected one layer, got 2");
  expect("{type: CatLayer, from: [aa, input], axis: hight}",
         "axis: hight is not legal; did you mean 'height'?");
  expect("{type: ResizeLayer, size: 3, scale: 2}", "give one of size");
  expect("{type: UpsampleLayer, scale: 2, mode: cubic}", "legal values: nearest, bilinear");
  expect("{type: UpsampleLayer, like: c}", "like: no layer 'c' before it");
  expect("{type: ReshapeLayer, shape: [3, 5]}", "cannot be seen as");
  expect("{type: DropoutLayer, p: 1.5}",
         "p: 1.5 is not legal; legal: a number from 0, less than 1");
  expect("{type: LSTMLayer}", "parameter 'hidden_size' is missing");
  expect("{type: LSTMLayer, hidden_size: 2, input_size: 3}", "input_size is 3, its input has 1");
  expect("{type: RNNLayer, hidden_size: 2, rnn_type: LTSM}", "did you mean 'LSTM'?");
  expect("{type: GRULayer, hidden_size: 2, num_layers: 2, dropout: 0.1}", "put a DropoutLayer");
  expect("{type: ConvLayer, out_channels: variable, kernel_size: 3}",
         "out_channels: variable is not legal; legal: an integer of at least 1, or an expression");
  expect("{type: ConvLayer, out_channels: inputs / 0, kernel_size: 3}", "is not legal");
  expect("{type: ConvLayer, out_channels: height / 32, kernel_size: 3}",
         "out_channels: height / 32 is 0 for 1 variables of 16x1 and 2 outputs");
  expect("{type: IdentityLayer}\nc: {type: IdentityLayer, from: aa}", "no layer reads layer 'b'");
  expect("{type: IdentityLayer}\ninput: {type: IdentityLayer}", "the id is taken");
  const std::string flat = "paths: flat\nmodel_spec:\n  a: {type: IdentityLayer}\n";
  EXPECT_NE(MessageOf(flat + "  b: {type: ConvBNReLULayer, out_channels: 2, kernel_size: 3}")
                .find("the id of a ConvBNReLULayer ends in a number"),
            std::string::npos);
  EXPECT_NE(MessageOf(flat + "  b: {type: ReLULayer}\npath: flat").find("did you mean 'paths'?"),
            std::string::npos);
}

TEST(ZooSpecTest, AcceptsAllThreeForms) {
  const std::string list =
      "- {type: BatchNormLayer}\n- {type: ReshapeLayer}\n- {type: LinearLayer, in_features: null}";
  const std::string map =
      "model_spec:\n  x: {type: BatchNormLayer}\n  y: {type: tinynn.ReshapeLayer}\n  z: {type: "
      "LinearLayer, in_features: null}";
  for (const std::string& spec : {list, map}) {
    const graph::Graph g = BuildFromSpec(config::ParseYaml(spec, "n"), "mine", {2, 5, 1}, 3, 1);
    EXPECT_EQ(graph::CountParameters(g), 4 + 33);
    EXPECT_EQ(g.Output().shape, Shape{3});
  }
}

graph::Graph WithOptions(const std::string& network, const Shape& input, int outputs,
                         const std::string& options) {
  config::Training training;
  training.model_training_id = training.model_name = network;
  training.model_config = config::ParseYaml(options, "options.yaml");
  return Build(training, config::LoadRegistry(), input, outputs, 1);
}

int64_t Count(const std::string& network, const Shape& input, int outputs,
              const std::string& options) {
  return graph::CountParameters(WithOptions(network, input, outputs, options));
}

TEST(ZooOptionsTest, CountsFollow) {
  for (const char* name : {"RES_CAT_CNN_TS_GEN_BASE_3K", "RES_ADD_CNN_TS_GEN_BASE_3K"}) {
    const std::string wide =
        "{out_channel_layer1: 8, out_channel_layer2: 16, out_channel_layer3: 32}";
    EXPECT_EQ(Count(name, {3, 128, 1}, 6, wide), 2748) << name;
    // 2V + (3V+3)a + (3a+3)b + (3b+3)c + (3V+3)c + (c+1)C
    EXPECT_EQ(Count(name, {3, 512, 1}, 4, "{out_channel_layer2: 12}"),
              6 + 12 * 4 + 15 * 12 + 39 * 16 + 12 * 16 + 17 * 4);
  }
  // Two more taps, or fewer, in the kernels of every convolution but the 1x1 ones.
  EXPECT_EQ(Count("REG_TS_GEN_BASE_1K", {4, 64, 1}, 1, "{kernel: 5}"), 705 + 2 * (4 * 8 + 8 * 16));
  EXPECT_EQ(Count("FC_CNN_TS_GEN_BASE_6K_NPU", {4, 64, 1}, 1, "{kernel: 3}"),
            2257 - 2 * (4 * 8 + 8 + 16));
  EXPECT_EQ(Count("YOLO_Classifier_8K", {3, 512, 1}, 4, "{depth: 3}"), 8426);
  // One more convolution of 64 to 128 channels, and twice the inputs of the last layer.
  EXPECT_EQ(Count("YOLO_Classifier_8K", {3, 512, 1}, 4, "{depth: 4}"),
            8426 + 64 * 128 * 3 + 3 * 128 + 64 * 4);
  EXPECT_LT(Count("CNN_AUDIO_DSCNN", {1, 49, 10}, 12, "{filters: 32}"), 23756 / 2);
}

TEST(ZooOptionsTest, SwitchesAndRanges) {
  EXPECT_EQ(Count("CNN_TS_PIR2D_BASE", {1, 25, 25}, 3, "{use_bn: false}"), 52963);
  EXPECT_EQ(Count("CNN_TS_PIR2D_BASE", {1, 25, 25}, 3, "{use_bn: true}"), 52963 + 2 * (1 + 8 + 16));
  const auto message = [](const std::string& options) {
    try {
      WithOptions("RES_CAT_CNN_TS_GEN_BASE_3K", {3, 128, 1}, 4, options);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  using testing::HasSubstr;
  EXPECT_EQ(message("{variables: 3, num_classes: 4, input_features: 128}"), "no error");
  EXPECT_EQ(message("{}"), "no error");
  EXPECT_THAT(message("{num_classes: 5}"), HasSubstr("num_classes: 5, but the data give 4"));
  EXPECT_THAT(message("{out_channel_layer4: 5}"),
              HasSubstr("options.yaml:1:2: training.model_config: RES_CAT_CNN_TS_GEN_BASE_3K has "
                        "no option 'out_channel_layer4'; did you mean 'out_channel_layer"));
  EXPECT_THAT(message("{out_channel_layer1: 0}"),
              HasSubstr("out_channel_layer1: 0 is not legal; legal: an integer from 1 to 4096"));
  EXPECT_THAT(message("{out_channel_layer1: wide}"), HasSubstr("wide is not legal"));
}

TEST(ZooOptionsTest, LayerListsDeclareTheirOwn) {
  const std::string spec =
      "options: {wide: [4, 2, 9], norm: true}\nmodel_spec:\n  a: {type: BatchNormLayer, if: "
      "norm}\n  b: {type: ConvLayer, out_channels: 2 * wide, kernel_size: [1, 1]}\n  c: {type: "
      "ReshapeLayer}\n  d: {type: LinearLayer}\n";
  const auto build = [&](const std::string& text, const std::string& options) {
    return BuildFromSpec(config::ParseYaml(text, "n.yaml"), "mine", {1, 3, 1}, 2, 1,
                         config::ParseYaml(options, "o.yaml"));
  };
  EXPECT_EQ(graph::CountParameters(build(spec, "{}")), 2 + 16 + 2 * (8 * 3 + 1));
  EXPECT_EQ(graph::CountParameters(build(spec, "{wide: 9, norm: off}")), 36 + 2 * (18 * 3 + 1));
  EXPECT_THROW(build(spec, "{wide: 10}"), Error);
  EXPECT_THROW(build("options: {wide: very}\n" + spec.substr(spec.find('\n') + 1), "{}"), Error);
  EXPECT_THROW(build("- {type: IdentityLayer}\n- {type: IdentityLayer}", "{wide: 4}"), Error);
  // The sizes of the data keep their names.
  EXPECT_THROW(build("options: {width: 4}\n" + spec.substr(spec.find('\n') + 1), "{}"), Error);
}

TEST(ZooSpecTest, EvaluatesSizes) {
  const Sizes sizes = {3, 101, 2, 5, {{"my_width", 7}}};
  EXPECT_EQ(Evaluate("2 * my_width", sizes), 14);
  EXPECT_EQ(Evaluate("3 * 2 ^ 4 + 1", sizes), 49);
  EXPECT_EQ(Evaluate("outputs", sizes), 5);
  EXPECT_EQ(Evaluate("4 + height % 2", sizes), 5);
  EXPECT_EQ(Evaluate("inputs / 4 / 2", sizes), 75);
  EXPECT_EQ(Evaluate("8*outputs-variables", sizes), 37);
  for (const char* bad :
       {"", "4 +", "* 4", "4 4", "heights", "4 / 0", "2 ^ 40", "my_heigth", "99999999999999999999"})
    EXPECT_EQ(Evaluate(bad, sizes), std::nullopt) << bad;
}

TEST(ZooSpecTest, BuildsEveryKindOfBranchAndResize) {
  const graph::Graph g = BuildFromSpec(
      config::ParseYaml("paths: flat\n"
                        "model_spec:\n"
                        "  down.0: {type: ConvBNReLULayer, out_channels: 2 * variables, "
                        "kernel_size: 3, stride: 2}\n"
                        "  up.0: {type: TransposeConvBNReLULayer, out_channels: variables, "
                        "kernel_size: [2, 1], stride: [2, 1], padding: 0}\n"
                        "  same: {type: ResizeLayer, like: input, mode: bilinear}\n"
                        "  sum: {type: AddLayer, from: [input, same]}\n"
                        "  twice: {type: UpsampleLayer, scale: 2}\n"
                        "  gate: {type: SigmoidLayer, from: twice}\n"
                        "  both: {type: CatLayer, from: [twice, gate]}\n"
                        "  rows: {type: RNNLayer, hidden_size: 7, rnn_type: gru}\n"
                        "  flat: {type: ReshapeLayer}\n"
                        "  out: {type: LinearLayer}",
                        "n"),
      "mine", {3, 11, 1}, 4, 1);
  EXPECT_EQ(g.Output().shape, Shape{4});
  EXPECT_THAT(NodeNames(g),
              testing::ElementsAre("down.0", "down.1", "down.2", "up.0", "up.1", "up.2", "same",
                                   "sum", "twice", "gate", "both", "rows.rnn", "flat", "out"));
  EXPECT_EQ(graph::CountParameters(g),
            (6 * 3 * 3 + 6 + 12) + (6 * 3 * 2 + 3 + 6) + 21 * (6 + 7 + 2) + (7 * 22 * 4 + 4));
}

}  // namespace
}  // namespace platypus::zoo
