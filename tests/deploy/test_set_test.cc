#include <gtest/gtest.h>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/random.h"
#include "platypus/deploy/verify.h"

namespace platypus::deploy {
namespace {

TestSet Small() {
  TestSet set;
  set.samples = 2;
  set.features = {1.5f, -2.0f, 3.25f, 0.0f};
  set.outputs = {1.0f, -1.0f};
  set.labels = {0, 1};
  set.recordings.push_back({{1.0f, 2.0f}, {3.0f, 4.0f}, {5.0f}, 1, "a.csv, sample 3"});
  return set;
}

TEST(TestSetTest, ComesBackAsItWas) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.Path() / "test_set.bin";
  Save(Small(), file);
  const TestSet set = LoadTestSet(file);
  EXPECT_EQ(set.samples, 2);
  EXPECT_EQ(set.features, Small().features);
  EXPECT_EQ(set.outputs, Small().outputs);
  EXPECT_EQ(set.labels, Small().labels);
  ASSERT_EQ(set.recordings.size(), 1u);
  EXPECT_EQ(set.recordings[0].raw, Small().recordings[0].raw);
  EXPECT_EQ(set.recordings[0].features, Small().recordings[0].features);
  EXPECT_EQ(set.recordings[0].output, Small().recordings[0].output);
  EXPECT_EQ(set.recordings[0].label, 1);
  EXPECT_EQ(set.recordings[0].source, "a.csv, sample 3");
}

void ExpectDataError(const std::filesystem::path& file) {
  try {
    LoadTestSet(file);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::kData) << error.what();
  }
}

TEST(TestSetTest, EveryDamagedByteAndEveryLengthIsSeen) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.Path() / "test_set.bin";
  Save(Small(), file);
  const std::string good = ReadFile(file);
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    WriteFile(file, bad);
    ExpectDataError(file);
    WriteFile(file, good.substr(0, i));
    ExpectDataError(file);
  }
  ExpectDataError(folder.Path() / "missing.bin");
}

}  // namespace
}  // namespace platypus::deploy
