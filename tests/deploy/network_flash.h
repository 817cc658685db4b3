#ifndef PLATYPUS_TESTS_DEPLOY_NETWORK_FLASH_H_
#define PLATYPUS_TESTS_DEPLOY_NETWORK_FLASH_H_

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "platypus/base/process.h"
#include "platypus/deploy/core_program.h"

namespace platypus::deploy {

// Octets of code and constants of the files net.c and net_weights.c of a package, as the core's
// compiler makes them: without libraries, features and application.
inline int64_t FlashOfNetwork(const Core& core, const std::filesystem::path& package) {
  int64_t octets = 0;
  for (const char* file : {"net", "net_weights"}) {
    std::vector<std::string> command = {core.compiler, "-c", "-std=gnu99", "-O2", "-I."};
    command.insert(command.end(), core.flags.begin(), core.flags.end());
    command.insert(command.end(), {fmt::format("{}.c", file), "-o", fmt::format("{}.o", file)});
    const ProcessResult compiled = RunProcess(command, package, 60);
    EXPECT_EQ(compiled.status, 0) << compiled.output;
    std::string size = core.compiler;
    size.replace(size.rfind("gcc"), 3, "size");
    std::istringstream lines(RunProcess({size, fmt::format("{}.o", file)}, package, 60).output);
    std::string heading;
    int64_t text = 0, data = 0;
    std::getline(lines, heading);
    lines >> text >> data;
    octets += text + data;
  }
  return octets;
}

}  // namespace platypus::deploy

#endif  // PLATYPUS_TESTS_DEPLOY_NETWORK_FLASH_H_
