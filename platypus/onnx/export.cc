#include <algorithm>
#include <cmath>
#include <numbers>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/onnx/model.h"
#include "platypus/onnx/onnx.h"

namespace platypus::onnx_io {
namespace {

using graph::Node;
using graph::TensorId;

std::vector<int64_t> Extents(graph::Size2 size) { return {size.h, size.w}; }

// [1, shape] as a constant.
std::string BatchOfOne(const Site& site, const char* suffix, const Shape& shape) {
  std::vector<int64_t> extents = {1};
  extents.insert(extents.end(), shape.begin(), shape.end());
  return site.model.AddInts(site.Name(suffix), extents);
}

template <typename Convolution>
NodeWriter WriteConvolution(const char* type, const Convolution& op, const Site& site) {
  std::vector<std::string> parameters = {site.Parameter("weight")};
  if (op.has_bias) parameters.push_back(site.Parameter("bias"));
  return site.Node(type, parameters)
      .SetInts("kernel_shape", Extents(op.kernel))
      .SetInts("strides", Extents(op.stride))
      .SetInts("dilations", Extents(op.dilation))
      .SetInts("pads", Pads(op.padding))
      .SetInt("group", op.groups);
}

void Write(const graph::Linear& op, const Site& site) {
  if (site.graph.At(site.node.output).dtype != DType::kFloat32) return WriteIntegerLinear(site);
  std::vector<std::string> parameters = {site.Parameter("weight")};
  if (op.has_bias) parameters.push_back(site.Parameter("bias"));
  site.Node("Gemm", parameters).SetInt("transB", 1);
}

void Write(const graph::AdaptiveAvgPool& op, const Site& site) {
  const Shape& in = site.InputShape();
  const bool is_even = in[1] % op.output.h == 0 && in[2] % op.output.w == 0;
  if (!is_even || site.graph.At(site.node.output).dtype != DType::kFloat32) {
    return WriteCellPool(site);
  }
  const graph::Size2 size = {static_cast<int>(in[1] / op.output.h),
                             static_cast<int>(in[2] / op.output.w)};
  WriteAveragePool({size, size, {}}, site, site.node.name, site.output);
}

// x * (1 + erf(x / sqrt(2))) / 2: the Gelu operator came with opset 20.
void Write(const graph::Gelu&, const Site& site) {
  Model& model = site.model;
  const std::string& n = site.node.name;
  const std::string& x = site.inputs[0];
  model.AddNode("Mul", n + ".scale",
                {x, model.AddScalar(n + ".factor", 1.0f / std::numbers::sqrt2_v<float>)},
                {n + "_scale"});
  model.AddNode("Erf", n + ".erf", {n + "_scale"}, {n + "_erf"});
  model.AddNode("Add", n + ".add", {n + "_erf", model.AddScalar(n + ".one", 1.0f)}, {n + "_add"});
  model.AddNode("Mul", n + ".mul", {x, n + "_add"}, {n + "_mul"});
  model.AddNode("Mul", n, {n + "_mul", model.AddScalar(n + ".half", 0.5f)}, {site.output});
}

// Indices floor(i * in / out), and whether ONNX, which divides by out / in in float32, finds them.
std::vector<int64_t> NearestIndices(int64_t in, int64_t out) {
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < out; ++i) indices.push_back(i * in / out);
  return indices;
}
bool OnnxFinds(const std::vector<int64_t>& indices, int64_t in) {
  const float scale = static_cast<float>(indices.size()) / static_cast<float>(in);
  for (size_t i = 0; i < indices.size(); ++i) {
    if (std::floor(static_cast<float>(i) / scale) != static_cast<float>(indices[i])) return false;
  }
  return true;
}

void Write(const graph::Resize& op, const Site& site) {
  if (site.graph.At(site.node.output).dtype == DType::kInt32) return WriteIntegerResize(site);
  Model& model = site.model;
  const std::string& n = site.node.name;
  const Shape& in = site.InputShape();
  const Shape& out = site.OutputShape();
  const bool nearest = op.mode == graph::Resize::Mode::kNearest;
  const std::vector<int64_t> rows = NearestIndices(in[1], out[1]);
  const std::vector<int64_t> columns = NearestIndices(in[2], out[2]);
  if (nearest && !(OnnxFinds(rows, in[1]) && OnnxFinds(columns, in[2]))) {
    model
        .AddNode("Gather", n + ".rows", {site.inputs[0], model.AddInts(n + ".row", rows)},
                 {n + "_rows"})
        .SetInt("axis", 2);
    model.AddNode("Gather", n, {n + "_rows", model.AddInts(n + ".column", columns)}, {site.output})
        .SetInt("axis", 3);
    return;
  }
  // Neither region of interest nor scales.
  NodeWriter resize = site.Node("Resize", {"", "", BatchOfOne(site, ".size", out)});
  if (nearest) {
    resize.SetText("mode", "nearest")
        .SetText("coordinate_transformation_mode", "asymmetric")
        .SetText("nearest_mode", "floor");
  } else {
    resize.SetText("mode", "linear").SetText("coordinate_transformation_mode", "half_pixel");
  }
}

void Write(const graph::Pad& op, const Site& site) {
  const graph::Padding2& p = op.padding;
  site.Node("Pad",
            {site.model.AddInts(site.Name(".pads"), {0, 0, p.top, p.left, 0, 0, p.bottom, p.right}),
             site.model.AddScalar(site.Name(".value"), op.value)});
}

void Write(const graph::Slice& op, const Site& site) {
  const auto one = [&](const char* suffix, int64_t value) {
    return site.model.AddInts(site.Name(suffix), {value});
  };
  site.Node("Slice", {one(".begin", op.begin), one(".end", op.end), one(".axis", op.axis + 1),
                      one(".step", op.step)});
}

void Write(const graph::Dequantize& op, const Site& site) {
  Model& model = site.model;
  std::string codes = site.inputs[0];
  if (op.zero_point != 0) {
    const std::string zero =
        model.AddScalar(site.Name(".zero_point"), static_cast<float>(op.zero_point));
    codes = site.node.name + "_centred";
    model.AddNode("Sub", site.Name(".centre"), {site.inputs[0], zero}, {codes});
  }
  model.AddNode("Mul", site.node.name, {codes, model.AddScalar(site.Name(".scale"), op.scale)},
                {site.output});
}

}  // namespace

