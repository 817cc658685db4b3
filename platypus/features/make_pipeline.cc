#include <algorithm>
#include <cmath>
#include <numbers>

#include "platypus/base/error.h"
#include "platypus/features/pipeline.h"

namespace platypus::features {
namespace {

// In the order of execution.
const std::vector<std::string>& CanonicalOrder() {
  static const std::vector<std::string> kNames = {
      "WINDOWING", "RAW_FE",    "FFT_FE",  "NORMALIZE", "ROUND_OFF", "FFT_POS_HALF",
      "ABS",       "DC_REMOVE", "BINNING", "LOG_DB",    "CONCAT"};
  return kNames;
}

// Transforms of the reference that do not run yet.
bool IsLater(const std::string& name) {
  static const std::vector<std::string> kNames = {
      "TO_Q15",       "FFT_Q15",  "Q15_SCALE", "Q15_MAG",     "BIN_Q15", "KURT_FE",
      "ENT_FE",       "ZCR_FE",   "DOM_FE",    "SLOPE_FE",    "PIR_FE",  "PIR_FE_Q15",
      "HAAR",         "HADAMARD", "MINMAX",    "FE_DECIMATE", "FE_Q15",  "RANGE_NORMALIZE",
      "ECG_NORMALIZE"};
  return std::count(kNames.begin(), kNames.end(), name) > 0;
}

[[noreturn]] void Refuse(const std::string& message, const std::string& hint) {
  throw Error(Category::kConfiguration, "data_processing_feature_extraction." + message, hint);
}

std::vector<std::string> CheckNames(const config::FeatureExtraction& settings, ProgressSink& sink) {
  const std::vector<std::string>& order = CanonicalOrder();
  for (const std::string& name : settings.feat_ext_transform) {
    if (std::count(order.begin(), order.end(), name) > 0) continue;
    if (IsLater(name)) {
      std::string runs;
      for (const std::string& known : order) runs += (runs.empty() ? "" : ", ") + known;
      Refuse(fmt::format("feat_ext_transform: {} does not run in this version", name),
             "these do: " + runs);
    }
    Refuse(fmt::format("feat_ext_transform: '{}' is not a transform", name), Suggest(name, order));
  }
  if (settings.transform_order == config::TransformOrder::kAsListed)
    return settings.feat_ext_transform;
  std::vector<std::string> names;
  for (const std::string& name : order) {
    if (std::count(settings.feat_ext_transform.begin(), settings.feat_ext_transform.end(), name) >
        0) {
      names.push_back(name);
    }
  }
  if (names != settings.feat_ext_transform) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    sink.OnNotice(fmt::format(
        "transforms run in the order {} (transform_order: as_listed runs the list as written)",
        text));
  }
  return names;
}

Bin MakeBin(const config::FeatureExtraction& s) {
  if (!s.feature_size_per_frame)
    Refuse("feature_size_per_frame: BINNING needs it", "set the number of bins");
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

Stage MakeStage(const std::string& name, const config::FeatureExtraction& s, ProgressSink& sink) {
  if (name == "WINDOWING") return Window{};
  if (name == "RAW_FE") return RawFrame{s.dc_remove};
  if (name == "FFT_FE") return Fft{};
  if (name == "NORMALIZE") return Normalize{s.frame_size};
  if (name == "ROUND_OFF") return RoundOff{};
  if (name == "FFT_POS_HALF") return KeepFirst{s.frame_size / 2 + (s.min_bin != 0 ? s.min_bin : 1)};
  if (name == "ABS") return Magnitude{};
  if (name == "DC_REMOVE") return DropFirst{};
  if (name == "BINNING") return MakeBin(s);
  return MakeLog(s, sink);
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
  for (const std::string& name : CheckNames(s, sink)) {
    if (name != "CONCAT") pipeline.stages.push_back(MakeStage(name, s, sink));
  }
  SetWindows(pipeline, s, sink);
  const bool concat =
      std::count(s.feat_ext_transform.begin(), s.feat_ext_transform.end(), "CONCAT") > 0;
  if (pipeline.frame_concat > 1 && !concat) {
    Refuse(
        fmt::format("num_frame_concat: {} frames are joined only with CONCAT", s.num_frame_concat),
        "add CONCAT to feat_ext_transform, or set num_frame_concat: 1");
  }
  pipeline.FrameFeatures();  // checks the chain
  return pipeline;
}

int Pipeline::FrameFeatures() const {
  Signal signal{frame_size, false};
  for (const Stage& stage : stages) signal = InferSignal(stage, signal);
  if (signal.is_complex) {
    Refuse("feat_ext_transform: the chain ends in complex values", "add ABS behind FFT_FE");
  }
  return signal.length;
}

Shape Pipeline::OutputShape() const {
  const int64_t length = int64_t{FrameFeatures()} * frame_concat;
  if (stacking == config::Stacking::k1D && !stages.empty()) return {1, length * variables, 1};
  return {variables, length, 1};
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

float LogFactor(const LogDb& stage) {
  return static_cast<float>(double{stage.multiplier} / std::log(double{stage.base}));
}

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
