#include "platypus/exec/windows.h"

#include <array>
#include <map>

namespace platypus::exec {
namespace {

// Taps of a kernel axis that hit the input: [first, last).
struct Taps {
  int first;
  int last;
};

Taps Valid(int64_t start, int dilation, int kernel, int64_t in) {
  Taps taps{0, kernel};
  while (taps.first < kernel && start + int64_t{taps.first} * dilation < 0) ++taps.first;
  while (taps.last > taps.first && start + int64_t{taps.last - 1} * dilation >= in) --taps.last;
  return taps;
}

}  // namespace

std::vector<Region> FindRegions(graph::Size2 kernel, graph::Size2 stride, graph::Size2 dilation,
                                const graph::Padding2& padding, Dims in, Dims out) {
  std::vector<Region> regions;
  std::map<std::array<int, 4>, size_t> known;
  for (int64_t y = 0; y < out.h; ++y) {
    for (int64_t x = 0; x < out.w; ++x) {
      const int64_t top = y * stride.h - padding.top;
      const int64_t left = x * stride.w - padding.left;
      const Taps rows = Valid(top, dilation.h, kernel.h, in.h);
      const Taps columns = Valid(left, dilation.w, kernel.w, in.w);
      const auto [at, added] =
          known.try_emplace({rows.first, rows.last, columns.first, columns.last}, regions.size());
      if (added) {
        Region& region = regions.emplace_back();
        for (int r = rows.first; r < rows.last; ++r) {
          for (int k = columns.first; k < columns.last; ++k) {
            region.taps.push_back({int64_t{r} * dilation.h * in.w + int64_t{k} * dilation.w,
                                   int64_t{r} * kernel.w + k});
          }
        }
      }
      Region& region = regions[at->second];
      region.from.push_back(top * in.w + left);
      region.to.push_back(y * out.w + x);
    }
  }
  return regions;
}

WindowPool::WindowPool(const graph::MaxPool& op, Dims in, Dims out)
    : in_(in),
      out_(out),
      is_max_(true),
      regions_(FindRegions(op.kernel, op.stride, op.dilation, op.padding, in, out)) {}

WindowPool::WindowPool(const graph::AvgPool& op, Dims in, Dims out)
    : in_(in),
      out_(out),
      divisor_(int64_t{op.kernel.h} * op.kernel.w),
      regions_(FindRegions(op.kernel, op.stride, {}, op.padding, in, out)) {}

WindowPool::WindowPool(const graph::SumPool& op, Dims in, Dims out)
    : in_(in), out_(out), regions_(FindRegions(op.kernel, op.stride, {}, op.padding, in, out)) {}

template <typename T>
void WindowPool::Run(const T* in, T* out) const {
  for (const Region& region : regions_) {
    PoolJob<T> job;
    job.in = in;
    job.in_plane = in_.h * in_.w;
    job.channels = out_.c;
    job.taps = region.taps.data();
    job.tap_count = static_cast<int64_t>(region.taps.size());
    job.from = region.from.data();
    job.to = region.to.data();
    job.count = static_cast<int64_t>(region.to.size());
    job.out = out;
    job.out_plane = out_.h * out_.w;
    job.divisor = static_cast<T>(divisor_);
    if (is_max_) {
      Largest(job);
    } else {
      Sums(job);
    }
  }
}

template void WindowPool::Run(const float* in, float* out) const;
template void WindowPool::Run(const int32_t* in, int32_t* out) const;

}  // namespace platypus::exec
