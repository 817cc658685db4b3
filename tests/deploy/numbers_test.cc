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
    {"CLS_1k", "cortex-m0plus", kBalanced, 751284, 3560, 3744},
    {"CLS_1k", "cortex-m0plus", kSpeed, 667696, 4528, 3720},
    {"CLS_1k", "cortex-m0plus", kSize, 1287936, 2544, 3736},
    {"CLS_1k", "cortex-m4", kBalanced, 246679, 4344, 3716},
    {"CLS_1k", "cortex-m4", kSpeed, 212347, 5592, 3724},
    {"CLS_1k", "cortex-m4", kSize, 536482, 2532, 3732},
    {"CLS_1k", "cortex-m33", kBalanced, 246817, 4360, 3716},
    {"CLS_1k", "cortex-m33", kSpeed, 212340, 5616, 3724},
    {"CLS_1k", "cortex-m33-nodsp", kBalanced, 342465, 4164, 3736},
    {"CLS_1k", "cortex-m33-nodsp", kSpeed, 336947, 4696, 3740},
    {"CLS_1k", "cortex-m55", kBalanced, 52008, 4084, 4100},
    {"CLS_1k", "cortex-m55", kSpeed, 52008, 4084, 4100},
    {"CLS_1k", "riscv32", kBalanced, 507433, 5486, 3796},
    {"CLS_1k", "riscv32", kSpeed, 500909, 6502, 3796},
    {"CLS_13k", "cortex-m0plus", kBalanced, 3963406, 18276, 4500},
    {"CLS_13k", "cortex-m0plus", kSpeed, 3717813, 20580, 4480},
    {"CLS_13k", "cortex-m4", kBalanced, 1122013, 20112, 4480},
    {"CLS_13k", "cortex-m4", kSpeed, 930329, 33328, 4488},
    {"CLS_13k", "cortex-m33", kBalanced, 1121973, 20084, 4480},
    {"CLS_13k", "cortex-m33", kSpeed, 930241, 33384, 4488},
    {"CLS_13k", "cortex-m33-nodsp", kBalanced, 1595783, 20284, 4496},
    {"CLS_13k", "cortex-m33-nodsp", kSpeed, 1569186, 21676, 4500},
    {"CLS_13k", "cortex-m55", kBalanced, 159451, 19348, 5064},
    {"CLS_13k", "cortex-m55", kSpeed, 159451, 19348, 5064},
    {"CLS_13k", "riscv32", kBalanced, 2381280, 23614, 4552},
    {"CLS_13k", "riscv32", kSpeed, 2344753, 25672, 4552},
    {"DS-CNN", "cortex-m0plus", kBalanced, 16006150, 29200, 16340},
    {"DS-CNN", "cortex-m0plus", kSpeed, 15589918, 30080, 16332},
    {"DS-CNN", "cortex-m4", kBalanced, 4763727, 30452, 16204},
    {"DS-CNN", "cortex-m4", kSpeed, 4261829, 47768, 16204},
    {"DS-CNN", "cortex-m33", kBalanced, 4765814, 30480, 16208},
    {"DS-CNN", "cortex-m33", kSpeed, 4246416, 47788, 16208},
    {"DS-CNN", "cortex-m33-nodsp", kBalanced, 7124007, 30492, 16224},
    {"DS-CNN", "cortex-m33-nodsp", kSpeed, 7082707, 30868, 16224},
    {"DS-CNN", "cortex-m55", kBalanced, 885691, 33248, 16712},
    {"DS-CNN", "cortex-m55", kSpeed, 885691, 33248, 16712},
    {"DS-CNN", "riscv32", kBalanced, 10066136, 31644, 16248},
    {"DS-CNN", "riscv32", kSpeed, 10007296, 31988, 16248},
    {"ResNet8", "cortex-m0plus", kBalanced, 60432939, 88608, 34140},
    {"ResNet8", "cortex-m0plus", kSpeed, 59248104, 91172, 34124},
    {"ResNet8", "cortex-m4", kBalanced, 17910553, 91252, 33984},
    {"ResNet8", "cortex-m4", kSpeed, 15357585, 167756, 33984},
    {"ResNet8", "cortex-m33", kBalanced, 17921934, 91240, 33984},
    {"ResNet8", "cortex-m33", kSpeed, 15358521, 167772, 33984},
    {"ResNet8", "cortex-m33-nodsp", kBalanced, 25207039, 95260, 34012},
    {"ResNet8", "cortex-m33-nodsp", kSpeed, 25229753, 95512, 34012},
    {"ResNet8", "cortex-m55", kBalanced, 2540869, 90668, 34996},
    {"ResNet8", "cortex-m55", kSpeed, 2540863, 90656, 34996},
    {"ResNet8", "riscv32", kBalanced, 37119939, 98122, 34044},
    {"ResNet8", "riscv32", kSpeed, 37123730, 98248, 34044},
    {"autoencoder", "cortex-m0plus", kBalanced, 1319607, 278080, 360},
    {"autoencoder", "cortex-m0plus", kSpeed, 1278665, 278872, 344},
    {"autoencoder", "cortex-m4", kBalanced, 437292, 278684, 348},
    {"autoencoder", "cortex-m4", kSpeed, 321885, 542568, 344},
    {"autoencoder", "cortex-m33", kBalanced, 437288, 278704, 348},
    {"autoencoder", "cortex-m33", kSpeed, 322846, 542600, 344},
    {"autoencoder", "cortex-m33-nodsp", kBalanced, 690316, 278864, 332},
    {"autoencoder", "cortex-m33-nodsp", kSpeed, 690316, 278864, 332},
    {"autoencoder", "cortex-m55", kBalanced, 73352, 279660, 416},
    {"autoencoder", "cortex-m55", kSpeed, 73352, 279660, 416},
    {"autoencoder", "riscv32", kBalanced, 957417, 279374, 320},
    {"autoencoder", "riscv32", kSpeed, 957417, 279374, 320},
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
