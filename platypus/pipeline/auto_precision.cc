#include "platypus/pipeline/auto_precision.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "platypus/base/error.h"
#include "platypus/base/interrupted.h"
#include "platypus/exec/interpreter.h"
#include "platypus/pipeline/task_metric.h"
#include "platypus/quantize/bit_choice.h"
#include "platypus/train/hessian.h"

namespace platypus::pipeline {
namespace {

using config::AutoGoal;
using quantize::BitChoice;
using quantize::Precision;

constexpr int kProbes = 32;  // of the Hessian

struct Bounds {
  int fewest = 4, most = 8;
  double tolerance = 0;
};

Bounds BoundsOf(const Goal& goal, const config::Training& training) {
  if (goal.Classifies()) return {4, 8, training.autoquant_tolerance_classification};
  if (goal.DetectsAnomalies()) return {4, 8, training.autoquant_tolerance_anomaly};
  if (goal.Forecasts()) return {4, 32, training.autoquant_tolerance_forecasting};
  return {4, 12, training.autoquant_tolerance_regression};
}

class Choosing {
 public:
  Choosing(const PrecisionRequest& request, ThreadPool& pool, ProgressSink& sink)
      : request_(request),
        folded_(graph::FoldBatchNorm(request.trained)),
        metric_(MetricOf(request.lesson.Wanted())),
        pool_(pool),
        sink_(sink) {}

  AutoPrecision Run() {
    const config::Training& training = request_.config.training;
    result_.goal = training.auto_quantization_goal;
    result_.task = config::Name(request_.lesson.Wanted().category);
    result_.metric = metric_.name;
    result_.higher_is_better = metric_.higher_is_better;
    FindLayers();
    if (result_.layers.empty()) return std::move(result_);
    MeasureTraces();
    if (result_.goal == AutoGoal::kTolerance) {
      SearchAverage(BoundsOf(request_.lesson.Wanted(), training));
    } else {
      KeepToBudget(training.auto_quantization_budget);
    }
    for (size_t l = 0; l < nodes_.size(); ++l) {
      result_.weight_octets += quantize::PackedOctets(folded_, *nodes_[l], result_.layers[l].bits);
    }
    return std::move(result_);
  }

 private:
  double Metric(std::span<const float> outputs) const {
    return metric_.of(request_.lesson.Judge(outputs));
  }

  void FindLayers() {
    const std::vector<std::string> names = quantize::LayersWithWeights(request_.trained);
    const std::vector<quantize::FloatLayer> floats =
        quantize::FloatLayers(request_.trained, request_.settings);
    for (const graph::Node& node : folded_.nodes) {
      if (std::ranges::find(names, node.name) == names.end() ||
          std::ranges::find(floats, node.name, &quantize::FloatLayer::layer) != floats.end() ||
          request_.settings.layers.contains(node.name)) {
        continue;
      }
      LayerChoice layer;
      layer.name = node.name;
      layer.type = graph::Name(node.op);
      layer.weights = quantize::CountWeights(folded_, node);
      layer.instructions =
          std::llround(static_cast<double>(graph::CountMacs(folded_, node)) * request_.rates.eight);
      result_.layers.push_back(layer);
      nodes_.push_back(&node);
    }
  }

  void MeasureTraces() {
    std::vector<std::vector<std::string>> blocks;
    for (const graph::Node* node : nodes_) blocks.push_back(quantize::WeightNames(folded_, *node));
    const std::vector<train::TraceEstimate> traces = train::HessianTraces(
        folded_, request_.samples, request_.lesson.Wanted().Loss(), blocks,
        {.probes = kProbes, .seed = request_.config.common.seed}, pool_, sink_);
    for (size_t l = 0; l < traces.size(); ++l) {
      LayerChoice& layer = result_.layers[l];
      layer.trace = traces[l].trace;
      layer.trace_error = traces[l].error;
      // What cannot be told from its own uncertainty counts as that.
      const double curvature = std::max(layer.trace, layer.trace_error);
      const double of_weight = curvature / static_cast<double>(std::max<int64_t>(1, layer.weights));
      perturbation_.push_back([this, l, of_weight](int bits) {
        if (bits == Precision::kFloat) return 0.0;
        quantize::Settings settings = request_.settings;
        settings.layers[nodes_[l]->name].weight_bits = bits;
        return of_weight *
               quantize::RoundingError(folded_, *nodes_[l], settings.Weights(nodes_[l]->name));
      });
    }
  }

