#include "platypus/exec/convolution.h"

#include "platypus/base/error.h"

namespace platypus::exec {
Convolution::Convolution(const graph::Conv2d& op, std::span<const float> weight,
                         std::span<const float> bias, Dims in, Dims out)
    : op_(op),
      in_(in),
      out_(out),
      channels_(in.c / op.groups),
      taps_(int64_t{op.kernel.h} * op.kernel.w),
      regions_(FindRegions(op.kernel, op.stride, op.dilation, op.padding, in, out)),
      bias_(bias.begin(), bias.end()) {
  ForWeights(channels_, false, [&](int64_t o, int64_t c, int64_t t) {
    floats_.push_back(weight[static_cast<size_t>((o * channels_ + c) * taps_ + t)]);
  });
}

Convolution::Convolution(const graph::Conv2d& op, std::span<const int8_t> weight, Dims in, Dims out)
    : op_(op),
      in_(in),
      out_(out),
      channels_(in.c / op.groups),
      taps_(int64_t{op.kernel.h} * op.kernel.w),
      regions_(FindRegions(op.kernel, op.stride, op.dilation, op.padding, in, out)) {
  const auto at = [&](int64_t o, int64_t c, int64_t t) {
    return c < channels_ ? weight[static_cast<size_t>((o * channels_ + c) * taps_ + t)] : int8_t{0};
  };
  ForWeights(channels_, false,
             [&](int64_t o, int64_t c, int64_t t) { integers_.push_back(at(o, c, t)); });
  ForWeights((channels_ + 1) / 2, true, [&](int64_t o, int64_t c, int64_t t) {
    pairs_.push_back({at(o, 2 * c, t), at(o, 2 * c + 1, t)});
  });
}

template <typename Visit>
void Convolution::ForWeights(int64_t channels, bool channel_first, Visit visit) const {
  const int64_t per_group = out_.c / op_.groups;
  int64_t outs = 0;
  for (int64_t first = 0; first < out_.c; first += outs) {
    outs = first % per_group + kOutBlock <= per_group ? kOutBlock : 1;
    for (int64_t i = 0; i < channels * taps_; ++i) {
      const int64_t c = channel_first ? i / taps_ : i % channels;
      const int64_t t = channel_first ? i % taps_ : i / channels;
      for (int64_t o = first; o < first + outs; ++o) visit(o, c, t);
    }
  }
}

template <typename In, typename Weight, typename Out>
void Convolution::RunAll(const In* in, int64_t channels, const Weight* weight, const Weight* bias,
                         Out* out) const {
  const int64_t per_group = out_.c / op_.groups;
  TileJob<In, Weight, Out> job;
  job.channels = channels;
  job.in_plane = in_.h * in_.w;
  job.out_plane = out_.h * out_.w;
  job.all_taps = taps_;
  for (int64_t first = 0; first < out_.c; first += job.outs) {
    job.outs = first % per_group + kOutBlock <= per_group ? kOutBlock : 1;
    job.in = in + first / per_group * channels * job.in_plane * kLanes;
    job.weight = weight + first * channels * taps_;
    job.bias = bias != nullptr ? bias + first : nullptr;
    job.out = out + first * job.out_plane * kLanes;
    for (const Region& region : regions_) {
      job.taps = region.taps.data();
      job.tap_count = static_cast<int64_t>(region.taps.size());
      job.from = region.from.data();
      job.to = region.to.data();
      job.count = static_cast<int64_t>(region.to.size());
      Tile(job);
    }
  }
}

void Convolution::Run(const float* in, float* out) const {
  RunAll(in, channels_, floats_.data(), bias_.empty() ? nullptr : bias_.data(), out);
}

Pair* PairRoom::Take(size_t count) {
  if (count > size_) {
    pairs_ = hwy::AllocateAligned<Pair>(count);
    size_ = count;
    Check(static_cast<bool>(pairs_), "no memory for {} pairs", count);
  }
  return pairs_.get();
}

bool Convolution::MakeAllPairs(const int32_t* in, Pair* pairs) const {
  const int64_t plane = in_.h * in_.w * kLanes;
  for (int64_t group = 0; group < op_.groups; ++group, in += channels_ * plane) {
    for (int64_t c = 0; c < channels_; c += 2, pairs += plane) {
      const int32_t* even = in + c * plane;
      if (!MakePairs(even, c + 1 < channels_ ? even + plane : nullptr, plane, pairs)) return false;
    }
  }
  return true;
}

void Convolution::Run(const int32_t* in, PairRoom& room, int32_t* out) const {
  const int64_t channels = (channels_ + 1) / 2;  // of pairs
  Pair* pairs = room.Take(static_cast<size_t>(channels * op_.groups * in_.h * in_.w * kLanes));
  if (MakeAllPairs(in, pairs)) {
    RunAll(pairs, channels, pairs_.data(), static_cast<const Pair*>(nullptr), out);
  } else {
    RunAll(in, channels_, integers_.data(), static_cast<const int32_t*>(nullptr), out);
  }
}

}  // namespace platypus::exec
