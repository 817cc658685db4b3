#ifndef PLATYPUS_BASE_RANDOM_H_
#define PLATYPUS_BASE_RANDOM_H_

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace platypus {

// xoshiro256** (Blackman and Vigna, 2018), seeded through SplitMix64. The same numbers on every
// machine and compiler, which <random>'s distributions do not promise. A value: copying it copies
// the stream, and its state can be written to a checkpoint.
class Random {
 public:
  using State = std::array<uint64_t, 4>;

  // Every consumer (split, shuffle, initial weights, ...) takes a stream of its own, named by its
  // purpose, so that one consumer drawing more does not move the others.
  Random(uint64_t seed, std::string_view purpose);
  explicit Random(const State& state) : state_(state) {}

  uint64_t Next();
  // Uniform in [0, bound), bound >= 1, without modulo bias.
  uint64_t Below(uint64_t bound);
  // Uniform in [0, 1) with 53 random bits.
  double Uniform();
  double Uniform(double low, double high) { return low + (high - low) * Uniform(); }
  // Standard normal (Box-Muller, one value a call).
  double Normal();

  template <typename T>
  void Shuffle(std::span<T> items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[Below(i)]);
  }

  const State& GetState() const { return state_; }

 private:
  State state_;
};

}  // namespace platypus

#endif  // PLATYPUS_BASE_RANDOM_H_