  // The best bits of all layers within a budget; costs are counted in so many units that the search
  // stays quick (every cost is rounded up).
  std::optional<std::vector<int>> Allocate(std::span<const int> ladder, int64_t budget,
                                           const std::function<int64_t(size_t, int)>& cost) const {
    constexpr int64_t kMostUnits = 1 << 18;
    const int64_t unit = std::max<int64_t>(1, budget / kMostUnits);
    std::vector<std::vector<BitChoice>> choices;
    for (size_t l = 0; l < nodes_.size(); ++l) {
      choices.emplace_back();
      for (const int bits : ladder)
        choices.back().push_back({bits, (cost(l, bits) + unit - 1) / unit, perturbation_[l](bits)});
    }
    const auto chosen = quantize::ChooseWithinBudget(choices, budget / unit);
    if (!chosen) return std::nullopt;
    std::vector<int> bits;
    for (size_t l = 0; l < chosen->size(); ++l) bits.push_back(choices[l][(*chosen)[l]].bits);
    return bits;
  }

  void KeepToBudget(double asked) {
    // What ternary weights do to a layer is beyond the second order that perturbation tells of:
    // they are chosen only where the budget asks for them.
    constexpr int kGentle[] = {4, 8};
    constexpr int kLadder[] = {2, 4, 8};
    const bool octets = result_.goal == AutoGoal::kFlash;
    const auto cost = [&](size_t l, int bits) {
      const LayerChoice& layer = result_.layers[l];
      if (octets) return quantize::PackedOctets(folded_, *nodes_[l], bits);
      return static_cast<int64_t>(std::llround(static_cast<double>(layer.instructions) *
                                               request_.rates.Of(bits) / request_.rates.eight));
    };
    const auto total = [&](const auto& bits_of) {
      int64_t sum = 0;
      for (size_t l = 0; l < nodes_.size(); ++l) sum += cost(l, bits_of(l));
      return sum;
    };
    result_.at_eight_bits = total([](size_t) { return 8; });
    result_.budget = static_cast<int64_t>(
        std::floor(asked <= 1 ? asked * static_cast<double>(result_.at_eight_bits) : asked));
    auto bits = Allocate(kGentle, result_.budget, cost);
    if (!bits) bits = Allocate(kLadder, result_.budget, cost);
    if (!bits) {
      int64_t least = 0;
      for (size_t l = 0; l < nodes_.size(); ++l)
        least += std::min({cost(l, 2), cost(l, 4), cost(l, 8)});
      throw Error(Category::kConfiguration,
                  fmt::format("training.auto_quantization_budget: {} are {} {}, no choice takes "
                              "less than {} (8 bits everywhere take {})",
                              asked, result_.budget, octets ? "octets of weights" : "instructions",
                              least, result_.at_eight_bits),
                  octets ? "allow more, or choose a smaller network"
                         : "allow more: on this core fewer bits save memory, hardly instructions");
    }
    Take(*bits);
    result_.used = total([&](size_t l) { return (*bits)[l]; });
  }

  void Take(const std::vector<int>& bits) {
    for (size_t l = 0; l < bits.size(); ++l) result_.layers[l].bits = bits[l];
  }

  bool Passes(double metric) const {
    return result_.higher_is_better ? metric >= result_.threshold : metric <= result_.threshold;
  }

