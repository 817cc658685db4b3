#include "platypus/deploy/layers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "platypus/base/error.h"
#include "platypus/deploy/arena.h"
#include "platypus/deploy/c_text.h"
#include "tm_resize.h"

namespace platypus::deploy {
namespace {

using graph::Node;
using graph::TensorId;

std::string TypeName(DType type) {
  switch (type) {
    case DType::kInt8:
      return "i8";
    case DType::kUInt8:
      return "u8";
    case DType::kFloat32:
      return "f32";
    case DType::kInt32:
      break;
  }
  return "i32";
}

int64_t Octets(DType type) { return type == DType::kFloat32 ? 4 : 1; }

struct Extent {
  int64_t c = 1, h = 1, w = 1;
};

Extent ExtentOf(const Shape& shape) {
  return shape.size() == 1 ? Extent{shape[0], 1, 1} : Extent{shape.at(0), shape.at(1), shape.at(2)};
}

class Lowering {
 public:
  explicit Lowering(const graph::Graph& g) : g_(g) {}

  CNetwork Run() {
    net_.is_integer = std::any_of(g_.nodes.begin(), g_.nodes.end(), [](const Node& node) {
      return std::holds_alternative<graph::QuantizeInput>(node.op);
    });
    Start();
    for (const Node& node : g_.nodes) {
      if (fused_.contains(&node) || std::holds_alternative<graph::QuantizeInput>(node.op)) continue;
      Lower(node);
    }
    const TensorId result = Deliver();
    net_.out_elements = NumElements(g_.Output().shape);
    net_.out_type = "tm_" + TypeName(g_.Output().dtype);
    net_.out_scale = g_.Output().dtype == DType::kFloat32 ? 1.0f : g_.Output().scale;
    if (Root(g_.output) == in_root_) {
      Fail(Category::kModel, "network {}: it computes nothing", g_.name);
    }
    PlaceInArena(net_, storage_, in_root_, result);
    return std::move(net_);
  }

 private:
  // Storage that a tensor shares with the one it is a view of.
  TensorId Root(TensorId id) const {
    const auto found = alias_.find(id);
    return found == alias_.end() ? id : Root(found->second);
  }
  const graph::Tensor& At(TensorId id) const { return g_.At(id); }

  void Start() {
    TensorId entry = g_.input;
    for (const Node& node : g_.nodes) {
      const auto* q = std::get_if<graph::QuantizeInput>(&node.op);
      if (q == nullptr) continue;
      if (node.inputs[0] != g_.input) {
        Fail(Category::kModel, "layer {}: only the network's input can be quantised here",
             node.name);
      }
      entry = node.output;
      net_.in_offset = g_.Parameter(node, "offset").Floats();
      for (const int32_t m : g_.Parameter(node, "multiplier").Int32s()) {
        net_.in_multiplier.push_back(static_cast<float>(m));
      }
      for (const int32_t s : g_.Parameter(node, "shift").Int32s())
        net_.in_power.push_back(std::ldexp(1.0f, -s));
      net_.in_lo = static_cast<float>(q->lo);
      net_.in_hi = static_cast<float>(q->hi);
      net_.in_scale = At(entry).scale;
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
      layer.code = fmt::format("tm_transpose_{}(@{}, {}, {}, @{});", TypeName(At(entry).dtype),
                               entry, e.c, e.h * e.w, kArranged);
      layer.inputs = {entry};
      layer.output = kArranged;
      layer.tensor = entry;
      layer.activation_octets = Store(kArranged, entry);
      net_.layers.push_back(std::move(layer));
      arranged_ = true;
    }
  }

