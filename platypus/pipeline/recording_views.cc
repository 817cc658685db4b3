#include "platypus/pipeline/recording_views.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "platypus/pipeline/anomaly.h"

namespace platypus::pipeline {
namespace {

// How the network did on one recording.
struct Score {
  size_t recording = 0;
  int64_t samples = 0;
  int64_t wrong = 0;
  double badness = 0;  // sum over the samples, by which recordings are ranked
  double error = 0;    // sum of squared errors; 0 for classes
  int64_t worst = 0;   // sample within the recording
  size_t worst_sample = 0;
  double worst_badness = -std::numeric_limits<double>::infinity();
  int taken_for = -1;  // class of the worst sample

  double WrongShare() const { return static_cast<double>(wrong) / static_cast<double>(samples); }
  double Mean() const { return badness / static_cast<double>(samples); }
};

struct Judgement {
  double badness = 0;
  double error = 0;
  int taken_for = -1;
  bool wrong = false;
};

Judgement JudgeClass(std::span<const float> scores, int label) {
  const auto best = static_cast<int>(std::ranges::max_element(scores) - scores.begin());
  double rival = -std::numeric_limits<double>::infinity();
  for (size_t c = 0; c < scores.size(); ++c) {
    if (static_cast<int>(c) != label) rival = std::max(rival, double{scores[c]});
  }
  return {rival - scores[static_cast<size_t>(label)], 0, best, best != label};
}

Judgement JudgeAnomaly(double error, double threshold, int label) {
  const bool alarm = error > threshold;
  const bool anomaly = label == kAnomaly;
  return {anomaly ? threshold - error : error - threshold, error, alarm ? kAnomaly : 1 - kAnomaly,
          alarm != anomaly};
}

double MeanSquaredError(std::span<const float> given, std::span<const float> wanted) {
  double sum = 0;
  for (size_t i = 0; i < given.size(); ++i) sum += std::pow(double{given[i]} - wanted[i], 2);
  return sum / static_cast<double>(given.size());
}

std::vector<Score> ScoreRecordings(const TestOutcome& o) {
  std::vector<Score> scores;
  const auto count = static_cast<size_t>(o.samples.Count());
  const size_t width = count == 0 ? 0 : o.outputs.size() / count;
  const std::span<const float> wanted =
      o.goal.Classifies() ? std::span<const float>() : o.samples.Wanted(o.goal);
  for (size_t s = 0; s < count; ++s) {
    const auto recording = static_cast<size_t>(o.samples.recording[s]);
    if (scores.empty() || scores.back().recording != recording) {
      scores.push_back({});
      scores.back().recording = recording;
    }
    Score& score = scores.back();
    const std::span<const float> given = o.outputs.subspan(s * width, width);
    Judgement judged;
    if (o.goal.Classifies()) {
      judged = JudgeClass(given, o.samples.labels[s]);
    } else {
      const double error = MeanSquaredError(given, wanted.subspan(s * width, width));
      judged = o.goal.DetectsAnomalies() ? JudgeAnomaly(error, o.threshold, o.samples.labels[s])
                                         : Judgement{error, error};
    }
    if (judged.badness > score.worst_badness) {
      score.worst_badness = judged.badness;
      score.worst = score.samples;
      score.worst_sample = s;
      score.taken_for = judged.taken_for;
    }
    ++score.samples;
    score.wrong += judged.wrong ? 1 : 0;
    score.badness += judged.badness;
    score.error += judged.error;
  }
  return scores;
}

std::vector<Envelope> Envelopes(const data::Recording& recording) {
  constexpr size_t kMostColumns = 8;
  constexpr size_t kMostPieces = 600;  // of a column
  constexpr size_t kMostOfAll = 1200;  // of a recording
  const size_t columns = std::min(recording.columns.size(), kMostColumns);
  const size_t width = recording.columns.size();
  const size_t rows = width == 0 ? 0 : recording.values.size() / width;
  std::vector<Envelope> envelopes;
  for (size_t c = 0; c < columns; ++c) {
    Envelope envelope{recording.columns[c], {}, {}};
    const size_t pieces = std::min({rows, kMostPieces, kMostOfAll / columns});
    for (size_t p = 0; p < pieces; ++p) {
      const size_t end = (p + 1) * rows / pieces;
      float low = std::numeric_limits<float>::infinity();
      float high = -low;
      for (size_t r = p * rows / pieces; r < end; ++r) {
        const float value = recording.values[r * width + c];
        low = std::min(low, value);
        high = std::max(high, value);
      }
      envelope.low.push_back(low);
      envelope.high.push_back(high);
    }
    envelopes.push_back(std::move(envelope));
  }
  return envelopes;
}

RecordingView View(const TestOutcome& o, const Score& score) {
  const data::RecordingRef& ref = o.refs[score.recording];
  const data::Recording& recording = o.recordings[score.recording];
  const auto name = [&](int c) {
    return c >= 0 && static_cast<size_t>(c) < o.goal.classes.size()
               ? o.goal.classes[static_cast<size_t>(c)]
               : std::string();
  };
  RecordingView view;
  view.name = ref.name;
  view.truth = name(o.goal.classes.empty() ? -1 : ref.label);
  view.samples = score.samples;
  view.wrong = score.wrong;
  view.error = score.error / static_cast<double>(score.samples);
  const size_t width = std::max<size_t>(1, recording.columns.size());
  const size_t rows = recording.values.size() / width;
  view.seconds = static_cast<double>(rows) / o.sampling_rate;
  view.signal = Envelopes(recording);
  view.worst = score.worst;
  view.taken_for = name(score.taken_for);
  constexpr size_t kMostFeatures = 8192;
  const auto size = static_cast<size_t>(NumElements(o.samples.shape));
  const float* sample = o.samples.inputs.data() + score.worst_sample * size;
  if (size <= kMostFeatures) view.features.assign(sample, sample + size);
  return view;
}

}  // namespace

std::vector<ClassProfile> Profiles(const SampleSet& set, const Goal& goal) {
  constexpr size_t kMostValues = 8'000'000;
  const auto width = static_cast<size_t>(NumElements(set.shape));
  const auto count = static_cast<size_t>(set.Count());
  const size_t classes = std::max<size_t>(1, goal.classes.size());
  const size_t step = std::max<size_t>(1, count * width / kMostValues);
  std::vector<int64_t> samples(classes, 0);
  std::vector<std::vector<double>> mean(classes, std::vector<double>(width, 0.0));
  std::vector<std::vector<double>> squares = mean;  // sums of squared differences (Welford)
  for (size_t s = 0; s < count; s += step) {
    const size_t c = set.labels.empty() ? 0 : static_cast<size_t>(set.labels[s]);
    const auto n = static_cast<double>(++samples[c]);
    const float* sample = set.inputs.data() + s * width;
    for (size_t i = 0; i < width; ++i) {
      const double difference = sample[i] - mean[c][i];
      mean[c][i] += difference / n;
      squares[c][i] += difference * (sample[i] - mean[c][i]);
    }
  }
  std::vector<ClassProfile> profiles;
  for (size_t c = 0; c < classes; ++c) {
    if (samples[c] == 0) continue;
    ClassProfile profile;
    profile.name = goal.classes.empty() ? "all samples" : goal.classes[c];
    for (size_t i = 0; i < width; ++i) {
      profile.mean.push_back(static_cast<float>(mean[c][i]));
      profile.deviation.push_back(
          static_cast<float>(std::sqrt(squares[c][i] / static_cast<double>(samples[c]))));
    }
    profiles.push_back(std::move(profile));
  }
  return profiles;
}

ValuePairs PairValues(const SampleSet& test, std::span<const float> outputs) {
  constexpr size_t kMostSamples = 1500;
  constexpr size_t kMostValues = 12'000;
  ValuePairs pairs;
  const auto count = static_cast<size_t>(test.Count());
  if (count == 0 || outputs.empty() || test.targets.size() != outputs.size()) return pairs;
  const size_t width = outputs.size() / count;
  const size_t taken = std::min({count, kMostSamples, std::max<size_t>(1, kMostValues / width)});
  pairs.outputs = static_cast<int64_t>(width);
  for (size_t k = 0; k < taken; ++k) {
    const size_t at = k * count / taken * width;
    const std::span<const float> wanted = std::span(test.targets).subspan(at, width);
    const std::span<const float> given = outputs.subspan(at, width);
    pairs.wanted.insert(pairs.wanted.end(), wanted.begin(), wanted.end());
    pairs.given.insert(pairs.given.end(), given.begin(), given.end());
  }
  return pairs;
}

std::vector<RecordingView> WorstRecordings(const TestOutcome& outcome) {
  constexpr size_t kMost = 6;
  std::vector<Score> scores = ScoreRecordings(outcome);
  if (!outcome.goal.classes.empty())
    std::erase_if(scores, [](const Score& score) { return score.wrong == 0; });
  std::ranges::stable_sort(scores, [](const Score& a, const Score& b) {
    return std::pair(a.WrongShare(), a.Mean()) > std::pair(b.WrongShare(), b.Mean());
  });
  scores.resize(std::min(scores.size(), kMost));
  std::vector<RecordingView> views;
  views.reserve(scores.size());
  for (const Score& score : scores) views.push_back(View(outcome, score));
  return views;
}

std::vector<RecordingView> TypicalRecordings(const TestOutcome& outcome) {
  constexpr size_t kMost = 12;
  std::vector<Score> scores = ScoreRecordings(outcome);
  std::ranges::stable_sort(
      scores, {}, [](const Score& score) { return std::pair(score.WrongShare(), score.Mean()); });
  std::vector<RecordingView> views;
  const size_t classes = std::max<size_t>(1, outcome.goal.classes.size());
  for (size_t c = 0; c < std::min(classes, kMost); ++c) {
    std::vector<const Score*> of_class;
    for (const Score& score : scores) {
      const bool is = outcome.goal.classes.empty() ||
                      outcome.refs[score.recording].label == static_cast<int>(c);
      if (is && (of_class.empty() || of_class[0]->WrongShare() == score.WrongShare()))
        of_class.push_back(&score);
    }
    if (!of_class.empty()) views.push_back(View(outcome, *of_class[of_class.size() / 2]));
  }
  return views;
}

}  // namespace platypus::pipeline
