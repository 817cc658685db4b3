#include <algorithm>
#include <cmath>

#include "platypus/deploy/c_text.h"
#include "platypus/deploy/lowering.h"
#include "tm_resize.h"
#include "tm_shape.h"

namespace platypus::deploy {

template <typename T>
std::vector<T> Lowering::PermuteColumns(const std::vector<T>& w, int64_t outs,
                                        TensorId input) const {
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

int64_t Lowering::Lead(TensorId from, TensorId to, const graph::Conv2d& op, Extent in,
                       Extent out) const {
  const std::vector<int64_t> reads = EarliestReads(op.stride, op.padding, in, out);
  const auto positions = static_cast<int64_t>(reads.size());
  tm_shape s = {};
  s.out_h = static_cast<tm_i32>(out.h);
  s.out_w = static_cast<tm_i32>(out.w);
  if (in.w == 1 && out.w == 1) std::swap(s.out_h, s.out_w);  // as AddShape does
  // A convolution's last positions may be computed twice, four at a time.
  const int64_t strip =
      IsDepthwise(op, in, out) ? tm_depthwise_strip(s) : std::clamp<int64_t>(s.out_w, 4, TM_STRIP);
  int64_t lead = 0;
  for (const int char_bits : {8, net_.char_bits}) {  // a host runs what is planned for 16 bits, too
    const int64_t read = in.c * ElementOctets("tm_" + TypeName(At(from).dtype), char_bits);
    const int64_t written = out.c * ElementOctets("tm_" + TypeName(At(to).dtype), char_bits);
    for (int64_t p = 0; p < positions; ++p) {
      lead = std::max(
          lead, std::min(p + strip, positions) * written - reads[static_cast<size_t>(p)] * read);
    }
  }
  return lead;
}

template <typename Op>
void Lowering::LowerFloatConvolution(const Node& node, const Op& op, const char* function,
                                     const std::vector<float>& weights, Extent in, Extent out) {
  const std::string id = Identifier(node);
  CLayer layer = NewLayer(node, node.output);
  const std::string weight = AddTable(id + "_weight", "tm_f32", CList(weights),
                                      static_cast<int64_t>(weights.size()), layer);
  const std::string bias = op.has_bias
                               ? AddTable(id + "_bias", "tm_f32",
                                          CList(g_.Parameter(node, "bias").Floats()), out.c, layer)
                               : "NULL";
  const Argument shape =
      AddShape(id, in, out, op.kernel, op.stride, op.dilation, op.padding, layer);
  layer.call = {function,
                {Reads(node.inputs[0]),
                 {"const tm_f32 *", weight, "weight"},
                 {"const tm_f32 *", bias, "bias"},
                 {"tm_i32", fmt::format("{}", op.groups), "groups"},
                 shape,
                 Writes(node.output)}};
  if constexpr (std::is_same_v<Op, graph::Conv2d>)
    layer.lead = Lead(node.inputs[0], node.output, op, in, out);
  Finish(std::move(layer));
}

std::vector<double> Lowering::SumBounds(const Node& node, int64_t channels) const {
  const std::vector<int8_t>& w = g_.Parameter(node, "weight").Int8s();
  std::vector<double> bounds;
  const size_t row = w.size() / static_cast<size_t>(channels);
  for (size_t o = 0; o < static_cast<size_t>(channels); ++o) {
    double sum = 0;
    for (size_t i = 0; i < row; ++i) sum += std::abs(w[o * row + i]);
    bounds.push_back(sum * LargestCode(node.inputs[0]));
  }
  return bounds;
}

void Lowering::LowerConvolution(const Node& node, const graph::Conv2d& op, Extent in, Extent out,
                                const Shape& weight_shape) {
  const std::string id = Identifier(node);
  const std::string in_type = TypeName(At(node.inputs[0]).dtype);
  const bool depthwise = IsDepthwise(op, in, out);
  const bool permuted = permuted_.contains(node.inputs[0]);
  if (in_type == "f32") {
    const std::vector<float>& w = g_.Parameter(node, "weight").Floats();
    LowerFloatConvolution(
        node, op, "tm_conv_f32",
        permuted ? PermuteColumns(w, out.c, node.inputs[0]) : ChannelsLast(w, weight_shape), in,
        out);
    return;
  }
  const std::vector<int8_t>& codes = g_.Parameter(node, "weight").Int8s();
  const std::vector<int8_t> w =
      permuted ? PermuteColumns(codes, out.c, node.inputs[0]) : ChannelsLast(codes, weight_shape);
  if (IsPointwise(op)) {  // its positions are one line: no rows that end early
    in = {in.c, 1, in.h * in.w};
    out = {out.c, 1, out.h * out.w};
  }
  if (by_library_) return CallLibrary(node, op, in, out, w);
  const std::vector<double> bounds = SumBounds(node, out.c);
  const Node* requantize = TakeRequantize(node);
  CLayer layer = NewLayer(node, requantize->output);
  const Argument shape =
      AddShape(id, in, out, op.kernel, op.stride, op.dilation, op.padding, layer);
  const Order order = depthwise                         ? Order::kColumns
                      : op.groups == 1 && in.c % 4 == 0 ? Order::kRowsInFours
                                                        : Order::kRows;
  const Argument weights = AddWeights(id, w, out.c, order, layer);
  const Argument requant = AddRequant(id, *requantize, bounds, layer);
  if (depthwise || out.c <= TM_TOGETHER)
    layer.lead = Lead(node.inputs[0], requantize->output, op, in, out);
  const char* kernel = op.groups == 1 ? "conv" : depthwise ? "depthwise" : "grouped";
  Call call = {fmt::format("tm_{}_{}_{}", kernel, in_type, TypeName(At(requantize->output).dtype)),
               {Reads(node.inputs[0]), weights, shape, requant, Writes(requantize->output)}};
  if (op.groups > 1 && !depthwise)
    call.arguments.insert(call.arguments.begin() + 2,
                          {"tm_i32", fmt::format("{}", op.groups), "groups"});
  layer.call = std::move(call);
  Finish(std::move(layer));
}

void Lowering::LowerSumPool(const Node& node, const graph::SumPool& op) {
  if (by_library_) return CallLibrary(node, op);
  const std::string id = Identifier(node);
  const Node* requantize = TakeRequantize(node);
  CLayer layer = NewLayer(node, requantize->output);
  const Argument shape =
      AddShape(id, ExtentOf(At(node.inputs[0]).shape), ExtentOf(At(node.output).shape), op.kernel,
               op.stride, {}, op.padding, layer);
  const double bound = LargestCode(node.inputs[0]) * op.kernel.h * op.kernel.w;
  const Argument requant = AddRequant(id, *requantize, {bound}, layer);
  layer.call = {fmt::format("tm_sum_pool_{}_{}", TypeName(At(node.inputs[0]).dtype),
                            TypeName(At(requantize->output).dtype)),
                {Reads(node.inputs[0]), shape, requant, Writes(requantize->output)}};
  Finish(std::move(layer));
}

void Lowering::LowerResize(const Node& node, const graph::Resize& op) {
  const std::string id = Identifier(node);
  const graph::Tensor& in = At(node.inputs[0]);
  const Extent from = ExtentOf(in.shape);
  const Extent to = ExtentOf(At(node.output).shape);
  const bool nearest = op.mode == graph::Resize::Mode::kNearest;
  const bool sums = !nearest && in.dtype != DType::kFloat32;
  const Node* requantize = sums ? TakeRequantize(node) : nullptr;
  const TensorId output = sums ? requantize->output : node.output;
  CLayer layer = NewLayer(node, output);
  const Argument shape = AddShape(id, from, to, {}, {}, {}, {}, layer);
  const std::string type = TypeName(in.dtype);
  if (sums) {
    const auto parts = [](int64_t ins, int64_t outs) {
      return tm_stretch_of(static_cast<tm_i32>(ins), static_cast<tm_i32>(outs)).parts;
    };
    const double bound = LargestCode(node.inputs[0]) * parts(from.h, to.h) * parts(from.w, to.w);
    layer.call = {fmt::format("tm_resize_bilinear_{}_{}", type, TypeName(At(output).dtype)),
                  {Reads(node.inputs[0]), shape, AddRequant(id, *requantize, {bound}, layer),
                   Writes(output)}};
  } else {
    layer.call = {fmt::format("tm_resize_{}_{}", nearest ? "nearest" : "bilinear", type),
                  {Reads(node.inputs[0]), shape, Writes(output)}};
  }
  Finish(std::move(layer));
}

void Lowering::LowerRecurrent(const Node& node, const graph::Recurrent& op) {
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
    layer.comment = fmt::format(
        "{} {}, layer {} of {}: {} steps of {} -> {}{}, {} multiply-accumulates",
        graph::Name(node.op), node.name, k + 1, op.layers, steps, inputs,
        last && op.last_step_only ? "" : fmt::format("{} steps of ", steps), op.hidden, layer.macs);
    layer.scratch = {Temporary((op.cell == Cell::kLstm ? 2 : 1) * int64_t{op.hidden})};
    if (!last) {
      layer.name += fmt::format(".l{}", k);
      layer.tensor = -1;
      layer.output = Temporary(steps * op.hidden);
      layer.activation_octets = storage_.at(layer.output).octets;
    }
    std::string tables;
    for (const char* role : {"weight_ih", "weight_hh", "bias_ih", "bias_hh"}) {
      const std::string name = fmt::format("{}_l{}", role, k);
      const std::vector<float>& values = g_.Parameter(node, name).Floats();
      tables += AddTable(fmt::format("{}_{}", id, name), "tm_f32", CList(values),
                         static_cast<int64_t>(values.size()), layer) +
                ", ";
    }
    layer.definitions = fmt::format(
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

void Lowering::LowerTransposedConvolution(const Node& node, const graph::ConvTranspose2d& op) {
  const Extent in = ExtentOf(At(node.inputs[0]).shape);
  LowerFloatConvolution(node, op, "tm_conv_transposed_f32",
                        OutputFirst(g_.Parameter(node, "weight").Floats(), op, in.c), in,
                        ExtentOf(At(node.output).shape));
}

void Lowering::LowerLayerNorm(const Node& node, const graph::LayerNorm& op) {
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
                       e.c * e.h * e.w, layer) +
              ", ";
  }
  layer.overwrites = layer.inputs;
  layer.code = fmt::format("tm_layer_norm_f32({}, {}{}, {}, {}, @{});", Address(node.inputs[0]),
                           tables, e.h * e.w, e.c, CFloat(op.epsilon), node.output);
  Finish(std::move(layer));
}

void Lowering::LowerPick(const Node& node, int64_t first, const std::array<int64_t, 3>& steps) {
  CLayer layer = NewLayer(node, node.output);
  const Extent out = ExtentOf(At(node.output).shape);
  layer.code = fmt::format("tm_pick_{}({} + {}, {}, {}, {}, {}, {}, {}, @{});",
                           TypeName(At(node.output).dtype), Address(node.inputs[0]), first, out.h,
                           out.w, out.c, steps[0], steps[1], steps[2], node.output);
  Finish(std::move(layer));
}

void Lowering::LowerView(const Node& node) {
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
  HoldPlain(in, node.name);
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
    const TensorId between = Temporary(elements, type);
    layer.scratch = {between};
    layer.code = out_of(fmt::format("@{}", between)) + "\n  " + into(fmt::format("@{}", between));
  } else {
    layer.code = spread(e) ? out_of(fmt::format("@{}", node.output)) : into(Address(in));
  }
  Finish(std::move(layer));
}

void Lowering::LowerConcat(const Node& node, const graph::Concat& op) {
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
                              layer.code.empty() ? "" : "\n  ", TypeName(At(id).dtype), Address(id),
                              blocks, run, stride, node.output, before);
    before += run;
  }
  Finish(std::move(layer));
}

void Lowering::LowerBatchNorm(const Node& node, const graph::BatchNorm& op, const std::string& id) {
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
  const std::string gains = AddTable(id + "_gain", "tm_f32", CList(gain), e.c, layer);
  const std::string shifts = AddTable(id + "_shift", "tm_f32", CList(shift), e.c, layer);
  layer.code = fmt::format("tm_affine_f32({}, {}, {}, {}, {}, @{});", Address(node.inputs[0]),
                           gains, shifts, e.h * e.w, e.c, node.output);
  Finish(std::move(layer));
}

}  // namespace platypus::deploy
