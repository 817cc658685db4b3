#include "platypus/advice/recommend.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/config/load.h"

namespace platypus::advice {
namespace fs = std::filesystem;
namespace {

using config::TaskCategory;

// Cancels, and says nothing: the epochs of a trial are no news.
class Quiet : public NullSink {
 public:
  explicit Quiet(ProgressSink& next) : next_(next) {}
  bool Cancelled() override { return next_.Cancelled(); }

 private:
  ProgressSink& next_;
};

std::string Quoted(const std::string& text) { return config::ToYaml(config::Scalar(text, true)); }

// The folder's own name, or where it is called like any other, that of the one above.
std::string NameOf(const fs::path& dataset) {
  fs::path path = fs::absolute(dataset).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  const std::string name = path.filename().string();
  const bool common = name == "data" || name == "dataset" || name == "recordings";
  const std::string above = path.parent_path().filename().string();
  return common && !above.empty() ? above : name;
}

// How often a step crosses the recording's mean, as a share of the steps; the median over columns.
double CrossingRate(const data::Recording& recording) {
  const size_t width = recording.columns.size();
  const auto rows = static_cast<size_t>(recording.rows);
  std::vector<double> rates;
  for (size_t c = 0; c < width && rows > 1; ++c) {
    double mean = 0;
    for (size_t r = 0; r < rows; ++r) mean += recording.values[r * width + c];
    mean /= static_cast<double>(rows);
    size_t crossings = 0;
    for (size_t r = 1; r < rows; ++r) {
      crossings +=
          (recording.values[r * width + c] > mean) != (recording.values[(r - 1) * width + c] > mean)
              ? 1
              : 0;
    }
    rates.push_back(static_cast<double>(crossings) / static_cast<double>(rows - 1));
  }
  if (rates.empty()) return 0;
  std::ranges::sort(rates);
  return rates[rates.size() / 2];
}

bool IsSpectral(const FeatureChoice& choice) {
  return choice.name.find("FFT") != std::string::npos || choice.name.starts_with("spectra");
}

// The best few, of both kinds.
std::vector<FeatureChoice> BestFeatures(const std::vector<FeatureChoice>& all) {
  constexpr size_t kMost = 7;
  constexpr int kMostOfAKind = 4;
  std::vector<FeatureChoice> best;
  int spectral = 0;
  int raw = 0;
  for (const FeatureChoice& choice : all) {
    int& count = IsSpectral(choice) ? spectral : raw;
    if (best.size() >= kMost || count >= kMostOfAKind) continue;
    ++count;
    best.push_back(choice);
  }
  return best;
}

// Models of different sizes among those that the rules like best.
std::vector<ModelChoice> Spread(std::vector<ModelChoice> choices, size_t most) {
  if (choices.empty()) return choices;
  const double best = choices[0].score;
  std::erase_if(choices, [&](const ModelChoice& c) { return c.score < best - 1; });
  std::ranges::stable_sort(choices, {}, [](const ModelChoice& c) { return c.cost.parameters; });
  std::vector<ModelChoice> spread;
  const size_t count = std::min(most, choices.size());
  for (size_t k = 0; k < count; ++k) {
    // The middle of each of `count` equal shares.
    spread.push_back(choices[(2 * k + 1) * choices.size() / (2 * count)]);
  }
  return spread;
}

// Best first; what is nearly as good as the best one is ordered by what it costs.
void Rank(std::vector<Candidate>& candidates) {
  constexpr double kNearly = 0.01;
  const auto value = [](const Candidate& c) {
    return c.trial ? c.trial->value : -std::numeric_limits<double>::infinity();
  };
  std::ranges::stable_sort(candidates, std::greater<>(), value);
  if (candidates.empty() || !candidates[0].trial) return;
  const double least = value(candidates[0]) - kNearly;
  const auto end =
      std::ranges::find_if(candidates, [&](const Candidate& c) { return value(c) < least; });
  std::stable_sort(candidates.begin(), end, [](const Candidate& a, const Candidate& b) {
    return a.model.cost.cycles < b.model.cost.cycles;
  });
}

class Recommending {
 public:
  Recommending(const RecommendRequest& request, const config::Registry& registry, ThreadPool& pool,
               ProgressSink& sink)
      : request_(request), registry_(registry), pool_(pool), sink_(sink), quiet_(sink) {}

