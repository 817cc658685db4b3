#include "platypus/zoo/zoo.h"

#include <gtest/gtest.h>

#include "platypus/base/error.h"

namespace platypus::zoo {
namespace {

// Facts of the reference's model registry: parameters at its own reference input, and at 3 x 128
// with 4 classes.
struct Fact {
  const char* network;
  int64_t variables, features;
  int classes;
  int64_t parameters, parameters_3_128_4;
};

const std::vector<Fact>& Facts() {
  static const std::vector<Fact> kFacts = {
      {"CNN_TS_GEN_BASE_6K_NPU", 1, 512, 2, 6596, 6730},
      {"CNN_TS_GEN_BASE_1K_NPU", 1, 512, 2, 876, 994},
      {"CNN_TS_GEN_BASE_100_NPU", 1, 512, 2, 268, 306},
      {"CNN_TS_GEN_BASE_500_NPU", 1, 512, 2, 532, 650},
      {"CNN_TS_GEN_BASE_1P2K_NPU", 4, 256, 2, 1174, 1166},
      {"CNN_TS_GEN_BASE_1P5K_NPU", 4, 256, 2, 1530, 1502},
      {"CNN_TS_GEN_BASE_1P9K_NPU", 4, 256, 2, 1914, 1898},
      {"CNN_TS_GEN_BASE_2K_NPU", 1, 512, 2, 4996, 5226},
      {"CNN_TS_GEN_BASE_2P8K_NPU", 4, 256, 2, 2802, 2746},
      {"CNN_TS_GEN_BASE_3P1K_NPU", 4, 256, 2, 3142, 3166},
      {"CNN_TS_GEN_BASE_3P9K_NPU", 4, 256, 2, 3926, 3942},
      {"CNN_TS_GEN_BASE_4K_NPU", 1, 512, 2, 3692, 3842},
      {"CNN_TS_GEN_BASE_4P2K_NPU", 4, 256, 2, 4246, 4242},
      {"CNN_TS_GEN_BASE_5K_NPU", 4, 256, 2, 4982, 4986},
      {"CNN_TS_GEN_BASE_8K_NPU", 1, 512, 2, 9668, 9898},
      {"CNN_TS_GEN_BASE_13K_NPU", 1, 512, 2, 12580, 12794},
      {"CNN_TS_GEN_BASE_20K_NPU", 1, 512, 2, 66596, 66890},
      {"CNN_TS_GEN_BASE_40K_NPU", 3, 128, 6, 39188, 39058},
      {"CNN_TS_GEN_BASE_55K_NPU", 1, 2500, 4, 53374, 52434},
      {"CNN_AF_3L_1400", 1, 256, 2, 1436, 1538},
      {"CNN_AF_3L_700", 1, 256, 2, 732, 818},
      {"CNN_AF_3L_300", 1, 256, 2, 328, 390},
      {"CNN_AF_3L_200", 1, 256, 2, 224, 270},
      {"CNN_MF_1L", 1, 256, 4, 646, 810},
      {"CNN_MF_2L", 1, 256, 4, 3302, 3466},
      {"CNN_MF_3L", 1, 256, 4, 910, 954},
      {"TEST_NEW_MODEL_2K", 1, 128, 3, 1861, 2058},
      {"HAR_TINIE_CNN_2K", 3, 512, 4, 1690, 1690},
  };
  return kFacts;
}

class ZooTest : public testing::TestWithParam<size_t> {};

TEST_P(ZooTest, ParameterCounts) {
  const Fact& fact = Facts()[GetParam()];
  const config::Registry registry = config::LoadRegistry();
  config::Training training;
  training.model_training_id = training.model_name = fact.network;
  EXPECT_EQ(graph::CountParameters(
                Build(training, registry, {fact.variables, fact.features, 1}, fact.classes, 1)),
            fact.parameters);
  EXPECT_EQ(graph::CountParameters(Build(training, registry, {3, 128, 1}, 4, 1)),
            fact.parameters_3_128_4);
}

INSTANTIATE_TEST_SUITE_P(Networks, ZooTest, testing::Range(size_t{0}, Facts().size()),
                         [](const auto& info) { return std::string(Facts()[info.param].network); });

std::string MessageOf(const std::string& spec, const Shape& input = {1, 16, 1}) {
  try {
    BuildFromSpec(config::ParseYaml(spec, "net.yaml"), "mine", input, 2, 1);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
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
  EXPECT_NE(MessageOf("a: {type: IdentityLayer}\nb: {type: LSTMLayer}")
                .find("LSTMLayer does not run in this version"),
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

}  // namespace
}  // namespace platypus::zoo