  // The tensor that stands in the caller's output: channel after channel, as the interpreter
  // delivers it.
  TensorId Deliver() {
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

  // Octets of `tensor` when it is kept under `id`.
  int64_t Store(TensorId id, TensorId tensor) {
    const int64_t octets = NumElements(At(tensor).shape) * Octets(At(tensor).dtype);
    storage_[id] = {TypeName(At(tensor).dtype), octets};
    return octets;
  }

  // Where a tensor is kept: under its own id, or that of the tensor that it is a view of.
  TensorId Place(TensorId id) const {
    const TensorId root = Root(id);
    return root == in_root_ && arranged_ ? kArranged : root;
  }
  // Its address: "@id" becomes an expression when the arena is planned.
  std::string Address(TensorId id) const { return fmt::format("@{}", Place(id)); }

  const Node* OnlyConsumer(TensorId id) const {
    const std::vector<const Node*> consumers = graph::Consumers(g_, id);
    return consumers.size() == 1 ? consumers[0] : nullptr;
  }

  // The Requantize that turns a node's sums into codes, as a part of its layer.
  const Node* TakeRequantize(const Node& node) {
    const Node* requantize = OnlyConsumer(node.output);
    Check(requantize != nullptr && std::holds_alternative<graph::Requantize>(requantize->op),
          "node {}: no Requantize behind it", node.name);
    fused_.insert(requantize);
    return requantize;
  }

  // Memory for what is no tensor of the graph.
  TensorId Temporary(int64_t octets, const std::string& type = "f32") {
    const TensorId id = next_temporary_++;
    storage_[id] = {type, octets};
    return id;
  }

  std::string AddTable(const std::string& name, const char* type, std::string values, int64_t count,
                       int64_t each, CLayer& layer) {
    net_.tables.push_back({name, type, count, std::move(values), count * each});
    layer.table_octets += count * each;
    return "w_" + name;
  }

  std::string Identifier(const Node& node) {
    std::string text;
    for (const char c : node.name)
      text += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
    const Node*& owner = identifiers_.try_emplace(text, &node).first->second;
    return owner == &node ? text : fmt::format("{}_{}", text, node.output);
  }

  // tm_shape of a layer; on a width of 1 the time axis lies along w.
  std::string ShapeOf(const std::string& id, Extent in, Extent out, graph::Size2 kernel,
                      graph::Size2 stride, graph::Size2 dilation, const graph::Padding2& padding) {
    int pad_h = padding.top;
    int pad_w = padding.left;
    if (in.w == 1 && kernel.w == 1 && out.w == 1) {
      std::swap(in.h, in.w);
      std::swap(out.h, out.w);
      std::swap(kernel.h, kernel.w);
      std::swap(stride.h, stride.w);
      std::swap(dilation.h, dilation.w);
      std::swap(pad_h, pad_w);
    }
    return fmt::format(
        "static const tm_shape s_{} = {{\n    {}, {}, {}, /* in: height, width, channels */\n    "
        "{}, {}, {}, /* out "
        "*/\n    {}, {}, {}, {}, {}, {}, {}, {}}}; /* kernel, stride, dilation, padding */\n",
        id, in.h, in.w, in.c, out.h, out.w, out.c, kernel.h, kernel.w, stride.h, stride.w,
        dilation.h, dilation.w, pad_h, pad_w);
  }

  // Tables and the tm_requant constant of a Requantize; `bounds` = largest magnitude of each
  // channel's sum before it, or one for all.
  std::string RequantOf(const std::string& id, const Node& node, const std::vector<double>& bounds,
                        CLayer& layer) {
    const auto& op = std::get<graph::Requantize>(node.op);
    const std::vector<int32_t>& offset = g_.Parameter(node, "offset").Int32s();
    const std::vector<int32_t>& multiplier = g_.Parameter(node, "multiplier").Int32s();
    const std::vector<int32_t>& shift = g_.Parameter(node, "shift").Int32s();
    const bool ones =
        std::all_of(multiplier.begin(), multiplier.end(), [](int32_t m) { return m == 1; });
    const auto count = static_cast<int64_t>(offset.size());
    const std::string offset_name =
        AddTable(id + "_offset", "tm_i32", CList(offset), count, 4, layer);
    const std::string shift_name = AddTable(id + "_shift", "tm_u8", CList(shift), count, 1, layer);
    std::string multiplier_name = "NULL";
    bool wide = false;
    if (!ones) {
      multiplier_name = AddTable(id + "_multiplier", "tm_i16", CList(multiplier), count, 2, layer);
      for (size_t c = 0; c < std::max(offset.size(), bounds.size()); ++c) {
        const size_t p = c % offset.size();  // one for all, or one each
        const double sum = bounds[c % bounds.size()] + std::abs(static_cast<double>(offset[p]));
        wide = wide || sum * std::abs(multiplier[p]) >= 2147483648.0;
      }
    }
    layer.shape += fmt::format("static const tm_requant r_{} = {{{}, {}, {}, {}, {}, {}, {}}};\n",
                               id, offset_name, multiplier_name, shift_name, op.lo, op.hi,
                               wide ? 1 : 0, count == 1 ? 1 : 0);
    return "r_" + id;
  }

  double LargestCode(TensorId id) const { return At(id).dtype == DType::kUInt8 ? 255.0 : 128.0; }

  CLayer NewLayer(const Node& node, TensorId output) {
    CLayer layer;
    layer.name = node.name;
    layer.macs = graph::CountMacs(g_, node);
    for (const TensorId id : node.inputs) layer.inputs.push_back(Place(id));
    layer.output = output;
    layer.tensor = output;
    layer.activation_octets = Store(output, output);
    layer.comment = fmt::format("{} {}: {} -> {}", graph::Name(node.op), node.name,
                                ToString(At(node.inputs[0]).shape), ToString(At(output).shape));
    if (layer.macs > 0) layer.comment += fmt::format(", {} multiply-accumulates", layer.macs);
    if (At(output).scale != 0.0f)
      layer.comment += fmt::format(", one code is {:.9g}", At(output).scale);
    return layer;
  }

  void Finish(CLayer layer) { net_.layers.push_back(std::move(layer)); }

  // [out][in/groups][kh][kw] to [out][kh][kw][in/groups]; depthwise to [kh][kw][channel].
  template <typename T>
  std::vector<T> ChannelsLast(const std::vector<T>& w, const Shape& s, bool depthwise) {
    std::vector<T> result(w.size());
    for (int64_t o = 0; o < s[0]; ++o) {
      for (int64_t i = 0; i < s[1]; ++i) {
        for (int64_t t = 0; t < s[2] * s[3]; ++t) {
          const int64_t to = depthwise ? t * s[0] + o : (o * s[2] * s[3] + t) * s[1] + i;
          result[static_cast<size_t>(to)] =
              w[static_cast<size_t>((o * s[1] + i) * s[2] * s[3] + t)];
        }
      }
    }
    return result;
  }

  // Columns of a Linear behind a Flatten of [C, H, W]: from channel-major to channels last.
  template <typename T>
  std::vector<T> PermuteColumns(const std::vector<T>& w, int64_t outs, TensorId input) {
    const TensorId source = permuted_.at(input);
    const Extent e = ExtentOf(At(source).shape);
    const int64_t positions = e.h * e.w;
    std::vector<T> result(w.size());
    for (int64_t o = 0; o < outs; ++o) {
      for (int64_t c = 0; c < e.c; ++c) {
        for (int64_t p = 0; p < positions; ++p) {
          result[static_cast<size_t>((o * positions + p) * e.c + c)] =
              w[static_cast<size_t>((o * e.c + c) * positions + p)];
        }
      }
    }
    return result;
  }

  void LowerConvolution(const Node& node, const graph::Conv2d& op, Extent in, Extent out,
                        const Shape& weight_shape) {
    const std::string id = Identifier(node);
    const std::string in_type = TypeName(At(node.inputs[0]).dtype);
    const bool depthwise = op.groups > 1 && op.groups == in.c && in.c == out.c;
    const bool permuted = permuted_.contains(node.inputs[0]);
    if (in_type == "f32") {
      CLayer layer = NewLayer(node, node.output);
      std::vector<float> w = g_.Parameter(node, "weight").Floats();
      w = permuted ? PermuteColumns(w, out.c, node.inputs[0])
                   : ChannelsLast(w, weight_shape, false);
      const std::string weight =
          AddTable(id + "_weight", "tm_f32", CList(w), static_cast<int64_t>(w.size()), 4, layer);
      const std::string bias =
          op.has_bias ? AddTable(id + "_bias", "tm_f32", CList(g_.Parameter(node, "bias").Floats()),
                                 out.c, 4, layer)
                      : "NULL";
      layer.shape = ShapeOf(id, in, out, op.kernel, op.stride, op.dilation, op.padding);
      layer.code = fmt::format("tm_conv_f32({}, {}, {}, {}, s_{}, @{});", Address(node.inputs[0]),
                               weight, bias, op.groups, id, node.output);
      Finish(std::move(layer));
      return;
    }
    const Node* requantize = TakeRequantize(node);
    CLayer layer = NewLayer(node, requantize->output);
    std::vector<int8_t> w = g_.Parameter(node, "weight").Int8s();
    std::vector<double> bounds;
    const size_t row = w.size() / static_cast<size_t>(out.c);
    for (size_t o = 0; o < static_cast<size_t>(out.c); ++o) {
      double sum = 0;
      for (size_t i = 0; i < row; ++i) sum += std::abs(w[o * row + i]);
      bounds.push_back(sum * LargestCode(node.inputs[0]));
    }
    w = permuted ? PermuteColumns(w, out.c, node.inputs[0])
                 : ChannelsLast(w, weight_shape, depthwise);
    const std::string weight =
        AddTable(id + "_weight", "tm_i8", CList(w), static_cast<int64_t>(w.size()), 1, layer);
    layer.shape = ShapeOf(id, in, out, op.kernel, op.stride, op.dilation, op.padding);
    const std::string requant = RequantOf(id, *requantize, bounds, layer);
    const std::string out_type = TypeName(At(requantize->output).dtype);
    const std::string address = Address(node.inputs[0]);
    if (op.groups == 1) {
      layer.code = fmt::format("tm_conv_{}_{}({}, {}, s_{}, {}, @{});", in_type, out_type, address,
                               weight, id, requant, requantize->output);
    } else if (depthwise) {
      layer.code = fmt::format("tm_depthwise_{}_{}({}, {}, s_{}, {}, @{});", in_type, out_type,
                               address, weight, id, requant, requantize->output);
    } else {
      layer.code = fmt::format("tm_grouped_{}_{}({}, {}, {}, s_{}, {}, @{});", in_type, out_type,
                               address, weight, op.groups, id, requant, requantize->output);
    }
    Finish(std::move(layer));
  }

  void LowerSumPool(const Node& node, const graph::SumPool& op) {
    const std::string id = Identifier(node);
    const Node* requantize = TakeRequantize(node);
    CLayer layer = NewLayer(node, requantize->output);
    layer.shape = ShapeOf(id, ExtentOf(At(node.inputs[0]).shape), ExtentOf(At(node.output).shape),
                          op.kernel, op.stride, {}, op.padding);
    const double bound = LargestCode(node.inputs[0]) * op.kernel.h * op.kernel.w;
    const std::string requant = RequantOf(id, *requantize, {bound}, layer);
    layer.code =
        fmt::format("tm_sum_pool_{}_{}({}, s_{}, {}, @{});", TypeName(At(node.inputs[0]).dtype),
                    TypeName(At(requantize->output).dtype), Address(node.inputs[0]), id, requant,
                    requantize->output);
    Finish(std::move(layer));
  }

  void LowerResize(const Node& node, const graph::Resize& op) {
    const std::string id = Identifier(node);
    const graph::Tensor& in = At(node.inputs[0]);
    const Extent from = ExtentOf(in.shape);
    const Extent to = ExtentOf(At(node.output).shape);
    const bool nearest = op.mode == graph::Resize::Mode::kNearest;
    const bool sums = !nearest && in.dtype != DType::kFloat32;
    const Node* requantize = sums ? TakeRequantize(node) : nullptr;
    const TensorId output = sums ? requantize->output : node.output;
    CLayer layer = NewLayer(node, output);
    layer.shape = ShapeOf(id, from, to, {}, {}, {}, {});
    const std::string type = TypeName(in.dtype);
    const std::string address = Address(node.inputs[0]);
    if (sums) {
      const auto parts = [](int64_t ins, int64_t outs) {
        return tm_stretch_of(static_cast<tm_i32>(ins), static_cast<tm_i32>(outs)).parts;
      };
      const double bound = LargestCode(node.inputs[0]) * parts(from.h, to.h) * parts(from.w, to.w);
      layer.code = fmt::format("tm_resize_bilinear_{}_{}({}, s_{}, {}, @{});", type,
                               TypeName(At(output).dtype), address, id,
                               RequantOf(id, *requantize, {bound}, layer), output);
    } else {
      layer.code = fmt::format("tm_resize_{}_{}({}, s_{}, @{});", nearest ? "nearest" : "bilinear",
                               type, address, id, output);
    }
    Finish(std::move(layer));
  }

  // One call for each layer of cells; all but the last one give the state after every step to the
  // next.
  void LowerRecurrent(const Node& node, const graph::Recurrent& op) {
    using Cell = graph::Recurrent::Cell;
    const std::string id = Identifier(node);
    const char* cell = op.cell == Cell::kLstm ? "lstm" : op.cell == Cell::kGru ? "gru" : "rnn";
    const Shape& in = At(node.inputs[0]).shape;
    const int64_t steps = in[1];
    int64_t inputs = in[0];
    TensorId source = Place(node.inputs[0]);
    for (int k = 0; k < op.layers; ++k) {
      const bool last = k + 1 == op.layers;
      CLayer layer = NewLayer(node, node.output);
      layer.inputs = {source};
      layer.macs = steps * op.Gates() * op.hidden * (inputs + op.hidden);
      layer.comment =
          fmt::format("{} {}, layer {} of {}: {} steps of {} -> {}{}, {} multiply-accumulates",
                      graph::Name(node.op), node.name, k + 1, op.layers, steps, inputs,
                      last && op.last_step_only ? "" : fmt::format("{} steps of ", steps),
                      op.hidden, layer.macs);
      layer.scratch = {Temporary((op.cell == Cell::kLstm ? 8 : 4) * int64_t{op.hidden})};
      if (!last) {
        layer.name += fmt::format(".l{}", k);
        layer.tensor = -1;
        layer.output = Temporary(4 * steps * op.hidden);
        layer.activation_octets = storage_.at(layer.output).octets;
      }
      std::string tables;
      for (const char* role : {"weight_ih", "weight_hh", "bias_ih", "bias_hh"}) {
        const std::string name = fmt::format("{}_l{}", role, k);
        const std::vector<float>& values = g_.Parameter(node, name).Floats();
        tables += AddTable(id + "_" + name, "tm_f32", CList(values),
                           static_cast<int64_t>(values.size()), 4, layer) +
                  ", ";
      }
      layer.shape = fmt::format(
          "static const tm_recurrent r_{}_l{} = {{\n    {}\n    {}, {}, {}, {}}}; /* steps, "
          "inputs, "
          "hidden, all steps */\n",
          id, k, tables, steps, inputs, op.hidden, last && op.last_step_only ? 0 : 1);
      layer.code = fmt::format("tm_{}_f32(@{}, r_{}_l{}, @{}, @{});", cell, source, id, k,
                               layer.scratch[0], layer.output);
      source = layer.output;
      inputs = op.hidden;
      Finish(std::move(layer));
    }
  }

  void LowerTransposedConvolution(const Node& node, const graph::ConvTranspose2d& op) {
    const std::string id = Identifier(node);
    const std::vector<float>& weight = g_.Parameter(node, "weight").Floats();
    const Extent in = ExtentOf(At(node.inputs[0]).shape);
    const Extent out = ExtentOf(At(node.output).shape);
    const int64_t ins = in.c / op.groups;
    const int64_t outs = out.c / op.groups;
    const int64_t taps = int64_t{op.kernel.h} * op.kernel.w;
    std::vector<float> ordered;  // [in][out/groups][tap] to [out][tap][in/groups]
    for (int64_t o = 0; o < out.c; ++o) {
      for (int64_t t = 0; t < taps; ++t) {
        for (int64_t i = o / outs * ins; i < (o / outs + 1) * ins; ++i) {
          ordered.push_back(weight[static_cast<size_t>((i * outs + o % outs) * taps + t)]);
        }
      }
    }
    CLayer layer = NewLayer(node, node.output);
    const std::string table = AddTable(id + "_weight", "tm_f32", CList(ordered),
                                       static_cast<int64_t>(ordered.size()), 4, layer);
    const std::string bias =
        op.has_bias ? AddTable(id + "_bias", "tm_f32", CList(g_.Parameter(node, "bias").Floats()),
                               out.c, 4, layer)
                    : "NULL";
    layer.shape = ShapeOf(id, in, out, op.kernel, op.stride, op.dilation, op.padding);
    layer.code = fmt::format("tm_conv_transposed_f32({}, {}, {}, {}, s_{}, @{});",
                             Address(node.inputs[0]), table, bias, op.groups, id, node.output);
    Finish(std::move(layer));
  }

  void LowerLayerNorm(const Node& node, const graph::LayerNorm& op) {
    const std::string id = Identifier(node);
    const Extent e = ExtentOf(At(node.output).shape);
    CLayer layer = NewLayer(node, node.output);
    std::string tables;
    for (const char* role : {"weight", "bias"}) {
      const std::vector<float>& values = g_.Parameter(node, role).Floats();
      std::vector<float> channels_last;
      for (int64_t p = 0; p < e.h * e.w; ++p) {
        for (int64_t c = 0; c < e.c; ++c) {
          channels_last.push_back(values[static_cast<size_t>(c * e.h * e.w + p)]);
        }
      }
      tables += AddTable(fmt::format("{}_{}", id, role), "tm_f32", CList(channels_last),
                         e.c * e.h * e.w, 4, layer) +
                ", ";
    }
    layer.overwrites = layer.inputs;
    layer.code = fmt::format("tm_layer_norm_f32({}, {}{}, {}, {}, @{});", Address(node.inputs[0]),
                             tables, e.h * e.w, e.c, CFloat(op.epsilon), node.output);
    Finish(std::move(layer));
  }

  // Values that stand `first` and then `steps` (row, column, channel) apart in the input.
  void LowerPick(const Node& node, int64_t first, const std::array<int64_t, 3>& steps) {
    CLayer layer = NewLayer(node, node.output);
    const Extent out = ExtentOf(At(node.output).shape);
    layer.code = fmt::format("tm_pick_{}({} + {}, {}, {}, {}, {}, {}, {}, @{});",
                             TypeName(At(node.output).dtype), Address(node.inputs[0]), first, out.h,
                             out.w, out.c, steps[0], steps[1], steps[2], node.output);
    Finish(std::move(layer));
  }

  // From one index of axis c, h or w to the next.
  std::array<int64_t, 3> Steps(TensorId id) const {
    const Extent e = ExtentOf(At(id).shape);
    return {1, e.w * e.c, e.c};
  }

  // Views move nothing, unless a reader needs the elements in another order: kept channels last,
  // two tensors of different channel counts have theirs in different places.
  void LowerView(const Node& node) {
    const TensorId in = node.inputs[0];
    const Extent e = ExtentOf(At(in).shape);
    const Extent seen = ExtentOf(At(node.output).shape);
    const auto spread = [](Extent x) { return x.c > 1 && x.h * x.w > 1; };
    const bool reorders = e.c != seen.c && (spread(e) || spread(seen));
    const std::vector<const Node*> readers = graph::Consumers(g_, node.output);
    const bool linear_only =
        node.output != g_.output && std::all_of(readers.begin(), readers.end(), [](const Node* r) {
          return std::holds_alternative<graph::Linear>(r->op);
        });
    // Weights of integer Linears are reordered instead; the order of a float sum is part of its
    // value.
    const bool exact = At(in).dtype != DType::kFloat32;
    if (node.output != g_.output && (!reorders || (linear_only && exact))) {
      alias_[node.output] = in;
      if (reorders) permuted_[node.output] = in;
      return;
    }
    CLayer layer = NewLayer(node, node.output);
    const std::string type = TypeName(At(node.output).dtype);
    const int64_t elements = NumElements(At(in).shape);
    // Channels last to channel after channel, and the reverse.
    const auto out_of = [&](const std::string& to) {
      return fmt::format("tm_transpose_{}({}, {}, {}, {});", type, Address(in), e.h * e.w, e.c, to);
    };
    const auto into = [&](const std::string& from) {
      return fmt::format("tm_transpose_{}({}, {}, {}, @{});", type, from, seen.c, seen.h * seen.w,
                         node.output);
    };
    if (!reorders) {
      layer.code = fmt::format("tm_copy_runs_{}({}, 1, {}, {}, @{});", type, Address(in), elements,
                               elements, node.output);
    } else if (spread(e) && spread(seen)) {
      const TensorId between = Temporary(elements * Octets(At(in).dtype), type);
      layer.scratch = {between};
      layer.code = out_of(fmt::format("@{}", between)) + "\n  " + into(fmt::format("@{}", between));
    } else {
      layer.code = spread(e) ? out_of(fmt::format("@{}", node.output)) : into(Address(in));
    }
    Finish(std::move(layer));
  }

  void LowerConcat(const Node& node, const graph::Concat& op) {
    CLayer layer = NewLayer(node, node.output);
    const Shape& shape = At(node.output).shape;
    const Extent all = ExtentOf(shape);
    int64_t before = 0;
    for (const TensorId id : node.inputs) {
      const Extent part = ExtentOf(At(id).shape);
      int64_t blocks = 1;
      int64_t run = part.c * part.h * part.w;
      int64_t stride = run;
      if (shape.size() == 3 && op.axis == 0) {
        blocks = all.h * all.w;
        run = part.c;
        stride = all.c;
      } else if (shape.size() == 3 && op.axis == 2) {
        blocks = all.h;
        run = part.w * part.c;
        stride = all.w * all.c;
      }
      layer.code += fmt::format("{}tm_copy_runs_{}({}, {}, {}, {}, @{} + {});",
                                layer.code.empty() ? "" : "\n  ", TypeName(At(id).dtype),
                                Address(id), blocks, run, stride, node.output, before);
      before += run;
    }
    Finish(std::move(layer));
  }

  [[noreturn]] static void RefuseOperator(const Node& node) {
    Fail(Category::kModel, "layer {}: {} cannot be generated as C in this version", node.name,
         graph::Name(node.op));
  }

  void Lower(const Node& node) {
    const std::string id = Identifier(node);
    const TensorId in = node.inputs[0];
    const Extent in_extent = ExtentOf(At(in).shape);
    const Extent out_extent = ExtentOf(At(node.output).shape);
    const std::string type = TypeName(At(in).dtype);
    const int64_t elements = NumElements(At(node.output).shape);
    const auto refuse = [&](const auto&) { RefuseOperator(node); };
    const auto simple = [&](const std::string& code, const std::string& shape = {},
                            bool in_place = false) {
      CLayer layer = NewLayer(node, node.output);
      layer.code = code;
      layer.shape = shape;
      if (in_place) layer.overwrites = layer.inputs;
      Finish(std::move(layer));
    };
    const auto map = [&](const char* function) {
      simple(fmt::format("tm_{}_f32({}, {}, @{});", function, Address(in), elements, node.output),
             {}, true);
    };
    const auto over_channels = [&](const char* function) {
      simple(fmt::format("tm_{}_f32({}, {}, {}, @{});", function, Address(in),
                         in_extent.h * in_extent.w, in_extent.c, node.output),
             {}, true);
    };
    std::visit(
        graph::Overloaded{
            [&](const graph::Identity&) { LowerView(node); },
            [&](const graph::Dropout&) { LowerView(node); },
            [&](const graph::Flatten&) { LowerView(node); },
            [&](const graph::Reshape&) { LowerView(node); },
            [&](const graph::BatchNorm& op) { LowerBatchNorm(node, op, id); },
            [&](const graph::Conv2d& op) {
              LowerConvolution(node, op, in_extent, out_extent, g_.Parameter(node, "weight").shape);
            },
            [&](const graph::Linear& op) {
              graph::Conv2d conv;
              conv.out_channels = op.out_features;
              conv.has_bias = op.has_bias;
              const Shape& w = g_.Parameter(node, "weight").shape;
              LowerConvolution(node, conv, in_extent, out_extent, {w[0], w[1], 1, 1});
            },
            [&](const graph::Relu&) { map("relu"); },
            [&](const graph::MaxPool& op) {
              simple(
                  fmt::format("tm_max_pool_{}({}, s_{}, @{});", type, Address(in), id, node.output),
                  ShapeOf(id, in_extent, out_extent, op.kernel, op.stride, op.dilation, op.padding),
                  MayOverwrite(op, in_extent, out_extent));
            },
            [&](const graph::AvgPool& op) {
              simple(fmt::format("tm_avg_pool_f32({}, s_{}, @{});", Address(in), id, node.output),
                     ShapeOf(id, in_extent, out_extent, op.kernel, op.stride, {}, op.padding));
            },
            [&](const graph::AdaptiveAvgPool&) {
              simple(
                  fmt::format("tm_adaptive_pool_f32({}, s_{}, @{});", Address(in), id, node.output),
                  ShapeOf(id, in_extent, out_extent, {}, {}, {}, {}));
            },
            [&](const graph::Add&) {
              simple(fmt::format("tm_add_f32({}, {}, {}, @{});", Address(in),
                                 Address(node.inputs[1]), elements, node.output),
                     {}, true);
            },
            [&](const graph::Concat& op) { LowerConcat(node, op); },
            [&](const graph::ConvTranspose2d& op) { LowerTransposedConvolution(node, op); },
            [&](const graph::Clamp& op) {
              if (type != "f32") refuse(op);
              simple(fmt::format("tm_clamp_f32({}, {}, {}, {}, @{});", Address(in), elements,
                                 CFloat(op.low), CFloat(op.high), node.output),
                     {}, true);
            },
            [&](const graph::LeakyRelu& op) {
              simple(fmt::format("tm_leaky_relu_f32({}, {}, {}, @{});", Address(in), elements,
                                 CFloat(op.slope), node.output),
                     {}, true);
            },
            [&](const graph::Sigmoid&) { map("sigmoid"); },
            [&](const graph::Tanh&) { map("tanh"); },
            [&](const graph::Gelu&) { map("gelu"); },
            [&](const graph::Softmax&) { over_channels("softmax"); },
            [&](const graph::LogSoftmax&) { over_channels("log_softmax"); },
            [&](const graph::Transpose& op) {
              const std::array<int64_t, 3> steps = Steps(in);
              const auto of = [&](size_t axis) {
                return steps[static_cast<size_t>(op.order[axis])];
              };
              LowerPick(node, 0, {of(1), of(2), of(0)});
            },
            [&](const graph::Pad& op) {
              simple(fmt::format("tm_pad_{}({}, s_{}, {}, @{});", type, Address(in), id,
                                 type == "f32" ? CFloat(op.value)
                                               : fmt::format("{}", static_cast<int>(op.value)),
                                 node.output),
                     ShapeOf(id, in_extent, out_extent, {}, {}, {}, op.padding));
            },
            [&](const graph::Slice& op) {
              const auto axis = static_cast<size_t>(op.axis);
              std::array<int64_t, 3> steps = Steps(in);
              const int64_t first = op.begin * steps[axis];
              steps[axis] *= op.step;
              LowerPick(node, first, {steps[1], steps[2], steps[0]});
            },
            [&](const graph::Resize& op) { LowerResize(node, op); },
            [&](const graph::LayerNorm& op) { LowerLayerNorm(node, op); },
            [&](const graph::Recurrent& op) { LowerRecurrent(node, op); },
            [&](const graph::Mul&) {
              simple(fmt::format("tm_mul_f32({}, {}, {}, @{});", Address(in),
                                 Address(node.inputs[1]), elements, node.output),
                     {}, true);
            },
            [&](const graph::Scale&) {
              simple(fmt::format("tm_scale_f32({}, {}, {}, @{});", Address(in), elements,
                                 CFloat(g_.Parameter(node, "weight").Floats()[0]), node.output),
                     {}, true);
            },
            [&](const graph::FakeQuantize& op) { refuse(op); },
            [&](const graph::QuantizeInput& op) { refuse(op); },
            [&](const graph::SumPool& op) { LowerSumPool(node, op); },
            [&](const graph::Requantize&) {
              CLayer layer = NewLayer(node, node.output);
              const std::string requant = RequantOf(id, node, {LargestCode(in)}, layer);
              const Extent e = in_extent;
              layer.overwrites = layer.inputs;
              layer.code = fmt::format("tm_requantize_{}_{}({}, {}, {}, {}, @{});", type,
                                       TypeName(At(node.output).dtype), Address(in), e.h * e.w, e.c,
                                       requant, node.output);
              Finish(std::move(layer));
            },
            [&](const graph::AddRequantize& op) {
              simple(
                  fmt::format("tm_add_{}_{}_{}({}, {}, {}, {}, {}, {}, {}, {}, {}, @{});", type,
                              TypeName(At(node.inputs[1]).dtype), TypeName(At(node.output).dtype),
                              Address(in), Address(node.inputs[1]), elements, op.multiplier0,
                              op.multiplier1, op.shift > 0 ? 1 << (op.shift - 1) : 0, op.shift,
                              op.lo, op.hi, node.output),
                  {}, true);
            },
            [&](const graph::Dequantize& op) {
              simple(fmt::format("tm_dequantize_{}({}, {}, {}, @{});", type, Address(in), elements,
                                 CFloat(op.scale), node.output));
            }},
        node.op);
  }

  void LowerBatchNorm(const Node& node, const graph::BatchNorm& op, const std::string& id) {
    CLayer layer = NewLayer(node, node.output);
    // The same float operations, in the same order, as the reference interpreter.
    std::vector<float> gain = g_.Parameter(node, "weight").Floats();
    std::vector<float> shift = g_.Parameter(node, "bias").Floats();
    const std::vector<float>& mean = g_.Parameter(node, "running_mean").Floats();
    const std::vector<float>& variance = g_.Parameter(node, "running_var").Floats();
    for (size_t c = 0; c < gain.size(); ++c) {
      gain[c] /= std::sqrt(variance[c] + op.epsilon);
      shift[c] -= mean[c] * gain[c];
    }
    const Extent e = ExtentOf(At(node.output).shape);
    layer.overwrites = layer.inputs;
    const std::string gains = AddTable(id + "_gain", "tm_f32", CList(gain), e.c, 4, layer);
    const std::string shifts = AddTable(id + "_shift", "tm_f32", CList(shift), e.c, 4, layer);
    layer.code = fmt::format("tm_affine_f32({}, {}, {}, {}, {}, @{});", Address(node.inputs[0]),
                             gains, shifts, e.h * e.w, e.c, node.output);
    Finish(std::move(layer));
  }

  // Whether a pool can write over its input: no later window reads a position that is already
  // written.
  static bool MayOverwrite(const graph::MaxPool& op, Extent in, Extent out) {
    int64_t earliest = in.h * in.w;  // position that the windows after (y, x) read
    for (int64_t y = out.h - 1; y >= 0; --y) {
      for (int64_t x = out.w - 1; x >= 0; --x) {
        if (earliest <= y * out.w + x) return false;
        const int64_t top = std::max<int64_t>(0, y * op.stride.h - op.padding.top);
        const int64_t left = std::max<int64_t>(0, x * op.stride.w - op.padding.left);
        earliest = std::min(earliest, top * in.w + left);
      }
    }
    return true;
  }

  // The input brought into channels-last order, and the output brought out of it.
  static constexpr TensorId kArranged = 1 << 24;
  static constexpr TensorId kDelivered = kArranged + 1;

  const graph::Graph& g_;
  CNetwork net_;
  std::set<const Node*> fused_;
  std::map<TensorId, TensorId> alias_;
  std::map<TensorId, TensorId>
      permuted_;  // flat tensor in channels-last order -> the tensor it was
  std::map<TensorId, Storage> storage_;
  std::map<std::string, const Node*> identifiers_;
  TensorId next_temporary_ = kDelivered + 1;
  TensorId in_root_ = -1;
  bool arranged_ = false;
};

}  // namespace

CNetwork LowerToC(const graph::Graph& network) { return Lowering(network).Run(); }

}  // namespace platypus::deploy
