#include "platypus/pipeline/summary.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace platypus::pipeline {
namespace {

using Json = nlohmann::ordered_json;

Json Number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

void Add(Json& json, const train::ClassificationMetrics& metrics, const std::string& prefix) {
  json[prefix + "loss"] = Number(metrics.loss);
  json[prefix + "accuracy"] = Number(metrics.accuracy);
  json[prefix + "f1_macro"] = Number(metrics.f1_macro);
  json[prefix + "f1_micro"] = Number(metrics.f1_micro);
  json[prefix + "auroc"] = Number(metrics.auroc);
}

void Add(Json& json, const train::RegressionMetrics& metrics, const std::string& prefix) {
  json[prefix + "loss"] = Number(metrics.loss);
  json[prefix + "mse"] = Number(metrics.mean.mse);
  json[prefix + "rmse"] = Number(std::sqrt(metrics.mean.mse));
  json[prefix + "mae"] = Number(metrics.mean.mae);
  json[prefix + "smape"] = Number(metrics.mean.smape);
  json[prefix + "r2"] = Number(metrics.mean.r2);
  if (!prefix.empty()) return;
  auto outputs = Json::array();
  for (const auto& of : metrics.outputs) {
    outputs.push_back({{"mse", Number(of.mse)},
                       {"mae", Number(of.mae)},
                       {"smape", Number(of.smape)},
                       {"r2", Number(of.r2)}});
  }
  json["outputs"] = outputs;
}

Json DetectionJson(const Detection& d) {
  return {{"k", d.k},
          {"threshold", Number(d.threshold)},
          {"accuracy", d.Accuracy()},
          {"precision", d.Precision()},
          {"recall", d.Recall()},
          {"f1", d.F1()},
          {"false_positive_rate", d.FalsePositiveRate()}};
}

Json Anomaly(const AnomalyTest& test) {
  return {{"train_error_mean", Number(test.threshold.mean)},
          {"train_error_deviation", Number(test.threshold.deviation)},
          {"auroc", Number(test.auroc)},
          {"chosen", DetectionJson(test.chosen)},
          {"best", DetectionJson(test.best)}};
}

Json BaselineJson(const Baseline& baseline, const Goal& goal) {
  Json json = {{"name", baseline.name}};
  if (goal.DetectsAnomalies()) {
    json["auroc"] = Number(baseline.auroc);
  } else {
    Add(json, baseline.values, "");
    json.erase("loss");
    json.erase("outputs");
  }
  return json;
}

Json StatisticsJson(const Statistics& s) {
  return {{"minimum", Number(s.minimum)},
          {"maximum", Number(s.maximum)},
          {"mean", Number(s.mean)},
          {"deviation", Number(s.deviation)}};
}

Json SplitJson(const SplitStatistics& split) {
  Json json = {{"features", StatisticsJson(split.features)}};
  for (const auto& [name, count] : split.classes) json["classes"][name] = count;
  for (const auto& [name, target] : split.targets) json["targets"][name] = StatisticsJson(target);
  return json;
}

Json Network(const NetworkSummary& network) {
  if (!network.present) return nullptr;
  Json json;
  json["best_epoch"] = network.best_epoch;
  if (network.test) std::visit([&](const auto& test) { Add(json, test, ""); }, *network.test);
  if (const auto* test =
          network.test ? std::get_if<train::ClassificationMetrics>(&*network.test) : nullptr) {
    json["confusion_matrix"] = test->confusion;
  }
  if (network.anomaly) json["anomaly"] = Anomaly(*network.anomaly);
  auto history = Json::array();
  for (const train::Epoch& epoch : network.history) {
    Json entry = {{"epoch", epoch.number},
                  {"learning_rate", Number(epoch.learning_rate)},
                  {"train_loss", Number(epoch.train_loss)}};
    if (std::holds_alternative<train::ClassificationMetrics>(epoch.val))
      entry["train_accuracy"] = Number(epoch.train_accuracy);
    std::visit([&](const auto& val) { Add(entry, val, "val_"); }, epoch.val);
    entry["seconds"] = Number(epoch.seconds);
    history.push_back(entry);
  }
  json["history"] = history;
  return json;
}

Json Verification(const std::vector<deploy::VerifyResult>& results) {
  Json json = Json::object();
  for (const deploy::VerifyResult& r : results) {
    if (!r.ran) {
      json[r.core] = {{"ran", false}, {"notice", r.notice}};
      continue;
    }
    json[r.core] = {{"ran", true},
                    {"samples", r.samples},
                    {"mismatches", r.mismatches},
                    {"recordings", r.recordings},
                    {"recording_mismatches", r.recording_mismatches},
                    {"max_output_difference", Number(r.max_output_difference)},
                    {"max_feature_difference", Number(r.max_feature_difference)},
                    {"accuracy", Number(r.accuracy)},
                    {"flash_bytes", r.flash_bytes},
                    {"ram_bytes", r.ram_bytes},
                    {"stack_bytes", r.stack_bytes},
                    {"stack_bound_bytes", r.stack_bound_bytes},
                    {"instructions", r.instructions},
                    {"feature_instructions", r.feature_instructions},
                    {"first_difference", r.first_difference}};
  }
  return json;
}

Json Npu(const std::optional<std::vector<deploy::NpuPlacement>>& placements) {
  if (!placements) return nullptr;
  auto json = Json::array();
  for (const deploy::NpuPlacement& placement : *placements) {
    for (const deploy::NpuFinding& f : placement.problems) {
      json.push_back(
          {{"layer", f.layer}, {"type", f.type}, {"problem", f.problem}, {"advice", f.advice}});
    }
  }
  return json;
}

Json NpuLayers(const std::optional<std::vector<deploy::NpuPlacement>>& placements) {
  if (!placements) return nullptr;
  auto json = Json::array();
  for (const deploy::NpuPlacement& placement : *placements) {
    json.push_back({{"layer", placement.layer},
                    {"type", placement.type},
                    {"runs", placement.Runs()},
                    {"text", deploy::Explain(placement)}});
  }
  return json;
}

// What the device has and the package takes, and what each figure rests on.
Json FitJson(const RunSummary& s) {
  if (!s.insight.fit) return nullptr;
  const DeviceFit& fit = *s.insight.fit;
  const auto known = [](int64_t octets) { return octets > 0 ? Json(octets) : Json(nullptr); };
  return {{"device", fit.device},
          {"fits", s.fits},
          {"flash_octets", known(fit.flash_octets)},
          {"ram_octets", known(fit.ram_octets)},
          {"flash_used", known(fit.flash_used)},
          {"ram_used", known(fit.ram_used)},
          {"seconds", fit.seconds_used > 0 ? Number(fit.seconds_used) : Json(nullptr)},
          {"evidence", {{"flash", "linked"}, {"ram", "linked"}, {"seconds", "estimated"}}},
          {"assumption", fit.assumption}};
}

Json HistogramJson(const Histogram& histogram) {
  return {{"low", Number(histogram.low)},
          {"high", Number(histogram.high)},
          {"counts", histogram.counts}};
}

Json Quantization(const std::optional<QuantizationInsight>& insight) {
  if (!insight) return nullptr;
  const auto optional = [](const std::optional<double>& value) {
    return value ? Number(*value) : Json(nullptr);
  };
  auto layers = Json::array();
  for (const QuantizedLayer& l : insight->layers) {
    Json layer = {{"name", l.name}, {"type", l.type}};
    layer["why_float"] = l.why_float.empty() ? Json(nullptr) : Json(l.why_float);
    if (l.weights > 0) {
      layer["weights"] = {
          {"count", l.weights},
          {"bits", l.weight_bits},
          {"octets", {{"8", l.octets_at_8}, {"4", l.octets_at_4}, {"2", l.octets_at_2}}},
          {"range", Number(l.weight_range)},
          {"at_ends", Number(l.weights_at_ends)},
          {"histogram", HistogramJson(l.weight_values)}};
    }
    if (l.activation_bits > 0) {
      layer["values"] = {{"bits", l.activation_bits},    {"low", Number(l.low)},
                         {"high", Number(l.high)},       {"at_low", Number(l.at_low)},
                         {"at_high", Number(l.at_high)}, {"histogram", HistogramJson(l.values)}};
    }
    layer["signal_to_noise"] = optional(l.signal_to_noise);
    layer["metric_alone"] = optional(l.metric_alone);
    layers.push_back(std::move(layer));
  }
  return {{"metric", insight->metric},
          {"float", Number(insight->float_metric)},
          {"integers", Number(insight->integer_metric)},
          {"samples", insight->samples},
          {"layers", layers}};
}

}  // namespace

