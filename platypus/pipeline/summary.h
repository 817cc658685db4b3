#ifndef PLATYPUS_PIPELINE_SUMMARY_H_
#define PLATYPUS_PIPELINE_SUMMARY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "platypus/deploy/memory_plan.h"
#include "platypus/deploy/npu_lint.h"
#include "platypus/deploy/package.h"
#include "platypus/deploy/verify.h"
#include "platypus/pipeline/anomaly.h"
#include "platypus/pipeline/auto_precision.h"
#include "platypus/pipeline/baseline.h"
#include "platypus/pipeline/insight.h"
#include "platypus/pipeline/quantization_insight.h"
#include "platypus/pipeline/statistics.h"
#include "platypus/train/train.h"

namespace platypus::pipeline {

// Metrics of one network (float or quantised) on the test split, and how it was trained.
struct NetworkSummary {
  bool present = false;
  int best_epoch = 0;
  std::vector<train::Epoch> history;
  std::optional<train::Metrics> test;
  std::vector<train::RocCurve> roc;  // classification: one-vs-rest of every class, test split
  std::optional<AnomalyTest> anomaly;
};

struct FileSummary {  // all samples of one test recording
  std::string name;
  int label = 0;
  std::vector<int64_t> predicted;  // [class] samples predicted as it
};

struct LayerSummary {
  std::string name;
  std::string type;
  std::string shape;
  int64_t parameters = 0;
  int64_t macs = 0;
  int64_t weight_octets = 0;
  int64_t activation_octets = 0;
  // Of one inference on the emulated core that was verified last; 0 = not measured.
  int64_t instructions = 0;
  int64_t stack_octets = 0;  // the same
  // Linked for it alone on that core: code, and tables and constants.
  int64_t code_octets = 0, linked_octets = 0;
  // Power of the float network's values over that of the integer network's error, in dB; nullopt
  // for a network that was not quantised, and where both are equal.
  std::optional<double> signal_to_noise;
};

struct Picture {
  std::string title;
  std::string svg;   // an element (plot::SvgElement)
  double width = 0;  // pixels
};

enum class RunState { kRunning, kComplete, kFailed, kInterrupted };
// As status.yaml has it: "running", ...
const char* StateName(RunState state);

// Everything that a run knows about itself so far; summary.json and report.html are made from it.
struct RunSummary {
  RunState state = RunState::kRunning;
  std::string stage;                   // that runs, or ran last
  double share_done = 0;               // of that stage, 0 to 1
  std::optional<double> seconds_left;  // of the run, estimated
  std::string error, hint;             // of a run that failed or was interrupted
  std::string command;                 // that starts the same run again; empty = not known
  std::string configuration;           // config::Describe: every value and where it comes from
  std::string run_folder;
  std::string task_type;
  std::string model;
  std::string device;
  std::string dataset;
  Goal goal;
  int64_t parameters = 0;
  int64_t macs = 0;
  uint64_t seed = 0;
  std::string version;
  std::string dataset_hash;
  std::string config_hash;
  std::string model_hash;                  // of the deployed ONNX file
  std::string features_folder;             // of stored features; empty if none are
  std::string package_path;                // folder of the C package; empty if not compiled
  std::map<std::string, int64_t> files;    // "train", "val", "test"
  std::map<std::string, int64_t> samples;  // "train", "val", "test"
  std::map<std::string, SplitStatistics> statistics;         // the same
  std::vector<std::pair<std::string, std::string>> skipped;  // file, reason
  Shape input_shape;
  int64_t frames = 1;  // that a sample's places are, one after the other (num_frame_concat)
  NetworkSummary float_network;
  NetworkSummary quantized_network;
  std::vector<Baseline> baselines;      // on the test split
  std::vector<std::string> not_beaten;  // names of those that the last network does not beat
  std::vector<FileSummary> test_files;
  std::vector<LayerSummary> layers;                 // of the deployed network
  std::optional<AutoPrecision> precision;           // of automatic bits
  std::optional<QuantizationInsight> quantization;  // of a network that the run quantised
  deploy::MemoryPlan memory;
  // What would run on the accelerator of the device, and what not; nullopt: it has none.
  std::optional<std::vector<deploy::NpuPlacement>> npu;
  bool fits = true;  // false: more than the device's flash or RAM
  std::vector<deploy::VerifyResult> verify;
  std::vector<std::pair<std::string, double>> seconds;  // stage -> seconds, in order
  std::vector<std::string> notices;
  std::vector<Picture> pictures;  // for the report; not in summary.json
  Insight insight;                // the same
};

// The network that the run is about in the end: the quantised one if there is one.
const NetworkSummary& Last(const RunSummary& summary);

// `quantization` of summary.json by itself.
std::string ToJson(const QuantizationInsight& insight);

// The content of summary.json (schema: docs/summary-schema.md).
std::string ToJson(const RunSummary& summary);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_SUMMARY_H_
