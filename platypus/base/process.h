#ifndef PLATYPUS_BASE_PROCESS_H_
#define PLATYPUS_BASE_PROCESS_H_

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace platypus {

struct ProcessResult {
  int status = 0;  // exit status; 128 + n when ended by signal n
  bool timed_out = false;
  std::string output;  // standard output and standard error together, at most 1 MB
};

// Runs a program (looked up in PATH, no shell) in `folder` with standard input closed, at most
// `seconds` long. `show` gets its output line by line while it runs. Error (toolchain) if it cannot
// be started.
ProcessResult RunProcess(const std::vector<std::string>& command,
                         const std::filesystem::path& folder, int seconds,
                         const std::function<void(std::string_view)>& show = {});

// Whether PATH has such a program.
bool HasProgram(const std::string& name);

}  // namespace platypus

#endif  // PLATYPUS_BASE_PROCESS_H_
