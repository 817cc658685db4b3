#include "platypus/pipeline/quantization_insight.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "platypus/exec/interpreter.h"
#include "platypus/graph/quantization.h"
#include "platypus/pipeline/evaluation.h"
#include "platypus/pipeline/layer_noise.h"
#include "platypus/pipeline/samples.h"
#include "platypus/pipeline/task_metric.h"
#include "platypus/quantize/bit_choice.h"
#include "platypus/quantize/form.h"

namespace platypus::pipeline {
namespace {

using graph::Node;
using graph::TensorId;
using quantize::Match;
using quantize::Precision;

constexpr int64_t kJudged = 512;         // samples of the metrics
constexpr int64_t kLookedAt = 32;        // samples whose tensors are looked at one by one
constexpr size_t kMostValues = 1 << 16;  // of a tensor's histogram
constexpr size_t kMostLayers = 200;
constexpr int kBins = 48;

bool IsLimit(const Node& node) {
  return std::holds_alternative<graph::Relu>(node.op) ||
         std::holds_alternative<graph::Clamp>(node.op);
}

Histogram HistogramOf(std::span<const float> values) {
  Histogram histogram;
  if (values.empty()) return histogram;
  const auto [low, high] = std::ranges::minmax_element(values);
  histogram.low = *low;
  histogram.high = *high;
  histogram.counts.assign(kBins, 0);
  const double width = histogram.high - histogram.low;
  for (const float value : values) {
    const double place = width > 0 ? (value - histogram.low) / width * kBins : 0;
    ++histogram.counts[static_cast<size_t>(std::min<double>(place, kBins - 1))];
  }
  return histogram;
}

// The smallest of 2, 4, 8, 16 bits that hold the codes.
int BitsOf(int64_t lo, int64_t hi) {
  for (const int bits : {2, 4, 8}) {
    const int64_t all = int64_t{1} << bits;
    if (lo >= 0 ? hi < all : lo >= -all / 2 && hi < all / 2) return bits;
  }
  return 16;
}

// Samples spread evenly over a split.
struct Chosen {
  std::vector<float> inputs, wanted;
  std::vector<int32_t> labels;
  int64_t count = 0;

  Chosen(const SampleSet& set, const Goal& goal, int64_t most) {
    count = std::min(most, set.Count());
    const auto width = static_cast<size_t>(NumElements(set.shape));
    const std::span<const float> all =
        goal.Classifies() ? std::span<const float>() : set.Wanted(goal);
    const size_t outputs = all.size() / static_cast<size_t>(set.Count());
    for (int64_t k = 0; k < count; ++k) {
      const auto i = static_cast<size_t>(k * set.Count() / count);
      const float* first = set.inputs.data() + i * width;
      inputs.insert(inputs.end(), first, first + width);
      wanted.insert(wanted.end(), all.begin() + static_cast<std::ptrdiff_t>(i * outputs),
                    all.begin() + static_cast<std::ptrdiff_t>((i + 1) * outputs));
      if (goal.Classifies()) labels.push_back(set.labels[i]);
    }
  }
};

class Analysis {
 public:
  Analysis(const QuantizedNetwork& network, const SampleSet& samples, ThreadPool& pool)
      : network_(network),
        reference_(network.reference),
        integer_(network.integer),
        samples_(samples),
        matches_(quantize::MatchLayers(network.reference, network.integer)),
        floats_(quantize::FloatLayers(network.reference, network.settings)),
        judged_(samples, network.goal, kJudged),
        pool_(pool) {}

  QuantizationInsight Run() {
    const TaskMetric metric = MetricOf(network_.goal);
    result_.metric = metric.name;
    result_.samples = judged_.count;
    result_.float_metric = MetricOfGraph(reference_);
    result_.integer_metric = MetricOfGraph(integer_);
    ListLayers();
    LookAtWeights();
    LookAtValues();
    MeasureLayersAlone();
    return std::move(result_);
  }

