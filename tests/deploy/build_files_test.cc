#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "platypus/base/files.h"
#include "platypus/base/process.h"
#include "platypus/deploy/core_program.h"
#include "tests/deploy/fixtures.h"

// What a package is built with: CMake, its toolchain files, and the example for emulated boards.
namespace platypus::deploy {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class BuildFilesTest : public testing::Test {
 protected:
  BuildFilesTest() {
    fixtures::MakeSpectrumModel(model_, 2);
    Write(Generate(model_.request), net_);
  }
  ProcessResult Shell(const std::string& command) const {
    return RunProcess({"sh", "-c", command}, folder_.Path(), 100);
  }
  TemporaryFolder folder_;
  fs::path net_ = folder_.Path() / "net";
  fixtures::Model model_;
};

TEST_F(BuildFilesTest, CMakeBuildsAndTests) {
  if (!HasProgram("cmake") || !HasProgram("gcc")) GTEST_SKIP() << "apt-get install cmake gcc";
  const ProcessResult result = Shell(
      "cmake -S net -B build -DCMAKE_C_COMPILER=gcc && cmake --build build && cd build && ctest");
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("100% tests passed"));
  EXPECT_TRUE(fs::exists(folder_.Path() / "build" / "play_csv"));
}

// Two packages in one program: neither brings programs along, nor a target twice.
TEST_F(BuildFilesTest, TwoPackagesArePartsOfOneProject) {
  if (!HasProgram("cmake") || !HasProgram("gcc")) GTEST_SKIP() << "apt-get install cmake gcc";
  model_.request.prefix = "other";
  Write(Generate(model_.request), folder_.Path() / "other");
  WriteFile(folder_.Path() / "CMakeLists.txt",
            "cmake_minimum_required(VERSION 3.16)\nproject(firmware C)\nadd_subdirectory(net)\n"
            "add_subdirectory(other)\nadd_executable(firmware main.c)\n"
            "target_link_libraries(firmware net other)\n");
  WriteFile(folder_.Path() / "main.c",
            "#include \"net_app.h\"\n#include \"other_app.h\"\nstatic net_app a;\nstatic other_app "
            "b;\nint main(void) { net_app_init(&a); other_app_init(&b); return 0; }\n");
  const ProcessResult result =
      Shell("cmake -S . -B build -DCMAKE_C_COMPILER=gcc && cmake --build build && build/firmware");
  EXPECT_EQ(result.status, 0) << result.output;
}

struct Toolchain {
  const char* file;
  const char* compiler;
  const char* core;
  const char* machine;  // as readelf says it
  friend void PrintTo(const Toolchain& t, std::ostream* out) { *out << t.file << " " << t.core; }
};

class ToolchainTest : public BuildFilesTest, public testing::WithParamInterface<Toolchain> {};

