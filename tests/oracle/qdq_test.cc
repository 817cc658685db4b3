// The QDQ form of quantised networks: ONNX Runtime computes it, and what is read back from it is
// the integer graph of conversion.
#include <fmt/format.h>

#include "platypus/graph/quantization.h"

#include "tests/oracle/network_case.h"
#include "tests/oracle/quantized_networks.h"

namespace platypus {
namespace {

using onnx_io::QdqVersion;

// `most`: steps between our integers and ONNX Runtime's outputs, and the share of outputs that
// differ at all. Sums of products with codes of 16 bits are more than float32 holds.
struct Scheme {
  std::string name;
  quantize::Settings settings;
  int64_t most_steps = 1;
  double most_share = 0.001;
};

quantize::Settings Generic(int weight_bits, int activation_bits, bool affine = false) {
  quantize::Settings settings;
  settings.dialect = config::Quantization::kGeneric;
  settings.precision = {weight_bits, activation_bits};
  settings.affine = affine;
  return settings;
}

std::vector<Scheme> Schemes() {
  quantize::Settings tensor = Generic(8, 8);
  tensor.per_channel = false;
  quantize::Settings real = Generic(8, 8);
  real.output_int = false;
  return {{"w8a8", Generic(8, 8)},
          {"w4a8", Generic(4, 8)},
          {"w2a8", Generic(2, 8)},
          {"w8a4", Generic(8, 4)},
          {"w8a16", Generic(8, 16), 2, 0.05},
          {"affine", Generic(8, 8, true)},
          {"per tensor", tensor},
          {"real output", real}};
}

const std::vector<NetworkCase>& Networks() {
  static const std::vector<NetworkCase> networks = {{"CNN_TS_GEN_BASE_1K_NPU", {1, 128, 1}},
                                                    {"CNN_TS_GEN_BASE_13K_NPU", {1, 128, 1}},
                                                    {"RES_ADD_CNN_TS_GEN_BASE_3K", {3, 64, 1}},
                                                    {"RES_CAT_CNN_TS_GEN_BASE_3K", {3, 64, 1}},
                                                    {"AD_CNN_TS_17K", {3, 75, 1}},
                                                    {"AE_CNN_TS_GEN_BASE_4K", {2, 70, 1}},
                                                    {"REG_TS_GEN_BASE_1K", {3, 64, 1}},
                                                    {"FC_CNN_TS_GEN_BASE_1K_NPU", {1, 64, 1}}};
  return networks;
}

// A network with ranges, and samples that no range was taken from.
struct Case {
  graph::Graph fake;
  graph::Graph integer;
  std::vector<float> samples;
  Shape shape;  // with its batch axis
};

Case MakeCase(const NetworkCase& network, const quantize::Settings& settings, int64_t count,
              ThreadPool& pool) {
  graph::Graph trained = Build(network);
  RandomiseNorms(trained, 3);
  Case c;
  c.fake = FakeQuantized(trained, settings, RandomSamples(network.input, 64, 1), pool);
  c.integer = quantize::Convert(c.fake, settings);
  c.samples = RandomSamples(network.input, count, 2);
  c.shape = network.input;
  c.shape.insert(c.shape.begin(), 1);
  return c;
}

std::string Qdq(const Case& c, const quantize::Settings& settings, QdqVersion version) {
  return onnx_io::SerializeQdq(c.fake, {{"model", c.fake.name}}, {version, settings.output_int});
}

class QdqTest : public testing::TestWithParam<size_t> {
 protected:
  const Scheme scheme_ = Schemes()[GetParam()];
  ThreadPool pool_{1};
};

TEST_P(QdqTest, OnnxRuntimeAgrees) {
  if (!HasOnnxRuntime()) GTEST_SKIP() << "ONNX Runtime is not installed: run `make oracle`";
  constexpr int64_t kSamples = 100;
  Histogram all;
  for (const NetworkCase& network : Networks()) {
    SCOPED_TRACE(network.network);
    const Case c = MakeCase(network, scheme_.settings, kSamples, pool_);
    const std::vector<float> ours = exec::Interpreter(c.integer).Run(c.samples, kSamples, pool_);
    const graph::Tensor& output = c.integer.Output();
    double step = 1.0;
    if (output.dtype == DType::kFloat32)
      step = c.integer.At(graph::Producer(c.integer, c.integer.output)->inputs[0]).scale;
    Histogram one;
    std::vector<float> newest;
    for (const QdqVersion version : {QdqVersion::kNewest, QdqVersion::kFallback}) {
      const std::vector<float> theirs =
          RunOnnx(Qdq(c, scheme_.settings, version), c.shape, c.samples);
      one.Add(ours, theirs, step);
      all.Add(ours, theirs, step);
      if (version == QdqVersion::kNewest) newest = theirs;
      EXPECT_EQ(newest, theirs);
    }
    fmt::print("{:<12} {:<28} {}\n", scheme_.name, network.network, one.Text());
  }
  fmt::print("{:<12} {:<28} {}\n", scheme_.name, "all", all.Text());
  EXPECT_LE(all.Largest(), scheme_.most_steps);
  EXPECT_LT(static_cast<double>(all.Differing()),
            scheme_.most_share * static_cast<double>(all.Total()));
}

// Read back, the file gives what conversion gives.
TEST_P(QdqTest, ComesBackAsTheIntegerGraph) {
  constexpr int64_t kSamples = 20;
  for (const NetworkCase& network : Networks()) {
    SCOPED_TRACE(network.network);
    const Case c = MakeCase(network, scheme_.settings, kSamples, pool_);
    const std::vector<float> ours = exec::Interpreter(c.integer).Run(c.samples, kSamples, pool_);
    for (const QdqVersion version : {QdqVersion::kNewest, QdqVersion::kFallback}) {
      if (version == QdqVersion::kFallback && scheme_.settings.precision.activation_bits > 8)
        continue;  // codes by value, in float32
      const graph::Graph back = onnx_io::Import(Qdq(c, scheme_.settings, version), "qdq.onnx");
      EXPECT_EQ(exec::Interpreter(back).Run(c.samples, kSamples, pool_), ours)
          << graph::ToText(back) << graph::ToText(c.integer);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Schemes, QdqTest, testing::Range<size_t>(0, Schemes().size()),
                         [](const auto& info) {
                           std::string name = Schemes()[info.param].name;
                           std::erase(name, ' ');
                           return name;
                         });

// Layers that stay float between integer ones.
TEST(QdqIslandTest, OnnxRuntimeAgrees) {
  if (!HasOnnxRuntime()) GTEST_SKIP() << "ONNX Runtime is not installed: run `make oracle`";
  constexpr int64_t kSamples = 100;
  ThreadPool pool(1);
  const NetworkCase network{"CNN_TS_GEN_BASE_4K_NPU", {2, 128, 1}};
  quantize::Settings settings = Generic(8, 8);
  graph::Graph trained = Build(network);
  std::vector<std::string> convolutions;
  for (const graph::Node& node : trained.nodes) {
    if (std::holds_alternative<graph::Conv2d>(node.op)) convolutions.push_back(node.name);
  }
  ASSERT_GE(convolutions.size(), 3u);
  settings.layers[convolutions[1]] = {quantize::Precision::kFloat, quantize::Precision::kFloat};
  for (const config::Quantization dialect :
       {config::Quantization::kGeneric, config::Quantization::kTinpu}) {
    settings.dialect = dialect;
    const Case c = MakeCase(network, settings, kSamples, pool);
    const auto count = [&](auto is) { return std::ranges::count_if(c.integer.nodes, is); };
    EXPECT_EQ(count([](const graph::Node& n) {
                return std::holds_alternative<graph::QuantizeInput>(n.op);
              }),
              2);
    const std::vector<float> ours = exec::Interpreter(c.integer).Run(c.samples, kSamples, pool);
    Histogram histogram;
    histogram.Add(ours, RunOnnx(c.integer, c.samples), 1.0);
    if (dialect == config::Quantization::kGeneric) {
      for (const QdqVersion version : {QdqVersion::kNewest, QdqVersion::kFallback})
        histogram.Add(ours, RunOnnx(Qdq(c, settings, version), c.shape, c.samples), 1.0);
      const graph::Graph back = onnx_io::Import(Qdq(c, settings, QdqVersion::kNewest), "island");
      Histogram read;
      read.Add(ours, exec::Interpreter(back).Run(c.samples, kSamples, pool), 1.0);
      EXPECT_EQ(read.Differing(), 0) << read.Text();
    }
    fmt::print("island       {}\n", histogram.Text());
    EXPECT_LE(histogram.Largest(), 1);
  }
}

// Recurrent cells stay float between DequantizeLinear and QuantizeLinear.
TEST(QdqCellTest, OnnxRuntimeTakesThem) {
  if (!HasOnnxRuntime()) GTEST_SKIP() << "ONNX Runtime is not installed: run `make oracle`";
  constexpr int64_t kSamples = 50;
  ThreadPool pool(1);
  const NetworkCase network{"LSTM8_TS_GEN_BASE", {3, 32, 1}};
  for (const int bits : {8, 4, 2}) {
    const quantize::Settings settings = Generic(bits, 8);
    const graph::Graph fake =
        FakeQuantized(Build(network), settings, RandomSamples(network.input, 64, 1), pool);
    const std::vector<float> samples = RandomSamples(network.input, kSamples, 2);
    const std::vector<float> ours = exec::Interpreter(fake).Run(samples, kSamples, pool);
    double step = 0;
    const graph::Node& last = *graph::Producer(fake, fake.output);
    const auto& range = fake.Parameter(last, "range").Floats();
    step = graph::ActivationCodes(std::get<graph::FakeQuantize>(last.op), range[0], range[1]).scale;
    for (const QdqVersion version : {QdqVersion::kNewest, QdqVersion::kFallback}) {
      const std::vector<float> theirs =
          RunOnnx(onnx_io::SerializeQdq(fake, {}, {version, false}), {1, 3, 32, 1}, samples);
      Histogram histogram;
      histogram.Add(ours, theirs, step);
      fmt::print("cells w{}     {}\n", bits, histogram.Text());
      // The file's biases are whole numbers of weights' steps times codes'.
      EXPECT_LE(histogram.Largest(), 1);
      EXPECT_LT(histogram.Differing(), histogram.Total() / (bits == 8 ? 50 : bits == 4 ? 20 : 5));
    }
  }
}

}  // namespace
}  // namespace platypus
