// Where floats become codes, and the orders in which callers deliver and want values.
#include <cmath>

#include "platypus/deploy/c_text.h"
#include "platypus/deploy/lowering.h"

namespace platypus::deploy {
namespace {

// The factors of a QuantizeInput, as the floats that its C multiplies with.
std::vector<float> Multipliers(const graph::Graph& g, const Node& node) {
  const std::vector<int32_t>& values = g.Parameter(node, "multiplier").Int32s();
  return {values.begin(), values.end()};
}
std::vector<float> Powers(const graph::Graph& g, const Node& node) {
  std::vector<float> powers;
  for (const int32_t shift : g.Parameter(node, "shift").Int32s())
    powers.push_back(std::ldexp(1.0f, -shift));
  return powers;
}

}  // namespace

const Node* Lowering::Entry() const {
  const Node* reader = OnlyConsumer(g_.input);
  const bool quantizes =
      reader != nullptr && std::holds_alternative<graph::QuantizeInput>(reader->op);
  return quantizes ? reader : nullptr;
}

void Lowering::Start() {
  TensorId entry = g_.input;
  if (const Node* node = Entry()) {
    const auto& op = std::get<graph::QuantizeInput>(node->op);
    fused_.insert(node);
    entry = node->output;
    net_.in_offset = g_.Parameter(*node, "offset").Floats();
    net_.in_multiplier = Multipliers(g_, *node);
    net_.in_power = Powers(g_, *node);
    net_.in_lo = static_cast<float>(op.lo);
    net_.in_hi = static_cast<float>(op.hi);
    net_.in_scale = At(entry).scale;
    net_.in_zero_point = At(entry).zero_point;
  }
  const Extent e = ExtentOf(At(entry).shape);
  net_.in_channels = e.c;
  net_.in_positions = e.h * e.w;
  net_.in_type = "tm_" + TypeName(At(entry).dtype);
  in_root_ = entry;
  net_.input = entry;
  storage_[entry] = {TypeName(At(entry).dtype), 0};
  if (e.c > 1 &&
      e.h * e.w > 1) {  // callers deliver channel after channel, kernels want channels together
    CLayer layer;
    layer.name = "input";
    layer.comment = fmt::format("input {} to channels last", ToString(At(entry).shape));
    layer.code = fmt::format("tm_transpose_{}(@{}, {}, {}, @{});", TypeName(At(entry).dtype), entry,
                             e.c, e.h * e.w, kArranged);
    layer.inputs = {entry};
    layer.output = kArranged;
    layer.tensor = entry;
    layer.activation_octets = Store(kArranged, entry);
    net_.layers.push_back(std::move(layer));
    arranged_ = true;
  }
}

TensorId Lowering::Deliver() {
  kept_.clear();
  HoldPlain(g_.output, "output");
  const Extent e = ExtentOf(g_.Output().shape);
  if (e.c == 1 || e.h * e.w == 1 || At(g_.output).shape.size() == 1) return g_.output;
  CLayer layer;
  layer.name = "output";
  layer.comment = fmt::format("output {} to channel after channel", ToString(g_.Output().shape));
  layer.code = fmt::format("tm_transpose_{}({}, {}, {}, @{});", TypeName(g_.Output().dtype),
                           Address(g_.output), e.h * e.w, e.c, kDelivered);
  layer.inputs = {Place(g_.output)};
  layer.output = kDelivered;
  layer.tensor = g_.output;
  layer.channels_last = false;
  layer.activation_octets = Store(kDelivered, g_.output);
  net_.layers.push_back(std::move(layer));
  return kDelivered;
}

void Lowering::LowerQuantize(const Node& node, const graph::QuantizeInput& op) {
  const std::string id = Identifier(node);
  const Extent e = ExtentOf(At(node.output).shape);
  CLayer layer = NewLayer(node, node.output);
  std::string tables;
  const auto add = [&](const char* role, const std::vector<float>& values) {
    tables += AddTable(fmt::format("{}_{}", id, role), "tm_f32", CList(values),
                       static_cast<int64_t>(values.size()), layer) +
              ", ";
    return values.size();
  };
  add("offset", g_.Parameter(node, "offset").Floats());
  add("multiplier", Multipliers(g_, node));
  const bool shared = add("power", Powers(g_, node)) == 1;
  layer.code = fmt::format(
      "tm_quantize_{}({}, {}, {}, 1, {}{}, {}, @{});", TypeName(At(node.output).dtype),
      Address(node.inputs[0]), shared ? e.c * e.h * e.w : e.h * e.w, shared ? 1 : e.c, tables,
      CFloat(static_cast<float>(op.lo)), CFloat(static_cast<float>(op.hi)), node.output);
  Finish(std::move(layer));
}

}  // namespace platypus::deploy
