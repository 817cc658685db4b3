// Damaged files: every outcome is a graph or a refusal, never anything else.
#include <gtest/gtest.h>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/onnx/onnx.h"
#include "tests/onnx/forms.h"
#include "tests/onnx/quantized_forms.h"

namespace platypus::onnx_io {
namespace {

// Valid files of all kinds.
std::vector<std::string> Files() {
  std::vector<std::string> files;
  for (const Form& form : AllForms()) files.push_back(form.model.Bytes());
  for (const QuantizedForm& form : QuantizedForms()) files.push_back(form.model.Bytes());
  for (const char* name : {"conv1d", "image", "series"}) {
    files.push_back(
        ReadFile(std::string(PLATYPUS_SOURCE_DIR "/tests/onnx/data/") + name + ".onnx"));
  }
  graph::Graph g = graph::MakeGraph("codes", {2, 6, 1});
  graph::Append(g, "in", graph::QuantizeInput{}, {0});
  g.parameters["in.offset"] = {{2}, std::vector<float>{0.5f, 1}};
  g.parameters["in.multiplier"] = {{2}, std::vector<int32_t>{100, 3}};
  g.parameters["in.shift"] = {{2}, std::vector<int32_t>{3, 0}};
  graph::Append(g, "sum", graph::SumPool{{2, 1}, {2, 1}, {}}, {g.output});
  graph::Append(g, "mean", graph::Requantize{0, 255}, {g.output});
  g.parameters["mean.offset"] = {{1}, std::vector<int32_t>{1}};
  g.parameters["mean.multiplier"] = {{1}, std::vector<int32_t>{1}};
  g.parameters["mean.shift"] = {{1}, std::vector<int32_t>{1}};
  graph::Append(g, "twice", graph::AddRequantize{3, 5, 2, 0, 255}, {g.output, g.output});
  files.push_back(Serialize(g, {}));
  return files;
}

// Whether the bytes gave a graph; anything but a graph or a refusal of the model fails the test.
bool Survives(const std::string& bytes) {
  try {
    graph::Verify(Import(bytes, "damaged.onnx"));
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::kModel) << error.what();
    EXPECT_EQ(error.location().file, "damaged.onnx") << error.what();
  }
  return false;
}

TEST(DamageTest, TruncatedFiles) {
  for (const std::string& file : Files()) {
    ASSERT_TRUE(Survives(file));
    const size_t step = std::max<size_t>(1, file.size() / 60);
    for (size_t size = 0; size < file.size(); size += step) Survives(file.substr(0, size));
  }
}

TEST(DamageTest, FlippedBits) {
  const std::vector<std::string> files = Files();
  Random random(5, "damage");
  int graphs = 0;
  constexpr int kCases = 30000;
  for (int i = 0; i < kCases; ++i) {
    std::string bytes = files[static_cast<size_t>(i) % files.size()];
    const uint64_t flips = 1 + random.Below(3);
    for (uint64_t k = 0; k < flips; ++k) {
      bytes[random.Below(bytes.size())] ^= static_cast<char>(1 << random.Below(8));
    }
    graphs += Survives(bytes) ? 1 : 0;
  }
  // Most damage is in weights and does not show; enough is in what holds the file together.
  EXPECT_GT(graphs, kCases / 20);
  EXPECT_LT(graphs, kCases * 19 / 20);
}

// Fields that the protobuf reader accepts but that mean nonsense: numbers replaced by extremes.
TEST(DamageTest, ExtremeNumbers) {
  Random random(6, "extremes");
  const std::vector<int64_t> extremes = {
      0, -1,         1,  -2, INT64_MIN, INT64_MAX, INT32_MIN, INT32_MAX, 1 << 20, int64_t{1} << 40,
      3, 1000000000, 64, -64};
  const auto any = [&] { return extremes[random.Below(extremes.size())]; };
  const std::vector<Form> forms = AllForms();
  for (int i = 0; i < 15000; ++i) {
    onnx::ModelProto model = forms[static_cast<size_t>(i) % forms.size()].model.model;
    onnx::GraphProto* graph = model.mutable_graph();
    onnx::NodeProto* node = graph->mutable_node(
        static_cast<int>(random.Below(static_cast<uint64_t>(graph->node_size()))));
    for (onnx::AttributeProto& attribute : *node->mutable_attribute()) {
      if (random.Below(2) == 0) continue;
      if (attribute.has_i()) attribute.set_i(any());
      for (int64_t& value : *attribute.mutable_ints()) {
        if (random.Below(2) == 0) value = any();
      }
    }
    for (onnx::TensorProto& tensor : *graph->mutable_initializer()) {
      for (int64_t& value : *tensor.mutable_int64_data()) {
        if (random.Below(2) == 0) value = any();
      }
      if (random.Below(4) == 0) {
        for (int64_t& dim : *tensor.mutable_dims()) dim = any();
      }
    }
    for (auto& dim : *graph->mutable_input(0)
                          ->mutable_type()
                          ->mutable_tensor_type()
                          ->mutable_shape()
                          ->mutable_dim()) {
      if (random.Below(8) == 0) dim.set_dim_value(any());
    }
    Survives(model.SerializeAsString());
  }
}

}  // namespace
}  // namespace platypus::onnx_io
