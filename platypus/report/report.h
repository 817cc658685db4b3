#ifndef PLATYPUS_REPORT_REPORT_H_
#define PLATYPUS_REPORT_REPORT_H_

#include <string>

#include "platypus/pipeline/summary.h"

namespace platypus::report {

// One HTML page that needs nothing else: no script, no network. All texts are escaped; the same
// summary gives the same octets.
std::string RenderReport(const pipeline::RunSummary& summary);

}  // namespace platypus::report

#endif  // PLATYPUS_REPORT_REPORT_H_
