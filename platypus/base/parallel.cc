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

// How long a thread looks for work (or for the others' end) before it goes to sleep: kernels of a training
// step follow each other within microseconds.
constexpr int kSpins = 20000;

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

struct ThreadPool::Impl {
  std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable done;
  const std::function<void(int)>* job = nullptr;  // called with the thread's number
  std::atomic<uint64_t> generation{0};
  std::atomic<int> busy{0};
  std::atomic<bool> stop{false};
  std::exception_ptr failure;
  std::vector<std::thread> workers;

  void Guarded(int thread) {
    try {
      (*job)(thread);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  }

  void Work(int thread) {
    uint64_t seen = 0;
    for (;;) {
      for (int i = 0; i < kSpins && generation.load() == seen && !stop.load(); ++i) Pause();
      if (generation.load() == seen) {
        std::unique_lock lock(mutex);
        wake.wait(lock, [&] { return stop.load() || generation.load() != seen; });
      }
      if (stop.load()) return;
      seen = generation.load();
      Guarded(thread);
      if (busy.fetch_sub(1) == 1) {
        const std::lock_guard lock(mutex);
        done.notify_one();
      }
    }
  }
};

ThreadPool::ThreadPool(int threads)
    : threads_(threads > 0 ? threads
                           : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))),
      impl_(std::make_unique<Impl>()) {
  for (int i = 1; i < threads_; ++i) impl_->workers.emplace_back([this, i] { impl_->Work(i); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stop.store(true);
  }
  impl_->wake.notify_all();
  for (std::thread& worker : impl_->workers) worker.join();
}

void ThreadPool::RunOnEach(const std::function<void(int)>& task) {
  Impl& impl = *impl_;
  {
    const std::lock_guard lock(impl.mutex);
    impl.job = &task;
    impl.failure = nullptr;
    impl.busy.store(static_cast<int>(impl.workers.size()));
    impl.generation.fetch_add(1);
  }
  impl.wake.notify_all();
  impl.Guarded(0);
  for (int i = 0; i < kSpins && impl.busy.load() > 0; ++i) Pause();
  std::unique_lock lock(impl.mutex);
  impl.done.wait(lock, [&] { return impl.busy.load() == 0; });
  if (impl.failure) std::rethrow_exception(impl.failure);
}

void ThreadPool::Run(int64_t count, const std::function<void(int64_t)>& task) {
  std::atomic<int64_t> next{0};
  RunOnEach([&](int) {
    for (int64_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) {
      try {
        task(i);
      } catch (...) {
        next.store(count);
        throw;
      }
    }
  });
}

}  // namespace platypus
