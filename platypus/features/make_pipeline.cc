#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "platypus/base/error.h"
#include "platypus/features/pipeline.h"

namespace platypus::features {
namespace {

// In the order of execution. HAAR, HADAMARD and MINMAX are ours.
const std::vector<std::string>& CanonicalOrder() {
  static const std::vector<std::string> kNames = {
      "WINDOWING", "RAW_FE",   "TO_Q15",    "FFT_Q15", "Q15_SCALE", "Q15_MAG",      "FFT_FE",
      "HAAR",      "HADAMARD", "NORMALIZE", "MINMAX",  "ROUND_OFF", "FFT_POS_HALF", "ABS",
      "KURT_FE",   "ENT_FE",   "ZCR_FE",    "DOM_FE",  "SLOPE_FE",  "PIR_FE",       "PIR_FE_Q15",
      "DC_REMOVE", "BIN_Q15",  "BINNING",   "LOG_DB",  "CONCAT"};
  return kNames;
}

// Names that the reference accepts and that change nothing there either.
const std::vector<std::string>& WithoutEffect() {
  static const std::vector<std::string> kNames = {"ECG_NORMALIZE", "FE_DECIMATE", "FE_Q15",
                                                  "RANGE_NORMALIZE"};
  return kNames;
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::count(names.begin(), names.end(), name) > 0;
}

[[noreturn]] void Refuse(const std::string& message, const std::string& hint) {
  throw Error(Category::kConfiguration, "data_processing_feature_extraction." + message, hint);
}

std::vector<std::string> CheckNames(const config::FeatureExtraction& settings, ProgressSink& sink) {
  const std::vector<std::string>& order = CanonicalOrder();
  std::vector<std::string> listed;
  for (const std::string& name : settings.feat_ext_transform) {
    if (Contains(WithoutEffect(), name)) {
      sink.OnNotice(fmt::format("feat_ext_transform: {} has no effect", name));
    } else if (Contains(order, name)) {
      listed.push_back(name);
    } else {
      Refuse(fmt::format("feat_ext_transform: '{}' is not a transform", name),
             Suggest(name, order));
    }
  }
  if (settings.transform_order == config::TransformOrder::kAsListed) return listed;
  std::vector<std::string> names;
  for (const std::string& name : order) {
    if (Contains(listed, name)) names.push_back(name);
  }
  if (names != listed) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    sink.OnNotice(fmt::format(
        "transforms run in the order {} (transform_order: as_listed runs the list as written)",
        text));
  }
  return names;
}

Bin MakeBin(const std::string& name, const config::FeatureExtraction& s) {
  if (!s.feature_size_per_frame)
    Refuse(fmt::format("feature_size_per_frame: {} needs it", name), "set the number of bins");
  Bin bin;
  bin.count = *s.feature_size_per_frame;
  bin.width = s.frame_size / 2 / bin.count / s.analysis_bandwidth;
  bin.first = s.min_bin;
  bin.mean = s.normalize_bin;
  if (bin.width < 1) {
    Refuse(fmt::format("feature_size_per_frame: {} bins of a frame of {} with analysis_bandwidth "
                       "{} are less than one "
                       "value wide",
                       bin.count, s.frame_size, s.analysis_bandwidth),
           fmt::format("at most {} bins fit", s.frame_size / 2 / s.analysis_bandwidth));
  }
  return bin;
}

// What the transforms of windows, chunks and spectra need, each if `needs` says so.
struct WindowNeeds {
  bool windows = false;
  bool spectrum = false;
  int multiple = 2;  // of which fft_size must be one
  bool power_of_two = false;
};

Windows MakeWindows(const std::string& name, const config::FeatureExtraction& s, double rate,
                    const WindowNeeds& needs) {
  constexpr int kPadding = 7;
  Windows w;
  w.count = s.window_count;
  w.step = static_cast<int>(s.frame_size * s.stride_size);
  const int64_t length = int64_t{s.frame_size} + kPadding - int64_t{w.count} * w.step;
  w.length = static_cast<int>(std::max<int64_t>(length, 0));
  w.chunk = s.chunk_size;
  w.fft = s.fft_size;
  w.rate = rate;
  if (needs.windows) {
    if (w.step < 1) {
      Refuse(fmt::format("stride_size: {} of a frame of {} is less than one sample, {} needs steps",
                         s.stride_size, s.frame_size, name),
             fmt::format("at least {}", 1.0 / s.frame_size));
    }
    if (w.chunk < 4)
      Refuse(fmt::format("chunk_size: {} values have no kurtosis", w.chunk), "at least 4");
    if (length < w.chunk) {
      Refuse(fmt::format("window_count: {} windows {} samples apart leave {} of the {} samples for "
                         "one of them, less than a chunk of {}",
                         w.count, w.step, length, s.frame_size + kPadding, w.chunk),
             "fewer windows, or a smaller stride_size");
    }
  }
  constexpr int kMost = 8192;
  if (needs.spectrum &&
      (w.fft < std::max(4, needs.multiple) || w.fft % needs.multiple != 0 || w.fft > kMost ||
       (needs.power_of_two && !std::has_single_bit(static_cast<unsigned>(w.fft))))) {
    Refuse(fmt::format("fft_size: {} does not take {}", name, w.fft),
           needs.power_of_two ? fmt::format("a power of two from {} to {}", needs.multiple, kMost)
                              : fmt::format("a multiple of {} from {} to {}", needs.multiple,
                                            std::max(4, needs.multiple), kMost));
  }
  constexpr double kFastest = 2e6;
  if (needs.spectrum && rate > kFastest) {
    Refuse(fmt::format("sampling_rate: {} takes at most {} Hz, not {}", name, kFastest, rate),
           "lower it");
  }
  return w;
}

// Adds a figure to those in front of it, which are of the same vector.
Figures AddFigure(Figures figures, const std::string& name, const config::FeatureExtraction& s,
                  double rate) {
  if (name == "KURT_FE") figures.kurtosis = true;
  if (name == "ENT_FE") figures.entropy = true;
  if (name == "ZCR_FE") figures.zero_crossings = true;
  if (name == "DOM_FE") figures.dominant = true;
  if (name == "SLOPE_FE") figures.slope_changes = true;
  figures.windows =
      MakeWindows(name, s, rate,
                  {.windows = figures.kurtosis, .spectrum = figures.entropy || figures.dominant});
  return figures;
}

bool IsFigure(const std::string& name) {
  return name == "KURT_FE" || name == "ENT_FE" || name == "ZCR_FE" || name == "DOM_FE" ||
         name == "SLOPE_FE";
}

LogDb MakeLog(const config::FeatureExtraction& s, ProgressSink& sink) {
  constexpr double kSmallest = 1e-37;
  LogDb log;
  log.multiplier =
      static_cast<float>(s.log_mul.value_or(20.0) != 0.0 ? s.log_mul.value_or(20.0) : 20.0);
  log.base = static_cast<float>(s.log_base.value_or(10.0));
  const double threshold = s.log_threshold.value_or(1e-100);
  log.threshold = static_cast<float>(std::max(threshold, kSmallest));
  if (threshold < kSmallest && s.log_threshold) {
    sink.OnNotice(fmt::format("log_threshold {} is raised to {}, the smallest that a float holds",
                              threshold, kSmallest));
  }
  return log;
}

Stage MakeStage(const std::string& name, const config::FeatureExtraction& s, double rate,
                ProgressSink& sink) {
  if (name == "WINDOWING") return Window{};
  if (name == "RAW_FE") return RawFrame{s.dc_remove};
  if (name == "TO_Q15") return ToQ15{};
  if (name == "FFT_Q15") return FftQ15{};
  if (name == "Q15_SCALE") return ShiftQ15{s.q15_scale_factor};
  if (name == "Q15_MAG") return MagnitudeQ15{};
  if (name == "FFT_FE") return Fft{};
  if (name == "HAAR") return Haar{};
  if (name == "HADAMARD") return Hadamard{};
  if (name == "NORMALIZE") return Normalize{s.frame_size};
  if (name == "MINMAX") return MinMax{};
  if (name == "ROUND_OFF") return RoundOff{};
  if (name == "FFT_POS_HALF") return KeepFirst{s.frame_size / 2 + (s.min_bin != 0 ? s.min_bin : 1)};
  if (name == "ABS") return Magnitude{};
  if (name == "PIR_FE")
    return Pir{MakeWindows(name, s, rate, {.windows = true, .spectrum = true, .multiple = 32})};
  if (name == "PIR_FE_Q15") {
    return PirQ15{MakeWindows(
        name, s, rate, {.windows = true, .spectrum = true, .multiple = 32, .power_of_two = true})};
  }
  if (name == "DC_REMOVE") return DropFirst{};
  if (name == "BINNING") return MakeBin(name, s);
  if (name == "BIN_Q15") {
    const Bin bin = MakeBin(name, s);
    return BinQ15{bin.count, bin.width, bin.first, bin.mean};
  }
  return MakeLog(s, sink);
}

// Puts conversions between stages of floats and of 16-bit values; the chain ends in floats.
std::vector<Stage> Convert(const std::vector<Stage>& stages, int frame_size) {
  std::vector<Stage> converted;
  Signal signal{frame_size, false};
  const auto add = [&](const Stage& stage) {
    signal = InferSignal(stage, signal);
    converted.push_back(stage);
  };
  const auto widen = [&](const std::string& complaint) {
    if (signal.is_complex) {
      Refuse(fmt::format("feat_ext_transform: {} complex values", complaint),
             "add Q15_MAG behind FFT_Q15");
    }
    add(Widen{});
  };
  for (const Stage& stage : stages) {
    if (Takes(stage) == Numbers::kQ15 && !signal.is_q15) add(Truncate{});
    if (Takes(stage) == Numbers::kFloat && signal.is_q15) widen(Name(stage) + " cannot take");
    add(stage);
  }
  if (signal.is_q15) widen("the chain ends in");
  return converted;
}

std::vector<Stage> MakeStages(const config::FeatureExtraction& s, double rate, ProgressSink& sink) {
  std::vector<Stage> stages;
  for (const std::string& name : CheckNames(s, sink)) {
    if (name == "CONCAT") continue;
    if (!IsFigure(name)) {
      stages.push_back(MakeStage(name, s, rate, sink));
    } else if (!stages.empty() && std::holds_alternative<Figures>(stages.back())) {
      stages.back() = AddFigure(std::get<Figures>(stages.back()), name, s, rate);
    } else {
      stages.push_back(AddFigure({}, name, s, rate));
    }
  }
  // Frames as they are; a chain nevertheless, as stacking sees it.
  if (stages.empty() && !s.feat_ext_transform.empty()) stages.push_back(RawFrame{false});
  return Convert(stages, s.frame_size);
}

void SetWindows(Pipeline& pipeline, const config::FeatureExtraction& s, ProgressSink& sink) {
  const bool windowed =
      std::count(s.data_proc_transforms.begin(), s.data_proc_transforms.end(), "SimpleWindow") > 0;
  pipeline.hop = s.frame_size;
  if (windowed) {
    pipeline.hop = static_cast<int>(s.frame_size * s.stride_size);
    if (pipeline.hop == 0) {
      pipeline.hop = s.frame_size;
      sink.OnNotice(fmt::format(
          "stride_size {} of a frame of {} is less than one sample: windows do not overlap",
          s.stride_size, s.frame_size));
    }
  } else if (s.feat_ext_transform.empty()) {
    Refuse("feat_ext_transform: there is neither a transform nor SimpleWindow",
           "set data_proc_transforms: [SimpleWindow], a list of transforms, or "
           "feature_extraction_name");
  }
  if (s.offset > 0) {
    if (windowed)
      Refuse("offset: does not go together with SimpleWindow",
             "use stride_size for overlapping windows");
    for (int start = s.offset; start < s.frame_size; start += s.offset)
      pipeline.frame_offsets.push_back(start);
  }
}

}  // namespace