 private:
  // The layer that a tensor of the reference is the result of.
  const Node* LayerOf(TensorId tensor) const {
    const Node* node = graph::Producer(reference_, tensor);
    while (node != nullptr && IsLimit(*node)) node = graph::Producer(reference_, node->inputs[0]);
    return node;
  }

  void ListLayers() {
    std::map<std::string, const Match*> codes;  // of integer tensors, by layer
    for (const Match& match : matches_) {
      const Node* maker = graph::Producer(integer_, match.integer);
      const bool moves = maker != nullptr && quantize::FormOf(maker->op) == quantize::Form::kKeeps;
      if (moves || integer_.At(match.integer).dtype == DType::kFloat32) continue;
      const Node* layer = LayerOf(match.reference);
      codes.try_emplace(layer == nullptr ? "input" : layer->name, &match);
    }
    const auto add = [&](const std::string& name, const char* type, const Node* node) {
      if (result_.layers.size() == kMostLayers) return;
      QuantizedLayer layer;
      layer.name = name;
      layer.type = type;
      const auto found = codes.find(name);
      const Match* match = found == codes.end() ? nullptr : found->second;
      if (node != nullptr) layer.why_float = WhyFloat(*node, match != nullptr);
      if (match != nullptr) FindCodes(*match, layer);
      result_.layers.push_back(std::move(layer));
      nodes_.push_back(node);
      of_layer_.push_back(match);
    };
    if (codes.contains("input")) add("input", "Input", nullptr);
    for (const Node& node : reference_.nodes) {
      const bool has_weights = !quantize::WeightNames(reference_, node).empty();
      if (has_weights || codes.contains(node.name)) add(node.name, graph::Name(node.op), &node);
    }
  }

  bool HasIntegerWeights(const Node& node) const {
    return std::ranges::any_of(quantize::WeightNames(reference_, node), [&](const auto& name) {
      const auto found = integer_.parameters.find(name);
      return found != integer_.parameters.end() &&
             std::holds_alternative<std::vector<int8_t>>(found->second.values);
    });
  }

  std::string WhyFloat(const Node& node, bool has_codes) const {
    const bool has_weights = !quantize::WeightNames(reference_, node).empty();
    if (has_weights ? HasIntegerWeights(node) : has_codes) return {};
    if (!network_.settings.Of(node.name).IsFloat()) {
      const auto found = std::ranges::find(floats_, node.name, &quantize::FloatLayer::layer);
      return found == floats_.end() ? "it stands between layers in float" : found->reason;
    }
    const std::vector<std::string> partial = quantize::PartialLayers(reference_);
    if (network_.training.partial_quantization &&
        std::ranges::find(partial, node.name) != partial.end()) {
      return "training.partial_quantization";
    }
    return network_.training.auto_quantization ? "training.auto_quantization"
                                               : "training.layer_precision";
  }

  // Outermost codes of an integer tensor: those of the operator that makes it, or of its type.
  void FindCodes(const Match& match, QuantizedLayer& layer) {
    const graph::Tensor& tensor = integer_.At(match.integer);
    int64_t lo = tensor.dtype == DType::kUInt8 ? 0 : tensor.dtype == DType::kInt8 ? -128 : -32768;
    int64_t hi = tensor.dtype == DType::kUInt8 ? 255 : tensor.dtype == DType::kInt8 ? 127 : 32767;
    const auto take = [&](const auto& op) {
      lo = op.lo;
      hi = op.hi;
    };
    if (const Node* maker = graph::Producer(integer_, match.integer)) {
      if (const auto* input = std::get_if<graph::QuantizeInput>(&maker->op)) take(*input);
      if (const auto* scaled = std::get_if<graph::Requantize>(&maker->op)) take(*scaled);
      if (const auto* sum = std::get_if<graph::AddRequantize>(&maker->op)) take(*sum);
    }
    layer.activation_bits = BitsOf(lo, hi);
    layer.low = (static_cast<double>(lo) - tensor.zero_point) * match.scale;
    layer.high = (static_cast<double>(hi) - tensor.zero_point) * match.scale;
    ends_[match.integer] = {lo, hi};
  }

