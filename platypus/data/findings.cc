#include "platypus/data/findings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

namespace platypus::data {
namespace {

using Recordings = std::vector<RecordingFacts>;
using Names = std::vector<std::string>;

constexpr size_t kMostOfAKind = 8;

// "a.csv, b.csv, c.csv and 4 more"
std::string Some(const Names& names) {
  constexpr size_t kShown = 3;
  const size_t shown = names.size() <= kShown + 1 ? names.size() : kShown;
  std::string text;
  for (size_t i = 0; i < shown; ++i) text += (i == 0 ? "" : ", ") + names[i];
  return shown == names.size() ? text : fmt::format("{} and {} more", text, names.size() - shown);
}

std::string Files(size_t count) {
  return fmt::format("{} recording{}", count, count == 1 ? "" : "s");
}

// ---- equal contents --------------------------------------------------------------------------

void FindDuplicates(const Recordings& recordings, const Context& context,
                    std::vector<Finding>& findings) {
  std::map<std::string, std::vector<const RecordingFacts*>> groups;
  for (const RecordingFacts& r : recordings) {
    if (!r.content.empty()) groups[r.content].push_back(&r);
  }
  std::vector<Finding> found;
  size_t left_out = 0;
  for (const auto& [content, group] : groups) {
    if (group.size() < 2) continue;
    std::set<std::string> splits;
    std::set<int> labels;
    Names names;
    for (const RecordingFacts* r : group) {
      splits.insert(r->splits.begin(), r->splits.end());
      labels.insert(r->label);
      if (std::ranges::count(names, r->name) == 0) names.push_back(r->name);
    }
    if (names.size() < 2) continue;  // parts of one recording
    Finding finding{Severity::kWarning, "duplicate", group[0]->name, 0, "", ""};
    const std::string equal =
        fmt::format("has the same content as {}", Some(Names(names.begin() + 1, names.end())));
    if (labels.size() > 1) {
      finding.severity = Severity::kError;
      finding.found = equal + ", of another class";
      finding.advice = "keep it in the class that it belongs to";
    } else if (splits.size() > 1) {
      finding.severity = Severity::kError;
      finding.found = fmt::format("{}, in the splits {}", equal, fmt::join(splits, " and "));
      finding.advice = "what was learnt is tested: keep one of them, or list them in one split";
    } else {
      finding.found = equal;
      finding.advice = context.has_lists || !splits.empty()
                           ? "keep one of them: it counts twice"
                           : "keep one of them: it counts twice, and may both train and test";
    }
    found.push_back(std::move(finding));
  }
  SortBySeverity(found);
  if (found.size() > kMostOfAKind) {
    left_out = found.size() - kMostOfAKind;
    found.resize(kMostOfAKind);
  }
  findings.insert(findings.end(), found.begin(), found.end());
  if (left_out > 0) {
    findings.push_back({findings.back().severity, "duplicate", "", 0,
                        fmt::format("{} more groups of recordings have equal contents", left_out),
                        "remove copies of recordings"});
  }
}

// ---- columns ---------------------------------------------------------------------------------

Names ColumnNames(const RecordingFacts& r) {
  Names names;
  for (const ColumnFacts& column : r.columns) names.push_back(column.name);
  return names;
}

void FindDifferentColumns(const Recordings& recordings, std::vector<Finding>& findings) {
  std::map<size_t, Names> by_count;
  for (const RecordingFacts& r : recordings) {
    if (!r.columns.empty()) by_count[r.columns.size()].push_back(r.name);
  }
  if (by_count.empty()) return;
  const auto usual =
      std::ranges::max_element(by_count, {}, [](const auto& entry) { return entry.second.size(); });
  for (const auto& [count, names] : by_count) {
    if (count == usual->first) continue;
    findings.push_back(
        {Severity::kError, "columns", names[0], 0,
         fmt::format("has {} value column{}, most recordings have {}; {} of such: {}", count,
                     count == 1 ? "" : "s", usual->first, Files(names.size()), Some(names)),
         "bring all recordings to the same columns, or choose columns by name "
         "(data_processing_feature_extraction.variables)"});
  }
  const auto first = std::ranges::find_if(
      recordings, [&](const RecordingFacts& r) { return r.columns.size() == usual->first; });
  const Names wanted = ColumnNames(*first);
  Names others;
  for (const RecordingFacts& r : recordings) {
    if (r.columns.size() == wanted.size() && ColumnNames(r) != wanted) others.push_back(r.name);
  }
  if (!others.empty()) {
    findings.push_back({Severity::kWarning, "columns", others[0], 0,
                        fmt::format("its columns are called otherwise, or stand in another order, "
                                    "than those of {}; {} of such",
                                    first->name, Files(others.size())),
                        "columns are chosen by position: give all recordings the same header"});
  }
}

// Recordings by column.
struct OfColumn {
  Names all, constant, clipped_low, clipped_high;
  std::set<float> constants, lows, highs;
};

void FindChannelProblems(const Recordings& recordings, std::vector<Finding>& findings) {
  std::map<std::string, OfColumn> columns;
  Names order;
  for (const RecordingFacts& r : recordings) {
    for (const ColumnFacts& c : r.columns) {
      OfColumn& of = columns[c.name];
      if (of.all.empty()) order.push_back(c.name);
      of.all.push_back(r.name);
      if (c.IsConstant()) {
        of.constant.push_back(r.name);
        of.constants.insert(c.low);
      }
      if (c.clipped_low) {
        of.clipped_low.push_back(r.name);
        of.lows.insert(c.low);
      }
      if (c.clipped_high) {
        of.clipped_high.push_back(r.name);
        of.highs.insert(c.high);
      }
    }
  }
  const auto clipped = [&](const std::string& name, const Names& files, const OfColumn& of,
                           const std::set<float>& values) {
    if (files.empty()) return;
    findings.push_back(
        {Severity::kWarning, "clipped", "", 0,
         fmt::format("column {} stands at its limit{} again and again in {} of {}: {}", name,
                     values.size() == 1 ? fmt::format(" {:g}", *values.begin()) : "", files.size(),
                     Files(of.all.size()), Some(files)),
         "lower the gain of the sensor or the amplifier, and record anew"});
  };
  for (const std::string& name : order) {
    const OfColumn& of = columns[name];
    if (of.constant.size() == of.all.size() && of.constants.size() == 1) {
      findings.push_back(
          {Severity::kWarning, "constant", "", 0,
           fmt::format("column {} is {:g} in every recording", name, *of.constants.begin()),
           "it tells nothing: leave it out by "
           "data_processing_feature_extraction.variables, or look after the sensor"});
    } else if (of.constant.size() == of.all.size()) {
      findings.push_back({Severity::kHint, "constant", "", 0,
                          fmt::format("column {} does not change within any recording", name),
                          "its level alone tells recordings apart: is it known on the device?"});
    } else if (!of.constant.empty()) {
      findings.push_back({Severity::kHint, "constant", "", 0,
                          fmt::format("column {} does not change in {} of {}: {}", name,
                                      of.constant.size(), Files(of.all.size()), Some(of.constant)),
                          "is the sensor connected in these recordings?"});
    }
    clipped(name, of.clipped_low, of, of.lows);
    clipped(name, of.clipped_high, of, of.highs);
  }
}

// ---- lengths and rates -----------------------------------------------------------------------

void FindLengthProblems(const Recordings& recordings, const Context& context,
                        std::vector<Finding>& findings) {
  if (recordings.empty()) return;
  std::vector<int64_t> rows;
  for (const RecordingFacts& r : recordings) rows.push_back(r.rows);
  std::ranges::nth_element(rows, rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2));
  const int64_t median = rows[rows.size() / 2];
  Names too_short;
  Names shorter;
  for (const RecordingFacts& r : recordings) {
    if (context.rows_per_sample > 0 && r.rows < context.rows_per_sample) {
      too_short.push_back(r.name);
    } else if (r.rows * 10 < median) {
      shorter.push_back(r.name);
    }
  }
  if (!too_short.empty()) {
    const bool all = too_short.size() == recordings.size();
    findings.push_back(
        {all ? Severity::kError : Severity::kWarning, "short", "", 0,
         fmt::format("{} of {} {} fewer rows than the {} of one sample: {}", too_short.size(),
                     Files(recordings.size()), too_short.size() == 1 ? "has" : "have",
                     context.rows_per_sample, Some(too_short)),
         all ? "lower data_processing_feature_extraction.frame_size or num_frame_concat"
             : "they give no sample: record longer, or lower frame_size or num_frame_concat"});
  }
  if (!shorter.empty()) {
    findings.push_back(
        {Severity::kHint, "short", "", 0,
         fmt::format("{} of {} hold less than a tenth of the median of {} rows: {}", shorter.size(),
                     Files(recordings.size()), median, Some(shorter)),
         "were they broken off?"});
  }
}

void FindTimeProblems(const Recordings& recordings, std::vector<Finding>& findings) {
  constexpr double kJitter = 0.05;
  constexpr double kSameRate = 0.01;
  Names backward;
  Names gaps;
  Names jittery;
  Names other_rate;
  int64_t steps_back = 0;
  int64_t all_gaps = 0;
  double longest = 0;  // gap, in median steps
  double worst_jitter = 0;
  std::vector<double> steps;
  for (const RecordingFacts& r : recordings) {
    if (r.time.step > 0) steps.push_back(r.time.step);
  }
  std::ranges::sort(steps);
  const double usual = steps.empty() ? 0 : steps[steps.size() / 2];
  for (const RecordingFacts& r : recordings) {
    const TimeFacts& t = r.time;
    if (t.backward > 0) backward.push_back(r.name);
    steps_back += t.backward;
    if (t.step <= 0) continue;
    if (t.gaps > 0) gaps.push_back(r.name);
    if (t.jitter > kJitter) jittery.push_back(r.name);
    if (std::abs(t.step - usual) > kSameRate * usual) other_rate.push_back(r.name);
    all_gaps += t.gaps;
    if (t.gaps > 0) longest = std::max(longest, t.longest / t.step);
    worst_jitter = std::max(worst_jitter, t.jitter);
  }
  const auto add = [&](Severity severity, const std::string& found, const std::string& advice) {
    findings.push_back({severity, "time", "", 0, found, advice});
  };
  if (!backward.empty()) {
    add(Severity::kWarning,
        fmt::format("the time column does not rise {} times in {}: {}", steps_back,
                    Files(backward.size()), Some(backward)),
        "rows are taken in the order in which they stand: sort them, or cut the file there");
  }
  if (!other_rate.empty()) {
    add(Severity::kWarning,
        fmt::format("the time step is {:g} in most recordings, and another in {}: {}", usual,
                    Files(other_rate.size()), Some(other_rate)),
        "spectra and filters need one sampling rate: resample these");
  }
  if (!jittery.empty()) {
    add(Severity::kWarning,
        fmt::format("time steps vary by up to {:.0f} % of the step in {}: {}", 100 * worst_jitter,
                    Files(jittery.size()), Some(jittery)),
        "rows are taken as equally spaced: record by a timer, or resample");
  }
  if (!gaps.empty()) {
    add(Severity::kHint,
        fmt::format("{} step{} of the time column {} longer than the others, up to {:.3g} times, "
                    "in {}: {}",
                    all_gaps, all_gaps == 1 ? "" : "s", all_gaps == 1 ? "is" : "are", longest,
                    Files(gaps.size()), Some(gaps)),
        "rows are missing: windows that span the gap hold a jump; cut the file there if they "
        "matter");
  }
}

// ---- classes and splits ----------------------------------------------------------------------

void FindClassProblems(const Recordings& recordings, const Context& context,
                       std::vector<Finding>& findings) {
  constexpr double kUneven = 10;
  constexpr double kRatherUneven = 3;
  constexpr int64_t kForAllSplits = 3;
  const size_t classes = context.classes.size();
  std::vector<int64_t> files(classes, 0);
  std::vector<int64_t> rows(classes, 0);
  std::vector<std::set<std::string>> splits(classes);
  for (const RecordingFacts& r : recordings) {
    if (r.label < 0 || static_cast<size_t>(r.label) >= classes) continue;
    const auto c = static_cast<size_t>(r.label);
    ++files[c];
    rows[c] += r.rows;
    splits[c].insert(r.splits.begin(), r.splits.end());
  }
  if (classes == 0 || std::ranges::count(files, 0) > 0) return;
  if (!context.detects_anomalies) {
    const auto least = static_cast<size_t>(std::ranges::min_element(rows) - rows.begin());
    const auto most = static_cast<size_t>(std::ranges::max_element(rows) - rows.begin());
    const double ratio =
        static_cast<double>(rows[most]) / static_cast<double>(std::max<int64_t>(1, rows[least]));
    if (ratio >= kRatherUneven) {
      findings.push_back(
          {ratio >= kUneven ? Severity::kWarning : Severity::kHint, "balance", "", 0,
           fmt::format("class {} has {:.3g} times as many rows as class {}", context.classes[most],
                       ratio, context.classes[least]),
           "record more of the rare class; judge by F1 and the confusion matrix rather than by "
           "accuracy"});
    }
  }
  for (size_t c = 0; c < classes; ++c) {
    const std::string& name = context.classes[c];
    const bool only_tests = context.detects_anomalies && name == "Anomaly";
    if (only_tests) continue;
    for (const char* split : {"val", "test"}) {
      if (splits[c].empty() || splits[c].contains(split)) continue;
      findings.push_back(
          {Severity::kWarning, "split", "", 0,
           fmt::format("class {} has no recording in the {} split ({} in all)", name, split,
                       files[c]),
           context.has_lists ? "list one of its recordings there"
           : files[c] < kForAllSplits
               ? "record at least three of each class, or set dataset.split_type: within_files"
               : "change dataset.split_factor"});
    }
  }
}

}  // namespace

