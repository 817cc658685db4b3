// What is said of an automatic choice of bits: lines of run.log and a JSON file.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "platypus/pipeline/auto_precision.h"

namespace platypus::pipeline {
namespace {

const char* NameOf(config::AutoGoal goal) {
  switch (goal) {
    case config::AutoGoal::kTolerance:
      return "tolerance";
    case config::AutoGoal::kFlash:
      return "flash";
    case config::AutoGoal::kInstructions:
      return "instructions";
  }
  return "";
}

double OfWeight(const LayerChoice& layer) {
  return layer.trace / static_cast<double>(std::max<int64_t>(1, layer.weights));
}

int64_t Weights(const AutoPrecision& choice) {
  int64_t weights = 0;
  for (const LayerChoice& layer : choice.layers) weights += layer.weights;
  return weights;
}

// A grid like those of the reference's logs.
std::string Table(const AutoPrecision& choice) {
  const std::vector<std::string> heads = {"Layer (Type)", "Assigned bitwidth", "Params",
                                          "% of Total Params"};
  std::vector<std::vector<std::string>> rows;
  const auto all = static_cast<double>(std::max<int64_t>(1, Weights(choice)));
  for (const LayerChoice& layer : choice.layers) {
    rows.push_back({fmt::format("{} ({})", layer.name, layer.type), std::to_string(layer.bits),
                    std::to_string(layer.weights),
                    fmt::format("{:.2f}%", 100 * static_cast<double>(layer.weights) / all)});
  }
  std::vector<size_t> widths;
  for (size_t c = 0; c < heads.size(); ++c) {
    widths.push_back(heads[c].size());
    for (const auto& row : rows) widths[c] = std::max(widths[c], row[c].size());
  }
  const auto rule = [&](char line) {
    std::string text = "+";
    for (const size_t width : widths) text += std::string(width + 2, line) + "+";
    return text;
  };
  const auto cells = [&](const std::vector<std::string>& row) {
    std::string text = "|";
    for (size_t c = 0; c < row.size(); ++c) text += fmt::format(" {:<{}} |", row[c], widths[c]);
    return text;
  };
  std::string text = rule('-') + "\n" + cells(heads) + "\n" + rule('=');
  for (const auto& row : rows) text += "\n" + cells(row) + "\n" + rule('-');
  return text;
}

nlohmann::ordered_json Number(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

}  // namespace

std::vector<std::string> Lines(const AutoPrecision& choice) {
  std::vector<std::string> lines;
  std::string sensitivities = "Layer sensitivities (sorted by Hessian trace a weight, descending):";
  std::vector<LayerChoice> sorted = choice.layers;
  std::ranges::stable_sort(sorted, std::ranges::greater{}, OfWeight);
  for (const LayerChoice& layer : sorted) {
    sensitivities +=
        fmt::format("\n  {}: {:.6f} ({} params)", layer.name, OfWeight(layer), layer.weights);
  }
  lines.push_back(std::move(sensitivities));
  if (choice.goal == config::AutoGoal::kTolerance) {
    lines.push_back(fmt::format(
        "Binary search bitwidth selection | task={} | float_metric={:.6f} | "
        "threshold={:.6f} | higher_is_better={} | search range=[{}, {}]",
        choice.task, choice.float_metric, choice.threshold,
        choice.higher_is_better ? "True" : "False", choice.fewest_bits, choice.most_bits));
    for (const PrecisionTrial& trial : choice.trials) {
      lines.push_back(fmt::format(
          "  target_avg_bitwidth={:g} | metric={:.6f} | threshold={:.6f} | {}", trial.average_bits,
          trial.metric, choice.threshold, trial.passes ? "PASS" : "FAIL"));
    }
    lines.push_back(fmt::format("Binary search complete | selected target_avg_bitwidth={}",
                                choice.average_bits));
    const int64_t weights = Weights(choice);
    lines.push_back(fmt::format("Total parameters: {}", weights));
    lines.push_back(fmt::format("Target average bitwidth: {}", choice.average_bits));
    lines.push_back(fmt::format("Total bit budget: {}", choice.average_bits * weights));
  } else {
    lines.push_back(fmt::format(
        "Budget: {} of {} {} that 8 bits everywhere take", choice.budget, choice.at_eight_bits,
        choice.goal == config::AutoGoal::kFlash ? "octets of weights" : "instructions"));
    lines.push_back(fmt::format("Budget used: {} / {}", choice.used, choice.budget));
  }
  lines.push_back(fmt::format("Bit allocation complete. Actual average bitwidth: {:.2f}",
                              choice.AverageBits()));
  if (choice.goal == config::AutoGoal::kTolerance) {
    const int64_t weights = Weights(choice);
    lines.push_back(fmt::format("Bits used: {} / {}",
                                std::llround(choice.AverageBits() * static_cast<double>(weights)),
                                choice.average_bits * weights));
  }
  lines.push_back("\n" + Table(choice));
  return lines;
}

std::string ToJson(const AutoPrecision& choice) {
  auto layers = nlohmann::ordered_json::array();
  for (const LayerChoice& layer : choice.layers) {
    layers.push_back({{"name", layer.name},
                      {"type", layer.type},
                      {"weights", layer.weights},
                      {"hessian_trace", Number(layer.trace)},
                      {"hessian_trace_error", Number(layer.trace_error)},
                      {"bits", layer.bits}});
  }
  nlohmann::ordered_json json = {{"schema", 1},
                                 {"goal", NameOf(choice.goal)},
                                 {"average_bits", Number(choice.AverageBits())},
                                 {"weight_octets", choice.weight_octets}};
  if (choice.goal == config::AutoGoal::kTolerance) {
    auto trials = nlohmann::ordered_json::array();
    for (const PrecisionTrial& trial : choice.trials) {
      trials.push_back({{"average_bits", trial.average_bits},
                        {"metric", Number(trial.metric)},
                        {"passes", trial.passes}});
    }
    json["search"] = {{"metric", choice.metric},
                      {"higher_is_better", choice.higher_is_better},
                      {"float_metric", Number(choice.float_metric)},
                      {"threshold", Number(choice.threshold)},
                      {"range", {choice.fewest_bits, choice.most_bits}},
                      {"average_bits", choice.average_bits},
                      {"trials", trials}};
  } else {
    json["budget"] = {
        {"allowed", choice.budget}, {"used", choice.used}, {"at_8_bits", choice.at_eight_bits}};
  }
  json["layers"] = layers;
  return json.dump(2) + "\n";
}

}  // namespace platypus::pipeline
