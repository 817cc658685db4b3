#include "platypus/deploy/verify.h"

#include <gtest/gtest.h>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "tests/deploy/fixtures.h"

namespace platypus::deploy {
namespace {

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
  printf("%s: %ld instructions, features %ld, flash %ld, ram %ld, stack %ld\n", GetParam().c_str(),
         result.instructions, result.feature_instructions, result.flash_bytes, result.ram_bytes,
         result.stack_bytes);
}

INSTANTIATE_TEST_SUITE_P(Cores, CoreTest, testing::ValuesIn(Cores()), [](const auto& info) {
  std::string name = info.param;
  std::erase(name, '-');
  return name;
});

}  // namespace
}  // namespace platypus::deploy
