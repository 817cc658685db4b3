#ifndef PLATYPUS_REPORT_FIGURES_H_
#define PLATYPUS_REPORT_FIGURES_H_

#include <string>
#include <vector>

#include "platypus/pipeline/summary.h"

// The few numbers that say what a run is worth, as text.
namespace platypus::report {

struct Figure {
  std::string name, value;
};

// Results on the test split and on the deepest core; empty while there are none.
std::vector<Figure> ResultFigures(const pipeline::RunSummary& summary);

// Of each phase of the training so far, named as the reference's report names them: "Float Best
// Acc".
std::vector<std::vector<Figure>> TrainingFigures(const pipeline::RunSummary& summary);

// "0.4 s", "85 s", "3 min", "2.5 h".
std::string Duration(double seconds);

}  // namespace platypus::report

#endif  // PLATYPUS_REPORT_FIGURES_H_
