// pages FOLDER: writes a page of every task in every state, for the tests in a browser.
#include <cstdio>
#include <filesystem>

#include "platypus/report/report.h"
#include "tests/report/examples.h"

int main(int argc, char** argv) {
  using namespace platypus;
  if (argc != 2) {
    std::fprintf(stderr, "usage: pages FOLDER\n");
    return 2;
  }
  constexpr const char* kTaskNames[] = {"classification", "regression", "forecasting", "anomaly"};
  constexpr const char* kStateNames[] = {"running", "complete", "failed", "interrupted"};
  for (size_t task = 0; task < report::kTasks.size(); ++task) {
    for (size_t state = 0; state < report::kStates.size(); ++state) {
      report::WriteReport(report::Example(report::kTasks[task], report::kStates[state]),
                          std::filesystem::path(argv[1]) /
                              (std::string(kTaskNames[task]) + "-" + kStateNames[state] + ".html"));
    }
  }
  report::WriteReport({}, std::filesystem::path(argv[1]) / "empty.html");
  return 0;
}
