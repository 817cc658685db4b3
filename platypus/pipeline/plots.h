#ifndef PLATYPUS_PIPELINE_PLOTS_H_
#define PLATYPUS_PIPELINE_PLOTS_H_

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "platypus/base/parallel.h"
#include "platypus/base/progress.h"
#include "platypus/data/dataset.h"
#include "platypus/pipeline/projections.h"
#include "platypus/pipeline/samples.h"
#include "platypus/pipeline/summary.h"
#include "platypus/plot/charts.h"

// The pictures and tables that a run leaves, one function for each kind of task. Every picture is
// written as <name>.svg and <name>.png (without Cairo as SVG alone, with a notice). What cannot be
// drawn is a notice and no error.
namespace platypus::pipeline {

// Where pictures go: files in `folder`, and into `report` (may be null) for the page.
struct PlotTarget {
  std::filesystem::path folder;
  std::vector<Picture>* report = nullptr;
};

// pca_on_feature_extracted_{train,validation}_data, pca_2d_on_..., tsne_on_feature_extracted_
// train_data. Both splits are drawn in the components of the training split.
void WriteFeaturePlots(const Projections& projections, const std::vector<std::string>& classes,
                       const PlotTarget& to, ThreadPool& pool, ProgressSink& sink);

// GoF_frame_size_<N> with the points as .csv, of recordings as they were read; labels by refs.
void WriteGoodnessOfFit(std::span<const data::Recording> recordings,
                        std::span<const data::RecordingRef> refs,
                        const std::vector<std::string>& classes, int64_t frame_size, uint64_t seed,
                        const PlotTarget& to, ThreadPool& pool, ProgressSink& sink);

// One_vs_Rest_MultiClass_ROC_test, fpr_tpr_thresholds.csv, confusion_matrix_test,
// Histogram_Class_Score_differences_test; outputs [sample][class] of the test split, whose metrics
// (of classes) and curves `network` holds.
void WriteClassificationPlots(std::span<const float> outputs, std::span<const int32_t> labels,
                              const NetworkSummary& network,
                              const std::vector<std::string>& classes, const PlotTarget& to,
                              ProgressSink& sink);

// actual_vs_predicted_test, residual_error_test, results_on_test_set.csv; [sample][target].
void WriteRegressionPlots(std::span<const float> actual, std::span<const float> predicted,
                          const std::vector<std::string>& targets, const PlotTarget& to,
                          ProgressSink& sink);

// For each variable prediction_plots/<variable>_predictions and _overlay, and
// predictions_csv/<variable>_predictions.csv; [sample][step][variable].
void WriteForecastPlots(std::span<const float> actual, std::span<const float> predicted, int steps,
                        const std::vector<std::string>& variables, const PlotTarget& to,
                        ProgressSink& sink);

// reconstruction_error, reconstruction_error_log_scale, threshold_performance.csv.
void WriteAnomalyPlots(const AnomalyTest& test, const PlotTarget& to, ProgressSink& sink);

// Those of the summary's task, for its last network, and the training curves: in
// `network_folder`/post_training_analysis (forecasts: test_results), and in the summary's pictures.
// `outputs` are the network's, for the test split.
void WriteTestPlots(RunSummary& summary, std::span<const float> outputs, const SampleSet& test,
                    const std::filesystem::path& network_folder, ProgressSink& sink);

// training_curves: what is known by epoch of every phase.
void WriteTrainingCurves(const std::vector<plot::Curves>& curves, const PlotTarget& to,
                         ProgressSink& sink);
// Accuracy and cross-entropy, or error and loss, of both phases as far as they were run.
std::vector<plot::Curves> CurvesOf(const RunSummary& summary);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_PLOTS_H_
