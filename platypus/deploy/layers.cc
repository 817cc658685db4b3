#include "platypus/deploy/layers.h"

#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"
#include "platypus/deploy/c_text.h"
#include "platypus/deploy/lowering.h"
#include "platypus/deploy/stream_pools.h"

namespace platypus::deploy {
namespace {

// Whether a pool can write over its input: no later window reads a position that is already
// written.
bool MayOverwrite(const graph::MaxPool& op, Extent in, Extent out) {
  const std::vector<int64_t> reads = EarliestReads(op.stride, op.padding, in, out);
  for (size_t p = 0; p + 1 < reads.size(); ++p) {
    if (reads[p + 1] <= static_cast<int64_t>(p)) return false;
  }
  return true;
}

bool IsView(const graph::Op& op) {
  return std::holds_alternative<graph::Identity>(op) ||
         std::holds_alternative<graph::Dropout>(op) || std::holds_alternative<graph::Flatten>(op) ||
         std::holds_alternative<graph::Reshape>(op);
}

[[noreturn]] void RefuseOperator(const Node& node) {
  Fail(Category::kModel, "layer {}: {} cannot be generated as C in this version", node.name,
       graph::Name(node.op));
}

}  // namespace

std::string TypeName(DType type) {
  switch (type) {
    case DType::kInt8:
      return "i8";
    case DType::kUInt8:
      return "u8";
    case DType::kInt16:
      return "i16";
    case DType::kFloat32:
      return "f32";
    case DType::kInt32:
      break;
  }
  return "i32";
}

std::vector<int64_t> EarliestReads(graph::Size2 stride, const graph::Padding2& padding, Extent in,
                                   Extent out) {
  std::vector<int64_t> reads(static_cast<size_t>(out.h * out.w));
  int64_t earliest = in.h * in.w;
  for (int64_t p = out.h * out.w - 1; p >= 0; --p) {
    const int64_t top = std::max<int64_t>(0, p / out.w * stride.h - padding.top);
    const int64_t left = std::max<int64_t>(0, p % out.w * stride.w - padding.left);
    earliest = std::min(earliest, top * in.w + left);
    reads[static_cast<size_t>(p)] = earliest;
  }
  return reads;
}

CNetwork Lowering::Run() {
  net_.is_integer = std::any_of(g_.nodes.begin(), g_.nodes.end(), [](const Node& node) {
    return std::holds_alternative<graph::QuantizeInput>(node.op);
  });
  Start();
  for (const Node& node : g_.nodes) {
    if (!fused_.contains(&node)) Lower(node);
  }
  const TensorId result = Deliver();
  net_.out_elements = NumElements(g_.Output().shape);
  net_.out_type = "tm_" + TypeName(g_.Output().dtype);
  if (net_.GivesCodes()) {
    net_.out_scale = g_.Output().scale;
    net_.out_zero_point = g_.Output().zero_point;
  }
  if (Root(g_.output) == in_root_) {
    Fail(Category::kModel, "network {}: it computes nothing", g_.name);
  }
  StreamPools(net_, storage_, in_root_, result);
  PlaceInArena(net_, storage_, in_root_, result);
  return std::move(net_);
}

int64_t Lowering::Keep(TensorId id, const std::string& type, int64_t count) {
  const int64_t octets = count * ElementOctets("tm_" + type, net_.char_bits);
  storage_[id] = {type, octets};
  return octets;
}

int64_t Lowering::Store(TensorId id, TensorId tensor) {
  return Keep(id, TypeName(At(tensor).dtype), NumElements(At(tensor).shape));
}

const Node* Lowering::TakeRequantize(const Node& node) {
  const Node* requantize = OnlyConsumer(node.output);
  Check(requantize != nullptr && std::holds_alternative<graph::Requantize>(requantize->op),
        "node {}: no Requantize behind it", node.name);
  fused_.insert(requantize);
  return requantize;
}

TensorId Lowering::Temporary(int64_t count, const std::string& type) {
  const TensorId id = next_temporary_++;
  Keep(id, type, count);
  return id;
}

std::string Lowering::AddTable(const std::string& name, const std::string& type, std::string values,
                               int64_t count, CLayer& layer) {
  const int64_t octets = count * ElementOctets(type, net_.char_bits);
  layer.tables.push_back(net_.tables.size());
  net_.tables.push_back({name, type, count, std::move(values), octets, {}, {}});
  layer.table_octets += octets;
  return "w_" + name;
}

std::string Lowering::AddOctets(const std::string& name, const std::string& type,
                                const std::vector<int32_t>& codes, CLayer& layer) {
  const auto count = static_cast<int64_t>(codes.size());
  std::string symbol = AddTable(name, type, CList(codes), count, layer);
  if (net_.char_bits == 8) return symbol;
  Table& table = net_.tables.back();
  const int64_t packed = count + count % 2;
  layer.table_octets += packed - table.octets;
  table.octets = packed;
  const std::vector<int8_t> octets(codes.begin(), codes.end());  // 255 is -1
  table.pairs = CPairs(octets);
  return symbol;
}

std::string Lowering::Identifier(const Node& node) {
  std::string text;
  for (const char c : node.name) text += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  const Node*& owner = identifiers_.try_emplace(text, &node).first->second;
  return owner == &node ? text : fmt::format("{}_{}", text, node.output);
}

Argument Lowering::AddShape(const std::string& id, Extent in, Extent out, graph::Size2 kernel,
                            graph::Size2 stride, graph::Size2 dilation,
                            const graph::Padding2& padding, CLayer& layer) {
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
  std::vector<std::string> fields;
  for (const int64_t value : {in.h, in.w, in.c, out.h, out.w, out.c})
    fields.push_back(fmt::format("{}", value));
  for (const int value :
       {kernel.h, kernel.w, stride.h, stride.w, dilation.h, dilation.w, pad_h, pad_w})
    fields.push_back(fmt::format("{}", value));
  layer.constants.push_back({"tm_shape", "s_" + id, std::move(fields)});
  return {"tm_shape", "s_" + id, "s"};
}

Argument Lowering::AddRequant(const std::string& id, const Node& node,
                              const std::vector<double>& bounds, CLayer& layer) {
  const auto& op = std::get<graph::Requantize>(node.op);
  const std::vector<int32_t>& offset = g_.Parameter(node, "offset").Int32s();
  const std::vector<int32_t>& multiplier = g_.Parameter(node, "multiplier").Int32s();
  std::vector<int32_t> shift = g_.Parameter(node, "shift").Int32s();
  if (op.to_nearest) {
    Check(std::ranges::min(shift) >= 1, "node {}: nothing to round", node.name);
    for (int32_t& by : shift) --by;
  }
  const bool ones =
      std::all_of(multiplier.begin(), multiplier.end(), [](int32_t m) { return m == 1; });
  const auto count = static_cast<int64_t>(offset.size());
  const std::string offset_name = AddTable(id + "_offset", "tm_i32", CList(offset), count, layer);
  const std::string shift_name = AddTable(id + "_shift", "tm_u8", CList(shift), count, layer);
  std::string multiplier_name = "NULL";
  int wide = 0;
  if (!ones) {
    multiplier_name = AddTable(id + "_multiplier", "tm_i16", CList(multiplier), count, layer);
    for (size_t c = 0; c < std::max(offset.size(), bounds.size()); ++c) {
      const size_t p = c % offset.size();  // one for all, or one each
      const double sum = bounds[c % bounds.size()] + std::abs(static_cast<double>(offset[p]));
      if (sum * std::abs(multiplier[p]) >= 2147483648.0) wide = 1;
    }
    // 16 bits of the shift first: what is left has 32 bits.
    if (wide != 0 && std::ranges::min(shift) >= 16) wide = 2;
  }
  std::vector<std::string> fields = {offset_name, multiplier_name, shift_name};
  for (const int value :
       {op.lo, op.hi, wide, count == 1 ? 1 : 0, op.to_nearest ? 1 : 0, op.zero_point})
    fields.push_back(fmt::format("{}", value));
  layer.constants.push_back({"tm_requant", "r_" + id, std::move(fields)});
  return {"tm_requant", "r_" + id, "r"};
}

CLayer Lowering::NewLayer(const Node& node, TensorId output) {
  CLayer layer;
  layer.name = node.name;
  layer.macs = graph::CountMacs(g_, node);
  for (const TensorId id : node.inputs) layer.inputs.push_back(Place(id));
  layer.output = output;
  layer.tensor = output;
  layer.activation_octets = Store(output, output);
  layer.comment = fmt::format(
      "{} {}: {} {} -> {} {}", graph::Name(node.op), node.name, ToString(At(node.inputs[0]).shape),
      ToString(At(node.inputs[0]).dtype), ToString(At(output).shape), ToString(At(output).dtype));
  if (layer.macs > 0) layer.comment += fmt::format(", {} multiply-accumulates", layer.macs);
  if (At(output).scale != 0.0f)
    layer.comment += fmt::format(", one code is {:.9g}", At(output).scale);
  if (At(output).zero_point != 0)
    layer.comment += fmt::format(", 0 has code {}", At(output).zero_point);
  return layer;
}

void Lowering::Finish(CLayer layer) {
  if (!layer.library.empty()) {
    layer.comment += fmt::format(", {} of CMSIS-NN", layer.library);
  } else if (!kept_.empty()) {
    layer.kept = kept_;
    layer.comment += fmt::format(", not by CMSIS-NN: {}", kept_);
  }
  net_.layers.push_back(std::move(layer));
}

void Lowering::Lower(const Node& node) {
  if (kernels_ == config::Kernels::kCmsisNn) {
    kept_ = WhyKept(node);
    by_library_ = kept_.empty();
    // A view reads nothing as long as it is one.
    for (const TensorId input : node.inputs) {
      if (by_library_) HoldLowered(input, node.name);
      if (!by_library_ && !IsView(node.op)) HoldPlain(input, node.name);
    }
  }
  const std::string id = Identifier(node);
  const TensorId in = node.inputs[0];
  const Extent in_extent = ExtentOf(At(in).shape);
  const Extent out_extent = ExtentOf(At(node.output).shape);
  const std::string type = TypeName(At(in).dtype);
  const int64_t elements = NumElements(At(node.output).shape);
  const auto refuse = [&](const auto&) { RefuseOperator(node); };
  const auto simple = [&](const std::string& code, bool in_place = false) {
    CLayer layer = NewLayer(node, node.output);
    layer.code = code;
    if (in_place) layer.overwrites = layer.inputs;
    Finish(std::move(layer));
  };
  // function(input, shape, output)
  const auto over_windows = [&](const std::string& function, graph::Size2 kernel,
                                graph::Size2 stride, graph::Size2 dilation,
                                const graph::Padding2& padding, bool in_place = false) {
    CLayer layer = NewLayer(node, node.output);
    const Argument shape =
        AddShape(id, in_extent, out_extent, kernel, stride, dilation, padding, layer);
    layer.call = {function, {Reads(in), shape, Writes(node.output)}};
    if (in_place) layer.overwrites = layer.inputs;
    Finish(std::move(layer));
  };
  const auto map = [&](const char* function) {
    simple(fmt::format("tm_{}_f32({}, {}, @{});", function, Address(in), elements, node.output),
           true);
  };
  const auto over_channels = [&](const char* function) {
    simple(fmt::format("tm_{}_f32({}, {}, {}, @{});", function, Address(in),
                       in_extent.h * in_extent.w, in_extent.c, node.output),
           true);
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
            const Shape& w = g_.Parameter(node, "weight").shape;
            LowerConvolution(node, AsConvolution(op), in_extent, out_extent, {w[0], w[1], 1, 1});
          },
          [&](const graph::Relu&) { map("relu"); },
          [&](const graph::MaxPool& op) {
            if (by_library_) return CallLibrary(node, op);
            over_windows("tm_max_pool_" + type, op.kernel, op.stride, op.dilation, op.padding,
                         MayOverwrite(op, in_extent, out_extent));
          },
          [&](const graph::AvgPool& op) {
            over_windows("tm_avg_pool_f32", op.kernel, op.stride, {}, op.padding);
          },
          [&](const graph::AdaptiveAvgPool&) {
            if (type != "f32") return LowerCellPool(node);
            over_windows("tm_adaptive_pool_f32", {}, {}, {}, {});
          },
          [&](const graph::Add&) {
            simple(fmt::format("tm_add_f32({}, {}, {}, @{});", Address(in), Address(node.inputs[1]),
                               elements, node.output),
                   true);
          },
          [&](const graph::Concat& op) { LowerConcat(node, op); },
          [&](const graph::ConvTranspose2d& op) {
            if (type != "f32") return LowerIntegerTransposed(node, op);
            LowerTransposedConvolution(node, op);
          },
          [&](const graph::Clamp& op) {
            if (type != "f32") refuse(op);
            simple(fmt::format("tm_clamp_f32({}, {}, {}, {}, @{});", Address(in), elements,
                               CFloat(op.low), CFloat(op.high), node.output),
                   true);
          },
          [&](const graph::LeakyRelu& op) {
            simple(fmt::format("tm_leaky_relu_f32({}, {}, {}, @{});", Address(in), elements,
                               CFloat(op.slope), node.output),
                   true);
          },
          [&](const graph::Sigmoid&) { map("sigmoid"); },
          [&](const graph::Tanh&) { map("tanh"); },
          [&](const graph::Gelu&) { map("gelu"); },
          [&](const graph::Softmax&) { over_channels("softmax"); },
          [&](const graph::LogSoftmax&) { over_channels("log_softmax"); },
          [&](const graph::Transpose& op) {
            const std::array<int64_t, 3> steps = Steps(in);
            const auto of = [&](size_t axis) { return steps[static_cast<size_t>(op.order[axis])]; };
            LowerPick(node, 0, {of(1), of(2), of(0)});
          },
          [&](const graph::Pad& op) {
            CLayer layer = NewLayer(node, node.output);
            const Argument shape =
                AddShape(id, in_extent, out_extent, {}, {}, {}, op.padding, layer);
            const std::string value =
                type == "f32" ? CFloat(op.value) : fmt::format("{}", static_cast<int>(op.value));
            layer.call = {"tm_pad_" + type,
                          {Reads(in), shape, {"tm_" + type, value, "value"}, Writes(node.output)}};
            Finish(std::move(layer));
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
            simple(fmt::format("tm_mul_f32({}, {}, {}, @{});", Address(in), Address(node.inputs[1]),
                               elements, node.output),
                   true);
          },
          [&](const graph::Scale&) {
            simple(fmt::format("tm_scale_f32({}, {}, {}, @{});", Address(in), elements,
                               CFloat(g_.Parameter(node, "weight").Floats()[0]), node.output),
                   true);
          },
          [&](const graph::FakeQuantize& op) { refuse(op); },
          [&](const graph::QuantizeInput& op) { LowerQuantize(node, op); },
          [&](const graph::SumPool& op) { LowerSumPool(node, op); },
          [&](const graph::Requantize&) {
            CLayer layer = NewLayer(node, node.output);
            const Argument requant = AddRequant(id, node, {LargestCode(in)}, layer);
            const Extent e = in_extent;
            layer.overwrites = layer.inputs;
            layer.call = {fmt::format("tm_requantize_{}_{}", type, TypeName(At(node.output).dtype)),
                          {Reads(in),
                           {"tm_i32", fmt::format("{}", e.h * e.w), "positions"},
                           {"tm_i32", fmt::format("{}", e.c), "channels"},
                           requant,
                           Writes(node.output)}};
            Finish(std::move(layer));
          },
          [&](const graph::AddRequantize& op) {
            if (by_library_) return CallLibrary(node, op);
            simple(fmt::format("tm_add_{}_{}_{}({}, {}, {}, {}, {}, {}, {}, {}, {}, @{});", type,
                               TypeName(At(node.inputs[1]).dtype), TypeName(At(node.output).dtype),
                               Address(in), Address(node.inputs[1]), elements, op.multiplier0,
                               op.multiplier1, op.Added(), op.shift, op.lo, op.hi, node.output),
                   true);
          },
          [&](const graph::Lookup&) { LowerLookup(node); },
          [&](const graph::IntegerSoftmax&) { LowerSoftmax(node); },
          [&](const graph::IntegerLayerNorm& op) { LowerLayerNorm(node, op); },
          [&](const graph::IntegerRecurrent& op) { LowerRecurrent(node, op); },
          [&](const graph::MulRequantize& op) { LowerMul(node, op); },
          [&](const graph::Dequantize& op) {
            simple(fmt::format("tm_dequantize_{}({}, {}, {}, {}, @{});", type, Address(in),
                               elements, op.zero_point, CFloat(op.scale), node.output));
          }},
      node.op);
}

CNetwork LowerToC(const graph::Graph& network, int char_bits, config::Optimise optimise,
                  config::Kernels kernels) {
  return Lowering(network, char_bits, optimise, kernels).Run();
}

int64_t ElementOctets(const std::string& type, int char_bits) {
  if (type == "tm_f32" || type == "tm_i32" || type == "int32_t") return 4;
  return type == "tm_i16" || type == "tm_u16" ? 2 : char_bits / 8;
}

}  // namespace platypus::deploy
