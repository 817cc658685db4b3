#include "platypus/base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace platypus {
namespace {

TEST(ThreadPoolTest, RunsEveryTaskOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.Threads(), threads);
    for (int64_t count = 0; count < 40; ++count) {
      std::vector<std::atomic<int>> calls(static_cast<size_t>(count));
      std::atomic<bool> known = true;
      pool.Run(count, [&](int64_t i, int thread) {
        ++calls[static_cast<size_t>(i)];
        if (thread < 0 || thread >= threads) known = false;
      });
      for (const auto& c : calls) EXPECT_EQ(c.load(), 1);
      EXPECT_TRUE(known.load());
    }
  }
}

TEST(ThreadPoolTest, NoTwoTasksShareAThread) {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> inside(4);
  std::atomic<bool> alone = true;
  for (int round = 0; round < 200; ++round) {
    pool.Run(64, [&](int64_t, int thread) {
      if (++inside[static_cast<size_t>(thread)] != 1) alone = false;
      --inside[static_cast<size_t>(thread)];
    });
  }
  EXPECT_TRUE(alone.load());
}

TEST(ThreadPoolTest, ManyShortRunsInARow) {
  ThreadPool pool(3);
  std::atomic<int64_t> sum = 0;
  for (int round = 0; round < 20000; ++round) pool.Run(3, [&](int64_t i) { sum += i; });
  EXPECT_EQ(sum.load(), 60000);
}

TEST(ThreadPoolTest, ThrowsTheFirstExceptionAndGoesOn) {
  ThreadPool pool(3);
  EXPECT_THROW(pool.Run(100,
                        [](int64_t i) {
                          if (i == 57) throw std::runtime_error("57");
                        }),
               std::runtime_error);
  std::atomic<int> calls = 0;
  pool.Run(10, [&](int64_t) { ++calls; });
  EXPECT_EQ(calls.load(), 10);
}

}  // namespace
}  // namespace platypus
