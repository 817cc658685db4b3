#ifndef PLATYPUS_PIPELINE_QUANTIZE_MODEL_H_
#define PLATYPUS_PIPELINE_QUANTIZE_MODEL_H_

#include <filesystem>
#include <optional>
#include <string>

#include "platypus/base/progress.h"
#include "platypus/config/config.h"
#include "platypus/pipeline/quantization_insight.h"

// Quantisation outside of a run: of a float ONNX file of any origin, and a second look at a run.
namespace platypus::pipeline {

struct QuantizeModelOptions {
  std::filesystem::path model;   // ONNX, float
  std::filesystem::path data;    // calibration_data.h
  std::filesystem::path folder;  // gets model.onnx, quantization.json, run.log
  config::Training training;     // keys of quantisation; the method is PTQ whatever it says
  uint64_t seed = 42;
  int threads = 0;
};

struct QuantizedModel {
  std::filesystem::path file;
  int64_t samples = 0;
  double signal_to_noise = 0;       // dB, of the outputs; infinite where nothing differs
  std::optional<double> agreement;  // share of samples with the same largest output, of several
  QuantizationInsight insight;
};

// The samples teach nothing but what comes by: the integers shall give what the float network
// gives (mean squared error of its outputs), which is also what automatic bits and the metric of
// the analysis (R2) mean here. Error (model) for an integer file, and one that stays in float.
QuantizedModel QuantizeModel(const QuantizeModelOptions& options, ProgressSink& sink);

// Of a run that quantised its network: reads the networks of its folder and, by its configuration,
// its recordings. Error (data) for a folder that is none, or whose run did not quantise.
QuantizationInsight AnalyzeRun(const std::filesystem::path& run, ProgressSink& sink);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_QUANTIZE_MODEL_H_