  void LookAtWeights() {
    for (size_t l = 0; l < nodes_.size(); ++l) {
      if (nodes_[l] == nullptr) continue;
      QuantizedLayer& layer = result_.layers[l];
      layer.weights = quantize::CountWeights(reference_, *nodes_[l]);
      if (layer.weights == 0) continue;
      layer.octets_at_8 = quantize::PackedOctets(reference_, *nodes_[l], 8);
      layer.octets_at_4 = quantize::PackedOctets(reference_, *nodes_[l], 4);
      layer.octets_at_2 = quantize::PackedOctets(reference_, *nodes_[l], 2);
      layer.weight_bits = Precision::kFloat;
      std::vector<float> values;
      int64_t largest = 0;
      int64_t at_ends = 0;
      for (const std::string& name : quantize::WeightNames(reference_, *nodes_[l])) {
        const auto& floats = reference_.parameters.at(name).Floats();
        values.insert(values.end(), floats.begin(), floats.end());
        if (!HasIntegerWeights(*nodes_[l])) continue;
        for (const int8_t code : integer_.parameters.at(name).Int8s())
          largest = std::max<int64_t>(largest, std::abs(int{code}));
      }
      layer.weight_values = HistogramOf(values);
      if (!HasIntegerWeights(*nodes_[l])) continue;
      layer.weight_bits = largest <= 1 ? 2 : largest <= 7 ? 4 : 8;
      const int64_t end = layer.weight_bits == 2 ? 1 : (int64_t{1} << (layer.weight_bits - 1)) - 1;
      for (const std::string& name : quantize::WeightNames(reference_, *nodes_[l])) {
        at_ends += std::ranges::count_if(integer_.parameters.at(name).Int8s(),
                                         [&](int8_t code) { return std::abs(int{code}) >= end; });
      }
      layer.weights_at_ends = static_cast<double>(at_ends) / static_cast<double>(layer.weights);
      graph::WeightQuantizer quantizer = Quantizer(layer);
      const graph::WeightLayout all{1, 1, 1, values.size(), values.size()};
      const graph::Codes codes =
          graph::WeightCodes(quantizer, graph::Magnitude(quantizer, all, 0, values));
      layer.weight_range = double{codes.scale} * codes.hi;
    }
  }

  // The layer's rounding, with the bits that it has in the integer network. Learned steps are the
  // trained graph's: here the largest weight decides.
  graph::WeightQuantizer Quantizer(const QuantizedLayer& layer) const {
    quantize::Settings settings = network_.settings;
    settings.layers[layer.name].weight_bits = layer.weight_bits;
    graph::WeightQuantizer quantizer = settings.Weights(layer.name);
    if (quantizer.rounding == graph::Rounding::kLearnedStep) {
      quantizer.rounding = graph::Rounding::kNearest;
    }
    return quantizer;
  }