  // Of the integer network with the bits that are chosen now.
  double JudgeIntegers() {
    if (sink_.Cancelled()) {
      throw Interrupted("interrupted while bits were chosen",
                        "the same command with --resume goes on from there");
    }
    quantize::Settings settings = request_.settings;
    Apply(result_, request_.trained, settings);
    if (quantize::StaysInFloat(settings, request_.trained)) return result_.float_metric;
    return Metric(Outputs(quantize::Convert(request_.calibrated(settings), settings)));
  }

  std::vector<float> Outputs(const graph::Graph& network) const {
    const SampleSet& val = request_.lesson.Data().val;
    std::vector<float> outputs = exec::Interpreter(network).Run(val.inputs, val.Count(), pool_);
    const auto scale = static_cast<float>(quantize::OutputScale(network));
    for (float& value : outputs) value *= scale;
    return outputs;
  }

  void SearchAverage(const Bounds& bounds) {
    constexpr int kLadder[] = {2, 4, 8, Precision::kFloat};
    result_.float_metric = Metric(Outputs(folded_));
    const double change = bounds.tolerance * std::abs(result_.float_metric);
    result_.threshold = result_.float_metric + (result_.higher_is_better ? -change : change);
    result_.fewest_bits = bounds.fewest;
    result_.most_bits = bounds.most;
    int64_t weights = 0;
    for (const LayerChoice& layer : result_.layers) weights += layer.weights;
    const auto allocate = [&](int average) {
      return *Allocate(kLadder, average * weights,
                       [&](size_t l, int bits) { return result_.layers[l].weights * bits; });
    };
    std::vector<int> best = allocate(bounds.most);
    result_.average_bits = bounds.most;
    bool any = false;
    for (int low = bounds.fewest, high = bounds.most; low <= high;) {
      const int middle = (low + high) / 2;
      const std::vector<int> bits = allocate(middle);
      Take(bits);
      const double metric = JudgeIntegers();
      const bool passes = Passes(metric);
      result_.trials.push_back({static_cast<double>(middle), metric, passes});
      if (passes) {
        any = true;
        best = bits;
        result_.average_bits = middle;
        high = middle - 1;
      } else {
        low = middle + 1;
      }
    }
    Take(best);
    if (any) LeaveFloat();
  }

  // Layers that got float, the least sensitive first, with 8 bits instead where that passes.
  void LeaveFloat() {
    std::vector<size_t> order(nodes_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, {}, [&](size_t l) { return perturbation_[l](8); });
    for (const size_t l : order) {
      int& bits = result_.layers[l].bits;
      if (bits != Precision::kFloat) continue;
      bits = 8;
      const double metric = JudgeIntegers();
      const bool passes = Passes(metric);
      result_.trials.push_back({result_.AverageBits(), metric, passes});
      if (!passes) bits = Precision::kFloat;
    }
  }

  const PrecisionRequest& request_;
  const graph::Graph folded_;
  const TaskMetric metric_;
  ThreadPool& pool_;
  ProgressSink& sink_;
  AutoPrecision result_;
  std::vector<const graph::Node*> nodes_;                 // of folded_, one for each layer
  std::vector<std::function<double(int)>> perturbation_;  // of the loss, by bits
};

}  // namespace

double AutoPrecision::AverageBits() const {
  double bits = 0;
  double weights = 0;
  for (const LayerChoice& layer : layers) {
    bits += static_cast<double>(layer.weights) * layer.bits;
    weights += static_cast<double>(layer.weights);
  }
  return weights > 0 ? bits / weights : 0;
}

AutoPrecision ChoosePrecision(const PrecisionRequest& request, ThreadPool& pool,
                              ProgressSink& sink) {
  return Choosing(request, pool, sink).Run();
}

void Apply(const AutoPrecision& choice, const graph::Graph& trained, quantize::Settings& settings) {
  for (const LayerChoice& layer : choice.layers) {
    quantize::SetPrecision(settings, trained, layer.name,
                           {layer.bits, settings.precision.activation_bits});
  }
}

}  // namespace platypus::pipeline
