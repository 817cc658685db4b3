#include "platypus/pipeline/data_warnings.h"

#include <fmt/format.h>

#include <functional>
#include <string_view>

namespace platypus::pipeline {
namespace {

// Equal for equal contents; of different ones only by an accident of one in 2^64.
std::string Content(const data::Recording& recording) {
  const auto hash = [](const float* values, size_t count) {
    return std::hash<std::string_view>()(
        {reinterpret_cast<const char*>(values), count * sizeof(float)});
  };
  return fmt::format("{} {} {}", recording.rows,
                     hash(recording.values.data(), recording.values.size()),
                     hash(recording.targets.data(), recording.targets.size()));
}

}  // namespace

std::vector<data::Finding> DataWarnings(const data::Dataset& dataset,
                                        const std::vector<data::Recording>& recordings,
                                        bool detects_anomalies, int64_t rows_per_sample,
                                        ThreadPool& pool) {
  std::vector<data::RecordingFacts> facts;
  for (const auto& [split, refs] :
       {std::pair{"train", &dataset.train}, {"val", &dataset.val}, {"test", &dataset.test}}) {
    for (const data::RecordingRef& ref : *refs) {
      data::RecordingFacts of;
      of.name = ref.name;
      of.splits = {split};
      of.label = dataset.classes.empty() ? -1 : ref.label;
      facts.push_back(std::move(of));
    }
  }
  pool.Run(static_cast<int64_t>(facts.size()), [&](int64_t i) {
    const data::Recording& recording = recordings[static_cast<size_t>(i)];
    if (recording.rows == 0) return;
    data::RecordingFacts& of = facts[static_cast<size_t>(i)];
    of.rows = recording.rows;
    of.content = Content(recording);
    of.columns = data::DescribeColumns({recording.values.data(), recording.values.size()},
                                       recording.columns);
  });
  std::erase_if(facts, [](const data::RecordingFacts& of) { return of.rows == 0; });
  std::vector<data::Finding> findings = data::FindProblems(
      facts, {dataset.classes, detects_anomalies, dataset.has_lists, rows_per_sample});
  std::erase_if(findings, [](const data::Finding& finding) {
    return finding.severity == data::Severity::kHint;
  });
  return findings;
}

}  // namespace platypus::pipeline
