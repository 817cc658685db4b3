#ifndef PLATYPUS_DEPLOY_VENDOR_COMPILER_H_
#define PLATYPUS_DEPLOY_VENDOR_COMPILER_H_

#include <filesystem>
#include <string>
#include <vector>

#include "platypus/config/config.h"

// What TI's Neural Network Compiler (NNC) for microcontrollers is asked to do: an ONNX file to a
// library for a part with a neural accelerator.
namespace platypus::deploy {

// A target of a preset, "c, ti-npu type=hard skip_normalize=true output_int=true", as a network
// needs it: where these two tokens stand they say what the task and the quantisation give; what is
// no TI-NPU form cannot run on the accelerator (type=soft).
std::string VendorTarget(const std::string& target, const config::Training& training,
                         config::TaskCategory category);

struct VendorJob {
  std::filesystem::path model;
  std::filesystem::path library;  // mod.a; headers and sources go beside it
  std::string target;
  std::string cpu;
  std::string cross_compiler;
  std::string cross_compiler_options;
};
// The arguments of its program, the program first.
std::vector<std::string> VendorCommand(const std::string& program, const VendorJob& job);

// As it would be typed: words in quotes where a shell needs them.
std::string AsTyped(const std::vector<std::string>& command);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_VENDOR_COMPILER_H_
