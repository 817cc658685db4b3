#include "platypus/deploy/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/deploy/layers.h"
#include "tests/deploy/fixtures.h"
#include "tests/deploy/integer_operators.h"

namespace platypus::deploy {
namespace {

using testing::Contains;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

// What CLS_1k on 256 values may cost: a little more than it did when this was written.
struct Budget {
  int64_t instructions;
  int64_t flash;
};
Budget Allowed(const std::string& core) {
  if (core == "cortex-m0plus") return {850000, 8000};
  if (core == "cortex-m4") return {400000, 6500};
  if (core == "cortex-m33") return {360000, 6200};
  if (core == "cortex-m3") return {400000, 8000};  // without an FPU
  if (core == "riscv32") return {560000, 11500};
  return {400000, 6500};
}

// What is told of layers and parts makes up the whole.
void ExpectAccount(const VerifyResult& result) {
  int64_t octets = 0;
  for (const LayerCost& layer : result.layers) {
    SCOPED_TRACE(layer.name);
    EXPECT_GT(layer.instructions, 0);
    EXPECT_GT(layer.stack_octets, 0);
    EXPECT_LE(layer.stack_octets, result.stack_bytes);
    EXPECT_GE(layer.stack_bound_octets, layer.stack_octets);
    EXPECT_GT(layer.code_octets, 0);
    for (const LinkedPart& table : layer.tables) {
      EXPECT_GT(table.octets, 0) << table.name;
      EXPECT_TRUE(table.name.starts_with("w_")) << table.name;
    }
    octets += layer.code_octets + layer.TableOctets();
  }
  for (const LinkedPart& part : result.shared) octets += part.octets;
  EXPECT_EQ(octets, result.flash_bytes);
}

// Every core computes what the interpreter computes, and the counts do not change.
class CoreTest : public testing::TestWithParam<std::string> {};

TEST_P(CoreTest, EveryOutputOfCls1kIsTheInterpreters) {
  fixtures::Model model;
  fixtures::MakeCls1k(model, 256, 60);
  const TemporaryFolder folder;
  Write(Generate(model.request), folder.Path() / "net");
  NullSink sink;
  const VerifyResult result = Verify(folder.Path() / "net", model.set, GetParam(), sink);
  if (!result.ran) GTEST_SKIP() << result.notice;
  EXPECT_EQ(result.samples, 60);
  EXPECT_EQ(result.mismatches, 0) << result.first_difference;
  EXPECT_EQ(result.recordings, 3);
  EXPECT_EQ(result.recording_mismatches, 0) << result.first_difference;
  EXPECT_EQ(result.max_feature_difference, 0);
  EXPECT_EQ(result.max_output_difference, 0);
  EXPECT_EQ(result.accuracy, 1.0);
  RecordProperty("instructions", std::to_string(result.instructions));
  RecordProperty("flash", std::to_string(result.flash_bytes));
  RecordProperty("ram", std::to_string(result.ram_bytes));
  RecordProperty("stack", std::to_string(result.stack_bytes));
  if (GetParam() == "host") return;
  const VerifyResult again = Verify(folder.Path() / "net", model.set, GetParam(), sink);
  EXPECT_EQ(again.instructions, result.instructions);
  EXPECT_EQ(again.feature_instructions, result.feature_instructions);
  EXPECT_GT(result.feature_instructions, 0);
  EXPECT_GT(result.instructions, 50000);
  EXPECT_LT(result.instructions, Allowed(GetParam()).instructions);
  EXPECT_LT(result.flash_bytes, Allowed(GetParam()).flash);
  EXPECT_LT(result.stack_bytes, GetParam() == "cortex-m55" ? 512 : 256);  // saved vectors
  EXPECT_GT(result.stack_bytes, 16);
  EXPECT_THAT(result.libraries, Not(Contains(ContainsRegex("malloc|sbrk|free|printf"))));
  EXPECT_THAT(result.libraries,
              Not(Contains(ContainsRegex("df[23si]|_d(add|sub|mul|div)|64|di[34]"))));
  ExpectAccount(result);
}

INSTANTIATE_TEST_SUITE_P(Cores, CoreTest, testing::ValuesIn(Cores()), [](const auto& info) {
  std::string name = info.param;
  std::erase(name, '-');
  return name;
});

// Fewer bits are smaller tables, and the same outputs. (Code may be larger.)
TEST_P(CoreTest, Cls1kOfFewBits) {
  int64_t of_octets = 0;
  for (const int bits : {8, 4, 2}) {
    fixtures::Model model;
    model.network = fixtures::Cls1k(256, bits);
    model.pipeline = fixtures::PlainPipeline(1, 256);
    fixtures::Fill(model, 30, 7);
    const TemporaryFolder folder;
    Write(Generate(model.request), folder.Path() / "net");
    NullSink sink;
    const VerifyResult result = Verify(folder.Path() / "net", model.set, GetParam(), sink);
    if (!result.ran) GTEST_SKIP() << result.notice;
    EXPECT_EQ(result.mismatches, 0) << result.first_difference;
    RecordProperty(fmt::format("instructions{}", bits), std::to_string(result.instructions));
    RecordProperty(fmt::format("flash{}", bits), std::to_string(result.flash_bytes));
    int64_t tables = 0;
    for (const Table& table : LowerToC(model.network).tables) tables += table.octets;
    if (bits == 8) of_octets = tables;
    EXPECT_LE(tables, of_octets - (bits == 8 ? 0 : 1)) << bits;
  }
}

// Files of the harness and of the package do not meet, whatever the package is called.
TEST(VerifyTest, PackagesMayBeCalledLikeTheHarness) {
  for (const char* prefix : {"model", "harness", "host"}) {
    SCOPED_TRACE(prefix);
    fixtures::Model model;
    fixtures::MakeCls1k(model, 64, 3);
    model.request.prefix = prefix;
    const TemporaryFolder folder;
    Write(Generate(model.request), folder.Path() / "net");
    NullSink sink;
    EXPECT_EQ(Verify(folder.Path() / "net", model.set, "host", sink).mismatches, 0);
  }
}

// Features, general multipliers (64 bits wide) and depthwise layers; and float networks.
TEST_P(CoreTest, EveryBitOfSpectraAndFloats) {
  for (const auto make :
       {fixtures::MakeSpectrumModel, fixtures::MakeFloatModel, fixtures::MakeRecurrentModel,
        fixtures::MakeFewBitsModel, fixtures::MakeMixedModel}) {
    fixtures::Model model;
    make(model, 40);
    const TemporaryFolder folder;
    Write(Generate(model.request), folder.Path() / "net");
    NullSink sink;
    const VerifyResult result = Verify(folder.Path() / "net", model.set, GetParam(), sink);
    if (!result.ran) GTEST_SKIP() << result.notice;
    EXPECT_EQ(result.mismatches, 0) << result.first_difference;
    EXPECT_EQ(result.recordings, 3);
    EXPECT_EQ(result.max_feature_difference, 0);
    EXPECT_EQ(result.recording_mismatches, 0) << result.first_difference;
    EXPECT_THAT(result.libraries,
                Not(Contains(ContainsRegex("malloc|sbrk|printf|df[23si]|_d(add|mul)"))));
  }
}

// Every function of codes, and cells. No floats among them.
TEST_P(CoreTest, EveryFunctionOfCodes) {
  fixtures::Model model;
  fixtures::MakeFunctionsModel(model, 40);
  const TemporaryFolder folder;
  Write(Generate(model.request), folder.Path() / "net");
  NullSink sink;
  const VerifyResult result =
      Verify(folder.Path() / "net", model.set, GetParam(), sink, &model.network);
  if (!result.ran) GTEST_SKIP() << result.notice;
  EXPECT_EQ(result.mismatches, 0) << result.first_difference;
  EXPECT_EQ(result.recording_mismatches, 0) << result.first_difference;
  EXPECT_THAT(result.libraries,
              Not(Contains(ContainsRegex("malloc|sbrk|printf|df[23si]|_d(add|mul)"))));
}

class MismatchTest : public testing::Test {
 protected:
  void SetUp() override {
    fixtures::MakeCls1k(model_, 64, 10);
    package_ = Generate(model_.request);
  }
  VerifyResult Run() {
    const TemporaryFolder folder;
    Write(package_, folder.Path() / "net");
    NullSink sink;
    return Verify(folder.Path() / "net", model_.set, "host", sink, &model_.network);
  }
  fixtures::Model model_;
  Package package_;
};

TEST_F(MismatchTest, NamesTheLayerAndTheElement) {
  // One offset of the third convolution, far off.
  std::string& weights = package_["net_weights.c"];
  const size_t table = weights.find('{', weights.find("w_features_3_0_offset"));
  ASSERT_NE(table, std::string::npos);
  const size_t first = weights.find_first_of("-0123456789", table);
  weights.replace(first, weights.find(',', first) - first, "1000000000");
  const VerifyResult result = Run();
  ASSERT_TRUE(result.ran) << result.notice;
  EXPECT_GT(result.mismatches, 0);
  EXPECT_THAT(result.first_difference,
              HasSubstr("first in layer features.3.0 [0, 0, 0]: expected "));
  EXPECT_THAT(result.first_difference, HasSubstr(", found 255"));
}

// Codes of 16 bits, in an arena that floats share.
TEST_F(MismatchTest, NamesTheElementOf16Bits) {
  fixtures::Model mixed;
  fixtures::MakeMixedModel(mixed, 10);
  Package package = Generate(mixed.request);
  std::string& weights = package["net_weights.c"];
  const size_t table = weights.find('{', weights.find("w_features_1_offset"));
  ASSERT_NE(table, std::string::npos);
  const size_t first = weights.find_first_of("-0123456789", table);
  weights.replace(first, weights.find(',', first) - first, "1000000000");
  const TemporaryFolder folder;
  Write(package, folder.Path() / "net");
  NullSink sink;
  const VerifyResult result =
      Verify(folder.Path() / "net", mixed.set, "host", sink, &mixed.network);
  ASSERT_TRUE(result.ran) << result.notice;
  EXPECT_GT(result.mismatches, 0);
  EXPECT_THAT(result.first_difference, HasSubstr("first in layer features.1 [0, 0, 0]: expected "));
  EXPECT_THAT(result.first_difference, HasSubstr(", found -32768"));
}

TEST_F(MismatchTest, NamesTheInput) {
  std::string& code = package_["net.c"];
  const size_t table = code.find("in_multiplier[1] = {");
  ASSERT_NE(table, std::string::npos);
  code.insert(code.find_first_of("0123456789", table + 20), "-");
  const VerifyResult result = Run();
  ASSERT_TRUE(result.ran) << result.notice;
  EXPECT_THAT(result.first_difference, HasSubstr("first in network input [0, "));
}

TEST_F(MismatchTest, WrongExpectationsAreCounted) {
  model_.set.outputs[2] += 1;
  model_.set.recordings[1].features[5] += 0.5f;
  const VerifyResult result = Run();
  ASSERT_TRUE(result.ran) << result.notice;
  EXPECT_EQ(result.mismatches, 1);
  EXPECT_EQ(result.max_output_difference, 1);
  EXPECT_GT(result.max_feature_difference, 0.05);
  EXPECT_THAT(result.first_difference, HasSubstr("sample 1, output 0"));
}

TEST_F(MismatchTest, CodeThatDoesNotCompileIsAToolchainError) {
  package_["net.c"] += "int broken(\n";
  try {
    Run();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::kToolchain);
    EXPECT_THAT(error.what(), HasSubstr("net.c"));
  }
}

TEST_F(MismatchTest, BadPackagesAndSets) {
  const Package good = package_;
  const auto category = [&] {
    try {
      Run();
    } catch (const Error& error) {
      return error.category();
    }
    return Category::kInternal;
  };
  package_["manifest.json"] = "{\"prefix\": 3";
  EXPECT_EQ(category(), Category::kData);
  package_ = good;
  package_.erase("manifest.json");
  EXPECT_EQ(category(), Category::kData);
  package_ = good;
  package_["sources.txt"] += "../elsewhere.c\n";
  EXPECT_EQ(category(), Category::kData);
  package_ = good;
  model_.set.recordings[0].raw.pop_back();
  EXPECT_EQ(category(), Category::kData);
  NullSink sink;
  try {
    Verify("nowhere", model_.set, "cortex-m5", sink);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::kUsage);
    EXPECT_THAT(error.hint(), HasSubstr("cortex-m4"));
  }
}

}  // namespace
}  // namespace platypus::deploy
