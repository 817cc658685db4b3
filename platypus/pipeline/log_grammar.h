#ifndef PLATYPUS_PIPELINE_LOG_GRAMMAR_H_
#define PLATYPUS_PIPELINE_LOG_GRAMMAR_H_

#include <string>
#include <vector>

#include "platypus/config/config.h"

namespace platypus::pipeline {

// A value that tools find in run.log by a regular expression of JavaScript with one named group.
struct LogExpression {
  std::string type;
  std::string name;
  std::string description;
  std::string unit;
  std::string pattern;
  std::string group;
  bool scaled = true;  // carries "scale_factor": 1
};

// Those of the reference for a task; every run of it with a quantised phase has lines for all of
// them.
std::vector<LogExpression> LogGrammar(config::TaskCategory task);

// training.log_summary_regex of status.json and run.json: {"js": [...]}.
std::string LogGrammarJson(config::TaskCategory task);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_LOG_GRAMMAR_H_
