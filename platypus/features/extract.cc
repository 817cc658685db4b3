#include <algorithm>
#include <array>

#include "platypus/features/lanes.h"
#include "platypus/features/pipeline.h"
#include "tm_fe.h"
#include "tm_fft.h"

namespace platypus::features {
namespace {

using lanes::kLanes;

// The chain with its tables and buffers, ready to run on any number of frames, kLanes at once.
class Chain {
 public:
  explicit Chain(const Pipeline& pipeline) : pipeline_(pipeline) {
    const auto n = static_cast<size_t>(pipeline.frame_size);
    size_t most = 2 * n;
    for (const Stage& stage : pipeline.stages) {
      if (std::holds_alternative<Window>(stage)) window_ = HannWindow(pipeline.frame_size);
      if (std::holds_alternative<Fft>(stage)) {
        twiddle_ = TwiddleTable(pipeline.frame_size);
        work_.resize(static_cast<size_t>(TM_RFFT_WORK(pipeline.frame_size)) * kLanes);
      }
      if (const auto* bin = std::get_if<Bin>(&stage))
        most = std::max(most, static_cast<size_t>(bin->count));
    }
    current_.resize(most * kLanes);
    next_.resize(most * kLanes);
  }

  // Reads frames of `stride` floats between their values, frame l from `frames[l]`; its features
  // are written to `out[l]`.
  void Run(std::span<const float* const> frames, size_t stride, std::span<float* const> out) {
    std::array<const float*, kLanes> from;
    // Lanes without a frame repeat the last one.
    for (size_t l = 0; l < kLanes; ++l) from[l] = frames[std::min(l, frames.size() - 1)];
    float* to = current_.data();
    for (int t = 0; t < pipeline_.frame_size; ++t) {
      for (size_t l = 0; l < kLanes; ++l) to[l] = from[l][static_cast<size_t>(t) * stride];
      to += kLanes;
    }
    Signal signal{pipeline_.frame_size, false};
    for (size_t i = 0; i < pipeline_.stages.size(); ++i) {
      signal = std::visit([&](const auto& stage) { return Apply(stage, i, signal); },
                          pipeline_.stages[i]);
    }
    for (size_t l = 0; l < out.size(); ++l) {
      for (int k = 0; k < signal.length; ++k)
        out[l][k] = current_[static_cast<size_t>(k) * kLanes + l];
    }
  }

 private:
  Signal Apply(const Window&, size_t, Signal s) {
    lanes::Window(current_.data(), window_.data(), s.length, current_.data());
    return s;
  }
  Signal Apply(const RawFrame& stage, size_t, Signal s) {
    if (stage.remove_mean) lanes::SubtractMean(current_.data(), s.length, current_.data());
    return s;
  }
  Signal Apply(const Fft&, size_t index, Signal s) {
    const int bins = NeededBins(pipeline_.stages, index, s.length);
    lanes::Fft(current_.data(), s.length, twiddle_.data(), work_.data(), next_.data(), bins);
    current_.swap(next_);
    return {bins, true};
  }
  Signal Apply(const Normalize& stage, size_t, Signal s) {
    tm_fe_divide(current_.data(), Floats(s), static_cast<float>(stage.divisor), current_.data());
    return s;
  }
  Signal Apply(const RoundOff&, size_t, Signal s) {
    tm_fe_round(current_.data(), Floats(s), current_.data());
    return s;
  }
  Signal Apply(const KeepFirst& stage, size_t, Signal s) {
    return {std::min(s.length, stage.count), s.is_complex};
  }
  Signal Apply(const Magnitude&, size_t, Signal s) {
    if (s.is_complex) {
      lanes::Magnitude(current_.data(), s.length, current_.data());
    } else {
      tm_fe_absolute(current_.data(), Floats(s), current_.data());
    }
    return {s.length, false};
  }
  Signal Apply(const DropFirst&, size_t, Signal s) {
    const int width = (s.is_complex ? 2 : 1) * kLanes;
    std::copy(current_.begin() + width, current_.begin() + s.length * width, current_.begin());
    return {s.length - 1, s.is_complex};
  }
  Signal Apply(const Bin& bin, size_t, Signal s) {
    lanes::Bin(current_.data(), s.length, bin.first, bin.width, bin.count,
               bin.mean ? static_cast<float>(bin.width) : 1.0f, next_.data());
    current_.swap(next_);
    return {bin.count, false};
  }
  Signal Apply(const LogDb& stage, size_t, Signal s) {
    tm_fe_log(current_.data(), Floats(s), stage.threshold, LogFactor(stage), current_.data());
    return s;
  }
  // Of all lanes.
  static int Floats(Signal s) { return (s.is_complex ? 2 : 1) * s.length * kLanes; }

