#ifndef PLATYPUS_APPS_PRINT_SUMMARY_H_
#define PLATYPUS_APPS_PRINT_SUMMARY_H_

#include <filesystem>

#include "platypus/pipeline/summary.h"

namespace platypus::apps {

// What a run is worth, in ten lines on standard output.
void PrintSummary(const pipeline::RunSummary& summary, const std::filesystem::path& report);

}  // namespace platypus::apps

#endif  // PLATYPUS_APPS_PRINT_SUMMARY_H_
