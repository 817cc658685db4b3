#ifndef PLATYPUS_PIPELINE_ENVIRONMENT_H_
#define PLATYPUS_PIPELINE_ENVIRONMENT_H_

#include <functional>
#include <string>
#include <vector>

// What this machine has of the tools that Platypus works with, or its users may want.
namespace platypus::pipeline {

struct Tool {
  std::string name = {};     // "arm-none-eabi-gcc"
  std::string group = {};    // "C on the host", "Arm cores", ...
  std::string purpose = {};  // what is not possible without it
  bool essential = false;
  bool found = false;
  std::string where = {};    // path
  std::string version = {};  // first line of what the tool says of itself; empty: it says nothing
  std::string install = {};  // the command, or where it is to be had; empty when found
};

struct Environment {
  std::string version;          // of Platypus
  std::string instruction_set;  // that training uses here
  int threads = 0;
  std::vector<Tool> tools;
};

// `variable` gives the value of an environment variable, empty if it is not set.
Environment LookAround(const std::function<std::string(const char*)>& variable);

// A program that compiling for the vendor's parts needs ("tvmc", "cl2000", "tiarmclang", ...): in
// its kit's folder, as an environment variable or the usual places have it, or in PATH.
Tool FindVendorProgram(const std::string& program,
                       const std::function<std::string(const char*)>& variable);

// An essential tool that is missing.
bool IsUsable(const Environment& environment);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_ENVIRONMENT_H_
