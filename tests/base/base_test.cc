#include <gtest/gtest.h>

#include <atomic>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/hash.h"
#include "platypus/base/parallel.h"
#include "platypus/base/process.h"
#include "platypus/base/random.h"

namespace platypus {
namespace {

TEST(HashTest, VectorsOfTheStandard) {
  EXPECT_EQ(HashText(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(HashText("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HashText("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(HashText(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(RandomTest, StreamsAreTheirOwnAndUniform) {
  EXPECT_EQ(Random(1, "a").Next(), Random(1, "a").Next());
  EXPECT_NE(Random(1, "a").Next(), Random(1, "b").Next());
  EXPECT_NE(Random(1, "a").Next(), Random(2, "a").Next());
  Random random(3, "counts");
  std::vector<int> counts(10, 0);
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < 100000; ++i) {
    ++counts[random.Below(10)];
    const double normal = random.Normal();
    sum += normal;
    squares += normal * normal;
  }
  for (const int count : counts) EXPECT_NEAR(count, 10000, 400);
  EXPECT_NEAR(sum / 100000, 0, 0.02);
  EXPECT_NEAR(squares / 100000, 1, 0.03);
}

TEST(ThreadPoolTest, RunsEveryTaskOnceAndPassesExceptionsOn) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 200; ++round) {
      std::vector<std::atomic<int>> hits(37);
      pool.Run(37, [&](int64_t i) { ++hits[static_cast<size_t>(i)]; });
      for (const auto& hit : hits) ASSERT_EQ(hit.load(), 1);
    }
    EXPECT_THROW(pool.Run(8,
                          [](int64_t i) {
                            if (i == 3) Fail(Category::kData, "three");
                          }),
                 Error);
    std::atomic<int> after{0};
    pool.Run(4, [&](int64_t) { ++after; });
    EXPECT_EQ(after.load(), 4);
  }
}

TEST(FilesTest, WritesWholeOrNotAtAll) {
  const TemporaryFolder folder;
  WriteFile(folder.Path() / "a/b.txt", "one");
  WriteFile(folder.Path() / "a/b.txt", "two");
  EXPECT_EQ(ReadFile(folder.Path() / "a/b.txt"), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.Path() / "a"), {}), 1);
  EXPECT_THROW(WriteFile(folder.Path() / "a/b.txt/c", "x"), Error);
  EXPECT_THROW(ReadFile(folder.Path() / "a"), Error);
}

TEST(ErrorTest, NearestSpelling) {
  const std::vector<std::string> names = {"adam", "adamw", "sgd", "CLS_1k_NPU"};
  EXPECT_EQ(Nearest("adm", names), "adam");
  EXPECT_EQ(Nearest("ADAM", names), "adam");
  EXPECT_EQ(Nearest("CLS_1k", names), "CLS_1k_NPU");
  EXPECT_EQ(Nearest("zzzz", names), "");
  EXPECT_EQ(Error(Category::kData, "bad", "do this", {"f.csv", 3, 7}).what(),
            std::string("f.csv:3:7: bad; do this"));
  EXPECT_EQ(ExitCode(Category::kToolchain), 4);
}

TEST(ProcessTest, OutputStatusAndTimeLimit) {
  const ProcessResult ok = RunProcess({"sh", "-c", "echo out; echo err >&2; exit 3"}, ".", 10);
  EXPECT_EQ(ok.status, 3);
  EXPECT_EQ(ok.output, "out\nerr\n");
  EXPECT_TRUE(RunProcess({"sleep", "30"}, ".", 1).timed_out);
  EXPECT_THROW(RunProcess({"no-such-program-here"}, ".", 1), Error);
  EXPECT_TRUE(HasProgram("sh"));
}

}  // namespace
}  // namespace platypus
