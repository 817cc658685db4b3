#ifndef PLATYPUS_DATA_FINDINGS_H_
#define PLATYPUS_DATA_FINDINGS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

// What is worth knowing of a set of recordings before a network learns from it. The rules work on
// facts of each recording, so that a run, which has read them anyway, and `platypus check` say the
// same.
namespace platypus::data {

// Errors end a run or make its figures untrue; warnings make them worse; hints may be meant so.
enum class Severity { kHint, kWarning, kError };
const char* Name(Severity severity);  // "hint", ...

struct Finding {
  Severity severity = Severity::kHint;
  std::string kind;    // "duplicate", "channel", ...: for programs
  std::string file;    // relative to the data folder; empty: of the set
  int line = 0;        // 0: not of a line
  std::string found;   // what was found
  std::string advice;  // what to do

  // "a/b.csv:12: found; advice"
  std::string Text() const;
};
// Most serious first; otherwise the order stays.
void SortBySeverity(std::vector<Finding>& findings);

struct ColumnFacts {
  std::string name;
  float low = 0, high = 0;
  // Many values in a row stand at the extreme, and steep steps lead there: the recorder's limit.
  bool clipped_low = false, clipped_high = false;
  bool IsConstant() const { return low == high; }
};
// values [row][column]; names: as many as there are columns.
std::vector<ColumnFacts> DescribeColumns(std::span<const float> values,
                                         const std::vector<std::string>& names);

// Steps between the values of a time column.
struct TimeFacts {
  double step = 0;       // the median; 0: not known
  int64_t backward = 0;  // steps of 0 or less
  int64_t gaps = 0;      // steps of more than one and a half of the median
  double longest = 0;    // the longest step
  double jitter = 0;     // deviation of the steps that are no gaps, as a share of the median
};
TimeFacts DescribeTime(std::span<const double> times);

struct RecordingFacts {
  std::string name;
  std::vector<std::string> splits;  // "train", ...; several where parts of it are used
  int label = -1;                   // index into the classes
  int64_t rows = 0;
  std::string content;  // equal texts: equal contents; empty: not known
  std::vector<ColumnFacts> columns;
  TimeFacts time;
};

struct Context {
  std::vector<std::string> classes;  // none for regression and forecasting
  bool detects_anomalies = false;    // then classes are no balance, and Anomaly only tests
  bool has_lists = false;            // the user chose the splits
  int64_t rows_per_sample = 0;       // 0: not known
};

// Equal contents, constant and clipped columns, columns that differ from file to file, lengths,
// sampling rates, balance and number of recordings by class and split. Ordered by severity; at most
// a few findings of each kind, which name some of the files.
std::vector<Finding> FindProblems(const std::vector<RecordingFacts>& recordings,
                                  const Context& context);

}  // namespace platypus::data

#endif  // PLATYPUS_DATA_FINDINGS_H_