  void LookAtValues() {
    std::vector<LayerSummary> noise = SummariseLayers(integer_);
    MeasureNoise(reference_, integer_, samples_, noise, pool_);
    const Chosen seen(samples_, network_.goal, kLookedAt);
    const auto width = seen.inputs.size() / static_cast<size_t>(seen.count);
    const exec::Interpreter floats(reference_);
    const exec::Interpreter integers(integer_);
    std::vector<std::vector<float>> values(of_layer_.size());
    struct Counts {
      int64_t low = 0, high = 0, all = 0;
    };
    std::vector<Counts> counts(of_layer_.size());
    for (int64_t k = 0; k < seen.count; ++k) {
      const std::span<const float> input(seen.inputs.data() + static_cast<size_t>(k) * width,
                                         width);
      const std::vector<std::vector<float>> real = floats.RunAll(input);
      const std::vector<std::vector<float>> codes = integers.RunAll(input);
      for (size_t l = 0; l < of_layer_.size(); ++l) {
        if (of_layer_[l] == nullptr) continue;
        const auto& all = real[static_cast<size_t>(of_layer_[l]->reference)];
        const size_t share = kMostValues / static_cast<size_t>(seen.count);
        const size_t step = (all.size() + share - 1) / share;
        for (size_t i = 0; i < all.size(); i += step) values[l].push_back(all[i]);
        const auto [lo, hi] = ends_.at(of_layer_[l]->integer);
        for (const float code : codes[static_cast<size_t>(of_layer_[l]->integer)]) {
          counts[l].low += code <= static_cast<float>(lo) ? 1 : 0;
          counts[l].high += code >= static_cast<float>(hi) ? 1 : 0;
          ++counts[l].all;
        }
      }
    }
    for (size_t l = 0; l < of_layer_.size(); ++l) {
      if (of_layer_[l] == nullptr) continue;
      QuantizedLayer& layer = result_.layers[l];
      layer.values = HistogramOf(values[l]);
      const auto all = static_cast<double>(std::max<int64_t>(1, counts[l].all));
      layer.at_low = static_cast<double>(counts[l].low) / all;
      layer.at_high = static_cast<double>(counts[l].high) / all;
      layer.signal_to_noise = noise.at(of_layer_[l]->nodes.front()).signal_to_noise;
    }
  }

  double MetricOfGraph(const graph::Graph& graph) {
    std::vector<float> outputs = exec::Interpreter(graph).Run(judged_.inputs, judged_.count, pool_);
    const auto scale = static_cast<float>(quantize::OutputScale(graph));
    for (float& value : outputs) value *= scale;
    const Goal& goal = network_.goal;
    if (goal.Classifies()) {
      return MetricOf(goal).of(
          train::Evaluate(outputs, judged_.labels, static_cast<int>(goal.classes.size())));
    }
    return MetricOf(goal).of(train::EvaluateRegression(
        outputs, judged_.wanted, static_cast<int64_t>(outputs.size()) / judged_.count,
        goal.Criterion()));
  }

  void MeasureLayersAlone() {
    for (size_t l = 0; l < nodes_.size(); ++l) {
      QuantizedLayer& layer = result_.layers[l];
      if (layer.activation_bits == 0 && layer.weight_bits % Precision::kFloat == 0) continue;
      layer.metric_alone = MetricOfGraph(WithOnly(l));
    }
  }

  // The float network with the codes of one layer: its weights, and its results.
  graph::Graph WithOnly(size_t l) const {
    const QuantizedLayer& layer = result_.layers[l];
    const Match* codes = of_layer_[l];
    graph::Graph out = graph::MakeGraph(reference_.name, reference_.Input().shape);
    out.parameters = reference_.parameters;
    std::map<TensorId, TensorId> renamed = {{reference_.input, out.input}};
    const auto quantize_here = [&](TensorId tensor) {
      if (codes == nullptr || codes->reference != tensor) return;
      const bool affine = integer_.At(codes->integer).zero_point != 0;
      const std::string name = layer.name + ".quantize";
      // The scale comes from the outermost code above 0.
      const graph::FakeQuantize op{layer.activation_bits, false, affine};
      const auto high =
          static_cast<float>(EndOf(layer.activation_bits, layer.low < 0 && !affine) * codes->scale);
      const float low = affine ? static_cast<float>(layer.low) : layer.low < 0 ? -high : 0.0f;
      out.parameters[name + ".range"] = {
          {2}, std::vector<float>{low, affine ? static_cast<float>(layer.high) : high}};
      renamed[tensor] = graph::Append(out, name, op, {renamed.at(tensor)});
    };
    quantize_here(reference_.input);
    for (const Node& node : reference_.nodes) {
      graph::Op op = node.op;
      if (&node == nodes_[l] && layer.weight_bits > 0 && layer.weight_bits < Precision::kFloat)
        SetQuantizer(op, Quantizer(layer));
      std::vector<TensorId> inputs;
      for (const TensorId id : node.inputs) inputs.push_back(renamed.at(id));
      renamed[node.output] = graph::Append(out, node.name, std::move(op), inputs);
      quantize_here(node.output);
    }
    out.output = renamed.at(reference_.output);
    return out;
  }

