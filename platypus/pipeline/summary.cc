#include "platypus/pipeline/summary.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace platypus::pipeline {
namespace {

using Json = nlohmann::ordered_json;

Json Number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json Network(const NetworkSummary& network) {
  if (!network.present) return nullptr;
  Json json;
  json["best_epoch"] = network.best_epoch;
  json["accuracy"] = Number(network.test.accuracy);
  json["f1_macro"] = Number(network.test.f1_macro);
  json["f1_micro"] = Number(network.test.f1_micro);
  json["auroc"] = Number(network.test.auroc);
  json["loss"] = Number(network.test.loss);
  json["confusion_matrix"] = network.test.confusion;
  auto history = Json::array();
  for (const train::Epoch& epoch : network.history) {
    history.push_back({{"epoch", epoch.number},
                       {"learning_rate", Number(epoch.learning_rate)},
                       {"train_loss", Number(epoch.train_loss)},
                       {"train_accuracy", Number(epoch.train_accuracy)},
                       {"val_loss", Number(epoch.val.loss)},
                       {"val_accuracy", Number(epoch.val.accuracy)},
                       {"val_f1_macro", Number(epoch.val.f1_macro)},
                       {"val_auroc", Number(epoch.val.auroc)},
                       {"seconds", Number(epoch.seconds)}});
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
                    {"instructions", r.instructions},
                    {"feature_instructions", r.feature_instructions},
                    {"first_difference", r.first_difference}};
  }
  return json;
}

Json Npu(const std::optional<std::vector<deploy::NpuFinding>>& findings) {
  if (!findings) return nullptr;
  auto json = Json::array();
  for (const deploy::NpuFinding& f : *findings) {
    json.push_back(
        {{"layer", f.layer}, {"type", f.type}, {"problem", f.problem}, {"advice", f.advice}});
  }
  return json;
}

}  // namespace

std::string ToJson(const RunSummary& s) {
  Json json;
  json["schema"] = 1;
  json["version"] = s.version;
  json["run_folder"] = s.run_folder;
  json["task_type"] = s.task_type;
  json["model"] = s.model;
  json["device"] = s.device;
  json["dataset"] = s.dataset;
  json["classes"] = s.classes;
  json["parameters"] = s.parameters;
  json["macs"] = s.macs;
  json["input_shape"] = s.input_shape;
  json["seed"] = s.seed;
  json["hashes"] = {
      {"dataset", s.dataset_hash}, {"config", s.config_hash}, {"model", s.model_hash}};
  json["files"] = s.files;
  json["samples"] = s.samples;
  auto skipped = Json::array();
  for (const auto& [file, reason] : s.skipped)
    skipped.push_back({{"file", file}, {"reason", reason}});
  json["skipped"] = skipped;
  json["float"] = Network(s.float_network);
  json["quantized"] = Network(s.quantized_network);
  json["package"] = s.package_path;
  json["memory"] = {{"arena_bytes", s.memory.arena_octets},
                    {"lower_bound_bytes", s.memory.lower_bound_octets}};
  json["npu"] = Npu(s.npu);
  json["verify"] = Verification(s.verify);
  auto seconds = Json::object();
  for (const auto& [stage, time] : s.seconds) seconds[stage] = Number(time);
  json["seconds"] = seconds;
  json["notices"] = s.notices;
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace platypus::pipeline
