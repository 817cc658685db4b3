// The QDQ form of a fake-quantised graph: real numbers, rounded to codes by QuantizeLinear and made
// of codes again by DequantizeLinear; weights and biases are integers behind DequantizeLinear.
#include <algorithm>
#include <cmath>
#include <optional>
#include <span>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/graph/affine.h"
#include "platypus/graph/quantization.h"
#include "platypus/onnx/model.h"
#include "platypus/onnx/onnx.h"

namespace platypus::onnx_io {
namespace {

using graph::Node;
using graph::TensorId;

// Weights of a layer as codes, and one scale for each place of an axis.
struct Weights {
  std::vector<int32_t> codes;
  std::vector<float> scale;
};

ElementType TypeOf(const graph::Codes& codes) {
  if (codes.lo >= 0 && codes.hi <= 255) return kUint8;
  return codes.lo >= -128 && codes.hi <= 127 ? kInt8 : kInt16;
}

// The codes that the type has, as far as ours are meant to fill it.
bool FillsType(const graph::Codes& codes) {
  switch (TypeOf(codes)) {
    case kUint8:
      return codes.lo == 0 && codes.hi == 255;
    case kInt8:
      return codes.lo == -128 && codes.hi == 127;
    default:
      return codes.lo == -32768 && codes.hi == 32767;
  }
}

ElementType TypeOf(const graph::WeightQuantizer& quantizer, QdqVersion version) {
  if (version == QdqVersion::kFallback) return kInt8;
  const int32_t largest = graph::WeightCodes(quantizer, 1.0f).hi;
  return largest <= 1 ? kInt2 : largest <= 7 ? kInt4 : kInt8;
}

class QdqWriter {
 public:
  QdqWriter(const graph::Graph& source, const QdqForm& form)
      : source_(source), form_(form), model_(source.name, OpsetOf(source, form.version)) {}

  std::string Run(const std::map<std::string, std::string>& metadata) {
    names_[source_.input] = model_.AddInput("input", source_.Input().shape);
    for (const Node& node : source_.nodes) Visit(node);
    AddOutput();
    for (const auto& [key, value] : metadata) model_.AddMetadata(key, value);
    return model_.Serialize();
  }

 private:
  // A tensor of codes of the file, and what they are.
  struct Coded {
    std::string name;
    graph::Codes codes;
  };

  static int OpsetOf(const graph::Graph& source, QdqVersion version) {
    int opset = kOpset;
    for (const Node& node : source.nodes) {
      const auto* fake = std::get_if<graph::FakeQuantize>(&node.op);
      if (fake != nullptr && fake->bits > 8 && version == QdqVersion::kNewest)
        opset = std::max(opset, kInt16Opset);
      if (const auto quantizer = graph::QuantizerOf(node.op)) {
        const ElementType type = TypeOf(*quantizer, version);
        if (type == kInt4) opset = std::max(opset, kInt4Opset);
        if (type == kInt2) opset = std::max(opset, kInt2Opset);
      }
    }
    return opset;
  }

  void Visit(const Node& node) {
    if (const auto* fake = std::get_if<graph::FakeQuantize>(&node.op)) {
      const auto& range = source_.Parameter(node, "range").Floats();
      if (range[0] > range[1]) {
        Fail(Category::kModel, "node {}: no range was observed; calibrate or train first",
             node.name);
      }
      return Quantize(node.name, names_.at(node.inputs[0]), node.output,
                      graph::ActivationCodes(*fake, range[0], range[1]));
    }
    std::vector<std::string> inputs;
    for (const TensorId id : node.inputs) inputs.push_back(names_.at(id));
    const auto coded = coded_.find(node.inputs[0]);
    const bool moves = graph::OnlyMoves(node.op) && coded != coded_.end();
    const std::string output = node.name + (moves ? "_moved" : "_out");
    WriteNode({model_, source_, node, inputs, output, IntegerParameters(node)});
    if (moves) return Quantize(node.name + ".quantize", output, node.output, coded->second.codes);
    names_[node.output] = output;
  }

  bool IsRead(TensorId tensor) const { return !graph::Consumers(source_, tensor).empty(); }

  // `real` as `tensor`: rounded to codes and made of them again.
  void Quantize(const std::string& node, const std::string& real, TensorId tensor,
                const graph::Codes& codes) {
    const ElementType type = TypeOf(codes);
    if (type == kInt16 && form_.version == QdqVersion::kFallback) {
      return RoundInReals(node, real, tensor, codes);
    }
    const std::string scale = model_.AddScalar(node + ".scale", codes.scale);
    const std::string zero = model_.AddCodes(node + ".zero_point", {}, type, {codes.zero_point});
    const std::string input = FillsType(codes) ? real : Clip(node, real, codes);
    const std::string quantized = node + "_codes";
    model_.AddNode("QuantizeLinear", node, {input, scale, zero}, {quantized});
    coded_[tensor] = {quantized, codes};
    model_.AddScale(quantized, codes.scale, codes.zero_point);
    if (tensor == source_.output && form_.output_int && !IsRead(tensor)) return;
    names_[tensor] = node + "_real";
    model_.AddNode("DequantizeLinear", node + ".dequantize", {quantized, scale, zero},
                   {names_[tensor]});
  }

