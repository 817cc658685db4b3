#ifndef PLATYPUS_REPORT_REPORT_H_
#define PLATYPUS_REPORT_REPORT_H_

#include <filesystem>
#include <string>

#include "platypus/pipeline/summary.h"

// The room's first header: the page that shows a run (docs/report.md).
namespace platypus::report {

// One HTML page that asks for nothing else: its style, its scripts and the run as JSON are within.
// While the run is going on it asks the browser to read it again. Every text of the run is escaped;
// the same summary gives the same octets.
std::string RenderReport(const pipeline::RunSummary& summary);

// Replaces `file` by the page in one step.
void WriteReport(const pipeline::RunSummary& summary, const std::filesystem::path& file);

}  // namespace platypus::report

#endif  // PLATYPUS_REPORT_REPORT_H_