void WriteNode(const Site& site) {
  Model& model = site.model;
  std::visit(
      graph::Overloaded{
          [&](const graph::Identity&) { site.Node("Identity"); },
          [&](const graph::BatchNorm& op) {
            site.Node("BatchNormalization",
                      {site.Parameter("weight"), site.Parameter("bias"),
                       site.Parameter("running_mean"), site.Parameter("running_var")})
                .SetFloat("epsilon", op.epsilon);
          },
          [&](const graph::Conv2d& op) { WriteConvolution("Conv", op, site); },
          [&](const graph::ConvTranspose2d& op) {
            WriteConvolution("ConvTranspose", op, site)
                .SetInts("output_padding", Extents(op.extra));
          },
          [&](const graph::Linear& op) { Write(op, site); },
          [&](const graph::Relu&) { site.Node("Relu"); },
          [&](const graph::Clamp& op) {
            site.Node("Clip", {model.AddScalar(site.Name(".lo"), op.low),
                               model.AddScalar(site.Name(".hi"), op.high)});
          },
          [&](const graph::LeakyRelu& op) { site.Node("LeakyRelu").SetFloat("alpha", op.slope); },
          [&](const graph::Sigmoid&) { site.Node("Sigmoid"); },
          [&](const graph::Tanh&) { site.Node("Tanh"); },
          [&](const graph::Gelu& op) { Write(op, site); },
          [&](const graph::Softmax&) { site.Node("Softmax").SetInt("axis", 1); },
          [&](const graph::LogSoftmax&) { site.Node("LogSoftmax").SetInt("axis", 1); },
          [&](const graph::MaxPool& op) {
            site.Node("MaxPool")
                .SetInts("kernel_shape", Extents(op.kernel))
                .SetInts("strides", Extents(op.stride))
                .SetInts("dilations", Extents(op.dilation))
                .SetInts("pads", Pads(op.padding));
          },
          [&](const graph::AvgPool& op) {
            WriteAveragePool(op, site, site.node.name, site.output);
          },
          [&](const graph::AdaptiveAvgPool& op) { Write(op, site); },
          [&](const graph::Flatten&) { site.Node("Flatten").SetInt("axis", 1); },
          [&](const graph::Reshape& op) {
            site.Node("Reshape", {BatchOfOne(site, ".shape", op.shape)});
          },
          [&](const graph::Transpose& op) {
            std::vector<int64_t> order = {0};
            for (const int axis : op.order) order.push_back(axis + 1);
            site.Node("Transpose").SetInts("perm", order);
          },
          [&](const graph::Pad& op) { Write(op, site); },
          [&](const graph::Slice& op) { Write(op, site); },
          [&](const graph::Resize& op) { Write(op, site); },
          [&](const graph::Dropout&) { site.Node("Identity"); },
          [&](const graph::LayerNorm& op) {
            site.Node("LayerNormalization", {site.Parameter("weight"), site.Parameter("bias")})
                .SetInt("axis", 1)
                .SetFloat("epsilon", op.epsilon);
          },
          [&](const graph::Recurrent& op) { Write(op, site); },
          [&](const graph::Add&) { site.Node("Add"); },
          [&](const graph::Mul&) { site.Node("Mul"); },
          [&](const graph::Scale&) { site.Node("Mul", {site.Parameter("weight")}); },
          [&](const graph::Concat& op) { site.Node("Concat").SetInt("axis", op.axis + 1); },
          [&](const graph::FakeQuantize&) {
            Check(false, "ONNX export of FakeQuantize at {}", site.node.name);
          },
          [&](const graph::QuantizeInput& op) { Write(op, site); },
          [&](const graph::SumPool& op) { Write(op, site); },
          [&](const graph::Requantize& op) { Write(op, site); },
          [&](const graph::AddRequantize& op) { Write(op, site); },
          [&](const graph::Lookup& op) { Write(op, site); },
          [&](const graph::IntegerSoftmax& op) { Write(op, site); },
          [&](const graph::IntegerLayerNorm& op) { Write(op, site); },
          [&](const graph::IntegerRecurrent& op) { Write(op, site); },
          [&](const graph::MulRequantize& op) { Write(op, site); },
          [&](const graph::Dequantize& op) { Write(op, site); }},
      site.node.op);
}

