// Packages whose layers CMSIS-NN computes. Its functions are those of tests/deploy/cmsis_nn, plain
// loops by the documentation, and where PLATYPUS_CMSIS_NN names the folder of its sources the real
// ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "platypus/base/error.h"
#include "platypus/base/process.h"
#include "platypus/deploy/layers.h"
#include "platypus/deploy/package_forms.h"
#include "tests/deploy/integer_operators.h"
#include "tests/deploy/networks.h"
#include "tests/deploy/random_graphs.h"

namespace platypus::deploy {
namespace {

namespace fs = std::filesystem;
using config::Kernels;
using testing::HasSubstr;
using testing::Not;

const fs::path kDouble = fs::path(PLATYPUS_SOURCE_DIR) / "tests" / "deploy" / "cmsis_nn";

// CMSIS_NN_DIR while it lives.
class LibraryFolder {
 public:
  explicit LibraryFolder(const fs::path& folder) { setenv("CMSIS_NN_DIR", folder.c_str(), 1); }
  LibraryFolder(const LibraryFolder&) = delete;
  LibraryFolder& operator=(const LibraryFolder&) = delete;
  ~LibraryFolder() { unsetenv("CMSIS_NN_DIR"); }
};

VerifyResult VerifyWith(Kernels kernels, const std::string& core, const graph::Graph& network,
                        int64_t samples, uint64_t seed) {
  fixtures::Model model;
  model.request.kernels = kernels;
  model.network = network;
  model.pipeline =
      fixtures::PlainPipeline(1, static_cast<int>(NumElements(model.network.Input().shape)));
  fixtures::Fill(model, samples, seed);
  const TemporaryFolder folder;
  Write(Generate(model.request), folder.Path() / "net");
  NullSink sink;
  return Verify(folder.Path() / "net", model.set, core, sink, &model.network);
}

CNetwork Lowered(const graph::Graph& g) {
  return LowerToC(g, 8, config::Optimise::kBalanced, Kernels::kCmsisNn);
}

// The functions of the library that a network calls, in their order; "-" for a layer that it could
// have had and has not.
std::vector<std::string> Calls(const graph::Graph& g) {
  std::vector<std::string> calls;
  for (const CLayer& layer : Lowered(g).layers) {
    if (!layer.library.empty()) calls.push_back(layer.library);
    if (!layer.kept.empty()) calls.push_back("- " + layer.kept);
  }
  return calls;
}

std::vector<graph::Graph> Networks() {
  return {fixtures::Cls1k(256), fixtures::Cls13k(), fixtures::DsCnn(), fixtures::ResNet8(),
          fixtures::Autoencoder()};
}

// [1, 5, 5] through one mean over all of it, as fine as codes are.
graph::Graph Mean(fixtures::Codes codes, int32_t multiplier, int32_t shift) {
  Random random(3, "mean");
  graph::Graph g = graph::MakeGraph("mean", {3, 5, 5});
  graph::TensorId t = fixtures::AddInput(g, random, codes);
  t = graph::Append(g, "mean", graph::SumPool{{5, 5}, {5, 5}, {}}, {t});
  t = graph::Append(g, "mean.requantize", graph::Requantize{codes.lo, codes.hi, 0, true}, {t});
  fixtures::SetIntegers(g, "mean.requantize.offset", {1}, {0});
  fixtures::SetIntegers(g, "mean.requantize.multiplier", {1}, {multiplier});
  fixtures::SetIntegers(g, "mean.requantize.shift", {1}, {shift});
  g.At(t).scale = 0.0625f;
  t = graph::Append(g, "flatten", graph::Flatten{}, {t});
  fixtures::AddLinear(g, random, "classifier", t, 5, fixtures::Scaling::kGeneric,
                      fixtures::kSigned);
  return g;
}

// round(2^shift / 25): what a mean of 25 is to the nearest.
constexpr int32_t kTwentyFifth = 20972;
constexpr int32_t kTwentyFifthShift = 19;

TEST(CmsisNnTest, ComputesWhatItHasToTheBit) {
  EXPECT_THAT(Calls(fixtures::Cls1k(64)),
              testing::ElementsAre("arm_convolve_s8", "arm_convolve_s8", "arm_max_pool_s8",
                                   "arm_convolve_s8", "- its means have a factor of their own",
                                   "arm_fully_connected_per_channel_s8"));
  EXPECT_THAT(Calls(fixtures::ResNet8()), testing::Contains("arm_elementwise_add_s8").Times(3));
  EXPECT_THAT(Calls(fixtures::DsCnn()),
              testing::Contains("arm_depthwise_conv_wrapper_s8").Times(4));
  EXPECT_THAT(Calls(Mean(fixtures::kUnsigned, kTwentyFifth, kTwentyFifthShift)),
              testing::Contains("arm_avgpool_s8"));
  EXPECT_THAT(Calls(Mean(fixtures::kSigned, kTwentyFifth, kTwentyFifthShift)),
              testing::Contains("arm_avgpool_s8"));
}

TEST(CmsisNnTest, SaysWhyItDoesNotComputeTheRest) {
  const auto conv = [](fixtures::Scaling scaling, fixtures::Codes from, int bits) {
    Random random(5, "kept");
    graph::Graph g = graph::MakeGraph("kept", {2, 9, 1});
    const graph::TensorId t = fixtures::AddInput(g, random, from);
    fixtures::AddConv(g, random, "conv", t, fixtures::Convolution(4, {3, 1}, {1, 1}, {}), scaling,
                      fixtures::kSigned, bits);
    return g;
  };
  using fixtures::Scaling;
  const auto only = [](const std::string& call) { return testing::ElementsAre(call); };
  EXPECT_THAT(Calls(conv(Scaling::kGeneric, fixtures::kUnsigned, 8)), only("arm_convolve_s8"));
  EXPECT_THAT(Calls(conv(Scaling::kNarrow, fixtures::kUnsigned, 8)),
              only("- its factors round down"));
  EXPECT_THAT(Calls(conv(Scaling::kShift, fixtures::kUnsigned, 4)), only("- weights of 4 bits"));
  EXPECT_THAT(Calls(conv(Scaling::kShift, fixtures::kSixteenBits, 8)), only("- codes of 16 bits"));
  graph::Graph halves = conv(Scaling::kGeneric, fixtures::kUnsigned, 8);
  fixtures::SetIntegers(halves, "conv.requantize.multiplier", {4}, {1, 1, 1, 1});
  EXPECT_THAT(Calls(halves), only("- halves are rounded to even"));
  EXPECT_THAT(Calls(Mean(fixtures::kSigned, kTwentyFifth + 40, kTwentyFifthShift)),
              testing::Contains("- its means have a factor of their own"));
  EXPECT_THAT(DescribeLibrary(Lowered(fixtures::Cls1k(64))),
              HasSubstr("CMSIS-NN computes 5 of 6 layers; "));
  EXPECT_THAT(DescribeLibrary(Lowered(fixtures::Cls1k(64))),
              HasSubstr("features.5 (its means have a factor of their own)"));
}

TEST(CmsisNnTest, IsNothingUnlessAsked) {
  for (const CLayer& layer : LowerToC(fixtures::ResNet8()).layers) {
    EXPECT_EQ(layer.library + layer.kept, "");
    EXPECT_THAT(layer.comment, Not(HasSubstr("CMSIS")));
  }
}

// Both may have one hash: the network is the same.
TEST(CmsisNnTest, PackagesOfOneNetworkHaveItsHash) {
  fixtures::Model model;
  fixtures::MakeCls1k(model, 64, 2);
  const std::string usual = Generate(model.request).at("net.h");
  model.request.kernels = Kernels::kCmsisNn;
  const std::string key = "#define NET_MODEL_HASH";
  const std::string other = Generate(model.request).at("net.h");
  EXPECT_EQ(other.substr(other.find(key), 40), usual.substr(usual.find(key), 40));
}

TEST(CmsisNnTest, NetworksOnTheHostAreTheInterpreters) {
  const LibraryFolder folder(kDouble);
  std::vector<graph::Graph> networks = Networks();
  for (const fixtures::Codes codes : {fixtures::kSigned, fixtures::kUnsigned})
    networks.push_back(Mean(codes, kTwentyFifth, kTwentyFifthShift));
  for (const graph::Graph& network : networks) {
    const VerifyResult result = VerifyWith(Kernels::kCmsisNn, "host", network, 12, 9);
    if (!result.ran) GTEST_SKIP() << result.notice;
    EXPECT_EQ(result.mismatches, 0) << network.name << ": " << result.first_difference;
  }
}

class RandomCmsisNnTest : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Seeds, RandomCmsisNnTest, testing::Range(0, 60));

TEST_P(RandomCmsisNnTest, GraphsAreTheInterpreters) {
  const LibraryFolder folder(kDouble);
  const auto seed = static_cast<uint64_t>(GetParam());
  const graph::Graph network = fixtures::RandomIntegerGraph(seed);
  const VerifyResult result = VerifyWith(Kernels::kCmsisNn, "host", network, 20, seed);
  if (!result.ran) GTEST_SKIP() << result.notice;
  EXPECT_EQ(result.mismatches, 0) << "seed " << seed << ": " << result.first_difference << "\n"
                                  << graph::ToText(network);
}

TEST(CmsisNnTest, AccountsOfACoreHaveTheLibrary) {
  const LibraryFolder folder(kDouble);
  const VerifyResult result = VerifyWith(Kernels::kCmsisNn, "cortex-m4", fixtures::Cls1k(64), 4, 3);
  if (!result.ran) GTEST_SKIP() << result.notice;
  EXPECT_EQ(result.mismatches, 0) << result.first_difference;
  EXPECT_THAT(result.shared,
              testing::Contains(testing::Field(&LinkedPart::name, std::string("CMSIS-NN"))));
}

TEST(CmsisNnTest, VerificationSaysThatTheLibraryIsMissing) {
  unsetenv("CMSIS_NN_DIR");
  const VerifyResult result = VerifyWith(Kernels::kCmsisNn, "host", fixtures::Cls1k(64), 2, 3);
  EXPECT_FALSE(result.ran);
  EXPECT_THAT(result.notice, HasSubstr("host is not verified"));
  const LibraryFolder folder(fs::path(PLATYPUS_SOURCE_DIR) / "tests");
  EXPECT_THROW(VerifyWith(Kernels::kCmsisNn, "host", fixtures::Cls1k(64), 2, 3), Error);
}

// Where nothing is the library's nothing needs it.
TEST(CmsisNnTest, NetworksOfFloatsDoWithoutIt) {
  unsetenv("CMSIS_NN_DIR");
  fixtures::Model model;
  fixtures::MakeFloatModel(model, 2);
  EXPECT_EQ(VerifyWith(Kernels::kCmsisNn, "host", model.network, 2, 3).mismatches, 0);
  EXPECT_THAT(DescribeLibrary(Lowered(model.network)), HasSubstr("computes 0 of"));
}

TEST(CmsisNnTest, IsRefusedForCharsOf16Bits) {
  fixtures::Model model;
  fixtures::MakeCls1k(model, 64, 2);
  model.request.kernels = Kernels::kCmsisNn;
  model.request.char_bits = 16;
  EXPECT_THROW(Generate(model.request), Error);
}

class CmsisNnFilesTest : public testing::Test {
 protected:
  CmsisNnFilesTest() {
    model_.request.kernels = Kernels::kCmsisNn;
    model_.network = fixtures::DsCnn();
    model_.pipeline = fixtures::PlainPipeline(1, 490);
    fixtures::Fill(model_, 2, 5);
    Write(Generate(model_.request), folder_.Path() / "net");
  }
  ProcessResult Shell(const std::string& command) const {
    return RunProcess({"sh", "-c", command}, folder_.Path() / "net", 100);
  }
  fixtures::Model model_;
  TemporaryFolder folder_;
};

TEST_F(CmsisNnFilesTest, MakeBuildsWithoutAWarning) {
  if (!HasProgram("make") || !HasProgram("gcc")) GTEST_SKIP() << "apt-get install make gcc";
  const std::string flags =
      "CFLAGS='-O1 -Wconversion -Wshadow -Wdouble-promotion -Wundef -pedantic -Werror'";
  const ProcessResult without = Shell(flags + " make check");
  EXPECT_NE(without.status, 0);
  EXPECT_THAT(without.output, HasSubstr("net calls CMSIS-NN: set CMSIS_NN_DIR to the folder"));
  const ProcessResult with = Shell(flags + " make check CMSIS_NN_DIR=" + kDouble.string());
  EXPECT_EQ(with.status, 0) << with.output;
  EXPECT_THAT(with.output, HasSubstr("self-test passed"));
  EXPECT_EQ(Shell("make clean").status, 0);
}

TEST_F(CmsisNnFilesTest, CMakeBuilds) {
  if (!HasProgram("cmake") || !HasProgram("gcc")) GTEST_SKIP() << "apt-get install cmake gcc";
  const ProcessResult without = Shell("cmake -S . -B build -DCMAKE_C_COMPILER=gcc");
  EXPECT_NE(without.status, 0);
  EXPECT_THAT(without.output, HasSubstr("net calls CMSIS-NN: set CMSIS_NN_DIR to the folder"));
  const ProcessResult with =
      Shell("cmake -S . -B build -DCMAKE_C_COMPILER=gcc -DCMSIS_NN_DIR=" + kDouble.string() +
            " && cmake --build build && cd build && ctest");
  EXPECT_EQ(with.status, 0) << with.output;
  EXPECT_THAT(with.output, HasSubstr("100% tests passed"));
}

TEST_F(CmsisNnFilesTest, BareMetalProgramsRun) {
  if (!HasProgram("arm-none-eabi-gcc") || !HasProgram("qemu-system-arm"))
    GTEST_SKIP() << "apt-get install gcc-arm-none-eabi qemu-system-arm";
  const ProcessResult result =
      Shell("make -s -C bare_metal CORE=cortex-m4 CMSIS_NN_DIR=" + kDouble.string() + " run");
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("self-test passed"));
}

