#include "platypus/report/data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <span>

#include "platypus/plot/drawing.h"
#include "platypus/plot/scene.h"

namespace platypus::report {
namespace {

using Json = nlohmann::ordered_json;
using pipeline::RunSummary;

// Null for what is no number; six digits are more than a picture shows.
Json Number(double value, int digits = 6) {
  if (!std::isfinite(value)) return nullptr;
  char text[32];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return std::strtod(text, nullptr);
}

template <typename Values>
Json Numbers(const Values& values, int digits = 5) {
  auto json = Json::array();
  for (const auto value : values) json.push_back(Number(static_cast<double>(value), digits));
  return json;
}

// Places of `count` of `size` things, spread evenly, both ends included.
std::vector<size_t> Spread(size_t size, size_t count) {
  std::vector<size_t> places;
  if (size <= count) {
    for (size_t i = 0; i < size; ++i) places.push_back(i);
    return places;
  }
  for (size_t i = 0; i < count; ++i) places.push_back(i * (size - 1) / (count - 1));
  return places;
}

Json Test(const train::Metrics& metrics) {
  if (const auto* classes = std::get_if<train::ClassificationMetrics>(&metrics)) {
    return {{"samples", classes->samples},
            {"accuracy", Number(classes->accuracy)},
            {"f1", Number(classes->f1_macro)},
            {"auroc", Number(classes->auroc)},
            {"confusion", classes->confusion}};
  }
  const auto& values = std::get<train::RegressionMetrics>(metrics);
  const auto figures = [](const train::RegressionMetrics::OfOutput& of) {
    return Json{{"mse", Number(of.mse)},
                {"mae", Number(of.mae)},
                {"smape", Number(of.smape)},
                {"r2", Number(of.r2)}};
  };
  Json json = figures(values.mean);
  json["samples"] = values.samples;
  json["outputs"] = Json::array();
  for (const auto& of : values.outputs) json["outputs"].push_back(figures(of));
  return json;
}

Json Epochs(const std::vector<train::Epoch>& history) {
  Json json = {{"number", Json::array()}};
  const auto add = [&](const char* field, double value) { json[field].push_back(Number(value)); };
  for (const train::Epoch& epoch : history) {
    const bool trained = epoch.number > 0;  // epoch 0 is the network as it came
    const double nothing = std::nan("");
    json["number"].push_back(epoch.number);
    add("rate", trained ? epoch.learning_rate : nothing);
    add("trainLoss", trained ? epoch.train_loss : nothing);
    add("seconds", trained ? epoch.seconds : nothing);
    if (const auto* classes = std::get_if<train::ClassificationMetrics>(&epoch.val)) {
      add("trainAccuracy", trained ? epoch.train_accuracy : nothing);
      add("loss", classes->loss);
      add("accuracy", classes->accuracy);
      add("f1", classes->f1_macro);
      add("auroc", classes->auroc);
    } else {
      const auto& values = std::get<train::RegressionMetrics>(epoch.val);
      add("loss", values.loss);
      add("mse", values.mean.mse);
      add("mae", values.mean.mae);
      add("smape", values.mean.smape);
      add("r2", values.mean.r2);
    }
  }
  return json;
}

Json Curves(const std::vector<train::RocCurve>& curves) {
  constexpr size_t kMost = 200;
  auto json = Json::array();
  for (const train::RocCurve& curve : curves) {
    Json one = {{"area", Number(curve.area)},
                {"fpr", Json::array()},
                {"tpr", Json::array()},
                {"threshold", Json::array()}};
    for (const size_t i : Spread(curve.false_positive_rate.size(), kMost)) {
      one["fpr"].push_back(Number(curve.false_positive_rate[i]));
      one["tpr"].push_back(Number(curve.true_positive_rate[i]));
      one["threshold"].push_back(Number(curve.threshold[i]));
    }
    json.push_back(std::move(one));
  }
  return json;
}

Json DetectionJson(const pipeline::Detection& d) {
  return {{"k", Number(d.k)},     {"threshold", Number(d.threshold, 9)},
          {"recall", d.Recall()}, {"precision", d.Precision()},
          {"f1", d.F1()},         {"alarms", d.FalsePositiveRate()}};
}

// Rising; many are thinned, which leaves every share of them as it is.
Json SortedErrors(std::vector<float> errors) {
  constexpr size_t kMost = 2000;
  std::sort(errors.begin(), errors.end());
  auto json = Json::array();
  for (const size_t i : Spread(errors.size(), kMost)) json.push_back(Number(errors[i]));
  return json;
}

Json Anomaly(const pipeline::AnomalyTest& test) {
  Json json = {
      {"mean", Number(test.threshold.mean)},   {"deviation", Number(test.threshold.deviation)},
      {"auroc", Number(test.auroc)},           {"anomalous", SortedErrors(test.anomaly)},
      {"anomalousCount", test.anomaly.size()}, {"normal", SortedErrors(test.normal)},
      {"normalCount", test.normal.size()},     {"chosen", DetectionJson(test.chosen)},
      {"best", DetectionJson(test.best)},      {"sweep", Json::array()}};
  for (const pipeline::Detection& d : test.sweep) json["sweep"].push_back(DetectionJson(d));
  return json;
}

Json Networks(const RunSummary& s) {
  struct Named {
    const pipeline::NetworkSummary* network;
    const char *key, *name, *short_name;
  };
  auto json = Json::array();
  for (const Named& of : {Named{&s.float_network, "float", "Float", "Float"},
                          Named{&s.quantized_network, "quantized", "Quantised", "Quant"}}) {
    const pipeline::NetworkSummary& network = *of.network;
    if (!network.present) continue;
    Json one = {{"key", of.key},
                {"name", of.name},
                {"short", of.short_name},
                {"best", network.best_epoch},
                {"epochs", Epochs(network.history)},
                {"test", network.test ? Test(*network.test) : Json(nullptr)},
                {"roc", Curves(network.roc)},
                {"anomaly", network.anomaly ? Anomaly(*network.anomaly) : Json(nullptr)},
                {"bestOutputs", Json::array()}};
    for (const train::Epoch& epoch : network.history) {
      if (epoch.number == network.best_epoch &&
          std::holds_alternative<train::RegressionMetrics>(epoch.val) && s.goal.Forecasts())
        one["bestOutputs"] = Test(epoch.val)["outputs"];
    }
    json.push_back(std::move(one));
  }
  return json;
}

Json Baselines(const RunSummary& s) {
  auto json = Json::array();
  for (const pipeline::Baseline& baseline : s.baselines) {
    json.push_back({{"name", baseline.name},
                    {"auroc", Number(baseline.auroc)},
                    {"test", Test(baseline.values)}});
  }
  return json;
}

int64_t Wrong(const pipeline::FileSummary& file) {
  int64_t wrong = 0;
  for (size_t c = 0; c < file.predicted.size(); ++c)
    wrong += static_cast<int>(c) == file.label ? 0 : file.predicted[c];
  return wrong;
}

Json TestFiles(const std::vector<pipeline::FileSummary>& files) {
  constexpr size_t kMost = 400;
  std::vector<const pipeline::FileSummary*> order;
  order.reserve(files.size());
  for (const pipeline::FileSummary& file : files) order.push_back(&file);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto* a, const auto* b) { return Wrong(*a) > Wrong(*b); });
  auto rows = Json::array();
  for (const pipeline::FileSummary* file : order) {
    if (rows.size() == kMost) break;
    rows.push_back({{"name", file->name}, {"label", file->label}, {"predicted", file->predicted}});
  }
  return {{"total", files.size()}, {"rows", rows}};
}