const char* Name(Severity severity) {
  switch (severity) {
    case Severity::kHint:
      return "hint";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      return "error";
  }
  return "";
}

std::string Finding::Text() const {
  std::string text;
  if (!file.empty()) text += line > 0 ? fmt::format("{}:{}: ", file, line) : file + ": ";
  text += found;
  return advice.empty() ? text : text + "; " + advice;
}

void SortBySeverity(std::vector<Finding>& findings) {
  std::ranges::stable_sort(findings, std::greater<>(), &Finding::severity);
}

std::vector<ColumnFacts> DescribeColumns(std::span<const float> values,
                                         const std::vector<std::string>& names) {
  constexpr size_t kRun = 3;        // values in a row at an extreme
  constexpr size_t kRuns = 3;       // such runs behind a steep step
  constexpr double kShare = 0.002;  // of all values, in such runs
  constexpr double kSteep = 0.02;   // of the range, in one step
  constexpr size_t kLevels = 32;    // fewer: a switch or a coarse sensor, which has limits
  const size_t width = names.size();
  const size_t rows = width == 0 ? 0 : values.size() / width;
  std::vector<ColumnFacts> columns(width);
  for (size_t c = 0; c < width; ++c) {
    ColumnFacts& column = columns[c];
    column.name = names[c];
    if (rows == 0) continue;
    const auto at = [&](size_t row) { return values[row * width + c]; };
    column.low = column.high = at(0);
    std::set<float> levels;
    for (size_t r = 0; r < rows; ++r) {
      column.low = std::min(column.low, at(r));
      column.high = std::max(column.high, at(r));
      if (levels.size() < kLevels) levels.insert(at(r));
    }
    if (levels.size() < kLevels) continue;
    const double steep = kSteep * (double{column.high} - column.low);
    const auto is_clipped = [&](float extreme) {
      size_t runs = 0;
      size_t inside = 0;
      for (size_t r = 0; r < rows; ++r) {
        if (at(r) != extreme) continue;
        const size_t begin = r;
        while (r < rows && at(r) == extreme) ++r;
        const size_t length = r - begin;
        if (length < kRun) continue;
        const bool sharp = (begin > 0 && std::abs(at(begin - 1) - extreme) >= steep) ||
                           (r < rows && std::abs(at(r) - extreme) >= steep);
        if (!sharp) continue;
        ++runs;
        inside += length;
      }
      return runs >= kRuns && static_cast<double>(inside) >= kShare * static_cast<double>(rows);
    };
    column.clipped_low = is_clipped(column.low);
    column.clipped_high = is_clipped(column.high);
  }
  return columns;
}

