#include "platypus/advice/feature_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace platypus::advice {
namespace {

using config::TaskCategory;

constexpr const char* kSpectrum = "[FFT_FE, FFT_POS_HALF, DC_REMOVE, ABS, BINNING, LOG_DB, CONCAT]";

// Windows to begin anew after `hop` rows, as the fraction that stride_size is.
std::string Stride(int frame, int64_t hop) {
  return fmt::format("{:.6g}", static_cast<double>(hop) / frame);
}

class Choosing {
 public:
  explicit Choosing(const DataFacts& facts) : facts_(facts) {}

  void AddPreset(const std::string& name, const config::Value& entry) {
    const config::Value* tasks = entry.Find("tasks");
    const config::Value* values = entry.Find("values");
    if (tasks == nullptr || values == nullptr || values->Find("frame_size") == nullptr) return;
    if (std::ranges::none_of(tasks->items, [&](const config::Value& task) {
          return task.text == facts_.task_type;
        })) {
      return;
    }
    const auto integer = [&](const char* key, int64_t otherwise) {
      const config::Value* value = values->Find(key);
      return value == nullptr ? otherwise : config::ToInteger(*value).value_or(otherwise);
    };
    std::string transforms;
    if (const config::Value* list = values->Find("feat_ext_transform")) {
      for (const config::Value& item : list->items) transforms += item.text + " ";
    }
    if (transforms.find("Q15") != std::string::npos) return;
    if (const config::Value* scale = values->Find("scale");
        scale != nullptr && config::ToReal(*scale).value_or(1) != 1) {
      return;  // made for the codes of one sensor
    }
    const int64_t frames = integer("num_frame_concat", 1);
    const bool windowed = values->Find("data_proc_transforms") != nullptr &&
                          !values->Find("data_proc_transforms")->items.empty();
    FeatureChoice choice;
    choice.name = name;
    choice.values = {{"feature_extraction_name", name},
                     {"variables", std::to_string(facts_.variables)}};
    const bool spectral = transforms.find("FFT") != std::string::npos;
    ScoreVariables(choice, integer("variables", 1));
    ScoreRows(choice, integer("frame_size", 1) * frames);
    ScoreKind(choice, spectral);
    if (transforms.find("BINNING") != std::string::npos) {
      choice.score += 0.25;
      choice.reasons.emplace_back("bins of the spectrum make a small input");
    }
    if (frames > 1) {
      choice.score += spectral ? 0.25 : 0.5;
      choice.reasons.push_back(fmt::format("{} frames show how it changes", frames));
    }
    if (!windowed && integer("frame_size", 1) * frames > facts_.shortest) return;
    choices_.push_back(std::move(choice));
  }

  // Rows as they are, `frame` of them.
  void AddWindows(int frame, int64_t hop) {
    if (frame > facts_.shortest || frame < 4) return;
    const bool whole = facts_.equal_lengths && frame == facts_.shortest;
    FeatureChoice choice;
    choice.name = whole ? fmt::format("whole recordings of {} rows", frame)
                        : fmt::format("windows of {} rows", frame);
    choice.values = {{"data_proc_transforms", "[SimpleWindow]"},
                     {"frame_size", std::to_string(frame)},
                     {"stride_size", whole ? "1" : Stride(frame, hop)},
                     {"variables", std::to_string(facts_.variables)}};
    choice.score += 3;
    choice.reasons.emplace_back("any number of variables");
    ScoreRows(choice, frame);
    ScoreKind(choice, false);
    if (whole) {
      choice.score += 1;
      choice.reasons.emplace_back("all recordings are of this length: each is one sample");
    }
    choices_.push_back(std::move(choice));
  }