Json StatisticsJson(const pipeline::Statistics& of) {
  return {Number(of.minimum), Number(of.maximum), Number(of.mean), Number(of.deviation)};
}

Json Statistics(const RunSummary& s) {
  auto json = Json::object();
  for (const auto& [split, of] : s.statistics) {
    auto targets = Json::array();
    for (const auto& [name, target] : of.targets) targets.push_back({name, StatisticsJson(target)});
    auto classes = Json::array();
    for (const auto& [name, count] : of.classes) classes.push_back(Json::array({name, count}));
    json[split] = {
        {"features", StatisticsJson(of.features)}, {"classes", classes}, {"targets", targets}};
  }
  return json;
}

Json Layers(const std::vector<pipeline::LayerSummary>& layers) {
  auto json = Json::array();
  for (const pipeline::LayerSummary& layer : layers) {
    json.push_back({{"name", layer.name},
                    {"type", layer.type},
                    {"shape", layer.shape},
                    {"parameters", layer.parameters},
                    {"macs", layer.macs},
                    {"weight_octets", layer.weight_octets},
                    {"activation_octets", layer.activation_octets},
                    {"instructions", layer.instructions},
                    {"stack_octets", layer.stack_octets},
                    {"code_octets", layer.code_octets},
                    {"linked_octets", layer.linked_octets},
                    {"snr", layer.signal_to_noise ? Number(*layer.signal_to_noise) : nullptr}});
  }
  return json;
}

