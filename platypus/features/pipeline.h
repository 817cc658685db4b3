#ifndef PLATYPUS_FEATURES_PIPELINE_H_
#define PLATYPUS_FEATURES_PIPELINE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "platypus/base/array.h"
#include "platypus/base/progress.h"
#include "platypus/config/config.h"
#include "platypus/features/stage.h"

// The room's first header: from samples of a recording to the input of a network. One object, made
// from the configuration, drives the host, the generated C and the generated header.
namespace platypus::features {

struct Pipeline {
  int variables = 1;  // channels of a recording
  // Host-side preparation (the application on the device delivers samples at the reduced rate).
  int decimation = 1;  // Downsample: keep every k-th row
  float scale = 1.0f;  // samples are divided by it
  int frame_size = 1;  // N
  int hop = 1;  // rows between the starts of neighbouring frames: N, or SimpleWindow's stride
  std::vector<int> frame_offsets = {0};  // `offset`: starts of the frame grids
  std::vector<Stage> stages;             // of one frame of one variable; empty = the frame itself
  int frame_concat = 1;                  // n: frames joined into one sample, oldest first
  int frame_skip = 1;  // of the joined ones, those whose last frame's index is a multiple of it
  config::Stacking stacking = config::Stacking::k2D1;

  // What one frame of one variable becomes. Error (configuration) for a chain that does not fit.
  Signal FrameSignal() const;
  int FrameFeatures() const { return FrameSignal().length; }
  // Shape of one sample: [channels, length, columns], columns 1 but for features of windows. In
  // memory variables follow each other, oldest frame first.
  Shape OutputShape() const;
  // Prepared rows that one sample covers.
  int RowsPerSample() const { return frame_size + hop * (frame_concat - 1); }
};

// Builds and checks the chain for `variables` selected columns. Error (configuration): unknown
// transform with the nearest name, impossible widths.
// Notices: an order that differs from the order of execution, a raised log threshold, a stride of
// zero.
Pipeline MakePipeline(const config::FeatureExtraction& settings, int variables, ProgressSink& sink);

// Features of all samples of one recording. `rows` is [row][variable], as recorded. Appends one
// OutputShape() per sample to `features` and, if `raw` is not null, the decimated rows behind it,
// as a device would be given them: [RowsPerSample()][variable]. Returns the number of samples (0:
// the recording is too short).
int64_t Extract(const Pipeline& pipeline, std::span<const float> rows, std::vector<float>& features,
                std::vector<float>* raw = nullptr);

// Where the samples that Extract makes of a recording of `rows` rows begin, in decimated rows.
std::vector<int64_t> SampleStarts(const Pipeline& pipeline, int64_t rows);
// The rows that frames are cut from: every decimation-th, divided by the scale.
std::vector<float> Prepare(const Pipeline& pipeline, std::span<const float> rows);
// Rows that are left of `rows` after decimation.
int64_t DecimatedRows(const Pipeline& pipeline, int64_t rows);

// Constants of the chain, as the host and the generated C use them.
std::vector<float> HannWindow(int n);         // 0.5 - 0.5 cos(2 pi k / (n - 1)); 1 for n = 1
std::vector<float> TwiddleTable(int n);       // pairs for tm_rfft
std::vector<int16_t> TwiddleTableQ15(int n);  // for tm_q15_rfft
std::vector<int16_t> SplitTableQ15(int n);
float LogFactor(const LogDb& stage);    // multiplier / ln(base)
float Hertz(const Windows& windows);    // between bins of a spectrum
int Millirate(const Windows& windows);  // thousandths of samples a second
// Bins that the Fft at `index` of the chain must compute: what the KeepFirst behind it keeps, else
// all.
int NeededBins(const std::vector<Stage>& stages, size_t index, int frame_size);

}  // namespace platypus::features

#endif  // PLATYPUS_FEATURES_PIPELINE_H_