Pipeline MakePipeline(const config::FeatureExtraction& s, int variables, ProgressSink& sink) {
  Pipeline pipeline;
  pipeline.variables = variables;
  pipeline.frame_size = s.frame_size;
  pipeline.stacking = s.stacking;
  pipeline.frame_skip = s.frame_skip;
  pipeline.frame_concat = s.num_frame_concat;
  const std::vector<std::string> processing = {"Downsample", "SimpleWindow"};
  for (const std::string& name : s.data_proc_transforms) {
    if (std::count(processing.begin(), processing.end(), name) == 0) {
      Refuse(fmt::format("data_proc_transforms: '{}' is not a transform", name),
             Suggest(name, processing));
    }
  }
  if (std::count(s.data_proc_transforms.begin(), s.data_proc_transforms.end(), "Downsample") > 0) {
    pipeline.decimation = static_cast<int>(std::min(1e9, std::floor(s.sampling_rate / s.new_sr)));
    if (pipeline.decimation < 1) {
      Refuse(fmt::format("new_sr: {} is above the sampling_rate {}", s.new_sr, s.sampling_rate),
             "Downsample can only lower the rate");
    }
  }
  if (s.scale && *s.scale != 0.0) pipeline.scale = static_cast<float>(*s.scale);
  pipeline.stages = MakeStages(s, s.sampling_rate / pipeline.decimation, sink);
  SetWindows(pipeline, s, sink);
  const bool concat =
      std::count(s.feat_ext_transform.begin(), s.feat_ext_transform.end(), "CONCAT") > 0;
  if (pipeline.frame_concat > 1 && !concat) {
    Refuse(
        fmt::format("num_frame_concat: {} frames are joined only with CONCAT", s.num_frame_concat),
        "add CONCAT to feat_ext_transform, or set num_frame_concat: 1");
  }
  pipeline.FrameSignal();  // checks the chain
  return pipeline;
}