void WriteAveragePool(const graph::AvgPool& op, const Site& site, const std::string& name,
                      const std::string& output) {
  site.model.AddNode("AveragePool", name, {site.inputs[0]}, {output})
      .SetInts("kernel_shape", Extents(op.kernel))
      .SetInts("strides", Extents(op.stride))
      .SetInts("pads", Pads(op.padding))
      .SetInt("count_include_pad", 1);
}

std::string Serialize(const graph::Graph& graph,
                      const std::map<std::string, std::string>& metadata) {
  Model model(graph.name, kOpset);
  std::map<TensorId, std::string> names;
  names[graph.input] = model.AddInput("input", graph.Input().shape);
  for (const Node& node : graph.nodes) {
    std::vector<std::string> inputs;
    for (const TensorId id : node.inputs) inputs.push_back(names.at(id));
    const std::string output = names[node.output] = node.name + "_out";
    WriteNode({model, graph, node, inputs, output});
  }
  // The output keeps the name of the tensor that it is.
  model.AddOutput(names.at(graph.output), graph.Output().shape);
  for (const auto& [key, value] : metadata) model.AddMetadata(key, value);
  for (const graph::Tensor& tensor : graph.tensors) {
    if (tensor.scale != 0.0f) model.AddScale(tensor.name, tensor.scale, tensor.zero_point);
  }
  return model.Serialize();
}

void Export(const graph::Graph& graph, const std::map<std::string, std::string>& metadata,
            const std::filesystem::path& path) {
  WriteFile(path, Serialize(graph, metadata));
}

}  // namespace platypus::onnx_io
