// Feature extraction on one core: frames/s, of chains that read one variable.
#include <benchmark/benchmark.h>

#include "platypus/base/random.h"
#include "platypus/features/pipeline.h"

namespace platypus::features {
namespace {

constexpr int kFrames = 64;

std::vector<float> Recording(int frame_size) {
  Random random(1, "bench features");
  std::vector<float> rows;
  for (int i = 0; i < kFrames * frame_size; ++i)
    rows.push_back(static_cast<float>(random.Below(4096)));
  return rows;
}

void ExtractFrames(benchmark::State& state, const std::vector<std::string>& transforms, int bins,
                   bool keep_raw) {
  config::FeatureExtraction settings;
  settings.feat_ext_transform = transforms;
  settings.frame_size = static_cast<int>(state.range(0));
  settings.feature_size_per_frame = bins;
  settings.num_frame_concat = 8;
  settings.normalize_bin = true;
  settings.log_mul = 20;
  settings.log_base = 10;
  NullSink sink;
  const Pipeline pipeline = MakePipeline(settings, 1, sink);
  const std::vector<float> rows = Recording(settings.frame_size);
  std::vector<float> features;
  std::vector<float> raw;
  for (auto _ : state) {
    features.clear();
    raw.clear();
    benchmark::DoNotOptimize(Extract(pipeline, rows, features, keep_raw ? &raw : nullptr));
    benchmark::ClobberMemory();
  }
  state.counters["frames/s"] =
      benchmark::Counter(kFrames, benchmark::Counter::kIsIterationInvariantRate);
}

const std::vector<std::string> kBins = {"FFT_FE",  "FFT_POS_HALF", "DC_REMOVE", "ABS",
                                        "BINNING", "LOG_DB",       "CONCAT"};
const std::vector<std::string> kWindowed = {"FFT_FE",    "FFT_POS_HALF", "WINDOWING", "BINNING",
                                            "NORMALIZE", "ABS",          "LOG_DB",    "CONCAT"};
BENCHMARK_CAPTURE(ExtractFrames, bins, kBins, 64, false)->Arg(1024)->Arg(256);
BENCHMARK_CAPTURE(ExtractFrames, bins_and_raw, kBins, 64, true)->Arg(1024);
BENCHMARK_CAPTURE(ExtractFrames, windowed, kWindowed, 64, false)->Arg(1024)->Arg(1000);

}  // namespace
}  // namespace platypus::features
