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
// window(offset of the output, rows, columns, lane) for every window.
template <typename Body>
HWY_INLINE void ForWindows(const Windows& w, Body window) {
  size_t out = 0;
  for (const Windows::Range& rows : w.rows) {
    for (const Windows::Range& columns : w.columns) {
      for (size_t lane = 0; lane < kLanes; lane += hn::Lanes(D())) {
        window(out + lane, rows, columns, lane);
      }
      out += kLanes;
    }
  }
}

// tap(offset of the input) for every input of a window.
template <typename Body>
HWY_INLINE void ForTaps(const Windows& w, const Windows::Range& rows, const Windows::Range& columns,
                        size_t lane, Body tap) {
  for (int64_t r = rows.first; r < rows.last; r += w.row_step) {
    for (int64_t c = columns.first; c < columns.last; c += w.column_step) {
      tap(static_cast<size_t>((r * w.width + c) * kLanes) + lane);
    }
  }
}

HWY_INLINE V InverseArea(const Windows& w, const Windows::Range& rows,
                         const Windows::Range& columns) {
  const auto own = static_cast<float>((rows.last - rows.first) * (columns.last - columns.first));
  return hn::Set(D(), 1.0f / (w.fixed_area > 0.0f ? w.fixed_area : own));
}

void MaxForwardImpl(const Windows& w, const Pointwise& p, const float* HWY_RESTRICT x,
                    float* HWY_RESTRICT y) {
  const D d;
  Choose(p, [&](const auto& steps) HWY_ATTR {
    ForWindows(w, [&](size_t out, const auto& rows, const auto& columns, size_t lane) HWY_ATTR {
      V largest = hn::Set(d, std::numeric_limits<float>::lowest());
      ForTaps(w, rows, columns, lane, [&](size_t in) HWY_ATTR {
        largest = hn::Max(largest, steps.Value(hn::Load(d, x + in)));
      });
      hn::Store(largest, d, y + out);
    });
  });
}

void MaxBackwardImpl(const Windows& w, const Pointwise& p, const float* HWY_RESTRICT x,
                     const float* HWY_RESTRICT y, const float* HWY_RESTRICT dy,
                     float* HWY_RESTRICT dx) {
  const D d;
  Choose(p, [&](const auto& steps) HWY_ATTR {
    ForWindows(w, [&](size_t out, const auto& rows, const auto& columns, size_t lane) HWY_ATTR {
      const V largest = hn::Load(d, y + out);
      V left = hn::Load(d, dy + out);  // not yet given to an input
      ForTaps(w, rows, columns, lane, [&](size_t in) HWY_ATTR {
        const auto is_largest = hn::Eq(steps.Value(hn::Load(d, x + in)), largest);
        hn::Store(hn::Add(hn::Load(d, dx + in), hn::IfThenElseZero(is_largest, left)), d, dx + in);
        left = hn::IfThenZeroElse(is_largest, left);
      });
    });
  });
}

void AverageForwardImpl(const Windows& w, const Pointwise& p, const float* HWY_RESTRICT x,
                        float* HWY_RESTRICT y) {
  const D d;
  Choose(p, [&](const auto& steps) HWY_ATTR {
    ForWindows(w, [&](size_t out, const auto& rows, const auto& columns, size_t lane) HWY_ATTR {
      V sum = hn::Zero(d);
      ForTaps(w, rows, columns, lane,
              [&](size_t in) HWY_ATTR { sum = hn::Add(sum, steps.Value(hn::Load(d, x + in))); });
      hn::Store(hn::Mul(sum, InverseArea(w, rows, columns)), d, y + out);
    });
  });
}

void AverageBackwardImpl(const Windows& w, const float* HWY_RESTRICT dy, bool overwrite,
                         float* HWY_RESTRICT dx) {
  const D d;
  if (overwrite) {
    ForWindows(w, [&](size_t out, const auto& rows, const auto& columns, size_t lane) HWY_ATTR {
      const V share = hn::Mul(hn::Load(d, dy + out), InverseArea(w, rows, columns));
      ForTaps(w, rows, columns, lane, [&](size_t in) HWY_ATTR { hn::Store(share, d, dx + in); });
    });
    return;
  }
  ForWindows(w, [&](size_t out, const auto& rows, const auto& columns, size_t lane) HWY_ATTR {
    const V share = hn::Mul(hn::Load(d, dy + out), InverseArea(w, rows, columns));
    ForTaps(w, rows, columns, lane, [&](size_t in) HWY_ATTR {
      hn::Store(hn::Add(hn::Load(d, dx + in), share), d, dx + in);
    });
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

bool Windows::Partition() const {
  const auto covers = [](const std::vector<Range>& ranges, int64_t step, int64_t count) {
    int64_t next = 0;
    for (const Range& range : ranges) {
      if (range.first != next || (step != 1 && range.last - range.first > 1)) return false;
      next = range.last;
    }
    return next == count;
  };
  return covers(rows, row_step, in_plane / width) && covers(columns, column_step, width);
}

}  // namespace platypus::train
#endif  // HWY_ONCE
