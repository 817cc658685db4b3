// What networks cost on cores: executed instructions, flash and RAM, asserted so that no change
// loses them unnoticed. docs/deployment.md shows the table that this prints.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>

#include "platypus/base/process.h"
#include "platypus/deploy/core_program.h"
#include "platypus/deploy/layers.h"
#include "tests/deploy/networks.h"

namespace platypus::deploy {
namespace {

struct Cost {
  const char* network;
  const char* core;
  int64_t instructions;  // of one inference
  int64_t flash;         // octets of the network's code and tables, without libraries
  int64_t ram;           // octets of the arena and of the stack below one inference
  friend void PrintTo(const Cost& cost, std::ostream* out) {
    *out << cost.network << ", " << cost.core;
  }
};

constexpr Cost kCosts[] = {
    {"CLS_1k", "cortex-m0plus", 670635, 5432, 4204},
    {"CLS_1k", "cortex-m4", 243440, 4836, 4196},
    {"CLS_1k", "cortex-m33", 244449, 4852, 4196},
    {"CLS_1k", "cortex-m33-nodsp", 334339, 4568, 4208},
    {"CLS_1k", "cortex-m55", 72016, 4396, 4488},
    {"CLS_1k", "riscv32", 499086, 6308, 4252},
    {"CLS_13k", "cortex-m0plus", 3895565, 22556, 6260},
    {"CLS_13k", "cortex-m4", 1104015, 20988, 6248},
    {"CLS_13k", "cortex-m33", 1106120, 21024, 6248},
    {"CLS_13k", "cortex-m33-nodsp", 1563192, 20892, 6268},
    {"CLS_13k", "cortex-m55", 237914, 19548, 6544},
    {"CLS_13k", "riscv32", 2344596, 25314, 6304},
    {"DS-CNN", "cortex-m0plus", 17632322, 34652, 16152},
    {"DS-CNN", "cortex-m4", 4941071, 36744, 16132},
    {"DS-CNN", "cortex-m33", 4964896, 36760, 16132},
    {"DS-CNN", "cortex-m33-nodsp", 7357378, 36396, 16140},
    {"DS-CNN", "cortex-m55", 1404729, 33844, 16400},
    {"DS-CNN", "riscv32", 10453643, 39074, 16184},
    {"ResNet8", "cortex-m0plus", 63514951, 93652, 49340},
    {"ResNet8", "cortex-m4", 17896454, 91828, 49292},
    {"ResNet8", "cortex-m33", 17908004, 91880, 49292},
    {"ResNet8", "cortex-m33-nodsp", 25246849, 95892, 49324},
    {"ResNet8", "cortex-m55", 4418169, 90008, 49544},
    {"ResNet8", "riscv32", 37165662, 98526, 49360},
    {"autoencoder", "cortex-m0plus", 1313451, 279376, 332},
    {"autoencoder", "cortex-m4", 437403, 280460, 332},
    {"autoencoder", "cortex-m33", 437407, 280480, 332},
    {"autoencoder", "cortex-m33-nodsp", 697841, 280624, 324},
    {"autoencoder", "cortex-m55", 73118, 279736, 412},
    {"autoencoder", "riscv32", 957354, 281698, 320},
};

graph::Graph NetworkOf(const std::string& name) {
  if (name == "CLS_1k") return fixtures::Cls1k(256);
  if (name == "CLS_13k") return fixtures::Cls13k();
  if (name == "DS-CNN") return fixtures::DsCnn();
  if (name == "ResNet8") return fixtures::ResNet8();
  return fixtures::Autoencoder();
}

// Code and constants of the files <m>.c and <m>_weights.c, as the core's compiler makes them.
int64_t FlashOfNetwork(const Core& core, const std::filesystem::path& package) {
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

class NumbersTest : public testing::TestWithParam<Cost> {};

TEST_P(NumbersTest, AreWhatTheyWere) {
  const Cost& cost = GetParam();
  fixtures::Model model;
  model.network = NetworkOf(cost.network);
  const int64_t values = NumElements(model.network.Input().shape);
  model.pipeline = fixtures::PlainPipeline(1, static_cast<int>(values));
  fixtures::Fill(model, 2, 9);
  const TemporaryFolder folder;
  const std::filesystem::path package = folder.Path() / "net";
  Write(Generate(model.request), package);
  NullSink sink;
  const VerifyResult result = Verify(package, model.set, cost.core, sink, &model.network);
  if (!result.ran) GTEST_SKIP() << result.notice;
  EXPECT_EQ(result.samples, 2);
  EXPECT_EQ(result.mismatches, 0) << result.first_difference;
  const int64_t flash = FlashOfNetwork(FindCore(cost.core), package);
  const int64_t ram = LowerToC(model.network).memory.arena_octets + result.stack_bytes;
  fmt::print("| {} | {} | {} | {:.2f} | {} | {} |\n", cost.network, cost.core, result.instructions,
             static_cast<double>(result.instructions) / graph::CountMacs(model.network), flash,
             ram);
  const auto expect = [](const char* what, int64_t found, int64_t expected) {
    EXPECT_NEAR(static_cast<double>(found), static_cast<double>(expected),
                0.03 * static_cast<double>(expected))
        << what;
  };
  expect("instructions", result.instructions, cost.instructions);
  expect("flash", flash, cost.flash);
  expect("RAM", ram, cost.ram);
}

INSTANTIATE_TEST_SUITE_P(Networks, NumbersTest, testing::ValuesIn(kCosts), [](const auto& info) {
  std::string name = fmt::format("{}_{}", info.param.network, info.param.core);
  std::erase(name, '-');
  return name;
});

}  // namespace
}  // namespace platypus::deploy
