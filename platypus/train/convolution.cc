#include "platypus/train/convolution.h"

#include <algorithm>

namespace platypus::train {
namespace {

int64_t FloorDivide(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }
int64_t CeilDivide(int64_t a, int64_t b) { return -FloorDivide(-a, b); }

// Of a position in a plane, in floats.
int32_t Offset(int64_t position) { return static_cast<int32_t>(position * kLanes); }

// Weights of `outs` outputs in blocks of kOutBlock, single ones at the end: [i][t][output of the
// block].
template <typename Weight>
void PackBlocks(int64_t outs, int64_t ins, int64_t taps, Weight weight, float* packed) {
  for (int64_t o = 0; o < outs;) {
    const int64_t block = o + kOutBlock <= outs ? kOutBlock : 1;
    for (int64_t i = 0; i < ins; ++i) {
      for (int64_t t = 0; t < taps; ++t) {
        for (int64_t k = 0; k < block; ++k) *packed++ = weight(o + k, i, t);
      }
    }
    o += block;
  }
}

}  // namespace

Convolution::Convolution(const graph::Conv2d& op, const int64_t (&in)[3], const int64_t (&out)[3])
    : groups_(op.groups),
      ins_(in[0] / op.groups),
      outs_(out[0] / op.groups),
      out_rows_(out[1]),
      out_columns_(out[2]),
      kernel_h_(op.kernel.h),
      kernel_w_(op.kernel.w),
      stride_h_(op.stride.h),
      stride_w_(op.stride.w),
      dilation_h_(op.dilation.h),
      dilation_w_(op.dilation.w),
      input_{in[1], in[2], op.padding.top, op.padding.left, op.padding.bottom, op.padding.right} {
  if (in[2] == 1 && kernel_w_ == 1 && op.padding.left + op.padding.right == 0) {  // on its side
    std::swap(out_rows_, out_columns_);
    std::swap(kernel_h_, kernel_w_);
    std::swap(stride_h_, stride_w_);
    std::swap(dilation_h_, dilation_w_);
    input_ = {in[2], in[1], op.padding.left, op.padding.top, op.padding.right, op.padding.bottom};
  }
  for (int64_t r = 0; r < kernel_h_; ++r) {
    for (int64_t k = 0; k < kernel_w_; ++k) {
      taps_.push_back((r * dilation_h_ * input_.Width() + k * dilation_w_) * kLanes);
    }
  }
  for (int64_t i = 0; i < ins_; ++i) {
    for (const int64_t tap : taps_) offsets_.push_back(i * input_.Plane() * kLanes + tap);
  }
  for (int64_t row = 0; row < out_rows_; ++row) {
    for (int64_t column = 0; column < out_columns_; ++column) {
      x_at_.push_back(Offset(row * stride_h_ * input_.Width() + column * stride_w_));
      y_at_.push_back(Offset(row * out_columns_ + column));
    }
  }
  MakePhases();
}

void Convolution::MakePhases() {
  gradient_ = {out_rows_, out_columns_};
  int64_t low_row = 0, high_row = out_rows_ - 1, low_column = 0, high_column = out_columns_ - 1;
  int64_t packed = 0;
  for (int64_t pr = 0; pr < stride_h_; ++pr) {
    for (int64_t pc = 0; pc < stride_w_; ++pc) {
      Phase phase;
      phase.row = pr;
      phase.column = pc;
      phase.first_row = CeilDivide(input_.top - pr, stride_h_);
      phase.last_row = FloorDivide(input_.rows - 1 + input_.top - pr, stride_h_) + 1;
      phase.first_column = CeilDivide(input_.left - pc, stride_w_);
      phase.last_column = FloorDivide(input_.columns - 1 + input_.left - pc, stride_w_) + 1;
      phase.packed = packed;
      if (phase.first_row >= phase.last_row || phase.first_column >= phase.last_column) continue;
      for (int64_t r = 0; r < kernel_h_; ++r) {
        for (int64_t k = 0; k < kernel_w_; ++k) {
          const int64_t row = pr - r * dilation_h_;
          const int64_t column = pc - k * dilation_w_;
          if (row % stride_h_ != 0 || column % stride_w_ != 0) continue;
          phase.taps.push_back(r * kernel_w_ + k);
          low_row = std::min(low_row, phase.first_row + row / stride_h_);
          high_row = std::max(high_row, phase.last_row - 1 + row / stride_h_);
          low_column = std::min(low_column, phase.first_column + column / stride_w_);
          high_column = std::max(high_column, phase.last_column - 1 + column / stride_w_);
        }
      }
      packed += outs_ * ins_ * static_cast<int64_t>(phase.taps.size());
      phases_.push_back(std::move(phase));
    }
  }
  gradient_.top = -low_row;
  gradient_.left = -low_column;
  gradient_.bottom = high_row - (out_rows_ - 1);
  gradient_.right = high_column - (out_columns_ - 1);
  for (Phase& phase : phases_) {
    for (const int64_t tap : phase.taps) {
      const int64_t row = (phase.row - tap / kernel_w_ * dilation_h_) / stride_h_;
      const int64_t column = (phase.column - tap % kernel_w_ * dilation_w_) / stride_w_;
      phase.offsets.push_back((row * gradient_.Width() + column) * kLanes);
    }
    for (int64_t q = phase.first_row; q < phase.last_row; ++q) {
      const int64_t row = stride_h_ * q + phase.row - input_.top;
      for (int64_t k = phase.first_column; k < phase.last_column; ++k) {
        const int64_t column = stride_w_ * k + phase.column - input_.left;
        phase.dy_at.push_back(Offset((q + gradient_.top) * gradient_.Width() + k + gradient_.left));
        phase.dx_at.push_back(Offset(row * input_.columns + column));
      }
    }
  }
}

const float* Convolution::Border::Enclose(const float* from, int64_t channels, float* to) const {
  if (Empty()) return from;
  Enclose(channels, to, [&](int64_t, const Rows& inside, float* at) {
    for (int64_t r = 0; r < inside.rows; ++r, from += inside.count) {
      std::copy(from, from + inside.count, at + r * inside.stride);
    }
  });
  return to;
}

int64_t Convolution::PackedSize() const { return 2 * groups_ * ForwardPackedPerGroup(); }

void Convolution::Pack(std::span<const float> weight, std::span<float> packed) const {
  const auto taps = static_cast<int64_t>(taps_.size());
  const int64_t per_group = ForwardPackedPerGroup();
  for (int64_t g = 0; g < groups_; ++g) {
    const float* source = weight.data() + g * per_group;
    float* forward = packed.data() + 2 * g * per_group;
    PackBlocks(
        outs_, ins_, taps,
        [&](int64_t o, int64_t i, int64_t t) { return source[(o * ins_ + i) * taps + t]; },
        forward);
    for (const Phase& phase : phases_) {
      PackBlocks(
          ins_, outs_, static_cast<int64_t>(phase.taps.size()),
          [&](int64_t i, int64_t o, int64_t t) {
            return source[(o * ins_ + i) * taps + phase.taps[static_cast<size_t>(t)]];
          },
          forward + per_group + phase.packed);
    }
  }
}

void Convolution::Forward(const float* x, std::span<const float> packed, const float* bias,
                          float* y) const {
  const int64_t out_plane = out_rows_ * out_columns_ * kLanes;
  TileJob job;
  job.ins = ins_;
  job.in_stride = input_.Plane() * kLanes;
  job.taps = taps_.data();
  job.tap_count = static_cast<int64_t>(taps_.size());
  job.outs = outs_;
  job.out_stride = out_plane;
  job.in_at = x_at_.data();
  job.out_at = y_at_.data();
  job.positions = out_rows_ * out_columns_;
  for (int64_t g = 0; g < groups_; ++g) {
    job.weight = packed.data() + 2 * g * ForwardPackedPerGroup();
    job.bias = bias == nullptr ? nullptr : bias + g * outs_;
    job.in = x + g * ins_ * job.in_stride;
    job.out = y + g * outs_ * out_plane;
    Tile(job);
  }
}

void Convolution::BackwardInput(const float* dy, std::span<const float> packed, float* dx) const {
  const int64_t in_plane = input_.rows * input_.columns * kLanes;
  TileJob job;
  job.ins = outs_;
  job.in_stride = gradient_.Plane() * kLanes;
  job.outs = ins_;
  job.out_stride = in_plane;
  for (int64_t g = 0; g < groups_; ++g) {
    for (const Phase& phase : phases_) {
      job.taps = phase.offsets.data();
      job.tap_count = static_cast<int64_t>(phase.offsets.size());
      job.weight = packed.data() + (2 * g + 1) * ForwardPackedPerGroup() + phase.packed;
      job.in_at = phase.dy_at.data();
      job.out_at = phase.dx_at.data();
      job.positions = static_cast<int64_t>(phase.dy_at.size());
      job.in = dy + g * outs_ * job.in_stride;
      job.out = dx + g * ins_ * in_plane;
      Tile(job);
    }
  }
}

void Convolution::BackwardWeight(const float* x, const float* dy, float* dw) const {
  WeightGradientJob job;
  job.outs = outs_;
  job.dy_stride = gradient_.Plane() * kLanes;
  job.dy_row = gradient_.Width() * kLanes;
  job.offsets = offsets_.data();
  job.count = static_cast<int64_t>(offsets_.size());
  job.step = stride_w_ * kLanes;
  job.in_row = stride_h_ * input_.Width() * kLanes;
  job.rows = out_rows_;
  job.positions = out_columns_;
  job.grad_stride = job.count;
  for (int64_t g = 0; g < groups_; ++g) {
    job.dy = dy + gradient_.Inside() + g * outs_ * job.dy_stride;
    job.in = x + g * ins_ * input_.Plane() * kLanes;
    job.grad = dw + g * outs_ * job.count;
    WeightGradient(job);
  }
}

}  // namespace platypus::train
