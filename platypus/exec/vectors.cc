#include "platypus/exec/vectors.h"

#include <cstring>
#include <limits>

#include "platypus/exec/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "platypus/exec/vectors.cc"
#include <hwy/foreach_target.h>  // compiles this file again for each instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace platypus::exec::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <typename T>
using D = hn::CappedTag<T, kLanes>;

// Positions side by side, so that the sums and their operands just fit the registers. Every loop
// over registers is marked for unrolling: an array that is indexed by a variable would live in
// memory.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM
constexpr int kWide = 6;
#else
constexpr int kWide = 3;
#endif

// What a tile does with one kind of values: sums of vectors V, of d.Lanes() samples each.
template <typename T>
struct Plain {
  using V = hn::Vec<D<T>>;
  using Sum = V;
  static constexpr bool kTapsFirst = true;
  static HWY_INLINE Sum Start(const T* bias) {
    return bias != nullptr ? hn::Set(D<T>(), *bias) : hn::Zero(D<T>());
  }
  static HWY_INLINE V Load(const T* from) { return hn::LoadU(D<T>(), from); }
  static HWY_INLINE V Factor(const T* weight) { return hn::Set(D<T>(), *weight); }
  static HWY_INLINE void Add(V factor, V x, Sum& sum) { sum = hn::Add(sum, hn::Mul(factor, x)); }
  static HWY_INLINE void Store(Sum sum, T* to) { hn::StoreU(sum, D<T>(), to); }
};

#if HWY_TARGET != HWY_SCALAR
struct Paired {
  using D16 = hn::CappedTag<int16_t, 2 * kLanes>;
  using D32 = hn::Repartition<int32_t, D16>;
  using V = hn::Vec<D16>;
  struct Sum {
    // Written out, since GCC does not give constructors of its own the instruction set.
    HWY_INLINE Sum() {}  // NOLINT(modernize-use-equals-default)
    HWY_INLINE Sum(hn::Vec<D32> a, hn::Vec<D32> b) : first(a), second(b) {}
    hn::Vec<D32> first, second;  // on some machines the second is always 0
  };
  static constexpr bool kTapsFirst = false;
  static HWY_INLINE Sum Start(const Pair*) { return {hn::Zero(D32()), hn::Zero(D32())}; }
  static HWY_INLINE V Load(const Pair* from) { return hn::LoadU(D16(), &from->even); }
  static HWY_INLINE V Factor(const Pair* weight) {
    int32_t both = 0;
    std::memcpy(&both, weight, sizeof both);
    return hn::BitCast(D16(), hn::Set(D32(), both));
  }
  static HWY_INLINE void Add(V factor, V x, Sum& sum) {
    sum.first = hn::ReorderWidenMulAccumulate(D32(), factor, x, sum.first, sum.second);
  }
  static HWY_INLINE void Store(Sum sum, int32_t* to) {
    hn::StoreU(hn::RearrangeToOddPlusEven(sum.first, sum.second), D32(), to);
  }
};

#endif

// kOuts x kPositions outputs held in registers.
template <typename Kind, int kOuts, int kPositions, typename In, typename Weight, typename Out>
HWY_INLINE void TileBlock(const TileJob<In, Weight, Out>& job, const int64_t* from,
                          const int64_t* to) {
  const int64_t channels = job.channels;
  const int64_t plane = job.in_plane * kLanes;
  const Tap* HWY_RESTRICT taps = job.taps;
  const int64_t tap_count = job.tap_count;
  for (size_t lane = 0; lane < kLanes; lane += hn::Lanes(D<Out>())) {
    const In* origin[kPositions];
    typename Kind::Sum sum[kOuts][kPositions];
    HWY_UNROLL(8)
    for (int p = 0; p < kPositions; ++p) origin[p] = job.in + from[p] * kLanes + lane;
    HWY_UNROLL(8)
    for (int o = 0; o < kOuts; ++o) {
      const auto start = Kind::Start(job.bias != nullptr ? job.bias + o : nullptr);
      HWY_UNROLL(8)
      for (int p = 0; p < kPositions; ++p) sum[o][p] = start;
    }
    const auto add = [&](int64_t at, const Weight* HWY_RESTRICT w) HWY_ATTR {
      typename Kind::V x[kPositions];
      HWY_UNROLL(8)
      for (int p = 0; p < kPositions; ++p) x[p] = Kind::Load(origin[p] + at);
      HWY_UNROLL(8)
      for (int o = 0; o < kOuts; ++o) {
        const auto factor = Kind::Factor(w + o);
        HWY_UNROLL(8)
        for (int p = 0; p < kPositions; ++p) Kind::Add(factor, x[p], sum[o][p]);
      }
    };
    if constexpr (Kind::kTapsFirst) {
      for (int64_t t = 0; t < tap_count; ++t) {
        const Weight* w = job.weight + taps[t].weight * channels * kOuts;
        int64_t at = taps[t].offset * kLanes;
        for (int64_t c = 0; c < channels; ++c, w += kOuts, at += plane) add(at, w);
      }
    } else {
      // In this order a tap finds in the first cache what its neighbour has read.
      const Weight* w = job.weight;
      int64_t at = 0;
      for (int64_t c = 0; c < channels; ++c, w += job.all_taps * kOuts, at += plane) {
        for (int64_t t = 0; t < tap_count; ++t) {
          add(at + taps[t].offset * kLanes, w + taps[t].weight * kOuts);
        }
      }
    }
    HWY_UNROLL(8)
    for (int o = 0; o < kOuts; ++o) {
      HWY_UNROLL(8)
      for (int p = 0; p < kPositions; ++p) {
        Kind::Store(sum[o][p], job.out + (o * job.out_plane + to[p]) * kLanes + lane);
      }
    }
  }
}