Json Memory(const deploy::MemoryPlan& plan) {
  auto buffers = Json::array();
  for (const deploy::MemoryPlan::Buffer& b : plan.buffers) {
    buffers.push_back(
        {{"offset", b.offset}, {"size", b.size}, {"first", b.first_layer}, {"last", b.last_layer}});
  }
  return {{"arena", plan.arena_octets}, {"bound", plan.lower_bound_octets}, {"buffers", buffers}};
}

Json Npu(const RunSummary& s) {
  if (!s.npu) return nullptr;
  auto json = Json::array();
  for (const deploy::NpuPlacement& placement : *s.npu) {
    json.push_back({{"layer", placement.layer},
                    {"type", placement.type},
                    {"runs", placement.Runs()},
                    {"macs", placement.macs},
                    {"text", deploy::Explain(placement)}});
  }
  return json;
}

Json Verification(const std::vector<deploy::VerifyResult>& results) {
  auto json = Json::array();
  for (const deploy::VerifyResult& r : results) {
    json.push_back({{"core", r.core},
                    {"ran", r.ran},
                    {"notice", r.notice},
                    {"samples", r.samples},
                    {"mismatches", r.mismatches},
                    {"recordings", r.recordings},
                    {"recording_mismatches", r.recording_mismatches},
                    {"accuracy", Number(r.accuracy)},
                    {"flash_bytes", r.flash_bytes},
                    {"ram_bytes", r.ram_bytes},
                    {"stack_bytes", r.stack_bytes},
                    {"stack_bound_bytes", r.stack_bound_bytes},
                    {"instructions", r.instructions},
                    {"feature_instructions", r.feature_instructions},
                    {"first_difference", r.first_difference}});
  }
  return json;
}

Json Recordings(const std::vector<pipeline::RecordingView>& views) {
  auto json = Json::array();
  for (const pipeline::RecordingView& view : views) {
    auto signal = Json::array();
    for (const pipeline::Envelope& envelope : view.signal) {
      signal.push_back({{"column", envelope.column},
                        {"low", Numbers(envelope.low, 4)},
                        {"high", Numbers(envelope.high, 4)}});
    }
    json.push_back({{"name", view.name},
                    {"truth", view.truth},
                    {"samples", view.samples},
                    {"wrong", view.wrong},
                    {"error", Number(view.error)},
                    {"seconds", Number(view.seconds)},
                    {"signal", signal},
                    {"worst", view.worst},
                    {"taken_for", view.taken_for},
                    {"features", Numbers(view.features, 4)}});
  }
  return json;
}

Json Fit(const std::optional<pipeline::DeviceFit>& fit) {
  if (!fit) return nullptr;
  return {{"device", fit->device},
          {"flash_octets", fit->flash_octets},
          {"ram_octets", fit->ram_octets},
          {"flash_used", fit->flash_used},
          {"ram_used", fit->ram_used},
          {"clock_hz", Number(fit->clock_hz)},
          {"cycles_per_instruction", Number(fit->cycles_per_instruction)},
          {"seconds_used", Number(fit->seconds_used)},
          {"seconds_available", fit->seconds_available ? Number(*fit->seconds_available) : nullptr},
          {"assumption", fit->assumption}};
}

void AddInsight(Json& json, const pipeline::Insight& insight) {
  json["profiles"] = Json::array();
  for (const pipeline::ClassProfile& profile : insight.profiles) {
    json["profiles"].push_back({{"name", profile.name},
                                {"mean", Numbers(profile.mean, 4)},
                                {"deviation", Numbers(profile.deviation, 4)}});
  }
  json["projections"] = Json::array();
  for (const pipeline::Projection& p : insight.projections) {
    json["projections"].push_back(
        {{"method", p.method},
         {"split", p.split},
         {"explained", {Number(p.explained.first), Number(p.explained.second)}},
         {"x", Numbers(p.x, 4)},
         {"y", Numbers(p.y, 4)},
         {"labels", p.labels},
         {"values", Numbers(p.values, 4)}});
  }
  json["worst"] = Recordings(insight.worst);
  json["typical"] = Recordings(insight.typical);
  json["values"] = {{"outputs", insight.test_values.outputs},
                    {"wanted", Numbers(insight.test_values.wanted)},
                    {"given", Numbers(insight.test_values.given)}};
  json["fit"] = Fit(insight.fit);
  json["warnings"] = insight.data_warnings;
}

Json HistogramJson(const pipeline::Histogram& histogram) {
  return {{"low", Number(histogram.low)},
          {"high", Number(histogram.high)},
          {"counts", histogram.counts}};
}

