#include "platypus/pipeline/baseline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "platypus/pipeline/anomaly.h"

namespace platypus::pipeline {
namespace {

float Target(const data::Recording& recording, const features::Pipeline& pipeline, int64_t row,
             size_t column) {
  return recording
      .targets[static_cast<size_t>(row * pipeline.decimation) * recording.target_columns.size() +
               column];
}

// Forecasts of all samples, [sample][row ahead][target]: the value `season` rows before, or the
// last value before the forecast for season 0.
std::vector<float> Repeat(const std::vector<data::Recording>& recordings,
                          const features::Pipeline& pipeline, int horizon, int64_t season) {
  std::vector<float> forecasts;
  for (const data::Recording& recording : recordings) {
    for (const int64_t start : features::SampleStarts(pipeline, recording.rows)) {
      const int64_t end = start + pipeline.RowsPerSample();
      for (int64_t h = 0; h < horizon; ++h) {
        const int64_t row = season == 0 ? end - 1 : end + h - season;
        for (size_t c = 0; c < recording.target_columns.size(); ++c)
          forecasts.push_back(Target(recording, pipeline, row, c));
      }
    }
  }
  return forecasts;
}

// The mean of each output's training targets, for `count` samples.
std::vector<float> TrainingMean(const SampleSet& train, int64_t count) {
  const auto width =
      static_cast<size_t>(static_cast<int64_t>(train.targets.size()) / train.Count());
  std::vector<double> mean(width, 0);
  for (size_t i = 0; i < train.targets.size(); ++i)
    mean[i % width] += train.targets[i] / static_cast<double>(train.Count());
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) values.insert(values.end(), mean.begin(), mean.end());
  return values;
}

// Mean and variance of the values of each channel of each sample, [sample][channel].
struct Moments {
  std::vector<double> mean, variance;
};
Moments MomentsOf(const SampleSet& set) {
  const auto width = static_cast<size_t>(NumElements(set.shape));
  const auto channels = static_cast<size_t>(set.shape[0]);
  const size_t per_channel = width / channels;
  Moments moments;
  for (size_t at = 0; at < set.inputs.size(); at += per_channel) {
    double mean = 0;
    double squares = 0;
    for (size_t i = at; i < at + per_channel; ++i)
      mean += set.inputs[i] / static_cast<double>(per_channel);
    for (size_t i = at; i < at + per_channel; ++i)
      squares += (set.inputs[i] - mean) * (set.inputs[i] - mean);
    moments.mean.push_back(mean);
    moments.variance.push_back(squares / static_cast<double>(per_channel));
  }
  return moments;
}

// Solves a x = b for symmetric positive definite a [n][n] by Cholesky's decomposition, for each of
// the columns of b [n][columns].
std::vector<double> Solve(std::vector<double> a, std::vector<double> b, size_t n, size_t columns) {
  for (size_t j = 0; j < n; ++j) {
    for (size_t k = 0; k < j; ++k) a[j * n + j] -= a[j * n + k] * a[j * n + k];
    a[j * n + j] = std::sqrt(a[j * n + j]);
    for (size_t i = j + 1; i < n; ++i) {
      for (size_t k = 0; k < j; ++k) a[i * n + j] -= a[i * n + k] * a[j * n + k];
      a[i * n + j] /= a[j * n + j];
    }
  }
  for (size_t c = 0; c < columns; ++c) {
    for (size_t i = 0; i < n; ++i) {
      for (size_t k = 0; k < i; ++k) b[i * columns + c] -= a[i * n + k] * b[k * columns + c];
      b[i * columns + c] /= a[i * n + i];
    }
    for (size_t i = n; i-- > 0;) {
      for (size_t k = i + 1; k < n; ++k) b[i * columns + c] -= a[k * n + i] * b[k * columns + c];
      b[i * columns + c] /= a[i * n + i];
    }
  }
  return b;
}

// Ridge regression on the standardised means of the sample's channels.
std::vector<float> LinearFit(const Splits& splits) {
  constexpr double kRidge = 1e-3;  // of the number of samples
  const auto channels = static_cast<size_t>(splits.train.shape[0]);
  const size_t n = channels + 1;  // and a constant
  const auto samples = static_cast<size_t>(splits.train.Count());
  const size_t outputs = splits.train.targets.size() / samples;
  const Moments train = MomentsOf(splits.train);
  std::vector<double> mean(channels, 0);
  std::vector<double> deviation(channels, 0);
  for (size_t i = 0; i < train.mean.size(); ++i)
    mean[i % channels] += train.mean[i] / static_cast<double>(samples);
  for (size_t i = 0; i < train.mean.size(); ++i)
    deviation[i % channels] += std::pow(train.mean[i] - mean[i % channels], 2);
  for (double& d : deviation) d = std::max(1e-12, std::sqrt(d / static_cast<double>(samples)));
  const auto row = [&](const Moments& of, size_t sample) {
    std::vector<double> x(n, 1.0);
    for (size_t c = 0; c < channels; ++c)
      x[c] = (of.mean[sample * channels + c] - mean[c]) / deviation[c];
    return x;
  };
  std::vector<double> a(n * n, 0);
  std::vector<double> b(n * outputs, 0);
  for (size_t s = 0; s < samples; ++s) {
    const std::vector<double> x = row(train, s);
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) a[i * n + j] += x[i] * x[j];
      for (size_t o = 0; o < outputs; ++o)
        b[i * outputs + o] += x[i] * splits.train.targets[s * outputs + o];
    }
  }
  for (size_t i = 0; i < channels; ++i) a[i * n + i] += kRidge * static_cast<double>(samples);
  const std::vector<double> weights = Solve(std::move(a), std::move(b), n, outputs);
  const Moments test = MomentsOf(splits.test);
  std::vector<float> values;
  for (size_t s = 0; s < static_cast<size_t>(splits.test.Count()); ++s) {
    const std::vector<double> x = row(test, s);
    for (size_t o = 0; o < outputs; ++o) {
      double sum = 0;
      for (size_t i = 0; i < n; ++i) sum += x[i] * weights[i * outputs + o];
      values.push_back(static_cast<float>(sum));
    }
  }
  return values;
}