INSTANTIATE_TEST_SUITE_P(
    Cores, ToolchainTest,
    testing::Values(Toolchain{"arm-none-eabi-gcc", "arm-none-eabi-gcc", "cortex-m0plus", "ARM"},
                    Toolchain{"arm-none-eabi-gcc", "arm-none-eabi-gcc", "cortex-m7", "ARM"},
                    Toolchain{"arm-none-eabi-gcc", "arm-none-eabi-gcc", "cortex-m55", "ARM"},
                    Toolchain{"arm-none-eabi-gcc", "arm-none-eabi-gcc", "cortex-r5", "ARM"},
                    Toolchain{"clang-arm", "clang", "cortex-m4", "ARM"},
                    Toolchain{"clang-arm", "clang", "cortex-m33", "ARM"},
                    Toolchain{"riscv-gcc", "riscv64-unknown-elf-gcc", "rv32imac", "RISC-V"}),
    [](const auto& info) {
      std::string name = std::string(info.param.file) + "_" + info.param.core;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

TEST_P(ToolchainTest, BuildsTheLibrary) {
  const Toolchain& t = GetParam();
  for (const char* program : {"cmake", "readelf", "arm-none-eabi-gcc", t.compiler}) {
    if (!HasProgram(program)) GTEST_SKIP() << program << " is not installed";
  }
  const ProcessResult result = Shell(fmt::format(
      "cmake -S net -B build -DCMAKE_TOOLCHAIN_FILE=cmake/{}.cmake -DCORE={} && cmake --build "
      "build -v && readelf -h build/libnet.a",
      t.file, t.core));
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("-ffp-contract=off"));
  EXPECT_THAT(result.output, testing::ContainsRegex(std::string("Machine: +") + t.machine + "\n"));
}

TEST_F(BuildFilesTest, AnUnknownCoreIsNamedWithTheKnownOnes) {
  if (!HasProgram("cmake")) GTEST_SKIP() << "apt-get install cmake";
  const ProcessResult result = Shell(
      "cmake -S net -B build -DCMAKE_TOOLCHAIN_FILE=cmake/riscv-gcc.cmake -DCORE=cortex-m4 2>&1");
  EXPECT_NE(result.status, 0);
  EXPECT_THAT(result.output, HasSubstr("CORE is 'cortex-m4'"));
  EXPECT_THAT(result.output, HasSubstr("rv32imac, rv32imafc"));
}

// TI's compilers are not free to install: a program of their name stands in, found by the variable
// that their users have.
TEST_F(BuildFilesTest, CompilersOfTiAreFoundByTheirVariables) {
  if (!HasProgram("cmake")) GTEST_SKIP() << "apt-get install cmake";
  struct Vendor {
    const char *file, *variable, *options;
  };
  for (const Vendor& v :
       {Vendor{"cl2000", "C2000_CG_ROOT", "-v28 -ml -mt --abi=eabi --float_support=fpu32"},
        Vendor{"tiarmclang", "ARM_LLVM_CGT_PATH", "-mcpu=cortex-m0plus -mthumb"},
        Vendor{"c29clang", "CG_TOOL_ROOT", ""}}) {
    const fs::path program = folder_.Path() / "tools" / "bin" / v.file;
    WriteFile(program, "#!/bin/sh\n");
    fs::permissions(program, fs::perms::owner_all);
    WriteFile(folder_.Path() / "show.cmake",
              fmt::format("cmake_minimum_required(VERSION 3.16)\ninclude(net/cmake/{}.cmake)\n"
                          "message(\"${{CMAKE_SYSTEM_NAME}} ${{CMAKE_C_COMPILER}} "
                          "${{CMAKE_C_FLAGS_INIT}}\")\n",
                          v.file));
    const ProcessResult result = Shell(
        fmt::format("{}=$PWD/tools cmake -DCORE=cortex-m0plus -P show.cmake 2>&1", v.variable));
    EXPECT_EQ(result.status, 0) << result.output;
    EXPECT_THAT(result.output,
                HasSubstr(fmt::format("Generic {} {}", program.string(), v.options)));
  }
}

class BareMetalTest : public BuildFilesTest, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    const std::string missing = MissingTool(FindCore(GetParam()));
    if (!missing.empty()) GTEST_SKIP() << missing;
  }
};

std::vector<std::string> EmulatedCores() {
  std::vector<std::string> cores = Cores();
  std::erase(cores, "host");
  return cores;
}

INSTANTIATE_TEST_SUITE_P(Cores, BareMetalTest, testing::ValuesIn(EmulatedCores()),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_P(BareMetalTest, PrintsItsResultsOverSemihosting) {
  const ProcessResult result = Shell("make -s -C net/bare_metal CORE=" + GetParam());
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("golden sets: 3\nsets with other features: 0\n"
                                       "sets with other outputs: 0\n"));
  EXPECT_THAT(result.output, HasSubstr("self-test passed\n"));
  const std::regex figures("inference: ([0-9]+)\noctets of stack below it: ([0-9]+)\n");
  std::smatch match;
  ASSERT_TRUE(std::regex_search(result.output, match, figures)) << result.output;
  EXPECT_GT(std::stoi(match[1]), 500);
  EXPECT_GT(std::stoi(match[2]), 20);
}

TEST_P(BareMetalTest, SeesAChangedWeight) {
  std::string weights = ReadFile(net_ / "net_weights.c");
  const size_t table = weights.find('{', weights.find("_offset["));
  weights.replace(table, weights.find(',', table) - table, "{ 100000");
  WriteFile(net_ / "net_weights.c", weights);
  const ProcessResult result = Shell("make -s -C net/bare_metal CORE=" + GetParam());
  EXPECT_NE(result.status, 0);
  EXPECT_THAT(result.output, HasSubstr("self-test failed\n"));
}

}  // namespace
}  // namespace platypus::deploy
