// Functions of one element.
#include <algorithm>
#include <limits>

#include "platypus/onnx/importer.h"

namespace platypus::onnx_io {
namespace {

// Where the elements lie does not matter.
void Pointwise(NodeReader& node, const graph::Op& op) {
  node.Emit(node.Append(node.Name(), op, node.Data(0)));
}

void OneSlope(NodeReader& node, const Constant& slope) {
  const std::vector<float> values = slope.Floats();
  if (values.empty() || std::ranges::any_of(values, [&](float v) { return v != values[0]; })) {
    node.RefuseText("a slope for each channel is not supported",
                    "nearest operator: LeakyRelu, one slope for all");
  }
  Pointwise(node, graph::LeakyRelu{values[0]});
}

}  // namespace

std::pair<float, float> Limits(NodeReader& node) {
  constexpr float kMost = std::numeric_limits<float>::max();
  std::pair<float, float> limits{node.Float("min", -kMost), node.Float("max", kMost)};
  for (int i = 1; i < 3; ++i) {
    if (!node.HasInput(i)) continue;
    const Constant& limit = node.Constants(i, i == 1 ? "min" : "max");
    if (limit.Count() != 1) node.Refuse("a limit of {} elements", limit.Count());
    (i == 1 ? limits.first : limits.second) = std::clamp(limit.Floats()[0], -kMost, kMost);
  }
  return limits;
}

void ReadIdentity(NodeReader& node) { Pointwise(node, graph::Identity{}); }

// Between kinds of real numbers, as exporters of half precision write.
void ReadCast(NodeReader& node) {
  using Type = onnx::TensorProto;
  const int64_t to = node.Int("to", 0);
  node.Ignore({"saturate"});
  const View view = node.Data(0);
  const DType type = node.Model().Graph().At(view.tensor).dtype;
  const bool same =
      (to == Type::UINT8 && type == DType::kUInt8) || (to == Type::INT8 && type == DType::kInt8);
  if (same && !view.real) return node.EmitView(view);
  if (to != Type::FLOAT && to != Type::DOUBLE && to != Type::FLOAT16) {
    node.Refuse("to element type {}; supported: 1 (float), 10 (float16), 11 (double)", to);
  }
  node.EmitView(view);
}

void ReadDropout(NodeReader& node) {
  float ratio = node.Float("ratio", 0.5f);
  if (node.HasInput(1)) {
    const Constant& given = node.Constants(1, "ratio");
    if (given.Count() != 1) node.Refuse("a ratio of {} elements", given.Count());
    ratio = given.Floats()[0];
  }
  node.Ignore({"seed", "is_test"});
  if (node.IsRead(1)) node.Refuse("its second output (mask) is not supported");
  Pointwise(node, graph::Dropout{ratio});
}

void ReadRelu(NodeReader& node) {
  const View in = node.Data(0);
  node.Ignore({"consumed_inputs"});
  if (in.real) {
    return node.EmitView(LimitCodes(node, in, 0.0f, std::numeric_limits<float>::max()));
  }
  if (!node.IsInteger(in)) return Pointwise(node, graph::Relu{});
  Pointwise(node, graph::Clamp{0.0f, 255.0f});
}

void ReadClip(NodeReader& node) {
  const auto [low, high] = Limits(node);
  if (low == 0.0f && high == std::numeric_limits<float>::max()) return ReadRelu(node);
  if (const View in = node.Data(0); in.real) {
    return node.EmitView(LimitCodes(node, in, low, high));
  }
  Pointwise(node, graph::Clamp{low, high});
}

void ReadLeakyRelu(NodeReader& node) {
  Pointwise(node, graph::LeakyRelu{node.Float("alpha", 0.01f)});
}

void ReadPRelu(NodeReader& node) { OneSlope(node, node.Constants(1, "slope")); }

void ReadSigmoid(NodeReader& node) { Pointwise(node, graph::Sigmoid{}); }
void ReadTanh(NodeReader& node) { Pointwise(node, graph::Tanh{}); }

void ReadGelu(NodeReader& node) {
  node.Choice("approximate", "none", {"none"});
  Pointwise(node, graph::Gelu{});
}

// Integers are whole already.
void ReadRound(NodeReader& node) {
  const View in = node.Data(0);
  if (!node.IsInteger(in)) node.Refuse("of real numbers; supported: of integers");
  node.EmitView(in);
}

}  // namespace platypus::onnx_io
