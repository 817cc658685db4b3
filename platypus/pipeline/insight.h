#ifndef PLATYPUS_PIPELINE_INSIGHT_H_
#define PLATYPUS_PIPELINE_INSIGHT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "platypus/base/array.h"

// What a run shows of itself beyond its figures: the material of the report's pictures. Sizes are
// bounded, so that a page of them stays small however large the data set is.
namespace platypus::pipeline {

// What the training samples of a class (regression, forecasting: of all) look like, place by place.
struct ClassProfile {
  std::string name;
  std::vector<float> mean, deviation;  // [channel][height][width] of a sample
};

// Samples as points of a plane, thinned evenly.
struct Projection {
  std::string method;                   // "PCA", "t-SNE"
  std::string split;                    // "train", "val"
  std::pair<double, double> explained;  // PCA: shares of the variance; otherwise 0
  std::vector<float> x, y;
  std::vector<int32_t> labels;  // index into Goal::classes; empty without classes
  std::vector<float> values;    // first target; empty with classes
};

// One column of a recording as the lowest and highest value of each of equally long pieces (as many
// pieces as rows if there are few).
struct Envelope {
  std::string column;
  std::vector<float> low, high;
};

// A test recording, and the sample of it that the network got most wrong.
struct RecordingView {
  std::string name;
  std::string truth;  // class, or empty
  int64_t samples = 0;
  // Samples taken for another class; anomalies: on the wrong side of the threshold; 0 without
  // classes.
  int64_t wrong = 0;
  double error = 0;    // mean squared error of the outputs (values), of the input (anomalies)
  double seconds = 0;  // length; rows where no sampling rate is known (sampling_rate 1)
  std::vector<Envelope> signal;
  int64_t worst = 0;            // index of the sample within the recording
  std::string taken_for;        // class that it was taken for, or empty
  std::vector<float> features;  // [channel][height][width] of the worst sample; empty if large
};

// Wanted and given values of the test split, thinned evenly; [sample][output] of `targets` x steps.
struct ValuePairs {
  int64_t outputs = 0;
  std::vector<float> wanted, given;
};

// What the device has, as far as its data sheet says, and what the package takes of it.
struct DeviceFit {
  std::string device;
  int64_t flash_octets = 0, ram_octets = 0;  // of the device; 0 = not known
  // By package; state, buffers and stack. 0 = not measured: no emulated core ran.
  int64_t flash_used = 0, ram_used = 0;
  double clock_hz = 0;                      // 0 = not known
  double cycles_per_instruction = 0;        // assumed; `assumption` says where it is from
  double seconds_used = 0;                  // features and one inference, at that clock
  std::optional<double> seconds_available;  // between two inferences: the samples' stride
  std::string assumption;
};

struct Insight {
  std::vector<ClassProfile> profiles;
  std::vector<Projection> projections;
  std::vector<RecordingView> worst;    // most wrong first
  std::vector<RecordingView> typical;  // one of each class, right ones if there are any
  ValuePairs test_values;              // of the last network; empty with classes
  std::optional<DeviceFit> fit;
  // Warnings about the data set (`platypus check`), most serious first.
  std::vector<std::string> data_warnings;
};

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_INSIGHT_H_
