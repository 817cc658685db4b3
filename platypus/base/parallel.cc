#include "platypus/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace platypus {
namespace {

// How long a thread looks for work (or for the others' end) before it goes to sleep: kernels of a
// training step follow each other within microseconds.
constexpr int kSpins = 4000;

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

// The numbers that belong to one thread; on a cache line of its own.
struct alignas(64) Share {
  std::atomic<int64_t> next{0};
  int64_t end = 0;
};

}  // namespace

struct ThreadPool::Impl {
  explicit Impl(int threads) : shares(static_cast<size_t>(threads)) {}

  std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable done;
  // The open job, or null. Workers that the system does not let run never enter a job, so that
  // nobody waits for them.
  const std::function<void(int64_t, int)>* job = nullptr;
  int inside = 0;  // workers in the open job
  std::exception_ptr failure;
  std::atomic<uint64_t> generation{0};
  // As `inside`, for looking without the lock, but let go of after it: who sees 0 need not wait for
  // the lock of the one who left.
  std::atomic<int> working{0};
  std::atomic<bool> failed{false};
  std::atomic<bool> stop{false};
  std::vector<Share> shares;
  std::vector<std::thread> workers;

  // Takes numbers from the thread's own share, then from the others'.
  void Drain(const std::function<void(int64_t, int)>& task, int thread) {
    try {
      for (size_t k = 0; k < shares.size(); ++k) {
        Share& share = shares[(static_cast<size_t>(thread) + k) % shares.size()];
        while (!failed.load(std::memory_order_relaxed)) {
          const int64_t number = share.next.fetch_add(1);
          if (number >= share.end) break;
          task(number, thread);
        }
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      failed.store(true);
    }
  }

  void Work(int thread) {
    uint64_t seen = 0;
    for (;;) {
      for (int i = 0; i < kSpins && generation.load() == seen && !stop.load(); ++i) Pause();
      std::unique_lock lock(mutex);
      wake.wait(lock, [&] { return stop.load() || generation.load() != seen; });
      if (stop.load()) return;
      seen = generation.load();
      if (job == nullptr) continue;  // over already
      const std::function<void(int64_t, int)>& task = *job;
      ++inside;
      working.fetch_add(1);
      lock.unlock();
      Drain(task, thread);
      lock.lock();
      if (--inside == 0) done.notify_one();
      lock.unlock();
      working.fetch_sub(1);
    }
  }
};

ThreadPool::ThreadPool(int threads)
    : threads_(threads > 0 ? threads
                           : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))),
      impl_(std::make_unique<Impl>(threads_)) {
  for (int i = 1; i < threads_; ++i) {
    impl_->workers.emplace_back([this, i] { impl_->Work(i); });
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stop.store(true);
  }
  impl_->wake.notify_all();
  for (std::thread& worker : impl_->workers) worker.join();
}

void ThreadPool::Run(int64_t count, const std::function<void(int64_t, int)>& task) {
  Impl& impl = *impl_;
  {
    const std::lock_guard lock(impl.mutex);
    for (int t = 0; t < threads_; ++t) {
      impl.shares[static_cast<size_t>(t)].next.store(count * t / threads_);
      impl.shares[static_cast<size_t>(t)].end = count * (t + 1) / threads_;
    }
    impl.failure = nullptr;
    impl.failed.store(false);
    if (!impl.workers.empty() && count > 1) {
      impl.job = &task;
      impl.generation.fetch_add(1);
    }
  }
  if (impl.job != nullptr) impl.wake.notify_all();
  impl.Drain(task, 0);
  for (int i = 0; i < kSpins && impl.working.load() > 0; ++i) Pause();
  std::unique_lock lock(impl.mutex);
  impl.job = nullptr;
  impl.done.wait(lock, [&] { return impl.inside == 0; });
  if (impl.failure) std::rethrow_exception(impl.failure);
}

void ThreadPool::Run(int64_t count, const std::function<void(int64_t)>& task) {
  Run(count, [&task](int64_t number, int) { task(number); });
}

}  // namespace platypus