TimeFacts DescribeTime(std::span<const double> times) {
  TimeFacts facts;
  if (times.size() < 3) return facts;
  std::vector<double> steps;
  for (size_t i = 1; i < times.size(); ++i) steps.push_back(times[i] - times[i - 1]);
  std::vector<double> sorted = steps;
  std::ranges::nth_element(sorted, sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2));
  facts.step = sorted[sorted.size() / 2];
  if (facts.step <= 0) {
    facts.backward = std::ranges::count_if(steps, [](double s) { return s <= 0; });
    facts.step = 0;
    return facts;
  }
  double squares = 0;
  int64_t regular = 0;
  for (const double step : steps) {
    facts.longest = std::max(facts.longest, step);
    if (step <= 0) {
      ++facts.backward;
    } else if (step > 1.5 * facts.step) {
      ++facts.gaps;
    } else {
      squares += (step - facts.step) * (step - facts.step);
      ++regular;
    }
  }
  if (regular > 0) facts.jitter = std::sqrt(squares / static_cast<double>(regular)) / facts.step;
  return facts;
}

std::vector<Finding> FindProblems(const std::vector<RecordingFacts>& recordings,
                                  const Context& context) {
  std::vector<Finding> findings;
  FindDuplicates(recordings, context, findings);
  FindDifferentColumns(recordings, findings);
  FindLengthProblems(recordings, context, findings);
  FindClassProblems(recordings, context, findings);
  FindChannelProblems(recordings, findings);
  FindTimeProblems(recordings, findings);
  SortBySeverity(findings);
  return findings;
}

}  // namespace platypus::data
