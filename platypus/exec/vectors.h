#ifndef PLATYPUS_EXEC_VECTORS_H_
#define PLATYPUS_EXEC_VECTORS_H_

#include <cstdint>

// Inner loops that the compiler would not turn into good vector code, compiled for several
// instruction sets and chosen at run time (Highway). The results of all are the same to the bit.
// Offsets count elements; an element is kLanes values.
namespace platypus::exec {

constexpr int kOutBlock = 4;  // output channels that share the loads of the input

struct Tap {
  int64_t offset = 0;  // from a position's origin in the input
  int64_t weight = 0;  // index of the tap's weights
};

// out[o][to[p]] = bias[o] + sum over taps t and channels c of weight * in[c][from[p] + t], for
// `count` positions p and `outs` output channels: kOutBlock or 1.
template <typename In, typename Weight, typename Out>
struct TileJob {
  const In* in = nullptr;
  int64_t in_plane = 0;
  int64_t channels = 0;
  const Tap* taps = nullptr;
  int64_t tap_count = 0;
  int64_t all_taps = 0;  // of the kernel
  const Weight* weight = nullptr;
  const Weight* bias = nullptr;  // null: zeros
  const int64_t* from = nullptr;
  const int64_t* to = nullptr;
  int64_t count = 0;
  int64_t outs = 0;
  Out* out = nullptr;
  int64_t out_plane = 0;
};

// weight [t][c][o], the order of the sum. Product and sum are rounded one after the other, as
// generated C does it.
void Tile(const TileJob<float, float, float>& job);
void Tile(const TileJob<int32_t, int32_t, int32_t>& job);

// Two channels at a time, which multiplies faster: of 16 bits each, the even one's below.
struct Pair {
  int16_t even = 0;
  int16_t odd = 0;
};
// `channels` counts pairs, weight [c][t][o]; no bias.
void Tile(const TileJob<Pair, Pair, int32_t>& job);
// Pairs of `count` values of two channels (odd null: zeros). False if one has more than 16 bits.
bool MakePairs(const int32_t* even, const int32_t* odd, int64_t count, Pair* pairs);

// The same positions and taps for each channel by itself: their largest value, or their sum, of
// floats divided by `divisor`.
template <typename T>
struct PoolJob {
  const T* in = nullptr;
  int64_t in_plane = 0;
  int64_t channels = 0;
  const Tap* taps = nullptr;
  int64_t tap_count = 0;
  const int64_t* from = nullptr;
  const int64_t* to = nullptr;
  int64_t count = 0;
  T* out = nullptr;
  int64_t out_plane = 0;
  T divisor = 1;
};
void Largest(const PoolJob<float>& job);  // a NaN is passed over
void Largest(const PoolJob<int32_t>& job);
void Sums(const PoolJob<float>& job);
void Sums(const PoolJob<int32_t>& job);

// out = clamp(floor((in + offset) * factor * power), low, high); a NaN becomes `low`.
struct CodeJob {
  const float* in = nullptr;
  int64_t count = 0;  // of values
  float offset = 0;
  float factor = 1;
  float power = 1;
  float low = 0;
  float high = 0;
  int32_t* out = nullptr;
};
void ToCodes(const CodeJob& job);

}  // namespace platypus::exec

#endif  // PLATYPUS_EXEC_VECTORS_H_
