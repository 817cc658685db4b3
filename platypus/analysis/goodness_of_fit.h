#ifndef PLATYPUS_ANALYSIS_GOODNESS_OF_FIT_H_
#define PLATYPUS_ANALYSIS_GOODNESS_OF_FIT_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "platypus/base/parallel.h"
#include "platypus/base/progress.h"

// Whether raw recordings hold enough to tell their classes apart, whatever the configuration says
// of features: frames described in two ways, scaled in two ways, drawn in two ways.
namespace platypus::analysis {

struct RawRecording {
  std::span<const float> values;  // [row][column]
  int64_t rows = 0;
  int label = 0;
};

// Of every `skip`-th frame of each recording, so that there are about 3000 at most.
struct FrameFeatures {
  int64_t skip = 1;
  std::vector<int32_t> labels;  // [frame]
  // ln(1 + |DFT|) of the bins 0 ... frame_size / 2 - 1 of each column.
  int64_t fourier_width = 0;
  std::vector<float> fourier;  // [frame][fourier_width]
  // Wavelets (Daubechies 4, three levels, symmetric borders): mean, deviation (divisor count),
  // largest, smallest and sum of magnitudes of A3, D3, D2 and D1, of each column.
  int64_t wavelet_width = 0;
  std::vector<float> wavelet;  // [frame][wavelet_width]
};
// Recordings of another number of columns than the first one's are passed over.
FrameFeatures DescribeFrames(std::span<const RawRecording> recordings, int64_t frame_size,
                             ThreadPool& pool);

// Each column to mean 0 and deviation 1 (divisor count), or to [0, 1]; constant ones to 0.
void Standardise(std::span<float> samples, int64_t width);
void ScaleToUnit(std::span<float> samples, int64_t width);

// Coefficients {A3, D3, D2, D1} of a signal.
std::vector<std::vector<double>> WaveletLevels(std::span<const double> signal);
// |DFT| of the bins 0 ... size / 2 - 1, for any size.
std::vector<double> SpectrumMagnitudes(std::span<const double> signal);

// One picture of the sheet: points of three dimensions.
struct FitView {
  std::string title;            // "FFT+Abs+Log+Standard Scaler+PCA"
  std::vector<double> points;   // [sample][3]
  std::vector<int32_t> labels;  // [sample]
  // Share of the five nearest points that are of the same class, mean over samples.
  double purity = 0;
};
// The eight views, features by scaler by projection. t-SNE takes at most `most_for_tsne` frames,
// spread evenly, and tells its progress. Empty if there are fewer than three frames.
std::vector<FitView> GoodnessOfFit(const FrameFeatures& features, int64_t most_for_tsne,
                                   uint64_t seed, ThreadPool& pool, ProgressSink& sink);

}  // namespace platypus::analysis

#endif  // PLATYPUS_ANALYSIS_GOODNESS_OF_FIT_H_