  // To the real numbers that codes of fewer values than their type has stand for.
  std::string Clip(const std::string& node, const std::string& real, const graph::Codes& codes) {
    const auto value = [&](int32_t code) {
      return static_cast<float>(code - codes.zero_point) * codes.scale;
    };
    const std::string clipped = node + "_clipped";
    model_.AddNode("Clip", node + ".clip",
                   {real, model_.AddScalar(node + ".lo", value(codes.lo)),
                    model_.AddScalar(node + ".hi", value(codes.hi))},
                   {clipped});
    return clipped;
  }

  // Codes of 16 bits for readers whose QuantizeLinear has none: by value, in float32.
  void RoundInReals(const std::string& node, const std::string& real, TensorId tensor,
                    const graph::Codes& codes) {
    const std::string scale = model_.AddScalar(node + ".scale", codes.scale);
    model_.AddNode("Div", node + ".div", {real, scale}, {node + "_scaled"});
    model_.AddNode("Round", node + ".round", {node + "_scaled"}, {node + "_rounded"});
    const std::string quantized = node + "_codes";
    model_.AddNode("Clip", node,
                   {node + "_rounded", model_.AddScalar(node + ".lo", static_cast<float>(codes.lo)),
                    model_.AddScalar(node + ".hi", static_cast<float>(codes.hi))},
                   {quantized});
    coded_[tensor] = {quantized, codes};
    model_.AddScale(quantized, codes.scale, codes.zero_point);
    if (tensor == source_.output && form_.output_int && !IsRead(tensor)) return;
    names_[tensor] = node + "_real";
    model_.AddNode("Mul", node + ".mul", {quantized, scale}, {names_[tensor]});
  }

  // A layer's weights, and its bias in units of the sums of its products.
  std::map<std::string, std::string> IntegerParameters(const Node& node) {
    const std::optional<graph::WeightQuantizer> quantizer = graph::QuantizerOf(node.op);
    std::map<std::string, std::string> given;
    if (!quantizer) return given;
    const ElementType type = TypeOf(*quantizer, form_.version);
    if (const auto* recurrent = std::get_if<graph::Recurrent>(&node.op)) {
      for (int layer = 0; layer < recurrent->layers; ++layer) {
        for (const char* name : {"weight_ih", "weight_hh"}) {
          const std::string role = fmt::format("{}_l{}", name, layer);
          const Shape& shape = source_.Parameter(node, role).shape;
          Weights weights = WeightsOf(node, role, *quantizer, {}, {});
          const std::vector<size_t> order = GateOrder(recurrent->cell);
          weights.codes = Reordered(weights.codes, order);
          weights.scale = Reordered(weights.scale, order);
          given[role] =
              Dequantized(node.name + "." + role, {1, shape[0], shape[1]}, 1, type, weights);
        }
      }
      return given;
    }
    const Shape& shape = source_.Parameter(node, "weight").shape;
    const auto input = coded_.find(node.inputs[0]);
    const bool has_bias = source_.HasParameter(node, "bias") && input != coded_.end();
    const std::vector<float> bias =
        has_bias ? source_.Parameter(node, "bias").Floats() : std::vector<float>();
    const graph::Codes input_codes = has_bias ? input->second.codes : graph::Codes();
    Weights weights = WeightsOf(node, "weight", *quantizer, bias, input_codes);
    const std::vector<double> units = SetUnits(node, weights);
    given["weight"] = WriteWeights(node, shape, type, weights);
    if (!has_bias) return given;
    Weights sums;
    for (size_t c = 0; c < bias.size(); ++c) {
      sums.scale.push_back(static_cast<float>(units[c]));
      sums.codes.push_back(static_cast<int32_t>(std::llrint(bias[c] / units[c])));
    }
    given["bias"] =
        Dequantized(node.name + ".bias", {static_cast<int64_t>(bias.size())}, 0, kInt32, sums);
    return given;
  }

  // What one of a layer's sums is worth in each channel: our factors are not any real numbers, and
  // the weights' scales become what makes them exactly those.
  std::vector<double> SetUnits(const Node& node, Weights& weights) const {
    std::vector<double> units;
    const auto input = coded_.find(node.inputs[0]);
    if (input == coded_.end()) return units;
    const double in = input->second.codes.scale;
    const std::optional<graph::Codes> out = CodesBehind(node);
    for (float& scale : weights.scale) {
      double unit = scale * in;
      if (out) {
        unit = graph::MakeNearestFactor(unit / out->scale).Value() * out->scale;
        scale = static_cast<float>(unit / in);
      }
      units.push_back(unit);
    }
    return units;
  }