// Sum over channels of |log variance - mean of the training samples' log variance|.
double VarianceAuroc(const Splits& splits) {
  constexpr double kSmallest = 1e-12;
  const auto channels = static_cast<size_t>(splits.train.shape[0]);
  const Moments train = MomentsOf(splits.train);
  std::vector<double> usual(channels, 0);
  for (size_t i = 0; i < train.variance.size(); ++i)
    usual[i % channels] +=
        std::log(train.variance[i] + kSmallest) / static_cast<double>(splits.train.Count());
  const Moments test = MomentsOf(splits.test);
  std::vector<float> scores;
  std::vector<uint8_t> positive;
  for (size_t s = 0; s < splits.test.labels.size(); ++s) {
    double score = 0;
    for (size_t c = 0; c < channels; ++c)
      score += std::abs(std::log(test.variance[s * channels + c] + kSmallest) - usual[c]);
    scores.push_back(static_cast<float>(score));
    positive.push_back(splits.test.labels[s] == kAnomaly ? 1 : 0);
  }
  return train::Roc(scores, positive).area;
}

}  // namespace

int64_t FindSeason(const std::vector<data::Recording>& recordings,
                   const features::Pipeline& pipeline, int horizon) {
  int64_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (int64_t season = horizon + 1; season <= pipeline.RowsPerSample(); ++season) {
    double sum = 0;
    for (const data::Recording& recording : recordings) {
      const int64_t rows =
          recording.rows == 0 ? 0 : features::DecimatedRows(pipeline, recording.rows);
      for (int64_t row = pipeline.RowsPerSample(); row < rows; ++row) {
        for (size_t c = 0; c < recording.target_columns.size(); ++c) {
          const double d = double{Target(recording, pipeline, row, c)} -
                           Target(recording, pipeline, row - season, c);
          sum += d * d;
        }
      }
    }
    if (sum < least) {
      least = sum;
      best = season;
    }
  }
  return best;
}

std::vector<Baseline> Baselines(const Splits& splits, const Goal& goal,
                                const features::Pipeline& pipeline,
                                const std::vector<data::Recording>& test_recordings,
                                int64_t season) {
  std::vector<Baseline> baselines;
  if (goal.DetectsAnomalies()) {
    Baseline variance;
    variance.name = "variance";
    variance.auroc = VarianceAuroc(splits);
    return {variance};
  }
  if (goal.Classifies()) return {};
  const int64_t width = static_cast<int64_t>(splits.test.targets.size()) / splits.test.Count();
  const auto add = [&](std::string name, const std::vector<float>& values) {
    Baseline baseline;
    baseline.name = std::move(name);
    baseline.values =
        train::EvaluateRegression(values, splits.test.targets, width, goal.Criterion());
    baselines.push_back(std::move(baseline));
  };
  if (goal.Forecasts()) {
    add("last value", Repeat(test_recordings, pipeline, goal.horizon, 0));
    if (season > 0) {
      add(fmt::format("value {} rows before", season),
          Repeat(test_recordings, pipeline, goal.horizon, season));
    }
  } else {
    add("linear fit to channel means", LinearFit(splits));
  }
  add("mean of the training targets", TrainingMean(splits.train, splits.test.Count()));
  return baselines;
}

std::vector<std::string> NotBeaten(const std::vector<Baseline>& baselines, const Goal& goal,
                                   const Baseline& network) {
  std::vector<std::string> names;
  for (const Baseline& baseline : baselines) {
    // No comparison with what is not defined, as the AUROC of a split without anomalies.
    const bool as_good = goal.DetectsAnomalies() ? baseline.auroc >= network.auroc
                                                 : baseline.values.error <= network.values.error;
    if (as_good) names.push_back(baseline.name);
  }
  return names;
}

}  // namespace platypus::pipeline
