// What networks cost on cores: executed instructions, flash and RAM, asserted so that no change
// loses them unnoticed. docs/deployment.md shows the table that this prints.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "platypus/deploy/layers.h"
#include "tests/deploy/network_flash.h"
#include "tests/deploy/networks.h"

namespace platypus::deploy {
namespace {

using enum config::Optimise;

const char* NameOf(config::Optimise optimise) {
  return optimise == kSize ? "size" : optimise == kBalanced ? "balanced" : "speed";
}

struct Cost {
  const char* network;
  const char* core;
  config::Optimise optimise;
  int64_t instructions;  // of one inference
  int64_t flash;         // octets of the network's code and tables, without libraries
  int64_t ram;           // octets of the arena and of the stack below one inference
  friend void PrintTo(const Cost& cost, std::ostream* out) {
    *out << cost.network << ", " << cost.core << ", " << NameOf(cost.optimise);
  }
};

constexpr Cost kCosts[] = {
    {"CLS_1k", "cortex-m0plus", kBalanced, 828782, 3588, 4208},
    {"CLS_1k", "cortex-m0plus", kSpeed, 670635, 5432, 4204},
    {"CLS_1k", "cortex-m0plus", kSize, 1290238, 2520, 4224},
    {"CLS_1k", "cortex-m4", kBalanced, 245742, 4080, 4192},
    {"CLS_1k", "cortex-m4", kSpeed, 243440, 4836, 4196},
    {"CLS_1k", "cortex-m4", kSize, 536482, 2512, 4220},
    {"CLS_1k", "cortex-m33", kBalanced, 245708, 4092, 4192},
    {"CLS_1k", "cortex-m33", kSpeed, 244449, 4852, 4196},
    {"CLS_1k", "cortex-m33-nodsp", kBalanced, 342588, 3924, 4208},
    {"CLS_1k", "cortex-m33-nodsp", kSpeed, 334340, 4568, 4208},
    {"CLS_1k", "cortex-m55", kBalanced, 72013, 4396, 4488},
    {"CLS_1k", "cortex-m55", kSpeed, 72016, 4396, 4488},
    {"CLS_1k", "riscv32", kBalanced, 507408, 5326, 4252},
    {"CLS_1k", "riscv32", kSpeed, 499086, 6308, 4252},
    {"CLS_13k", "cortex-m0plus", kBalanced, 4055462, 18328, 6256},
    {"CLS_13k", "cortex-m0plus", kSpeed, 3895565, 22556, 6260},
    {"CLS_13k", "cortex-m4", kBalanced, 1121367, 19680, 6248},
    {"CLS_13k", "cortex-m4", kSpeed, 1104019, 20980, 6248},
    {"CLS_13k", "cortex-m33", kBalanced, 1121402, 19692, 6248},
    {"CLS_13k", "cortex-m33", kSpeed, 1106124, 21020, 6248},
    {"CLS_13k", "cortex-m33-nodsp", kBalanced, 1595347, 19772, 6268},
    {"CLS_13k", "cortex-m33-nodsp", kSpeed, 1563193, 20892, 6268},
    {"CLS_13k", "cortex-m55", kBalanced, 237914, 19548, 6544},
    {"CLS_13k", "cortex-m55", kSpeed, 237914, 19548, 6544},
    {"CLS_13k", "riscv32", kBalanced, 2378149, 23244, 6304},
    {"CLS_13k", "riscv32", kSpeed, 2344596, 25314, 6304},
    {"DS-CNN", "cortex-m0plus", kBalanced, 17675294, 29432, 16332},
    {"DS-CNN", "cortex-m0plus", kSpeed, 17264561, 30732, 16340},
    {"DS-CNN", "cortex-m4", kBalanced, 4745191, 30468, 16204},
    {"DS-CNN", "cortex-m4", kSpeed, 4728935, 30724, 16204},
    {"DS-CNN", "cortex-m33", kBalanced, 4746782, 30488, 16208},
    {"DS-CNN", "cortex-m33", kSpeed, 4730650, 30752, 16208},
    {"DS-CNN", "cortex-m33-nodsp", kBalanced, 7382591, 30500, 16224},
    {"DS-CNN", "cortex-m33-nodsp", kSpeed, 7337203, 30868, 16224},
    {"DS-CNN", "cortex-m55", kBalanced, 1406625, 33908, 16400},
    {"DS-CNN", "cortex-m55", kSpeed, 1406625, 33908, 16400},
    {"DS-CNN", "riscv32", kBalanced, 10241100, 31574, 16248},
    {"DS-CNN", "riscv32", kSpeed, 10182232, 31924, 16248},
    {"ResNet8", "cortex-m0plus", kBalanced, 63770575, 89196, 49468},
    {"ResNet8", "cortex-m0plus", kSpeed, 63853357, 93588, 49476},
    {"ResNet8", "cortex-m4", kBalanced, 17862208, 90948, 49328},
    {"ResNet8", "cortex-m4", kSpeed, 17902452, 90984, 49328},
    {"ResNet8", "cortex-m33", kBalanced, 17874770, 90988, 49328},
    {"ResNet8", "cortex-m33", kSpeed, 17907657, 91012, 49328},
    {"ResNet8", "cortex-m33-nodsp", kBalanced, 25202925, 95180, 49356},
    {"ResNet8", "cortex-m33-nodsp", kSpeed, 25210152, 95320, 49356},
    {"ResNet8", "cortex-m55", kBalanced, 4418175, 90020, 49544},
    {"ResNet8", "cortex-m55", kSpeed, 4418169, 90008, 49544},
    {"ResNet8", "riscv32", kBalanced, 36985991, 97744, 49388},
    {"ResNet8", "riscv32", kSpeed, 37065583, 98066, 49388},
    {"autoencoder", "cortex-m0plus", kBalanced, 1382368, 277836, 336},
    {"autoencoder", "cortex-m0plus", kSpeed, 1314279, 278124, 336},
    {"autoencoder", "cortex-m4", kBalanced, 437292, 278668, 348},
    {"autoencoder", "cortex-m4", kSpeed, 437292, 278668, 348},
    {"autoencoder", "cortex-m33", kBalanced, 437287, 278688, 348},
    {"autoencoder", "cortex-m33", kSpeed, 437287, 278688, 348},
    {"autoencoder", "cortex-m33-nodsp", kBalanced, 690315, 278848, 332},
    {"autoencoder", "cortex-m33-nodsp", kSpeed, 690315, 278848, 332},
    {"autoencoder", "cortex-m55", kBalanced, 73118, 279736, 412},
    {"autoencoder", "cortex-m55", kSpeed, 73118, 279736, 412},
    {"autoencoder", "riscv32", kBalanced, 957417, 279354, 320},
    {"autoencoder", "riscv32", kSpeed, 957417, 279354, 320},
};

graph::Graph NetworkOf(const std::string& name) {
  if (name == "CLS_1k") return fixtures::Cls1k(256);
  if (name == "CLS_13k") return fixtures::Cls13k();
  if (name == "DS-CNN") return fixtures::DsCnn();
  if (name == "ResNet8") return fixtures::ResNet8();
  return fixtures::Autoencoder();
}

class NumbersTest : public testing::TestWithParam<Cost> {};

TEST_P(NumbersTest, AreWhatTheyWere) {
  const Cost& cost = GetParam();
  fixtures::Model model;
  model.request.optimise = cost.optimise;
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
  fmt::print("| {} | {} | {} | {} | {:.2f} | {} | {} |\n", cost.network, cost.core,
             NameOf(cost.optimise), result.instructions,
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
  std::string name =
      fmt::format("{}_{}_{}", info.param.network, info.param.core, NameOf(info.param.optimise));
  std::erase(name, '-');
  return name;
});

}  // namespace
}  // namespace platypus::deploy