  // Channels lie along axis 0; those of a transposed convolution along axis 1, or along none if it
  // has groups: then their real numbers are written.
  std::string WriteWeights(const Node& node, const Shape& shape, ElementType type,
                           const Weights& weights) {
    const std::string name = node.name + ".weight";
    const auto* spread = std::get_if<graph::ConvTranspose2d>(&node.op);
    if (spread == nullptr || spread->groups == 1)
      return Dequantized(name, shape, spread == nullptr ? 0 : 1, type, weights);
    const graph::WeightLayout layout = graph::LayoutOf(node.op, shape);
    std::vector<float> values(weights.codes.size());
    for (size_t c = 0; c < layout.channels; ++c) {
      layout.ForRuns(c, [&](size_t first) {
        for (size_t i = first; i < first + layout.length; ++i)
          values[i] = static_cast<float>(weights.codes[i]) * weights.scale[c];
      });
    }
    return model_.AddConstant(name, shape, values);
  }

  // `bias`: of each channel of a layer on `input`; may be empty.
  Weights WeightsOf(const Node& node, const std::string& role,
                    const graph::WeightQuantizer& quantizer, const std::vector<float>& bias,
                    const graph::Codes& input) const {
    const Array& array = source_.Parameter(node, role);
    const std::vector<float>& floats = array.Floats();
    const graph::WeightLayout layout = graph::LayoutOf(node.op, array.shape);
    std::vector<graph::Codes> codes = graph::ChannelCodes(source_, node, role, floats);
    Weights weights;
    weights.codes.resize(floats.size());
    for (size_t c = 0; c < layout.channels; ++c) {
      float& scale = codes[c].scale;
      if (!bias.empty()) scale = graph::ScaleForBias(scale, input, bias[c]);
      weights.scale.push_back(scale);
      layout.ForRuns(c, [&](size_t first) {
        for (size_t i = first; i < first + layout.length; ++i)
          weights.codes[i] = graph::QuantizeWeight(quantizer, floats[i], codes[c]);
      });
    }
    return weights;
  }

  // The codes that a layer's sums become: those of the FakeQuantize behind it, and behind limits.
  std::optional<graph::Codes> CodesBehind(const Node& node) const {
    const std::vector<const Node*> readers = graph::Consumers(source_, node.output);
    if (readers.size() != 1 || node.output == source_.output) return std::nullopt;
    if (const auto* fake = std::get_if<graph::FakeQuantize>(&readers[0]->op)) {
      const auto& range = source_.Parameter(*readers[0], "range").Floats();
      return graph::ActivationCodes(*fake, range[0], range[1]);
    }
    return graph::IsLimit(readers[0]->op) ? CodesBehind(*readers[0]) : std::nullopt;
  }

  // The name of the real numbers that integers of the model stand for.
  std::string Dequantized(const std::string& name, const Shape& shape, int64_t axis,
                          ElementType type, const Weights& weights) {
    const auto count = static_cast<int64_t>(weights.scale.size());
    model_
        .AddNode("DequantizeLinear", name + ".dequantize",
                 {model_.AddCodes(name + "_codes", shape, type, weights.codes),
                  model_.AddConstant(name + "_scale", {count}, weights.scale)},
                 {name})
        .SetInt("axis", axis);
    return name;
  }

  void AddOutput() {
    const Shape& shape = source_.Output().shape;
    const auto coded = coded_.find(source_.output);
    if (coded == coded_.end() || !form_.output_int) {
      return model_.AddOutput(names_.at(source_.output), shape);
    }
    const ElementType type = TypeOf(coded->second.codes);
    const bool by_value = type == kInt16 && form_.version == QdqVersion::kFallback;
    model_.AddOutput(coded->second.name, shape, by_value ? kFloat : type);
  }

  const graph::Graph& source_;
  const QdqForm form_;
  Model model_;
  std::map<TensorId, std::string> names_;  // real numbers
  std::map<TensorId, Coded> coded_;
};

}  // namespace

std::string SerializeQdq(const graph::Graph& fake_quantized,
                         const std::map<std::string, std::string>& metadata, const QdqForm& form) {
  return QdqWriter(graph::WithExactSums(graph::FoldBatchNorm(fake_quantized)), form).Run(metadata);
}

void ExportQdq(const graph::Graph& fake_quantized,
               const std::map<std::string, std::string>& metadata,
               const std::filesystem::path& path, const QdqForm& form) {
  WriteFile(path, SerializeQdq(fake_quantized, metadata, form));
}

}  // namespace platypus::onnx_io