template <typename Kind, int kOuts, typename In, typename Weight, typename Out>
HWY_INLINE void TileRow(const TileJob<In, Weight, Out>& job) {
  constexpr int kPositions = kOuts == 1 ? 8 : kWide;
  int64_t p = 0;
  for (; p + kPositions <= job.count; p += kPositions)
    TileBlock<Kind, kOuts, kPositions>(job, job.from + p, job.to + p);
  for (; p + 2 <= job.count; p += 2) TileBlock<Kind, kOuts, 2>(job, job.from + p, job.to + p);
  for (; p < job.count; ++p) TileBlock<Kind, kOuts, 1>(job, job.from + p, job.to + p);
}

template <typename Kind, typename In, typename Weight, typename Out>
HWY_INLINE void TileAll(const TileJob<In, Weight, Out>& job) {
  if (job.outs == kOutBlock) {
    TileRow<Kind, kOutBlock>(job);
  } else {
    TileRow<Kind, 1>(job);
  }
}

void TileFloats(const TileJob<float, float, float>& job) { TileAll<Plain<float>>(job); }
void TileIntegers(const TileJob<int32_t, int32_t, int32_t>& job) { TileAll<Plain<int32_t>>(job); }

#if HWY_TARGET == HWY_SCALAR
// Vectors of one value hold no pair: the integers themselves are multiplied.
void TilePairs(const TileJob<Pair, Pair, int32_t>&) {}
bool MakePairsImpl(const int32_t*, const int32_t*, int64_t, Pair*) { return false; }
#else
void TilePairs(const TileJob<Pair, Pair, int32_t>& job) { TileAll<Paired>(job); }

bool MakePairsImpl(const int32_t* even, const int32_t* odd, int64_t count, Pair* pairs) {
  const D<int32_t> d;
  const auto low_half = hn::Set(d, 0xFFFF);
  auto outside = hn::Zero(d);  // bits that 16 do not hold
  const auto check = [&](auto x) HWY_ATTR {
    outside = hn::Or(outside, hn::Xor(x, hn::ShiftRight<16>(hn::ShiftLeft<16>(x))));
  };
  const auto step = static_cast<int64_t>(hn::Lanes(d));  // of which kLanes is a multiple
  auto* to = reinterpret_cast<int16_t*>(pairs);
  const hn::Repartition<int16_t, D<int32_t>> d16;
  for (int64_t i = 0; i < count; i += step, to += 2 * step) {
    const auto x = hn::LoadU(d, even + i);
    auto both = hn::And(x, low_half);
    check(x);
    if (odd != nullptr) {
      const auto y = hn::LoadU(d, odd + i);
      both = hn::Or(both, hn::ShiftLeft<16>(y));
      check(y);
    }
    hn::StoreU(hn::BitCast(d16, both), d16, to);
  }
  return hn::AllTrue(d, hn::Eq(outside, hn::Zero(d)));
}
#endif

