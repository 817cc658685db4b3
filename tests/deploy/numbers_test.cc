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
    {"CLS_1k", "cortex-m0plus", kSize, 1275268, 2540, 3732},
    {"CLS_1k", "cortex-m4", kBalanced, 246679, 4344, 3716},
    {"CLS_1k", "cortex-m4", kSpeed, 212347, 5592, 3724},
    {"CLS_1k", "cortex-m4", kSize, 536484, 2536, 3732},
    {"CLS_1k", "cortex-m33", kBalanced, 246817, 4360, 3716},
    {"CLS_1k", "cortex-m33", kSpeed, 212340, 5616, 3724},
    {"CLS_1k", "cortex-m33-nodsp", kBalanced, 342465, 4164, 3736},
    {"CLS_1k", "cortex-m33-nodsp", kSpeed, 336945, 4688, 3740},
    {"CLS_1k", "cortex-m55", kBalanced, 52008, 4084, 4100},
    {"CLS_1k", "cortex-m55", kSpeed, 52008, 4084, 4100},
    {"CLS_1k", "riscv32", kBalanced, 507433, 5486, 3796},
    {"CLS_1k", "riscv32", kSpeed, 500909, 6502, 3796},
    {"CLS_13k", "cortex-m0plus", kBalanced, 4053480, 16712, 4596},
    {"CLS_13k", "cortex-m0plus", kSpeed, 3717813, 20580, 4480},
    {"CLS_13k", "cortex-m4", kBalanced, 1033644, 19788, 5028},
    {"CLS_13k", "cortex-m4", kSpeed, 836589, 32296, 5024},
    {"CLS_13k", "cortex-m33", kBalanced, 1018481, 19800, 5032},
    {"CLS_13k", "cortex-m33", kSpeed, 836532, 32316, 5024},
    {"CLS_13k", "cortex-m33-nodsp", kBalanced, 1595795, 20284, 4496},
    {"CLS_13k", "cortex-m33-nodsp", kSpeed, 1569186, 21676, 4500},
    {"CLS_13k", "cortex-m55", kBalanced, 157526, 19104, 5520},
    {"CLS_13k", "cortex-m55", kSpeed, 157796, 19224, 5520},
    {"CLS_13k", "riscv32", kBalanced, 2381202, 23614, 4552},
    {"CLS_13k", "riscv32", kSpeed, 2344753, 25672, 4552},
    {"DS-CNN", "cortex-m0plus", kBalanced, 16006150, 29200, 16340},
    {"DS-CNN", "cortex-m0plus", kSpeed, 15589918, 30080, 16332},
    {"DS-CNN", "cortex-m4", kBalanced, 4388567, 30452, 16368},
    {"DS-CNN", "cortex-m4", kSpeed, 3877153, 47496, 16368},
    {"DS-CNN", "cortex-m33", kBalanced, 4389286, 30480, 16368},
    {"DS-CNN", "cortex-m33", kSpeed, 3877868, 47520, 16368},
    {"DS-CNN", "cortex-m33-nodsp", kBalanced, 7124007, 30492, 16224},
    {"DS-CNN", "cortex-m33-nodsp", kSpeed, 7082707, 30868, 16224},
    {"DS-CNN", "cortex-m55", kBalanced, 880850, 33520, 17204},
    {"DS-CNN", "cortex-m55", kSpeed, 880850, 33520, 17204},
    {"DS-CNN", "riscv32", kBalanced, 10066136, 31644, 16248},
    {"DS-CNN", "riscv32", kSpeed, 10007296, 31988, 16248},
    {"ResNet8", "cortex-m0plus", kBalanced, 60655787, 86520, 34164},
    {"ResNet8", "cortex-m0plus", kSpeed, 59248118, 91184, 34124},
    {"ResNet8", "cortex-m4", kBalanced, 16939562, 89532, 35040},
    {"ResNet8", "cortex-m4", kSpeed, 14079945, 165972, 35044},
    {"ResNet8", "cortex-m33", kBalanced, 16937716, 89536, 35040},
    {"ResNet8", "cortex-m33", kSpeed, 14076464, 165992, 35044},
    {"ResNet8", "cortex-m33-nodsp", kBalanced, 25206868, 95236, 34012},
    {"ResNet8", "cortex-m33-nodsp", kSpeed, 25229753, 95512, 34012},
    {"ResNet8", "cortex-m55", kBalanced, 2511963, 90320, 35524},
    {"ResNet8", "cortex-m55", kSpeed, 2515958, 90328, 35524},
    {"ResNet8", "riscv32", kBalanced, 36997171, 97780, 34044},
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