  // Binned spectra of `frame` rows, for tasks that have no presets.
  void AddSpectra(int frame, int bins, int frames) {
    if (int64_t{frame} * frames > facts_.shortest) return;
    FeatureChoice choice;
    choice.name = fmt::format("spectra of {} rows in {} bins", frame, bins);
    if (frames > 1) choice.name += fmt::format(", {} frames", frames);
    choice.values = {{"data_proc_transforms", "[SimpleWindow]"},
                     {"feat_ext_transform", kSpectrum},
                     {"frame_size", std::to_string(frame)},
                     {"stride_size", "0.25"},
                     {"feature_size_per_frame", std::to_string(bins)},
                     {"num_frame_concat", std::to_string(frames)},
                     {"normalize_bin", "true"},
                     {"log_mul", "20"},
                     {"log_base", "10"},
                     {"log_threshold", "1e-100"},
                     {"variables", std::to_string(facts_.variables)}};
    choice.score += 3;
    ScoreRows(choice, int64_t{frame} * frames);
    ScoreKind(choice, true);
    choices_.push_back(std::move(choice));
  }

  std::vector<FeatureChoice> Sorted() {
    std::ranges::stable_sort(choices_, std::greater<>(), &FeatureChoice::score);
    return std::move(choices_);
  }

 private:
  void ScoreVariables(FeatureChoice& choice, int64_t variables) const {
    if (variables == facts_.variables) {
      choice.score += 3;
      choice.reasons.push_back(
          fmt::format("made for {} variable{}", variables, variables == 1 ? "" : "s"));
    } else {
      choice.score += variables == 1 ? 1.5 : 0.75;
    }
  }
  void ScoreRows(FeatureChoice& choice, int64_t rows) const {
    if (rows > facts_.shortest) return;
    choice.score += 3;
    choice.reasons.push_back(
        fmt::format("{} rows fit the shortest recording ({})", rows, facts_.shortest));
    // Samples that do not overlap, as a measure of how much there is to learn from.
    const auto samples = static_cast<double>(facts_.rows) / static_cast<double>(rows);
    choice.score += std::clamp(std::log10(std::max(1.0, samples)) - 1, 0.0, 2.0);
  }
  void ScoreKind(FeatureChoice& choice, bool spectral) const {
    if (spectral != facts_.oscillates) return;
    choice.score += 1;
    choice.reasons.emplace_back(spectral ? "the signal oscillates: a spectrum tells it"
                                         : "the signal changes slowly: its course tells it");
  }

  const DataFacts& facts_;
  std::vector<FeatureChoice> choices_;
};

}  // namespace

std::vector<FeatureChoice> ChooseFeatures(const config::Registry& registry,
                                          const DataFacts& facts) {
  Choosing choosing(facts);
  for (const auto& [name, entry] : registry.feature_presets.entries.entries)
    choosing.AddPreset(name, entry);
  const auto shortest = static_cast<int>(std::min<int64_t>(facts.shortest, 1 << 20));
  switch (facts.category) {
    case TaskCategory::kTimeseriesClassification:
      if (facts.equal_lengths && shortest <= 1024) choosing.AddWindows(shortest, shortest);
      for (const int frame : {32, 64, 128, 256, 512}) {
        if (!facts.equal_lengths || frame < shortest) choosing.AddWindows(frame, frame / 2);
      }
      break;
    case TaskCategory::kTimeseriesRegression:
      for (const int frame : {8, 16, 24, 48, 96})
        choosing.AddWindows(frame, std::max(1, frame / 8));
      break;
    case TaskCategory::kTimeseriesForecasting:
      for (const int frame : {8, 16, 32, 48, 96})
        choosing.AddWindows(frame, std::max(1, frame / 16));
      break;
    case TaskCategory::kTimeseriesAnomalyDetection:
      for (const int frame : {16, 32, 64, 128, 256}) choosing.AddWindows(frame, frame / 8);
      choosing.AddSpectra(32, 8, 1);
      choosing.AddSpectra(64, 16, 1);
      choosing.AddSpectra(128, 32, 1);
      choosing.AddSpectra(256, 32, 4);
      break;
  }
  return choosing.Sorted();
}

}  // namespace platypus::advice