// visit(value so far, tap), then end(value), for every position of every channel.
template <typename T, typename Visit, typename End>
HWY_INLINE void PoolAll(const PoolJob<T>& job, T start, Visit visit, End end) {
  const D<T> d;
  for (int64_t c = 0; c < job.channels; ++c) {
    const T* in = job.in + c * job.in_plane * kLanes;
    T* out = job.out + c * job.out_plane * kLanes;
    for (int64_t p = 0; p < job.count; ++p) {
      for (size_t lane = 0; lane < kLanes; lane += hn::Lanes(d)) {
        const T* origin = in + job.from[p] * kLanes + lane;
        auto value = hn::Set(d, start);
        for (int64_t t = 0; t < job.tap_count; ++t)
          value = visit(value, hn::LoadU(d, origin + job.taps[t].offset * kLanes));
        hn::StoreU(end(value), d, out + job.to[p] * kLanes + lane);
      }
    }
  }
}

void LargestFloats(const PoolJob<float>& job) {
  PoolAll(
      job, std::numeric_limits<float>::lowest(),
      [](auto a, auto b) HWY_ATTR { return hn::IfThenElse(hn::Lt(a, b), b, a); },
      [](auto a) HWY_ATTR { return a; });
}

void LargestIntegers(const PoolJob<int32_t>& job) {
  PoolAll(
      job, std::numeric_limits<int32_t>::lowest(),
      [](auto a, auto b) HWY_ATTR { return hn::Max(a, b); }, [](auto a) HWY_ATTR { return a; });
}

void SumsOfFloats(const PoolJob<float>& job) {
  PoolAll(
      job, 0.0f, [](auto a, auto b) HWY_ATTR { return hn::Add(a, b); },
      [&job](auto a) HWY_ATTR { return hn::Div(a, hn::Set(D<float>(), job.divisor)); });
}

void SumsOfIntegers(const PoolJob<int32_t>& job) {
  PoolAll(
      job, int32_t{0}, [](auto a, auto b) HWY_ATTR { return hn::Add(a, b); },
      [](auto a) HWY_ATTR { return a; });
}

void ToCodesImpl(const CodeJob& job) {
  const D<float> d;
  const D<int32_t> di;
  const auto offset = hn::Set(d, job.offset);
  const auto factor = hn::Set(d, job.factor);
  const auto power = hn::Set(d, job.power);
  const auto low = hn::Set(d, job.low);
  const auto high = hn::Set(d, job.high);
  for (int64_t i = 0; i < job.count; i += static_cast<int64_t>(hn::Lanes(d))) {
    const auto x = hn::Add(hn::LoadU(d, job.in + i), offset);
    const auto q = hn::Floor(hn::Mul(hn::Mul(x, factor), power));
    // In this order a NaN becomes lo, as in the generated C.
    const auto code = hn::IfThenElse(hn::Gt(q, low), hn::IfThenElse(hn::Lt(q, high), q, high), low);
    hn::StoreU(hn::ConvertTo(di, code), di, job.out + i);
  }
}

}  // namespace platypus::exec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace platypus::exec {

HWY_EXPORT(TileFloats);
HWY_EXPORT(TileIntegers);
HWY_EXPORT(TilePairs);
HWY_EXPORT(MakePairsImpl);
HWY_EXPORT(LargestFloats);
HWY_EXPORT(LargestIntegers);
HWY_EXPORT(SumsOfFloats);
HWY_EXPORT(SumsOfIntegers);
HWY_EXPORT(ToCodesImpl);

void Tile(const TileJob<float, float, float>& job) { HWY_DYNAMIC_DISPATCH(TileFloats)(job); }
void Tile(const TileJob<int32_t, int32_t, int32_t>& job) {
  HWY_DYNAMIC_DISPATCH(TileIntegers)(job);
}
void Tile(const TileJob<Pair, Pair, int32_t>& job) { HWY_DYNAMIC_DISPATCH(TilePairs)(job); }
bool MakePairs(const int32_t* even, const int32_t* odd, int64_t count, Pair* pairs) {
  return HWY_DYNAMIC_DISPATCH(MakePairsImpl)(even, odd, count, pairs);
}
void Largest(const PoolJob<float>& job) { HWY_DYNAMIC_DISPATCH(LargestFloats)(job); }
void Largest(const PoolJob<int32_t>& job) { HWY_DYNAMIC_DISPATCH(LargestIntegers)(job); }
void Sums(const PoolJob<float>& job) { HWY_DYNAMIC_DISPATCH(SumsOfFloats)(job); }
void Sums(const PoolJob<int32_t>& job) { HWY_DYNAMIC_DISPATCH(SumsOfIntegers)(job); }
void ToCodes(const CodeJob& job) { HWY_DYNAMIC_DISPATCH(ToCodesImpl)(job); }

}  // namespace platypus::exec
#endif  // HWY_ONCE
