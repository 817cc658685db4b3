#include "platypus/pipeline/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "platypus/base/files.h"

namespace platypus::pipeline {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const Tool& Find(const Environment& environment, const std::string& name) {
  for (const Tool& tool : environment.tools) {
    if (tool.name.find(name) != std::string::npos) return tool;
  }
  static const Tool none;
  ADD_FAILURE() << name;
  return none;
}

void WriteProgram(const fs::path& file, const std::string& text) {
  WriteFile(file, "#!/bin/sh\n" + text + "\n");
  fs::permissions(file, fs::perms::owner_all);
}

TEST(EnvironmentTest, WithoutAnythingEveryToolSaysHowToGetIt) {
  const Environment environment = LookAround([](const char*) { return std::string(); });
  EXPECT_FALSE(IsUsable(environment));
  const Tool& gcc = Find(environment, "arm-none-eabi-gcc");
  EXPECT_FALSE(gcc.found);
  EXPECT_EQ(gcc.install, "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi");
  EXPECT_THAT(gcc.purpose, HasSubstr("cortex-m33"));
  for (const Tool& tool : environment.tools) EXPECT_NE(tool.found, !tool.install.empty());
}

TEST(EnvironmentTest, KitsAreFoundByVariableAndByFolder) {
  const TemporaryFolder folder;
  WriteProgram(folder.Path() / "mine" / "bin" / "c29clang", "echo TI Clang 2.2.1");
  WriteProgram(folder.Path() / "home" / "ti" / "ti-cgt-c2000_25.11.1.LTS" / "bin" / "cl2000",
               "exit 1");
  WriteProgram(folder.Path() / "home" / "ti" / "ti-cgt-c2000_22.6.1.LTS" / "bin" / "cl2000",
               "exit 1");
  const std::map<std::string, std::string> variables = {
      {"CG_TOOL_ROOT", (folder.Path() / "mine").string()},
      {"ARM_LLVM_CGT_PATH", (folder.Path() / "gone").string()},
      {"HOME", (folder.Path() / "home").string()},
      {"PATH", std::getenv("PATH")}};
  const Environment environment = LookAround([&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  });
  EXPECT_EQ(Find(environment, "c29clang").version, "TI Clang 2.2.1");
  EXPECT_THAT(Find(environment, "cl2000").where, HasSubstr("25.11.1"));
  EXPECT_THAT(Find(environment, "tiarmclang").install, HasSubstr("gone"));
  EXPECT_TRUE(Find(environment, "gcc").found);
  EXPECT_GT(environment.threads, 0);
  EXPECT_FALSE(environment.instruction_set.empty());
}

}  // namespace
}  // namespace platypus::pipeline