Signal Pipeline::FrameSignal() const {
  Signal signal{frame_size, false};
  for (const Stage& stage : stages) signal = InferSignal(stage, signal);
  if (signal.is_complex) {
    Refuse("feat_ext_transform: the chain ends in complex values", "add ABS behind FFT_FE");
  }
  return signal;
}

Shape Pipeline::OutputShape() const {
  const Signal signal = FrameSignal();
  const int64_t length = int64_t{signal.length / signal.columns} * frame_concat;
  if (stacking == config::Stacking::k1D && !stages.empty())
    return {1, length * variables, signal.columns};
  return {variables, length, signal.columns};
}

std::vector<float> HannWindow(int n) {
  std::vector<float> window(static_cast<size_t>(n), 1.0f);
  for (int k = 0; k < n && n > 1; ++k) {
    window[static_cast<size_t>(k)] =
        static_cast<float>(0.5 - 0.5 * std::cos(2.0 * std::numbers::pi * k / (n - 1)));
  }
  return window;
}

std::vector<float> TwiddleTable(int n) {
  const int count = (n & (n - 1)) == 0 ? n / 2 + 1 : n;
  std::vector<float> table;
  for (int k = 0; k < count; ++k) {
    const double angle = 2.0 * std::numbers::pi * k / n;
    table.push_back(static_cast<float>(std::cos(angle)));
    table.push_back(static_cast<float>(-std::sin(angle)));
  }
  return table;
}

