#ifndef PLATYPUS_APPS_PRINT_SUMMARY_H_
#define PLATYPUS_APPS_PRINT_SUMMARY_H_

#include <filesystem>

#include "platypus/pipeline/summary.h"

namespace platypus::apps {

// What would become of every layer on the accelerator of the run's device; nothing if it has none.
void PrintNpu(const pipeline::RunSummary& summary);

// What a run is worth, in ten lines on standard output.
void PrintSummary(const pipeline::RunSummary& summary, const std::filesystem::path& report);

// Where it is, and how it ended, as a JSON line.
void LogSummaryAsJson(const pipeline::RunSummary& summary, const std::filesystem::path& report);
// The exit status of a run that went to its end: 1 if the generated C differs from the host, or
// does not fit the device.
int StatusOf(const pipeline::RunSummary& summary);

}  // namespace platypus::apps

#endif  // PLATYPUS_APPS_PRINT_SUMMARY_H_
