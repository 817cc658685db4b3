#ifndef PLATYPUS_BASE_DATA_MEMORY_H_
#define PLATYPUS_BASE_DATA_MEMORY_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace platypus {

// A row of floats: in memory, or in a file that is mapped into it. Copies share the values.
class Floats {
 public:
  using const_iterator = const float*;
  using iterator = const_iterator;

  Floats() = default;
  // A row of its own, counted by no DataMemory.
  Floats(std::vector<float> values);  // NOLINT(google-explicit-constructor)

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const float* data() const { return data_.get(); }
  const float* begin() const { return data(); }
  const float* end() const { return data() + size_; }
  float operator[](size_t i) const { return data()[i]; }
  // To be filled before the row is shared.
  std::span<float> Fill() { return {data_.get(), size_}; }

  bool InFile() const { return in_file_; }
  // These values will be wanted soon: what is not in memory is read while the caller goes on.
  void Prefetch(size_t first, size_t count) const;

  friend bool operator==(const Floats& a, const Floats& b);

 private:
  friend class DataMemory;
  std::shared_ptr<float> data_;
  size_t size_ = 0;
  bool in_file_ = false;
};

// Where the rows of a data set live: in memory until they take `bound` octets together, beyond it
// in files without a name (made under a temporary one that is taken away at once, so that nothing
// is left whatever ends the program) in `folder`, mapped into memory. Which row comes where depends
// on the order of calls, its values do not. All functions may be called from several threads; rows
// may outlive the object.
class DataMemory {
 public:
  DataMemory(uint64_t bound, std::filesystem::path folder);

  // A row of `count` zeros. Error (data) if the file cannot be made, as on a full disc.
  Floats Make(size_t count);
  // A row of the same values; in memory they stay where they are.
  Floats Keep(Floats row);

  uint64_t Used() const;  // octets of rows in memory

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Half of the memory that this process may use: of the machine, or of its control group.
uint64_t HalfOfMemory();

}  // namespace platypus

#endif  // PLATYPUS_BASE_DATA_MEMORY_H_