TEST_F(CmsisNnFilesTest, CompilesAsCpp) {
  if (!HasProgram("g++")) GTEST_SKIP() << "apt-get install g++";
  const ProcessResult result = Shell(
      "g++ -x c++ -std=c++17 -Wall -Wextra -Wconversion -Wshadow -Werror "
      "-DCMSIS_NN_USE_SINGLE_ROUNDING -I. -I" +
      (kDouble / "Include").string() + " -c net.c -o net.o");
  EXPECT_EQ(result.status, 0) << result.output;
}

TEST_F(CmsisNnFilesTest, OtherRoundingDoesNotCompile) {
  if (!HasProgram("gcc")) GTEST_SKIP() << "apt-get install gcc";
  const ProcessResult result =
      Shell("gcc -I. -I" + (kDouble / "Include").string() + " -c net.c -o net.o");
  EXPECT_NE(result.status, 0);
  EXPECT_THAT(result.output, HasSubstr("-DCMSIS_NN_USE_SINGLE_ROUNDING"));
}

TEST_F(CmsisNnFilesTest, OtherFormsAreRefused) {
  EXPECT_THROW(InForm(Generate(model_.request), "arduino", {}), Error);
}

// With the real ones. Figures beside our kernels' are printed as rows of docs/deployment.md.
class RealCmsisNnTest : public testing::TestWithParam<std::string> {
 protected:
  static const char* Folder() { return std::getenv("PLATYPUS_CMSIS_NN"); }
};
INSTANTIATE_TEST_SUITE_P(Cores, RealCmsisNnTest,
                         testing::Values("host", "cortex-m0plus", "cortex-m4", "cortex-m55"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST_P(RealCmsisNnTest, NetworksAreTheInterpreters) {
  if (Folder() == nullptr)
    GTEST_SKIP() << "PLATYPUS_CMSIS_NN names no folder of CMSIS-NN's sources";
  const LibraryFolder folder(Folder());
  for (const graph::Graph& network : Networks()) {
    const VerifyResult ours = VerifyWith(Kernels::kPlatypus, GetParam(), network, 4, 9);
    const VerifyResult result = VerifyWith(Kernels::kCmsisNn, GetParam(), network, 40, 9);
    if (!result.ran) GTEST_SKIP() << result.notice;
    EXPECT_EQ(result.mismatches, 0) << network.name << ": " << result.first_difference;
    if (result.instructions == 0) continue;
    fmt::print("| {} | {} | {} | {} | {:.2f} | {} | {} | {} | {} |\n", network.name, GetParam(),
               ours.instructions, result.instructions,
               static_cast<double>(result.instructions) / static_cast<double>(ours.instructions),
               ours.flash_bytes, result.flash_bytes,
               LowerToC(network).memory.arena_octets + ours.stack_bytes,
               Lowered(network).memory.arena_octets + result.stack_bytes);
  }
}

TEST_P(RealCmsisNnTest, RandomGraphsAreTheInterpreters) {
  if (Folder() == nullptr)
    GTEST_SKIP() << "PLATYPUS_CMSIS_NN names no folder of CMSIS-NN's sources";
  const LibraryFolder folder(Folder());
  const uint64_t last = GetParam() == "host" ? 40 : 12;
  for (uint64_t seed = 0; seed < last; ++seed) {
    const graph::Graph network = fixtures::RandomIntegerGraph(seed);
    const VerifyResult result = VerifyWith(Kernels::kCmsisNn, GetParam(), network, 10, seed);
    if (!result.ran) GTEST_SKIP() << result.notice;
    EXPECT_EQ(result.mismatches, 0) << "seed " << seed << ": " << result.first_difference << "\n"
                                    << graph::ToText(network);
  }
}

}  // namespace
}  // namespace platypus::deploy