namespace {

int16_t Saturated(double value) {
  return static_cast<int16_t>(std::clamp(value, -32768.0, 32767.0));
}

}  // namespace

std::vector<int16_t> TwiddleTableQ15(int n) {
  const auto down = [](double value) {
    // Exact values are not pushed down by the last bits of sine and cosine.
    const double nearest = std::round(value);
    return Saturated(std::abs(value - nearest) < 1e-6 ? nearest : std::floor(value));
  };
  std::vector<int16_t> table;
  for (int i = 0; i < 3 * n / 8; ++i) {
    const double angle = 4.0 * std::numbers::pi * i / n;
    table.push_back(down(32768.0 * std::cos(angle)));
    table.push_back(down(32768.0 * std::sin(angle)));
  }
  return table;
}

std::vector<int16_t> SplitTableQ15(int n) {
  std::vector<int16_t> table;
  for (int i = 1; i < n / 2; ++i) {
    const double angle = 2.0 * std::numbers::pi * i / n;
    table.push_back(Saturated(std::floor(16384.0 * (1.0 - std::sin(angle)) + 0.5)));
    table.push_back(Saturated(std::floor(16384.0 * std::cos(angle) + 0.5)));
  }
  return table;
}

float LogFactor(const LogDb& stage) {
  return static_cast<float>(double{stage.multiplier} / std::log(double{stage.base}));
}

float Hertz(const Windows& windows) { return static_cast<float>(windows.rate / windows.fft); }

int Millirate(const Windows& windows) { return static_cast<int>(1000.0 * windows.rate); }

int NeededBins(const std::vector<Stage>& stages, size_t index, int frame_size) {
  for (size_t i = index + 1; i < stages.size(); ++i) {
    if (const auto* keep = std::get_if<KeepFirst>(&stages[i]))
      return std::min(frame_size, keep->count);
    if (!std::holds_alternative<Normalize>(stages[i]) &&
        !std::holds_alternative<RoundOff>(stages[i]))
      break;
  }
  return frame_size;
}

}  // namespace platypus::features
