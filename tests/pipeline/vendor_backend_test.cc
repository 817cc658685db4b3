#include "platypus/pipeline/vendor_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/config/registry.h"
#include "platypus/onnx/onnx.h"
#include "platypus/pipeline/compile_model.h"
#include "tests/onnx/builder.h"

namespace platypus::pipeline {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

// A folder of programs, and an environment that has no other ones.
class VendorBackendTest : public testing::Test {
 protected:
  // A program that keeps its arguments and does as it is told.
  void Install(const std::string& name, const std::string& script) {
    const fs::path file = Programs() / name;
    WriteFile(file, "#!/bin/sh\n" + script + "\n");
    fs::permissions(file, fs::perms::owner_all);
  }
  void InstallCompiler() {
    Install("tvmc", "for word in \"$@\"; do echo \"$word\" >> " + Arguments().string() +
                        "; done\necho offloading a layer\necho 'warning: 14 channels' >&2\n"
                        "while [ $# -gt 2 ]; do shift; done\ntouch \"$1\"");
    Install("cl2000", "exit 0");
  }
  fs::path Programs() const { return folder_.Path() / "bin"; }
  fs::path Arguments() const { return folder_.Path() / "arguments.txt"; }
  std::string Variable(const std::string& name) const {
    return name == "PATH" ? Programs().string() : "";
  }

  static config::Config F28P55() {
    config::Config config;
    config.common.target_device = "F28P55";
    config.common.task_category = config::TaskCategory::kTimeseriesClassification;
    config.training.quantization = config::Quantization::kTinpu;
    config.compilation.target = "c, ti-npu type=hard skip_normalize=true output_int=true";
    config.compilation.target_c_mcpu = "c28";
    config.compilation.cross_compiler = "cl2000";
    config.compilation.cross_compiler_options = "--abi=eabi -O3";
    return config;
  }
  std::vector<std::string> Compile(const config::Config& config) {
    std::vector<std::string> lines;
    CompileWithVendor(
        config, folder_.Path() / "model.onnx", folder_.Path() / "artifacts",
        [this](const char* name) { return Variable(name); },
        [&](std::string_view line) { lines.emplace_back(line); });
    return lines;
  }

  TemporaryFolder folder_;
};

TEST_F(VendorBackendTest, TheCompilerIsCalledAndWhatItSaysIsShown) {
  InstallCompiler();
  const std::vector<std::string> lines = Compile(F28P55());
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[0], HasSubstr("bin/tvmc compile --output-format=a"));
  EXPECT_EQ(lines[1], "offloading a layer");
  EXPECT_EQ(lines[2], "warning: 14 channels");
  const std::string arguments = ReadFile(Arguments());
  EXPECT_THAT(arguments,
              AllOf(HasSubstr("--target=c, ti-npu type=hard skip_normalize=true output_int=true\n"),
                    HasSubstr("--target-c-mcpu=c28\n"),
                    HasSubstr("--cross-compiler=" + (Programs() / "cl2000").string() + "\n"),
                    HasSubstr("--cross-compiler-options=--abi=eabi -O3\n"),
                    HasSubstr((folder_.Path() / "artifacts" / "mod.a").string() + "\n" +
                              (folder_.Path() / "model.onnx").string() + "\n")));
  EXPECT_TRUE(fs::exists(folder_.Path() / "artifacts" / "mod.a"));
}

TEST_F(VendorBackendTest, WhatIsMissingIsNamedWithTheCommand) {
  Install("cl2000", "exit 0");
  try {
    Compile(F28P55());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::kToolchain);
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("tvmc is not installed: the Python package ti_mcu_nnc"),
                      HasSubstr("set TI_NNC_ROOT to its folder"),
                      HasSubstr("The command that would run is\n  tvmc compile"),
                      HasSubstr("'--target=c, ti-npu type=hard skip_normalize=true")));
  }
}

TEST_F(VendorBackendTest, ACompilerThatFailsIsAnErrorWithItsWords) {
  Install("tvmc", "echo no such operator; exit 3");
  Install("cl2000", "exit 0");
  try {
    Compile(F28P55());
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("the vendor's compiler failed (3)"),
                                    HasSubstr("no such operator")));
  }
  Install("tvmc", "exit 0");
  EXPECT_THROW(Compile(F28P55()), Error);  // and left nothing
}

TEST_F(VendorBackendTest, ADeviceWithoutAProfileIsRefused) {
  InstallCompiler();
  config::Config config = F28P55();
  config.common.target_device = "F28E12";
  config.compilation.cross_compiler.clear();
  try {
    Compile(config);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("F28E12 has no profile of the vendor's compiler"));
  }
}

// The whole command on a float file: it goes to the processor, not to the accelerator.
TEST_F(VendorBackendTest, CompilingAFileCallsIt) {
  InstallCompiler();
  onnx_io::Builder b(17, {1, 16});
  b.Weights("fc.weight", {3, 16}).Weights("fc.bias", {3});
  b.Node("Gemm", {"x", "fc.weight", "fc.bias"}, {"y"}, {{"transB", int64_t{1}}});
  CompileModelOptions options;
  options.model = folder_.Path() / "net.onnx";
  options.folder = folder_.Path() / "run";
  options.device = "F28P55";
  options.task_type = "generic_timeseries_classification";
  options.cores = {"host"};
  options.samples = 4;
  options.backend = kVendorBackend;
  WriteFile(options.model, b.Bytes());
  const std::string path = std::getenv("PATH");
  setenv("PATH", (Programs().string() + ":" + path).c_str(), 1);
  NullSink sink;
  CompileModel(options, config::LoadRegistry(), sink);
  setenv("PATH", path.c_str(), 1);
  EXPECT_THAT(ReadFile(Arguments()),
              AllOf(HasSubstr("type=soft skip_normalize=false output_int=false"),
                    HasSubstr("compilation/model.onnx")));
  EXPECT_TRUE(fs::exists(options.folder / "compilation" / "artifacts" / "mod.a"));
  EXPECT_THAT(ReadFile(options.folder / "compilation" / "run.log"),
              HasSubstr("offloading a layer"));
}

}  // namespace
}  // namespace platypus::pipeline
