#include "platypus/train/pool_kernels.h"

#include <algorithm>
#include <limits>

#include "platypus/train/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "platypus/train/pool_kernels.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace platypus::train::HWY_NAMESPACE {

// visit(output position, input position) for every tap of every window.
template <typename Begin, typename Visit>
HWY_INLINE void ForWindows(const Windows& w, Begin begin, Visit visit) {
  int64_t out = 0;
  for (const Windows::Range& rows : w.rows) {
    for (const Windows::Range& columns : w.columns) {
      begin(out, rows, columns);
      for (int64_t r = rows.first; r < rows.last; r += w.row_step) {
        for (int64_t c = columns.first; c < columns.last; c += w.column_step) {
          visit(out, (r * w.width + c) * kLanes);
        }
      }
      out += kLanes;
    }
  }
}

void MaxForwardImpl(const Windows& w, const float* HWY_RESTRICT x, float* HWY_RESTRICT y) {
  ForWindows(
      w,
      [&](int64_t out, Windows::Range, Windows::Range) {
        std::fill(y + out, y + out + kLanes, std::numeric_limits<float>::lowest());
      },
      [&](int64_t out, int64_t in) {
        for (int i = 0; i < kLanes; ++i) y[out + i] = std::max(y[out + i], x[in + i]);
      });
}

void MaxBackwardImpl(const Windows& w, const float* HWY_RESTRICT x, const float* HWY_RESTRICT y,
                     const float* HWY_RESTRICT dy, float* HWY_RESTRICT dx) {
  float left[kLanes];
  ForWindows(
      w,
      [&](int64_t out, Windows::Range, Windows::Range) {
        std::copy(dy + out, dy + out + kLanes, left);
      },
      [&](int64_t out, int64_t in) {
        for (int i = 0; i < kLanes; ++i) {
          const float part = x[in + i] == y[out + i] ? left[i] : 0.0f;
          dx[in + i] += part;
          left[i] -= part;
        }
      });
}

void AverageForwardImpl(const Windows& w, const float* HWY_RESTRICT x, float* HWY_RESTRICT y) {
  ForWindows(
      w,
      [&](int64_t out, Windows::Range, Windows::Range) {
        std::fill(y + out, y + out + kLanes, 0.0f);
      },
      [&](int64_t out, int64_t in) {
        for (int i = 0; i < kLanes; ++i) y[out + i] += x[in + i];
      });
  int64_t out = 0;
  for (const Windows::Range& rows : w.rows) {
    for (const Windows::Range& columns : w.columns) {
      const auto own =
          static_cast<float>((rows.last - rows.first) * (columns.last - columns.first));
      const float area = w.fixed_area > 0.0f ? w.fixed_area : own;
      for (int i = 0; i < kLanes; ++i) y[out + i] /= area;
      out += kLanes;
    }
  }
}

void AverageBackwardImpl(const Windows& w, const float* HWY_RESTRICT dy, float* HWY_RESTRICT dx) {
  float share[kLanes];
  ForWindows(
      w,
      [&](int64_t out, Windows::Range rows, Windows::Range columns) {
        const auto own =
            static_cast<float>((rows.last - rows.first) * (columns.last - columns.first));
        const float area = w.fixed_area > 0.0f ? w.fixed_area : own;
        for (int i = 0; i < kLanes; ++i) share[i] = dy[out + i] / area;
      },
      [&](int64_t, int64_t in) {
        for (int i = 0; i < kLanes; ++i) dx[in + i] += share[i];
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

void MaxPoolForward(const Windows& w, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(MaxForwardImpl)(w, x, y);
}
void MaxPoolBackward(const Windows& w, const float* x, const float* y, const float* dy, float* dx) {
  HWY_DYNAMIC_DISPATCH(MaxBackwardImpl)(w, x, y, dy, dx);
}
void AveragePoolForward(const Windows& w, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(AverageForwardImpl)(w, x, y);
}
void AveragePoolBackward(const Windows& w, const float* dy, float* dx) {
  HWY_DYNAMIC_DISPATCH(AverageBackwardImpl)(w, dy, dx);
}

}  // namespace platypus::train
#endif  // HWY_ONCE