  Recommendation Run() {
    const auto start = std::chrono::steady_clock::now();
    ChooseTask();
    LookAtData();
    ReadData();
    const std::vector<FeatureChoice> features = BestFeatures(ChooseFeatures(registry_, facts_));
    for (const FeatureChoice& choice : features) AddOption(choice);
    if (options_.empty()) {
      throw Error(Category::kData,
                  fmt::format("no features fit recordings of {} rows", facts_.shortest),
                  "record longer");
    }
    request_.trial ? RankByTrials() : RankByRules();
    if (result_.candidates.empty()) {
      throw Error(Category::kModel,
                  fmt::format("no model for {} fits {}", result_.task, request_.device),
                  "name a larger device, or shorter samples");
    }
    result_.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return std::move(result_);
  }

 private:
  // Features, with the samples that they make and the models that take these.
  struct Option {
    FeatureChoice features;
    config::Config config;
    TrialSamples samples;
    std::vector<ModelChoice> models;
  };

  void ChooseTask() {
    result_.device = request_.device;
    if (registry_.devices.Find(request_.device) == nullptr) {
      throw Error(Category::kUsage, fmt::format("there is no device '{}'", request_.device),
                  Suggest(request_.device, registry_.devices.Names()));
    }
    result_.task = request_.task;
    result_.task_reason = "as asked for";
    if (result_.task.empty()) {
      const std::optional<TaskCategory> category = data::GuessCategory(request_.dataset);
      if (!category) {
        throw Error(
            Category::kData,
            fmt::format("{} has neither a folder 'classes' nor 'files'", request_.dataset.string()),
            "`platypus check` says what is there instead");
      }
      result_.task = std::string("generic_") + config::Name(*category);
      switch (*category) {
        case TaskCategory::kTimeseriesAnomalyDetection:
          result_.task_reason = "the classes are Normal and Anomaly";
          break;
        case TaskCategory::kTimeseriesClassification:
          result_.task_reason = "there is a folder for each class";
          break;
        default:
          result_.task_reason =
              "there is a folder 'files': the last column is the target; to forecast: -t "
              "generic_timeseries_forecasting";
      }
    }
    const config::Value* task = registry_.tasks.Find(result_.task);
    if (task == nullptr) {
      throw Error(Category::kUsage, fmt::format("there is no task '{}'", result_.task),
                  Suggest(result_.task, registry_.tasks.Names()));
    }
    const auto category = config::CategoryNamed(task->Text("category"));
    if (!category) {
      throw Error(Category::kUsage, fmt::format("{} does not run in this version", result_.task),
                  "time series do");
    }
    facts_.category = *category;
    facts_.task_type = result_.task;
  }

  void LookAtData() {
    config::Config config;
    config.common.task_category = facts_.category;
    config.dataset.input_data_path = request_.dataset.string();
    result_.data = data::Check(config, 0, pool_, sink_);
    for (const data::Finding& finding : result_.data.findings) {
      const bool stops =
          finding.kind == "structure" || finding.kind == "unreadable" || finding.kind == "columns";
      if (finding.severity == data::Severity::kError && stops)
        throw Error(Category::kData, finding.Text());
    }
    const auto serious = std::ranges::count_if(result_.data.findings, [](const data::Finding& f) {
      return f.severity != data::Severity::kHint;
    });
    if (serious > 0) {
      result_.notes.push_back(fmt::format("the recordings have {} warning{}: platypus check {}",
                                          serious, serious == 1 ? "" : "s",
                                          request_.dataset.string()));
    }
    const auto columns = static_cast<int>(result_.data.columns.size());
    const bool target_apart = facts_.category == TaskCategory::kTimeseriesRegression;
    facts_.variables = std::max(1, target_apart ? columns - 1 : columns);
    if (result_.data.time_step > 0) {
      result_.notes.push_back(
          fmt::format("the time column rises by {:g}: if it counts seconds, sampling_rate: {:g} "
                      "lets the report "
                      "compare the time that an inference takes with the time between two",
                      result_.data.time_step, 1 / result_.data.time_step));
    }
  }

