// Convolutions and products with a matrix of weights.
#include <algorithm>
#include <cmath>

#include "platypus/onnx/importer.h"

namespace platypus::onnx_io {
namespace {

// [h, w] of one or two numbers: one-dimensional operators work along our rows.
graph::Size2 SizeOf(const NodeReader& node, const char* what, const std::vector<int64_t>& values,
                    size_t count) {
  if (values.size() != count) {
    node.Refuse("{} has {} numbers, the input {} axes behind its channels", what, values.size(),
                count);
  }
  graph::Size2 size{node.Small(what, values[0]), 1};
  if (count > 1) size.w = node.Small(what, values[1]);
  return size;
}

graph::Size2 SizeOr(NodeReader& node, const char* name, size_t count, graph::Size2 fallback) {
  return node.Has(name) ? SizeOf(node, name, node.Ints(name), count) : fallback;
}

// [O, I, k] as [O, I, k, 1].
Shape KernelShape(const Shape& shape) {
  Shape four = shape;
  four.resize(4, 1);
  return four;
}

std::vector<int64_t> KernelOf(NodeReader& node, const Shape& weight, const View& in) {
  if (weight.size() != in.shape.size()) {
    node.Refuse("weights of {} for an input of {}", ToString(weight), ToString(in.shape));
  }
  const std::vector<int64_t> kernel(weight.begin() + 2, weight.end());
  if (node.Has("kernel_shape") && node.Ints("kernel_shape") != kernel) {
    node.Refuse("kernel_shape is not that of the weights");
  }
  return kernel;
}

void SetBias(NodeReader& node, int input, int64_t channels) {
  const Constant& bias = node.Constants(input, "bias");
  if (bias.Count() != static_cast<size_t>(channels)) {
    node.Refuse("bias of {} elements for {} channels", bias.Count(), channels);
  }
  node.SetParameter("bias", {{channels}, bias.Floats()});
}

// y = W x + b along one axis of a view; `weight` [out, in].
void Dense(NodeReader& node, const std::string& name, const View& view, int axis, Array weight,
           const std::optional<std::vector<float>>& bias) {
  Importer& importer = node.Model();
  const int64_t outs = weight.shape[0];
  if (weight.shape[1] != view.shape[static_cast<size_t>(axis)]) {
    node.Refuse("weights of {} (outputs x inputs) for {} inputs", ToString(weight.shape),
                view.shape[static_cast<size_t>(axis)]);
  }
  const bool has_bias = bias.has_value();
  std::vector<int> rest = LongAxes(view.shape);
  std::erase(rest, axis);
  View out;
  if (rest.empty()) {
    const View flat = importer.Arrange(view, {axis}, name + ".flat");
    out = node.Append(name, graph::Linear{static_cast<int>(outs), has_bias, {}}, flat);
  } else {
    // A product at each place of the other axes: a convolution of 1 x 1.
    const View front = importer.ToFront(view, axis, name + ".front");
    graph::Conv2d conv;
    conv.out_channels = static_cast<int>(outs);
    conv.has_bias = has_bias;
    out = node.Append(name, conv, front);
    weight.shape = {outs, weight.shape[1], 1, 1};
  }
  node.SetParameter("weight", std::move(weight));
  if (has_bias) node.SetParameter("bias", {{outs}, *bias});
  out.shape[static_cast<size_t>(axis)] = outs;
  out.axes[static_cast<size_t>(axis)] = 0;
  node.Emit(std::move(out));
}

// [in, out] or, if `transposed`, [out, in] as [out, in].
Array Matrix(const NodeReader& node, const Constant& constant, bool transposed, bool is_integer,
             float factor) {
  const Shape shape = transposed ? constant.shape : Shape{constant.shape[1], constant.shape[0]};
  Constant ordered = constant;
  if (!transposed) {
    std::vector<float> values(constant.Count());
    const std::vector<float> from = constant.Floats();
    const auto outs = static_cast<size_t>(shape[0]);
    const auto ins = static_cast<size_t>(shape[1]);
    for (size_t o = 0; o < outs; ++o) {
      for (size_t i = 0; i < ins; ++i) values[o * ins + i] = from[i * outs + o];
    }
    ordered.values = std::move(values);
  }
  Array array = WeightsOf(node, ordered, shape, is_integer);
  if (factor != 1.0f && !is_integer) {
    for (float& v : array.Floats()) v *= factor;
  }
  return array;
}

}  // namespace

View Image(NodeReader& node, int input) {
  const View view = node.Data(input);
  if ((view.shape.size() != 3 && view.shape.size() != 4) || view.shape[0] != 1) {
    node.Refuse("input of {}; supported: 1 x channels x length, 1 x channels x height x width",
                ToString(view.shape));
  }
  return node.Model().Arrange(view, {1, 2, view.shape.size() == 4 ? 3 : -1},
                              node.Name() + ".order");
}

View ImageView(const NodeReader& node, View out) {
  const Shape& shape = node.Model().Graph().At(out.tensor).shape;
  for (size_t i = 1; i < out.shape.size(); ++i) out.shape[i] = shape[i - 1];
  return out;
}

Windows ReadWindows(NodeReader& node, const Shape& shape, const std::vector<int64_t>& kernel) {
  const size_t count = shape.size() - 2;
  Windows w;
  w.kernel = SizeOf(node, "kernel_shape", kernel, count);
  w.stride = SizeOr(node, "strides", count, {});
  w.dilation = SizeOr(node, "dilations", count, {});
  if (std::min({w.kernel.h, w.kernel.w, w.stride.h, w.stride.w, w.dilation.h, w.dilation.w}) < 1) {
    node.Refuse("kernel, strides and dilations must be at least 1");
  }
  const std::string automatic =
      node.Choice("auto_pad", "NOTSET", {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"});
  if (automatic == "NOTSET") {
    const std::vector<int64_t> pads = node.Ints("pads");
    if (pads.empty()) return w;
    if (pads.size() != 2 * count) node.Refuse("pads has {} numbers", pads.size());
    w.padding.top = node.Small("pads", pads[0]);
    w.padding.bottom = node.Small("pads", pads[count]);
    if (count > 1) {
      w.padding.left = node.Small("pads", pads[1]);
      w.padding.right = node.Small("pads", pads[3]);
    }
    return w;
  }
  node.Ignore({"pads"});
  if (automatic == "VALID") return w;
  // As many results as strides begin in the input.
  const auto same = [&](int64_t in, int size, int stride, int dilation) {
    const int64_t out = (in + stride - 1) / stride;
    const int64_t span = int64_t{dilation} * (size - 1) + 1;
    const int64_t total = std::max<int64_t>(0, (out - 1) * stride + span - in);
    const int64_t less = total / 2;
    const bool upper = automatic == "SAME_UPPER";
    return std::pair(node.Small("padding", upper ? less : total - less),
                     node.Small("padding", upper ? total - less : less));
  };
  std::tie(w.padding.top, w.padding.bottom) = same(shape[2], w.kernel.h, w.stride.h, w.dilation.h);
  if (count > 1) {
    std::tie(w.padding.left, w.padding.right) =
        same(shape[3], w.kernel.w, w.stride.w, w.dilation.w);
  }
  return w;
}

Array WeightsOf(const NodeReader& node, const Constant& constant, const Shape& shape,
                bool is_integer) {
  if (!is_integer) return {shape, constant.Floats()};
  std::vector<int8_t> codes;
  codes.reserve(constant.Count());
  for (const float value : constant.Floats()) {
    if (!(value >= -128.0f && value <= 127.0f) || value != std::nearbyint(value)) {
      node.Refuse("weight {} of an integer layer; legal: integers from -128 to 127", value);
    }
    codes.push_back(static_cast<int8_t>(value));
  }
  return {shape, std::move(codes)};
}

graph::Conv2d ReadConvolution(NodeReader& node, const View& in, const Shape& weight) {
  const Windows w = ReadWindows(node, in.shape, KernelOf(node, weight, in));
  graph::Conv2d op;
  op.out_channels = node.Small("output channels", weight[0]);
  op.kernel = w.kernel;
  op.stride = w.stride;
  op.dilation = w.dilation;
  op.padding = w.padding;
  op.groups = node.Small("group", node.Int("group", 1));
  return op;
}

void ReadConv(NodeReader& node) {
  const View in = Image(node, 0);
  const Constant& weight = node.Constants(1, "weights");
  graph::Conv2d op = ReadConvolution(node, in, weight.shape);
  op.has_bias = node.HasInput(2);
  if (in.real) {
    const WeightCodes& codes = *node.Model().FindCodes(node.InputName(1));
    std::optional<std::vector<int64_t>> bias;
    if (op.has_bias) bias = BiasCodes(node, node.Constants(2, "bias"), in.real->scale, codes);
    return ConvolveCodes(node, op, in, codes, bias, *TargetOf(node.Model(), node.OutputName()));
  }
  const bool is_integer = node.IsInteger(in);
  if (is_integer && op.has_bias) {
    node.Refuse("a bias on integers; supported: an offset behind it (Add, Mul, Mul, Floor, Clip)");
  }
  const View out = node.Append(node.NameOf(1, "weight"), op, in);
  node.SetParameter("weight", WeightsOf(node, weight, KernelShape(weight.shape), is_integer));
  if (op.has_bias) SetBias(node, 2, op.out_channels);
  node.Emit(ImageView(node, out));
}

void ReadConvTranspose(NodeReader& node) {
  const View in = Image(node, 0);
  const Constant& weight = node.Constants(1, "weights");
  const std::vector<int64_t> kernel = KernelOf(node, weight.shape, in);
  node.Choice("auto_pad", "NOTSET", {"NOTSET", "VALID"});
  const Windows w = ReadWindows(node, in.shape, kernel);
  if (node.Has("output_shape")) node.Refuse("output_shape; supported: pads and output_padding");
  graph::ConvTranspose2d op;
  op.groups = node.Small("group", node.Int("group", 1));
  op.out_channels = node.Small("output channels", weight.shape[1] * op.groups);
  op.kernel = w.kernel;
  op.stride = w.stride;
  op.dilation = w.dilation;
  op.padding = w.padding;
  op.extra = SizeOr(node, "output_padding", kernel.size(), {0, 0});
  if (kernel.size() == 1) op.extra.w = 0;
  op.has_bias = node.HasInput(2);
  if (std::min({w.padding.top, w.padding.left, w.padding.bottom, w.padding.right}) < 0) {
    node.Refuse("negative pads");
  }
  const bool is_integer = node.IsInteger(in);
  if (is_integer && op.has_bias) {
    node.Refuse("a bias on integers; supported: an offset behind it (Add, Mul, Mul, Floor, Clip)");
  }
  const View out = node.Append(node.NameOf(1, "weight"), op, in);
  node.SetParameter("weight", WeightsOf(node, weight, KernelShape(weight.shape), is_integer));
  if (op.has_bias) SetBias(node, 2, op.out_channels);
  node.Emit(ImageView(node, out));
}

// alpha A B + beta C, A the data, B and C constant.
void ReadGemm(NodeReader& node) {
  View view = node.Data(0);
  const Constant& weight = node.Constants(1, "weights");
  if (view.shape.size() != 2 || weight.shape.size() != 2) {
    node.Refuse("supported: two axes, the weights constant");
  }
  if (node.Int("transA", 0) != 0) {
    std::swap(view.shape[0], view.shape[1]);
    std::swap(view.axes[0], view.axes[1]);
  }
  const float alpha = node.Float("alpha", 1.0f);
  const float beta = node.Float("beta", 1.0f);
  if (view.real) {
    if (alpha != 1.0f || beta != 1.0f) node.Refuse("factors other than 1 on codes");
    WeightCodes codes = *node.Model().FindCodes(node.InputName(1));
    if (node.Int("transB", 0) == 0) codes = Transposed(codes);
    std::optional<std::vector<int64_t>> offset;
    if (node.HasInput(2)) {
      const auto along = Along(node.Constants(2, "bias"), {1, codes.shape[0]});
      if (!along) node.Refuse("bias of other than {} elements", codes.shape[0]);
      std::vector<float> values = along->values;
      values.resize(static_cast<size_t>(codes.shape[0]), along->values[0]);
      offset = BiasCodes(node, {{codes.shape[0]}, std::move(values)}, view.real->scale, codes);
    }
    return MultiplyCodes(node, view, codes, offset, *TargetOf(node.Model(), node.OutputName()));
  }
  const bool is_integer = node.IsInteger(view);
  if (is_integer && (alpha != 1.0f || node.HasInput(2))) {
    node.Refuse("a factor or bias on integers; supported: MatMul and an offset behind it");
  }
  Array matrix = Matrix(node, weight, node.Int("transB", 0) != 0, is_integer, alpha);
  std::optional<std::vector<float>> bias;
  if (node.HasInput(2) && beta != 0.0f) {
    const auto outs = matrix.shape[0];
    const auto along = Along(node.Constants(2, "bias"), {1, outs});
    if (!along) node.Refuse("bias of other than {} elements", outs);
    bias = along->values;
    bias->resize(static_cast<size_t>(outs), along->values[0]);
    for (float& v : *bias) v *= beta;
  }
  Dense(node, node.NameOf(1, "weight"), view, 1, std::move(matrix), bias);
}

void ReadMatMul(NodeReader& node) {
  if (node.HasInput(0) && node.IsConstant(0)) {
    node.Refuse("the weights come first; supported: data times constant");
  }
  const View view = node.Data(0);
  const Constant& weight = node.Constants(1, "weights");
  if (weight.shape.size() != 2 || view.shape.empty()) {
    node.Refuse("weights of {}; supported: two axes", ToString(weight.shape));
  }
  if (view.real) {
    return MultiplyCodes(node, view, Transposed(*node.Model().FindCodes(node.InputName(1))),
                         std::nullopt, *TargetOf(node.Model(), node.OutputName()));
  }
  Dense(node, node.NameOf(1, "weight"), view, static_cast<int>(view.shape.size()) - 1,
        Matrix(node, weight, false, node.IsInteger(view), 1.0f), std::nullopt);
}

}  // namespace platypus::onnx_io