Json Quantization(const RunSummary& s) {
  if (!s.quantization) return nullptr;
  const auto optional = [](const std::optional<double>& value) {
    return value ? Number(*value) : Json(nullptr);
  };
  auto layers = Json::array();
  for (const pipeline::QuantizedLayer& layer : s.quantization->layers) {
    layers.push_back({{"name", layer.name},
                      {"type", layer.type},
                      {"whyFloat", layer.why_float},
                      {"weights", layer.weights},
                      {"weightBits", layer.weight_bits},
                      {"octets", {layer.octets_at_8, layer.octets_at_4, layer.octets_at_2}},
                      {"weightRange", Number(layer.weight_range)},
                      {"atEnds", Number(layer.weights_at_ends)},
                      {"weightValues", HistogramJson(layer.weight_values)},
                      {"bits", layer.activation_bits},
                      {"low", Number(layer.low)},
                      {"high", Number(layer.high)},
                      {"atLow", Number(layer.at_low)},
                      {"atHigh", Number(layer.at_high)},
                      {"values", HistogramJson(layer.values)},
                      {"snr", optional(layer.signal_to_noise)},
                      {"alone", optional(layer.metric_alone)}});
  }
  Json json = {{"metric", s.quantization->metric},
               {"float", Number(s.quantization->float_metric)},
               {"integers", Number(s.quantization->integer_metric)},
               {"samples", s.quantization->samples},
               {"layers", layers},
               {"choice", nullptr}};
  if (s.precision) {
    json["choice"] = {{"average", Number(s.precision->AverageBits())},
                      {"octets", s.precision->weight_octets},
                      {"layers", Json::array()}};
    for (const pipeline::LayerChoice& layer : s.precision->layers) {
      json["choice"]["layers"].push_back({{"name", layer.name},
                                          {"weights", layer.weights},
                                          {"trace", Number(layer.trace)},
                                          {"bits", layer.bits}});
    }
  }
  return json;
}

const char* Kind(const pipeline::Goal& goal) {
  if (goal.Classifies()) return "classification";
  if (goal.Forecasts()) return "forecasting";
  return goal.DetectsAnomalies() ? "anomalydetection" : "regression";
}

// Stops of the pictures' colour scale.
Json Scale() {
  constexpr int kStops = 9;
  auto json = Json::array();
  for (int i = 0; i < kStops; ++i) {
    json.push_back(fmt::format(
        "#{:06x}", plot::LightColour(plot::ScalePaint(static_cast<double>(i) / (kStops - 1)))));
  }
  return json;
}

std::string ForScriptElement(const std::string& json) {
  std::string text;
  text.reserve(json.size());
  for (const char c : json) {
    if (c == '<' || c == '>' || c == '&') {
      text += fmt::format("\\u{:04x}", static_cast<int>(c));
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

std::string PageData(const RunSummary& s) {
  Json json = {{"state", pipeline::StateName(s.state)},
               {"kind", Kind(s.goal)},
               {"classes", s.goal.classes},
               {"targets", s.goal.targets},
               {"horizon", s.goal.horizon},
               {"shape", s.input_shape},
               {"frames", s.frames},
               {"device", s.device},
               {"runFolder", s.run_folder},
               {"command", s.command},
               {"configuration", s.configuration},
               {"networks", Networks(s)},
               {"baselines", Baselines(s)},
               {"testFiles", TestFiles(s.test_files)},
               {"files", s.files},
               {"samples", s.samples},
               {"statistics", Statistics(s)},
               {"skipped", Json::array()},
               {"layers", Layers(s.layers)},
               {"memory", Memory(s.memory)},
               {"quantization", Quantization(s)},
               {"npu", Npu(s)},
               {"verify", Verification(s.verify)},
               {"seconds", Json::array()},
               {"notices", s.notices},
               {"scale", Scale()}};
  for (const auto& [file, reason] : s.skipped)
    json["skipped"].push_back(Json::array({file, reason}));
  for (const auto& [stage, seconds] : s.seconds)
    json["seconds"].push_back(Json::array({stage, Number(seconds)}));
  json["facts"] = Json::array();
  const auto fact = [&](const char* name, const std::string& value) {
    if (!value.empty()) json["facts"].push_back(Json::array({name, value}));
  };
  fact("run", s.run_folder);
  fact("package", s.package_path);
  fact("stored features", s.features_folder);
  fact("version", s.version);
  fact("seed", std::to_string(s.seed));
  fact("data set SHA-256", s.dataset_hash);
  fact("configuration SHA-256", s.config_hash);
  fact("model SHA-256", s.model_hash);
  if (s.parameters > 0) fact("parameters", std::to_string(s.parameters));
  if (s.macs > 0) fact("multiply-accumulates", std::to_string(s.macs));
  AddInsight(json, s.insight);
  return ForScriptElement(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace platypus::report