  void ReadData() {
    FeatureChoice any;
    any.values = {{"data_proc_transforms", "[SimpleWindow]"},
                  {"frame_size", "4"},
                  {"stride_size", "1"},
                  {"variables", std::to_string(facts_.variables)}};
    const config::Loaded loaded = Load(Yaml(any, AnyModel(), 1000));
    data_ = ReadForTrial(loaded.config, scratch_.Path(), pool_, sink_);
    std::vector<int64_t> rows;
    std::vector<double> rates;
    for (const data::Recording& recording : data_.train) {
      if (recording.rows == 0) continue;
      rows.push_back(recording.rows);
      facts_.rows += recording.rows;
      rates.push_back(CrossingRate(recording));
    }
    if (rows.empty()) throw Error(Category::kData, "no recording that trains can be read");
    std::ranges::sort(rows);
    std::ranges::sort(rates);
    // A few recordings that were broken off do not decide.
    facts_.shortest = rows[rows.size() / 20];
    if (facts_.category == TaskCategory::kTimeseriesForecasting) facts_.shortest -= kHorizon;
    facts_.equal_lengths = rows.front() == rows.back();
    constexpr double kOften = 0.05;
    facts_.oscillates = rates[rates.size() / 2] >= kOften;
  }

  std::string AnyModel() const {
    for (const auto& [name, entry] : registry_.models.entries.entries) {
      const config::Value* devices = entry.Find("devices");
      if (entry.Text("task_category") == config::Name(facts_.category) && devices != nullptr &&
          std::ranges::any_of(devices->items,
                              [&](const config::Value& d) { return d.text == request_.device; })) {
        return name;
      }
    }
    throw Error(Category::kModel,
                fmt::format("there is no model for {} on {}", result_.task, request_.device),
                "`platypus info` lists models");
  }

  config::Loaded Load(const std::string& yaml) const {
    return config::LoadText(yaml, "recommendation", fs::current_path(), {}, registry_);
  }