const char* StateName(RunState state) {
  switch (state) {
    case RunState::kRunning:
      return "running";
    case RunState::kComplete:
      return "complete";
    case RunState::kFailed:
      return "failed";
    case RunState::kInterrupted:
      return "interrupted";
  }
  return "";
}

const NetworkSummary& Last(const RunSummary& summary) {
  return summary.quantized_network.present ? summary.quantized_network : summary.float_network;
}

std::string ToJson(const QuantizationInsight& insight) {
  return Quantization(insight).dump(2) + "\n";
}

std::string ToJson(const RunSummary& s) {
  Json json;
  json["schema"] = 1;
  json["version"] = s.version;
  json["state"] = StateName(s.state);
  json["stage"] = s.stage;
  json["error"] = s.error.empty() ? Json(nullptr) : Json(s.error);
  json["hint"] = s.hint.empty() ? Json(nullptr) : Json(s.hint);
  json["command"] = s.command;
  json["run_folder"] = s.run_folder;
  json["task_type"] = s.task_type;
  json["model"] = s.model;
  json["device"] = s.device;
  json["dataset"] = s.dataset;
  json["classes"] = s.goal.classes;
  json["targets"] = s.goal.targets;
  json["horizon"] = s.goal.Forecasts() ? Json(s.goal.horizon) : Json(nullptr);
  json["parameters"] = s.parameters;
  json["macs"] = s.macs;
  json["input_shape"] = s.input_shape;
  json["seed"] = s.seed;
  json["hashes"] = {
      {"dataset", s.dataset_hash}, {"config", s.config_hash}, {"model", s.model_hash}};
  json["files"] = s.files;
  json["samples"] = s.samples;
  auto statistics = Json::object();
  for (const auto& [name, split] : s.statistics) statistics[name] = SplitJson(split);
  json["statistics"] = statistics;
  auto skipped = Json::array();
  for (const auto& [file, reason] : s.skipped)
    skipped.push_back({{"file", file}, {"reason", reason}});
  json["skipped"] = skipped;
  json["float"] = Network(s.float_network);
  json["quantized"] = Network(s.quantized_network);
  auto baselines = Json::array();
  for (const Baseline& baseline : s.baselines) baselines.push_back(BaselineJson(baseline, s.goal));
  json["baselines"] = baselines;
  json["not_beaten"] = s.not_beaten;
  json["features"] = s.features_folder;
  json["package"] = s.package_path;
  json["memory"] = {{"arena_bytes", s.memory.arena_octets},
                    {"lower_bound_bytes", s.memory.lower_bound_octets}};
  json["quantization"] = Quantization(s.quantization);
  json["auto_quantization"] = s.precision ? Json::parse(ToJson(*s.precision)) : Json(nullptr);
  json["npu"] = Npu(s.npu);
  json["npu_layers"] = NpuLayers(s.npu);
  json["fit"] = FitJson(s);
  json["verify"] = Verification(s.verify);
  auto seconds = Json::object();
  for (const auto& [stage, time] : s.seconds) seconds[stage] = Number(time);
  json["seconds"] = seconds;
  json["notices"] = s.notices;
  json["data_warnings"] = s.insight.data_warnings;
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace platypus::pipeline
