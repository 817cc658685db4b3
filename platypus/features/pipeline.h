#ifndef PLATYPUS_FEATURES_PIPELINE_H_
#define PLATYPUS_FEATURES_PIPELINE_H_

#include <cstdint>
#include <span>
#include <string>
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
  // Host-side preparation (the application on the device delivers samples prepared alike).
  int decimation = 1;      // Downsample: keep every k-th row
  float scale = 1.0f;      // samples are divided by it
  int frame_size = 1;      // N
  // SimpleWindow: windows of N rows every `window_stride` rows; 0 = consecutive frames (stride N).
  int window_stride = 0;
  std::vector<int> frame_offsets = {0};  // `offset`: start positions of the frame grids
  // Per-frame chain; empty = the window itself.
  std::vector<Stage> stages;
  int frame_concat = 1;  // n: frames joined into one sample, oldest first
  int frame_skip = 1;    // of the joined ones, keep those whose last frame index is a multiple of it
  config::Stacking stacking = config::Stacking::k2D1;

  // Features of one frame of one variable.
  Signal FrameFeatures() const;
  // Shape of one sample: [channels, length, 1].
  Shape OutputShape() const;
  // Rows of a prepared recording that one sample covers: N * n (before decimation: times decimation).
  int RowsPerSample() const { return frame_size * frame_concat; }
};

// Builds and checks the chain. Error (configuration): unknown transform with the nearest name,
// impossible widths, transforms of a later release (named). Notices: list order differs from the
// canonical order (data-and-features 8.4) unless transform_order is as_listed; a raised log threshold.
// `variables` is the number of columns selected (data/columns decides it).
Pipeline MakePipeline(const config::FeatureExtraction& settings, int variables, ProgressSink& sink);

// Features of all samples of one recording. `rows` is [row][variable], `variables` wide, raw as
// recorded. Appends NumElements(OutputShape()) floats per sample to `features`; if `raw` is not null
// appends the prepared samples behind each one: [frame_concat * frame_size][variable].
// Returns the number of samples (0: recording too short).
int64_t Extract(const Pipeline& pipeline, std::span<const float> rows, std::vector<float>& features,
                std::vector<float>* raw = nullptr);

// Runs the chain on one frame of one variable: frame [N] -> out [FrameFeatures().length].
void RunStages(const Pipeline& pipeline, std::span<const float> frame, std::span<float> out);

}  // namespace platypus::features

#endif  // PLATYPUS_FEATURES_PIPELINE_H_