  std::string Yaml(const FeatureChoice& features, const std::string& model, int64_t samples) const {
    const bool classifies = facts_.category == TaskCategory::kTimeseriesClassification;
    const bool detects = facts_.category == TaskCategory::kTimeseriesAnomalyDetection;
    const bool forecasts = facts_.category == TaskCategory::kTimeseriesForecasting;
    std::string text = fmt::format(
        "common:\n  task_type: {}\n  target_device: {}\n  seed: {}\ndataset:\n  dataset_name: {}\n "
        " "
        "input_data_path: {}\ndata_processing_feature_extraction:\n",
        result_.task, request_.device, request_.seed, Quoted(NameOf(request_.dataset)),
        Quoted(fs::absolute(request_.dataset).lexically_normal().string()));
    for (const auto& [key, value] : features.values) text += fmt::format("  {}: {}\n", key, value);
    if (forecasts) {
      text += fmt::format("  forecast_horizon: {}  # rows ahead: as many as you need\n", kHorizon);
      text += fmt::format("  target_variables: [{}]  # the last column\n", facts_.variables - 1);
    }
    text += fmt::format(
        "training:\n  model_name: {}\n  training_epochs: {}\n  batch_size: {}\n  learning_rate: "
        "{}\n  optimizer: adam\n  quantization: 2\n",
        model, std::clamp<int64_t>(60'000 / std::max<int64_t>(1, samples), 30, 80),
        samples < 200     ? 16
        : samples < 1'000 ? 32
                          : 64,
        classifies ? "0.01"
        : detects  ? "0.005"
                   : "0.002");
    if (!classifies) text += "  output_int: false\n";
    return text;
  }

  // Features that do not fit are left out.
  void AddOption(const FeatureChoice& choice) {
    try {
      Option option;
      option.features = choice;
      option.config = Load(Yaml(choice, AnyModel(), 1000)).config;
      option.samples = MakeTrialSamples(option.config, data_, pool_);
      option.models =
          ChooseModels(registry_, result_.task, request_.device, option.samples.pipeline,
                       option.samples.goal.Outputs(option.samples.splits.train.shape),
                       option.samples.train_samples);
      if (!option.models.empty()) options_.push_back(std::move(option));
    } catch (const Error& error) {
      if (error.category() == Category::kInternal || sink_.Cancelled()) throw;
    }
  }

  Candidate Make(const Option& option, const ModelChoice& model) const {
    return {option.features, option.samples.splits.train.shape, model, std::nullopt,
            Yaml(option.features, model.name, option.samples.train_samples)};
  }

  void RankByRules() {
    for (const Option& option : options_) {
      const std::vector<ModelChoice> models = Spread(option.models, 1);
      result_.candidates.push_back(Make(option, models[0]));
    }
  }

  void RankByTrials() {
    constexpr size_t kBestFeatures = 2;
    constexpr size_t kModels = 4;
    planned_ = static_cast<int64_t>(options_.size() + kBestFeatures * kModels);
    // First the features, by a model of middle size; then models on the best features.
    std::vector<std::pair<double, size_t>> order;
    for (size_t i = 0; i < options_.size(); ++i) {
      const std::vector<ModelChoice> middle = Spread(options_[i].models, 1);
      order.emplace_back(-TryOne(options_[i], middle[0]), i);
    }
    std::ranges::stable_sort(order, {}, &std::pair<double, size_t>::first);
    for (size_t k = 0; k < std::min(kBestFeatures, order.size()); ++k) {
      const Option& option = options_[order[k].second];
      for (const ModelChoice& model : Spread(option.models, kModels)) TryOne(option, model);
    }
    planned_ = result_.trials;
    Rank(result_.candidates);
  }

  double TryOne(const Option& option, const ModelChoice& model) {
    for (const Candidate& known : result_.candidates) {
      if (known.features.name == option.features.name && known.model.name == model.name)
        return known.trial ? known.trial->value : -std::numeric_limits<double>::infinity();
    }
    if (sink_.Cancelled()) throw Error(Category::kUsage, "interrupted between two trials");
    Candidate candidate = Make(option, model);
    candidate.trial = Try(Load(candidate.yaml).config, registry_, option.samples, pool_, quiet_);
    ++result_.trials;
    ProgressEvent event{"trial",  "", result_.trials, std::max<int64_t>(planned_, result_.trials),
                        "trials", {}};
    if (candidate.trial) event.metrics = {{candidate.trial->metric, candidate.trial->value}};
    sink_.OnProgress(event);
    result_.candidates.push_back(candidate);
    return candidate.trial ? candidate.trial->value : -std::numeric_limits<double>::infinity();
  }

  static constexpr int kHorizon = 4;

  const RecommendRequest& request_;
  const config::Registry& registry_;
  ThreadPool& pool_;
  ProgressSink& sink_;
  Quiet quiet_;
  TemporaryFolder scratch_;
  DataFacts facts_;
  TrialData data_;
  std::vector<Option> options_;
  int64_t planned_ = 0;
  Recommendation result_;
};

}  // namespace

Recommendation Recommend(const RecommendRequest& request, const config::Registry& registry,
                         ThreadPool& pool, ProgressSink& sink) {
  return Recommending(request, registry, pool, sink).Run();
}

}  // namespace platypus::advice
