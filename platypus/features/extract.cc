#include <algorithm>
#include <array>
#include <map>

#include "platypus/features/lanes.h"
#include "platypus/features/pipeline.h"
#include "tm_fe.h"
#include "tm_fft.h"
#include "tm_pir.h"
#include "tm_q15.h"

namespace platypus::features {
namespace {

using lanes::kLanes;

tm_windows RuntimeWindows(const Windows& w, int samples) {
  return {samples, w.count, w.step, w.length, w.chunk, w.fft};
}

// The chain with its tables and buffers, ready to run on any number of frames, kLanes at once.
class Chain {
 public:
  explicit Chain(const Pipeline& pipeline) : pipeline_(pipeline) {
    Signal signal{pipeline.frame_size, false};
    size_t floats = 0;
    size_t codes = 0;
    for (size_t i = 0; i <= pipeline.stages.size(); ++i) {
      size_t& most = signal.is_q15 ? codes : floats;
      most = std::max(most, static_cast<size_t>((signal.is_complex ? 2 : 1) * signal.length));
      if (i == pipeline.stages.size()) break;
      std::visit([&](const auto& stage) { Prepare(stage, signal.length); }, pipeline.stages[i]);
      signal = InferSignal(pipeline.stages[i], signal);
    }
    current_.resize(floats * kLanes);
    next_.resize(floats * kLanes);
    codes_width_ = codes;
    codes_.resize(codes * kLanes);
    next_codes_.resize(codes * kLanes);
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
  // Makes the tables and the room of a stage that works on `length` values.
  template <typename T>
  void Prepare(const T&, int) {}
  void Prepare(const Window&, int length) { windows_[length] = HannWindow(length); }
  void Prepare(const Fft&, int length) {
    AddFft(length);
    Reserve(static_cast<size_t>(TM_RFFT_WORK(length)) * kLanes);
  }
  void Prepare(const Haar&, int length) { Reserve(static_cast<size_t>(length) * kLanes); }
  void Prepare(const FftQ15&, int length) { AddFftQ15(length); }
  void Prepare(const Pir& stage, int) {
    AddFft(stage.windows.fft);
    Reserve(static_cast<size_t>(TM_PIR_WORK(stage.windows.length, stage.windows.fft)));
  }
  void Prepare(const PirQ15& stage, int) {
    AddFftQ15(stage.windows.fft);
    Reserve(static_cast<size_t>(stage.windows.chunk));
    work_codes_.resize(
        static_cast<size_t>(TM_PIR_Q15_WORK(stage.windows.length, stage.windows.fft)));
  }
  void Prepare(const Figures& stage, int) {
    if (stage.entropy || stage.dominant) {
      AddFft(stage.windows.fft);
      Reserve(static_cast<size_t>(TM_SPECTRUM_WORK(stage.windows.fft)));
    }
    if (stage.kurtosis) Reserve(static_cast<size_t>(stage.windows.length));
  }
  void AddFft(int length) { twiddles_[length] = TwiddleTable(length); }
  void AddFftQ15(int length) {
    twiddles_q15_[length] = TwiddleTableQ15(length);
    splits_q15_[length] = SplitTableQ15(length);
  }
  void Reserve(size_t floats) { work_.resize(std::max(work_.size(), floats)); }

  Signal Apply(const Window&, size_t, Signal s) {
    lanes::Window(current_.data(), windows_.at(s.length).data(), s.length, current_.data());
    return s;
  }
  Signal Apply(const RawFrame& stage, size_t, Signal s) {
    if (stage.remove_mean) lanes::SubtractMean(current_.data(), s.length, current_.data());
    return s;
  }
  Signal Apply(const Fft&, size_t index, Signal s) {
    const int bins = NeededBins(pipeline_.stages, index, s.length);
    lanes::Fft(current_.data(), s.length, twiddles_.at(s.length).data(), work_.data(), next_.data(),
               bins);
    current_.swap(next_);
    return {bins, true};
  }
  Signal Apply(const Normalize& stage, size_t, Signal s) {
    tm_fe_divide(current_.data(), Values(s), static_cast<float>(stage.divisor), current_.data());
    return s;
  }
  Signal Apply(const RoundOff&, size_t, Signal s) {
    tm_fe_round(current_.data(), Values(s), current_.data());
    return s;
  }
  Signal Apply(const KeepFirst& stage, size_t, Signal s) {
    s.length = std::min(s.length, stage.count);
    return s;
  }
  Signal Apply(const Magnitude&, size_t, Signal s) {
    if (s.is_complex) {
      lanes::Magnitude(current_.data(), s.length, current_.data());
    } else {
      tm_fe_absolute(current_.data(), Values(s), current_.data());
    }
    s.is_complex = false;
    return s;
  }
  Signal Apply(const DropFirst&, size_t, Signal s) {
    const int parts = s.is_complex ? 2 : 1;
    if (s.is_q15) {
      for (size_t l = 0; l < kLanes; ++l) {
        int16_t* lane = Codes(l);
        std::copy(lane + parts, lane + s.length * parts, lane);
      }
    } else {
      const int width = parts * kLanes;
      std::copy(current_.begin() + width, current_.begin() + s.length * width, current_.begin());
    }
    s.length -= 1;
    return s;
  }
  Signal Apply(const Bin& bin, size_t, Signal s) {
    lanes::Bin(current_.data(), s.length, bin.first, bin.width, bin.count,
               bin.mean ? static_cast<float>(bin.width) : 1.0f, next_.data());
    current_.swap(next_);
    return {bin.count, false};
  }
  Signal Apply(const LogDb& stage, size_t, Signal s) {
    tm_fe_log(current_.data(), Values(s), stage.threshold, LogFactor(stage), current_.data());
    return s;
  }
  Signal Apply(const Haar&, size_t, Signal s) {
    lanes::Haar(current_.data(), s.length, work_.data(), current_.data());
    return s;
  }
  Signal Apply(const Hadamard&, size_t, Signal s) {
    lanes::Hadamard(current_.data(), s.length, current_.data());
    return s;
  }
  Signal Apply(const MinMax&, size_t, Signal s) {
    return EachLane(s, s, [&](const float* in, float* out) { tm_fe_min_max(in, s.length, out); });
  }
  Signal Apply(const ToQ15&, size_t, Signal s) { return ToCodes(s, tm_q15_from_unit); }
  Signal Apply(const Truncate&, size_t, Signal s) { return ToCodes(s, tm_q15_from_float); }
  Signal Apply(const Widen&, size_t, Signal s) {
    for (size_t l = 0; l < kLanes; ++l) {
      const int16_t* lane = Codes(l);
      for (int k = 0; k < s.length; ++k)
        current_[static_cast<size_t>(k) * kLanes + l] = static_cast<float>(lane[k]);
    }
    s.is_q15 = false;
    return s;
  }
  Signal Apply(const FftQ15&, size_t, Signal s) {
    for (size_t l = 0; l < kLanes; ++l) {
      tm_q15_rfft(Codes(l), s.length, twiddles_q15_.at(s.length).data(),
                  splits_q15_.at(s.length).data(), &next_codes_[l * codes_width_]);
    }
    codes_.swap(next_codes_);
    return {s.length / 2 + 1, true, true};
  }
  Signal Apply(const ShiftQ15& stage, size_t, Signal s) {
    for (size_t l = 0; l < kLanes; ++l)
      tm_q15_shift(Codes(l), (s.is_complex ? 2 : 1) * s.length, stage.bits, Codes(l));
    return s;
  }
  Signal Apply(const MagnitudeQ15&, size_t, Signal s) {
    for (size_t l = 0; l < kLanes; ++l) tm_q15_magnitude(Codes(l), s.length, Codes(l));
    return {s.length, false, true};
  }
  Signal Apply(const BinQ15& bin, size_t, Signal s) {
    for (size_t l = 0; l < kLanes; ++l) {
      tm_q15_bin(Codes(l), s.length, bin.first, bin.width, bin.count, bin.mean ? bin.width : 1,
                 &next_codes_[l * codes_width_]);
    }
    codes_.swap(next_codes_);
    return {bin.count, false, true};
  }
  Signal Apply(const Pir& stage, size_t, Signal s) {
    const tm_windows windows = RuntimeWindows(stage.windows, s.length);
    return EachLane(s, InferSignal(stage, s), [&](const float* in, float* out) {
      tm_pir(&windows, in, Hertz(stage.windows), twiddles_.at(windows.fft).data(), work_.data(),
             out);
    });
  }
  Signal Apply(const PirQ15& stage, size_t, Signal s) {
    const tm_windows windows = RuntimeWindows(stage.windows, s.length);
    const Signal output = InferSignal(stage, s);
    out_.resize(static_cast<size_t>(output.length));
    for (size_t l = 0; l < kLanes; ++l) {
      tm_pir_q15(&windows, Codes(l), Millirate(stage.windows), twiddles_q15_.at(windows.fft).data(),
                 splits_q15_.at(windows.fft).data(), work_codes_.data(), work_.data(), out_.data());
      for (size_t k = 0; k < out_.size(); ++k) current_[k * kLanes + l] = out_[k];
    }
    return output;
  }
  Signal Apply(const Figures& stage, size_t, Signal s) {
    const tm_windows windows = RuntimeWindows(stage.windows, s.length);
    return EachLane(s, InferSignal(stage, s), [&](const float* in, float* out) {
      if (stage.kurtosis) {
        tm_window_kurtosis(&windows, in, work_.data(), out);
        out += windows.windows * (windows.window / windows.chunk);
      }
      if (stage.entropy || stage.dominant) {
        tm_spectrum(in, s.length, windows.fft, twiddles_.at(windows.fft).data(), work_.data());
      }
      if (stage.entropy) *out++ = tm_entropy(work_.data(), windows.fft);
      if (stage.zero_crossings) *out++ = tm_crossing_rate(in, s.length);
      if (stage.dominant) {
        tm_dominant(work_.data(), windows.fft, Hertz(stage.windows), out);
        out += 2;
      }
      if (stage.slope_changes) *out = tm_slope_rate(in, s.length);
    });
  }

  int16_t* Codes(size_t lane) { return &codes_[lane * codes_width_]; }

  // Calls run(in, out) for every frame alone.
  template <typename Run>
  Signal EachLane(Signal input, Signal output, Run run) {
    in_.resize(static_cast<size_t>(input.length));
    out_.resize(static_cast<size_t>(output.length));
    for (size_t l = 0; l < kLanes; ++l) {
      for (size_t k = 0; k < in_.size(); ++k) in_[k] = current_[k * kLanes + l];
      run(in_.data(), out_.data());
      for (size_t k = 0; k < out_.size(); ++k) next_[k * kLanes + l] = out_[k];
    }
    current_.swap(next_);
    return output;
  }

  Signal ToCodes(Signal s, void (*convert)(const tm_f32*, tm_i32, tm_i16*)) {
    in_.resize(static_cast<size_t>(s.length));
    for (size_t l = 0; l < kLanes; ++l) {
      for (size_t k = 0; k < in_.size(); ++k) in_[k] = current_[k * kLanes + l];
      convert(in_.data(), s.length, Codes(l));
    }
    s.is_q15 = true;
    return s;
  }

  // Of all lanes.
  static int Values(Signal s) { return (s.is_complex ? 2 : 1) * s.length * kLanes; }

  const Pipeline& pipeline_;
  std::vector<float> current_, next_, work_;
  // [lane][codes_width_]: 16-bit steps run frame by frame.
  size_t codes_width_ = 0;
  std::vector<int16_t> codes_, next_codes_, work_codes_;
  std::vector<float> in_, out_;  // of one frame
  // By length.
  std::map<int, std::vector<float>> windows_, twiddles_;
  std::map<int, std::vector<int16_t>> twiddles_q15_, splits_q15_;
};

// Frames of one grid in `length` prepared rows.
int64_t CountFrames(const Pipeline& pipeline, int64_t length, int offset) {
  return length - offset < pipeline.frame_size
             ? 0
             : (length - offset - pipeline.frame_size) / pipeline.hop + 1;
}

std::vector<float> Decimate(const Pipeline& pipeline, std::span<const float> rows) {
  const auto variables = static_cast<size_t>(pipeline.variables);
  const size_t step = variables * static_cast<size_t>(pipeline.decimation);
  std::vector<float> kept;
  for (size_t at = 0; at + variables <= rows.size(); at += step)
    kept.insert(kept.end(), rows.begin() + at, rows.begin() + at + variables);
  return kept;
}

// Does a sample end with this frame of its grid?
bool EndsSample(const Pipeline& pipeline, int64_t frame) {
  const int n = pipeline.frame_concat;
  return frame >= n - 1 && (n == 1 || frame % pipeline.frame_skip == 0);
}

}  // namespace

int64_t DecimatedRows(const Pipeline& pipeline, int64_t rows) {
  return (rows + pipeline.decimation - 1) / pipeline.decimation;
}

std::vector<int64_t> SampleStarts(const Pipeline& pipeline, int64_t rows) {
  const int64_t length = DecimatedRows(pipeline, rows);
  std::vector<int64_t> starts;
  for (const int offset : pipeline.frame_offsets) {
    const int64_t frames = CountFrames(pipeline, length, offset);
    for (int64_t f = 0; f < frames; ++f) {
      if (EndsSample(pipeline, f))
        starts.push_back(offset + (f - pipeline.frame_concat + 1) * pipeline.hop);
    }
  }
  return starts;
}

std::vector<float> Prepare(const Pipeline& pipeline, std::span<const float> rows) {
  std::vector<float> prepared = Decimate(pipeline, rows);
  for (float& value : prepared) value /= pipeline.scale;
  return prepared;
}

int64_t Extract(const Pipeline& pipeline, std::span<const float> rows, std::vector<float>& features,
                std::vector<float>* raw) {
  const auto variables = static_cast<size_t>(pipeline.variables);
  std::vector<float> kept;
  if (pipeline.decimation > 1) kept = Decimate(pipeline, rows);
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
