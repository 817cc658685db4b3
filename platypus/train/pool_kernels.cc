#include "platypus/train/pool_kernels.h"

#include <limits>

#include "platypus/train/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "platypus/train/pool_kernels.cc"
#include <hwy/foreach_target.h>  // compiles this file again for each instruction set
#include <hwy/highway.h>
// After highway.h, and again for each instruction set.
#include "platypus/train/steps-inl.h"

HWY_BEFORE_NAMESPACE();
namespace platypus::train::HWY_NAMESPACE {
// window(offset of the output, inputs, lane, area) for every window.
template <typename Body>
HWY_INLINE void ForWindows(const Windows& w, Body window) {
  const int64_t count = w.Count();
  for (int64_t o = 0; o < count; ++o) {
    const std::span<const int32_t> taps = w.Taps(o);
    for (size_t lane = 0; lane < kLanes; lane += hn::Lanes(D())) {
      window(static_cast<size_t>(o * kLanes) + lane, taps, lane, w.Area(o));
    }
  }
}

void MaxForwardImpl(const Windows& w, const Pointwise& p, const float* HWY_RESTRICT x,
                    float* HWY_RESTRICT y) {
  const D d;
  Choose(p, [&](const auto& steps) HWY_ATTR {
    ForWindows(w, [&](size_t out, std::span<const int32_t> taps, size_t lane, float) HWY_ATTR {
      V largest = hn::Set(d, std::numeric_limits<float>::lowest());
      for (const int32_t tap : taps) {
        largest = hn::Max(largest, steps.Value(hn::Load(d, x + tap + lane)));
      }
      hn::Store(largest, d, y + out);
    });
  });
}

void MaxBackwardImpl(const Windows& w, const Pointwise& p, const float* HWY_RESTRICT x,
                     const float* HWY_RESTRICT y, const float* HWY_RESTRICT dy,
                     float* HWY_RESTRICT dx) {
  const D d;
  Choose(p, [&](const auto& steps) HWY_ATTR {
    ForWindows(w, [&](size_t out, std::span<const int32_t> taps, size_t lane, float) HWY_ATTR {
      const V largest = hn::Load(d, y + out);
      V left = hn::Load(d, dy + out);  // not yet given to an input
      for (const int32_t tap : taps) {
        float* to = dx + tap + lane;
        const auto is_largest = hn::Eq(steps.Value(hn::Load(d, x + tap + lane)), largest);
        hn::Store(hn::Add(hn::Load(d, to), hn::IfThenElseZero(is_largest, left)), d, to);
        left = hn::IfThenZeroElse(is_largest, left);
      }
    });
  });
}

void AverageForwardImpl(const Windows& w, const Pointwise& p, const float* HWY_RESTRICT x,
                        float* HWY_RESTRICT y) {
  const D d;
  Choose(p, [&](const auto& steps) HWY_ATTR {
    ForWindows(w, [&](size_t out, std::span<const int32_t> taps, size_t lane, float area) HWY_ATTR {
      const auto value = [&](size_t k)
                             HWY_ATTR { return steps.Value(hn::Load(d, x + taps[k] + lane)); };
      // Four chains: a sum waits for the one before.
      V sum[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
      size_t k = 0;
      for (; k + 4 <= taps.size(); k += 4) {
        HWY_UNROLL(4)
        for (size_t c = 0; c < 4; ++c) sum[c] = hn::Add(sum[c], value(k + c));
      }
      for (; k < taps.size(); ++k) sum[0] = hn::Add(sum[0], value(k));
      const V all = hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3]));
      hn::Store(hn::Mul(all, hn::Set(d, 1.0f / area)), d, y + out);
    });
  });
}

void AverageBackwardImpl(const Windows& w, const float* HWY_RESTRICT dy, bool overwrite,
                         float* HWY_RESTRICT dx) {
  const D d;
  ForWindows(w, [&](size_t out, std::span<const int32_t> taps, size_t lane, float area) HWY_ATTR {
    const V share = hn::Mul(hn::Load(d, dy + out), hn::Set(d, 1.0f / area));
    if (overwrite) {
      for (const int32_t tap : taps) hn::Store(share, d, dx + tap + lane);
    } else {
      for (const int32_t tap : taps) {
        hn::Store(hn::Add(hn::Load(d, dx + tap + lane), share), d, dx + tap + lane);
      }
    }
  });
}

}  // namespace platypus::train::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace platypus::train {

HWY_EXPORT(MaxForwardImpl);
HWY_EXPORT(MaxBackwardImpl);
HWY_EXPORT(AverageForwardImpl);
HWY_EXPORT(AverageBackwardImpl);

void MaxPoolForward(const Windows& w, const Pointwise& p, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(MaxForwardImpl)(w, p, x, y);
}
void MaxPoolBackward(const Windows& w, const Pointwise& p, const float* x, const float* y,
                     const float* dy, float* dx) {
  HWY_DYNAMIC_DISPATCH(MaxBackwardImpl)(w, p, x, y, dy, dx);
}
void AveragePoolForward(const Windows& w, const Pointwise& p, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(AverageForwardImpl)(w, p, x, y);
}
void AveragePoolBackward(const Windows& w, const float* dy, bool overwrite, float* dx) {
  HWY_DYNAMIC_DISPATCH(AverageBackwardImpl)(w, dy, overwrite, dx);
}

Windows::Windows(const std::vector<Range>& rows, const std::vector<Range>& columns, int64_t height,
                 int64_t width, float area)
    : first_{0}, in_plane_(height * width), area_(area) {
  std::vector<char> seen(static_cast<size_t>(in_plane_), 0);
  partition_ = true;
  for (const Range& row : rows) {
    for (const Range& column : columns) {
      for (int64_t r = row.first; r < row.last; r += row.step) {
        for (int64_t c = column.first; c < column.last; c += column.step) {
          const int64_t position = r * width + c;
          char& before = seen[static_cast<size_t>(position)];
          partition_ = partition_ && before == 0;
          before = 1;
          taps_.push_back(static_cast<int32_t>(position * kLanes));
        }
      }
      first_.push_back(static_cast<int32_t>(taps_.size()));
    }
  }
  partition_ = partition_ && taps_.size() == seen.size();
}

}  // namespace platypus::train
#endif  // HWY_ONCE
