// Runs test cases written as text.
//
//   driver PROGRAM FILE    all cases of a file
//   driver --table FILE    the cases as a table for the documentation
//
//   == name of the case
//   write NAME             the indented lines behind it become a file
//   $ command              run in a folder of its own that holds base.yaml and the recordings data/
//                          (24 files, 3 classes)
//   status N               exit status of the last command (0 if not said)
//   says TEXT              its output holds TEXT; {dir} stands for the folder
//   lacks TEXT             its output does not hold TEXT
//   exists NAME            the file is there afterwards
//   absent NAME            the file is not there afterwards
#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/process.h"

namespace platypus {
namespace {

namespace fs = std::filesystem;

struct Step {
  std::string verb;
  std::string argument;
  std::string content;
};
struct Case {
  std::string name;
  std::vector<Step> steps;
};

std::vector<Case> ReadCases(const fs::path& file) {
  std::vector<Case> cases;
  std::istringstream in(ReadFile(file));
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.starts_with("== ")) {
      cases.push_back({line.substr(3), {}});
    } else if (line.starts_with("  ") && !cases.empty() && !cases.back().steps.empty()) {
      cases.back().steps.back().content += line.substr(2) + "\n";
    } else if (!line.empty() && line[0] != '#') {
      const size_t space = line.find(' ');
      Check(!cases.empty() && space != std::string::npos, "{}:{}: {}", file.string(), number, line);
      cases.back().steps.push_back({line.substr(0, space), line.substr(space + 1), ""});
    }
  }
  return cases;
}

std::string Replace(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

constexpr const char* kBase = R"(common:
  task_type: generic_timeseries_classification
  target_device: F28P55
  run_name: test
dataset:
  dataset_name: motor
  input_data_path: ./data
data_processing_feature_extraction:
  data_proc_transforms: [SimpleWindow]
  frame_size: 100
  stride_size: 1
  variables: 3
training:
  model_name: CLS_100_NPU
  training_epochs: 2
  batch_size: 32
  optimizer: adam
compilation:
  verify_cores: [host]
)";

// Empty: the case holds; otherwise what does not.
std::string Run(const Case& test, const std::string& program, const fs::path& data) {
  const TemporaryFolder folder;
  const fs::path& dir = folder.Path();
  fs::copy(data, dir / "data", fs::copy_options::recursive);
  WriteFile(dir / "base.yaml", kBase);
  ProcessResult last;
  int wanted = 0;
  for (const Step& step : test.steps) {
    if (step.verb == "write") {
      WriteFile(dir / step.argument, step.content);
    } else if (step.verb == "$") {
      const std::string mmcli = (fs::path(program).parent_path() / "mmcli").string();
      const std::string command =
          Replace(Replace(step.argument, "mmcli ", mmcli + " "), "platypus ", program + " ");
      last = RunProcess({"bash", "-c", command}, dir, 150);
      if (last.timed_out) return "it does not end";
    } else if (step.verb == "status") {
      wanted = std::stoi(step.argument);
    }
  }
  std::string problem;
  if (last.status != wanted) problem = fmt::format("status {}, expected {}", last.status, wanted);
  for (const Step& step : test.steps) {
    if (step.verb == "says" &&
        last.output.find(Replace(step.argument, "{dir}", dir.string())) == std::string::npos) {
      problem = fmt::format("it does not say: {}", step.argument);
    }
    if (step.verb == "lacks" && last.output.find(step.argument) != std::string::npos)
      problem = fmt::format("it says: {}", step.argument);
    if (step.verb == "exists" && !fs::exists(dir / step.argument))
      problem = step.argument + " is not there";
    if (step.verb == "absent" && fs::exists(dir / step.argument))
      problem = step.argument + " is there";
  }
  return problem.empty() ? "" : problem + "\n" + last.output;
}

int RunAll(const std::string& program, const fs::path& file) {
  const TemporaryFolder folder;
  const ProcessResult made =
      RunProcess({program, "init", "motor_vibration_small", "data"}, folder.Path(), 50);
  Check(made.status == 0, "cannot make recordings: {}", made.output);
  int failed = 0;
  const std::vector<Case> cases = ReadCases(file);
  for (const Case& test : cases) {
    const std::string problem = Run(test, program, folder.Path() / "data");
    fmt::print("{} {}\n", problem.empty() ? "ok    " : "FAILED", test.name);
    if (!problem.empty()) fmt::print("{}\n", problem);
    failed += problem.empty() ? 0 : 1;
  }
  fmt::print("{} passed, {} failed\n", cases.size() - static_cast<size_t>(failed), failed);
  return failed == 0 && !cases.empty() ? 0 : 1;
}

int PrintTable(const fs::path& file) {
  fmt::print("| what is wrong | exit status | what it says |\n|---|--:|---|\n");
  for (const Case& test : ReadCases(file)) {
    std::string status = "0";
    std::string says;
    for (const Step& step : test.steps) {
      if (step.verb == "status") status = step.argument;
      if (step.verb == "says") says += (says.empty() ? "" : " ... ") + step.argument;
    }
    fmt::print("| {} | {} | {} |\n", test.name, status, Replace(says, "|", "\\|"));
  }
  return 0;
}

}  // namespace
}  // namespace platypus

int main(int argc, char** argv) {
  try {
    if (argc != 3) {
      fmt::print(stderr, "usage: driver PROGRAM|--table FILE\n");
      return 2;
    }
    if (std::string(argv[1]) == "--table") return platypus::PrintTable(argv[2]);
    return platypus::RunAll(argv[1], argv[2]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
