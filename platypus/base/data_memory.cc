#include "platypus/base/data_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <mutex>

#include "platypus/base/error.h"

namespace platypus {
namespace {

// Rows smaller than a file share one.
constexpr size_t kFileFloats = size_t{16} << 20;
// Rows begin on a cache line.
constexpr size_t kAlignment = 16;

std::shared_ptr<float> MapFile(const std::filesystem::path& folder, size_t floats) {
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  std::string name = (folder / "data-XXXXXX").string();
  const size_t octets = floats * sizeof(float);
  const auto fail = [&](int error) {
    throw Error(Category::kData,
                fmt::format("cannot put {} MB of the data set into a file in {}: {}",
                            octets / 1000000, folder.string(), std::strerror(error)),
                "raise common.data_memory_mb to keep more in memory");
  };
  const int file = mkstemp(name.data());
  if (file < 0) fail(errno);
  unlink(name.c_str());
  // With its blocks reserved: writing to a mapping of a full disc would end the program.
  const int full = posix_fallocate(file, 0, static_cast<off_t>(octets));
  void* memory = MAP_FAILED;
  if (full == 0) memory = mmap(nullptr, octets, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  const int error = full != 0 ? full : errno;
  close(file);
  if (memory == MAP_FAILED) fail(error);
  return {static_cast<float*>(memory), [octets](float* at) { munmap(at, octets); }};
}

}  // namespace

Floats::Floats(std::vector<float> values) : size_(values.size()) {
  const auto owner = std::make_shared<std::vector<float>>(std::move(values));
  data_ = std::shared_ptr<float>(owner, owner->data());
}

void Floats::Prefetch(size_t first, size_t count) const {
  if (!in_file_ || count == 0) return;
  static const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(data() + first) / page * page;
  const auto end = reinterpret_cast<uintptr_t>(data() + first + count);
  // Advice: where it fails the values are read when they are used.
  madvise(reinterpret_cast<void*>(begin), end - begin, MADV_WILLNEED);
}

bool operator==(const Floats& a, const Floats& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

struct DataMemory::State {
  uint64_t bound = 0;
  std::filesystem::path folder;
  std::atomic<uint64_t> used{0};
  std::mutex mutex;
  std::shared_ptr<float> file;  // that small rows share
  size_t left = 0;              // floats behind the rows it has
  size_t at = 0;

  // Takes the octets from the bound, if it has them.
  bool Take(uint64_t octets) {
    uint64_t now = used.load();
    do {
      if (octets > bound || now > bound - octets) return false;
    } while (!used.compare_exchange_weak(now, now + octets));
    return true;
  }

  std::shared_ptr<float> FromFile(size_t floats) {
    const size_t rounded = (floats + kAlignment - 1) / kAlignment * kAlignment;
    if (rounded > kFileFloats / 4) return MapFile(folder, rounded);
    const std::lock_guard lock(mutex);
    if (rounded > left) {
      file = MapFile(folder, kFileFloats);
      left = kFileFloats;
      at = 0;
    }
    std::shared_ptr<float> row(file, file.get() + at);
    at += rounded;
    left -= rounded;
    return row;
  }
};

DataMemory::DataMemory(uint64_t bound, std::filesystem::path folder)
    : state_(std::make_shared<State>()) {
  state_->bound = bound;
  state_->folder = std::move(folder);
}

Floats DataMemory::Make(size_t count) {
  if (count == 0) return {};
  if (state_->used.load() + count * sizeof(float) <= state_->bound) {
    return Keep(std::vector<float>(count));
  }
  Floats row;
  row.size_ = count;
  row.data_ = state_->FromFile(count);
  row.in_file_ = true;
  return row;
}

Floats DataMemory::Keep(Floats row) {
  if (row.empty() || row.in_file_) return row;
  const uint64_t octets = row.size() * sizeof(float);
  Floats kept;
  kept.size_ = row.size_;
  if (state_->Take(octets)) {
    // The octets return to the bound when the last copy of the row goes.
    float* values = row.data_.get();
    kept.data_ = {values, [owner = std::move(row.data_), state = state_, octets](float*) {
                    state->used.fetch_sub(octets);
                  }};
    return kept;
  }
  kept.data_ = state_->FromFile(row.size());
  kept.in_file_ = true;
  std::copy(row.begin(), row.end(), kept.data_.get());
  return kept;
}

uint64_t DataMemory::Used() const { return state_->used.load(); }

uint64_t HalfOfMemory() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  uint64_t memory = pages > 0 && page > 0
                        ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(page)
                        : std::numeric_limits<uint64_t>::max();
  for (const char* limit :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    uint64_t group = 0;
    if (std::ifstream(limit) >> group) memory = std::min(memory, group);  // "max" is no number
  }
  return memory / 2;
}

}  // namespace platypus