  static int64_t EndOf(int bits, bool is_signed) {
    return (int64_t{1} << (is_signed || bits > 8 ? bits - 1 : bits)) - 1;
  }

  static void SetQuantizer(graph::Op& op, const graph::WeightQuantizer& quantizer) {
    if (auto* conv = std::get_if<graph::Conv2d>(&op)) conv->weight_quantizer = quantizer;
    if (auto* linear = std::get_if<graph::Linear>(&op)) linear->weight_quantizer = quantizer;
    if (auto* back = std::get_if<graph::ConvTranspose2d>(&op)) back->weight_quantizer = quantizer;
    if (auto* cell = std::get_if<graph::Recurrent>(&op)) cell->weight_quantizer = quantizer;
  }

  const QuantizedNetwork& network_;
  const graph::Graph& reference_;
  const graph::Graph& integer_;
  const SampleSet& samples_;
  const std::vector<Match> matches_;
  const std::vector<quantize::FloatLayer> floats_;
  const Chosen judged_;
  ThreadPool& pool_;
  QuantizationInsight result_;
  std::vector<const Node*> nodes_;      // of result_.layers; null for the input
  std::vector<const Match*> of_layer_;  // the same; null where results are never codes
  std::map<TensorId, std::pair<int64_t, int64_t>> ends_;  // of integer_: outermost codes
};

std::string Bits(int bits) {
  return bits == 0 ? "-" : bits == Precision::kFloat ? "float" : std::to_string(bits);
}

}  // namespace

QuantizationInsight AnalyzeQuantization(const QuantizedNetwork& network, const SampleSet& samples,
                                        ThreadPool& pool) {
  return Analysis(network, samples, pool).Run();
}

std::string TableOf(const QuantizationInsight& insight) {
  size_t width = 5;
  for (const QuantizedLayer& layer : insight.layers) width = std::max(width, layer.name.size());
  std::string text = fmt::format(
      "{} of {} samples to validate: float {:.4f}, integers {:.4f}\n"
      "{:<{}} {:<16} {:>7} {:>6} {:>8} {:>8} {:>8} {:>6} {:>10} {:>10} {:>7} {:>7} {:>6} {:>8}  "
      "{}\n",
      insight.metric, insight.samples, insight.float_metric, insight.integer_metric, "layer", width,
      "type", "weights", "bits", "octets 8", "4", "2", "values", "from", "to", "at low", "at high",
      "dB", "alone", "in float because of");
  for (const QuantizedLayer& layer : insight.layers) {
    const auto octets = [&](int64_t count) {
      return layer.weights == 0 ? std::string("-") : std::to_string(count);
    };
    const bool codes = layer.activation_bits > 0;
    const auto value = [&](double number) {
      return codes ? fmt::format("{:.4g}", number) : std::string("-");
    };
    const auto share = [&](double number) {
      return codes ? fmt::format("{:.2f} %", 100 * number) : std::string("-");
    };
    text += fmt::format(
        "{:<{}} {:<16} {:>7} {:>6} {:>8} {:>8} {:>8} {:>6} {:>10} {:>10} {:>7} {:>7} {:>6} {:>8}  "
        "{}\n",
        layer.name, width, layer.type,
        layer.weights == 0 ? std::string("-") : std::to_string(layer.weights),
        Bits(layer.weight_bits), octets(layer.octets_at_8), octets(layer.octets_at_4),
        octets(layer.octets_at_2), Bits(layer.activation_bits), value(layer.low), value(layer.high),
        share(layer.at_low), share(layer.at_high),
        layer.signal_to_noise ? fmt::format("{:.1f}", *layer.signal_to_noise) : std::string("-"),
        layer.metric_alone ? fmt::format("{:.4f}", *layer.metric_alone) : std::string("-"),
        layer.why_float);
  }
  return text;
}

}  // namespace platypus::pipeline