  const Pipeline& pipeline_;
  std::vector<float> current_, next_, work_, window_, twiddle_;
};

// Frames of one grid in `length` prepared rows.
int64_t CountFrames(const Pipeline& pipeline, int64_t length, int offset) {
  return length - offset < pipeline.frame_size
             ? 0
             : (length - offset - pipeline.frame_size) / pipeline.hop + 1;
}

// Does a sample end with this frame of its grid?
bool EndsSample(const Pipeline& pipeline, int64_t frame) {
  const int n = pipeline.frame_concat;
  return frame >= n - 1 && (n == 1 || frame % pipeline.frame_skip == 0);
}

}  // namespace

int64_t CountSamples(const Pipeline& pipeline, int64_t rows) {
  const int64_t length = (rows + pipeline.decimation - 1) / pipeline.decimation;
  int64_t samples = 0;
  for (const int offset : pipeline.frame_offsets) {
    const int64_t frames = CountFrames(pipeline, length, offset);
    for (int64_t f = 0; f < frames; ++f) samples += EndsSample(pipeline, f) ? 1 : 0;
  }
  return samples;
}

int64_t Extract(const Pipeline& pipeline, std::span<const float> rows, std::vector<float>& features,
                std::vector<float>* raw) {
  const auto variables = static_cast<size_t>(pipeline.variables);
  std::vector<float> kept;
  if (pipeline.decimation > 1) {
    const size_t step = variables * static_cast<size_t>(pipeline.decimation);
    for (size_t at = 0; at + variables <= rows.size(); at += step)
      kept.insert(kept.end(), rows.begin() + at, rows.begin() + at + variables);
  }
  const std::span<const float> decimated = pipeline.decimation > 1 ? kept : rows;
  std::vector<float> scaled;
  if (pipeline.scale != 1.0f) {
    scaled.assign(decimated.begin(), decimated.end());
    for (float& value : scaled) value /= pipeline.scale;
  }
  const std::span<const float> prepared = pipeline.scale != 1.0f ? scaled : decimated;
  const auto length = static_cast<int64_t>(prepared.size() / variables);
  const auto width = static_cast<size_t>(pipeline.FrameFeatures());
  const int n = pipeline.frame_concat;
  Chain chain(pipeline);
  std::vector<float> frames;  // [frame][variable][width]
  int64_t samples = 0;
  for (const int offset : pipeline.frame_offsets) {
    const int64_t count = CountFrames(pipeline, length, offset);
    frames.resize(static_cast<size_t>(count) * variables * width);
    for (int64_t f = 0; f < count; f += kLanes) {
      const auto together = static_cast<size_t>(std::min<int64_t>(kLanes, count - f));
      for (size_t v = 0; v < variables; ++v) {
        std::array<const float*, kLanes> from;
        std::array<float*, kLanes> to;
        for (size_t l = 0; l < together; ++l) {
          const int64_t frame = f + static_cast<int64_t>(l);
          from[l] = &prepared[static_cast<size_t>(offset + frame * pipeline.hop) * variables + v];
          to[l] = &frames[(static_cast<size_t>(frame) * variables + v) * width];
        }
        chain.Run({from.data(), together}, variables, {to.data(), together});
      }
    }
    for (int64_t last = n - 1; last < count; ++last) {
      if (!EndsSample(pipeline, last)) continue;
      for (size_t v = 0; v < variables; ++v) {
        for (int64_t f = last - n + 1; f <= last; ++f) {
          const auto from = frames.begin() + static_cast<std::ptrdiff_t>(
                                                 (static_cast<size_t>(f) * variables + v) * width);
          features.insert(features.end(), from, from + static_cast<std::ptrdiff_t>(width));
        }
      }
      if (raw != nullptr) {
        const auto from =
            decimated.begin() +
            static_cast<std::ptrdiff_t>(
                static_cast<size_t>(offset + (last - n + 1) * pipeline.hop) * variables);
        raw->insert(raw->end(), from,
                    from + static_cast<std::ptrdiff_t>(
                               static_cast<size_t>(pipeline.RowsPerSample()) * variables));
      }
      ++samples;
    }
  }
  return samples;
}

}  // namespace platypus::features
