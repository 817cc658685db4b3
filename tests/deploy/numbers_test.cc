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
};

constexpr Cost kCosts[] = {
#include "tests/deploy/numbers.inc"
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
  fixtures::Fill(model, 4, 9);
  const TemporaryFolder folder;
  const std::filesystem::path package = folder.Path() / "net";
  Write(Generate(model.request), package);
  NullSink sink;
  const VerifyResult result = Verify(package, model.set, cost.core, sink, &model.network);
  if (!result.ran) GTEST_SKIP() << result.notice;
  EXPECT_EQ(result.samples, 4);
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
