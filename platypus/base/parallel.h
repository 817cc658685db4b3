#ifndef PLATYPUS_BASE_PARALLEL_H_
#define PLATYPUS_BASE_PARALLEL_H_

#include <cstdint>
#include <functional>
#include <memory>

namespace platypus {

// A fixed set of threads that run numbered tasks. Which thread runs a task is not defined, so a
// task must depend on its number only; then results do not depend on the thread count.
class ThreadPool {
 public:
  // threads <= 0: as many as the machine has.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int Threads() const { return threads_; }

  // Calls task(0) ... task(count - 1), the caller taking part, and returns when all are done.
  // The first exception of a task is thrown here. Not reentrant.
  void Run(int64_t count, const std::function<void(int64_t)>& task);

  // The same as task(number, thread), thread in [0, Threads()) naming who runs it: for memory that
  // a thread keeps. Each thread begins with its own share of the numbers, the same in every call
  // with this count, so that what it worked on last time is still in its cache; then it helps the
  // others.
  void Run(int64_t count, const std::function<void(int64_t, int)>& task);

 private:
  struct Impl;
  int threads_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace platypus

#endif  // PLATYPUS_BASE_PARALLEL_H_
