#include "platypus/pipeline/plots.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "platypus/analysis/goodness_of_fit.h"
#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/pipeline/guarded.h"
#include "platypus/plot/drawing.h"

namespace platypus::pipeline {
namespace fs = std::filesystem;
namespace {

plot::Drawing WriteFiles(const plot::Plot& plot, const fs::path& folder, const std::string& name) {
  plot::Drawing drawing = plot::Layout(plot);
  WriteFile(folder / (name + ".svg"), plot::SvgFile(drawing));
  if (plot::CanDrawPng()) WriteFile(folder / (name + ".png"), plot::Png(drawing));
  return drawing;
}

void AddToReport(const plot::Plot& plot, const plot::Drawing& drawing, const PlotTarget& to) {
  if (to.report != nullptr)
    to.report->push_back({plot.title, plot::SvgElement(drawing), drawing.width});
}

// What the report draws itself, from the summary, it is not given as a picture.
void Write(const plot::Plot& plot, const std::string& name, const PlotTarget& to,
           bool in_report = true) {
  const plot::Drawing drawing = WriteFiles(plot, to.folder, name);
  if (in_report) AddToReport(plot, drawing, to);
}

struct NamedPlot {
  plot::Plot plot;
  std::string name;
  bool in_report = true;
};

// On all threads: most of a picture's time is the packing of its PNG file.
void WriteAll(const std::vector<NamedPlot>& pictures, const PlotTarget& to, ThreadPool& pool) {
  std::vector<plot::Drawing> drawings(pictures.size());
  pool.Run(static_cast<int64_t>(pictures.size()), [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    drawings[at] = WriteFiles(pictures[at].plot, to.folder, pictures[at].name);
  });
  for (size_t i = 0; i < pictures.size(); ++i)
    if (pictures[i].in_report) AddToReport(pictures[i].plot, drawings[i], to);
}

// A name that is legal on every file system.
std::string FileName(const std::string& text) {
  std::string name;
  for (const char c : text) {
    const bool bad = static_cast<unsigned char>(c) < ' ' ||
                     std::string_view("<>:\"/\\|?*").find(c) != std::string_view::npos;
    name += bad ? '_' : c;
  }
  if (name.empty() || name.front() == '.') name = "_" + name;
  return name;
}

// Quoted where a comma, a quote or a line's end asks for it.
std::string Cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

// Points of all curves one after the other. A point on the line through its neighbours is left out.
std::string ThresholdTable(const NetworkSummary& network, const std::vector<std::string>& classes,
                           std::span<const int32_t> labels) {
  std::string text = ",fpr,tpr,thresholds,class\n";
  size_t row = 0;
  for (size_t c = 0; c < network.roc.size(); ++c) {
    const train::RocCurve& curve = network.roc[c];
    const auto positives =
        static_cast<double>(std::count(labels.begin(), labels.end(), static_cast<int32_t>(c)));
    const double negatives = static_cast<double>(labels.size()) - positives;
    const auto hits = [&](size_t i) { return std::round(curve.true_positive_rate[i] * positives); };
    const auto alarms = [&](size_t i) {
      return std::round(curve.false_positive_rate[i] * negatives);
    };
    const size_t count = curve.threshold.size();
    for (size_t i = 0; i < count; ++i) {
      // The first point (nothing is positive) is none of the data's: its neighbour stays too.
      if (i > 1 && i + 1 < count && hits(i - 1) - 2 * hits(i) + hits(i + 1) == 0 &&
          alarms(i - 1) - 2 * alarms(i) + alarms(i + 1) == 0)
        continue;
      text += fmt::format("{},{},{},{},{}\n", row++, curve.false_positive_rate[i],
                          curve.true_positive_rate[i], curve.threshold[i],
                          Cell(c < classes.size() ? classes[c] : ""));
    }
  }
  return text;
}

// Percent, rounded to two decimals, as the shortest text with a decimal point.
std::string Percent(double share) {
  const double percent = std::round(share * 1e4) / 100;
  std::string text = fmt::format("{}", percent);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

// What thresholds of 0 to 4.5 deviations above the mean would do on the test split.
std::string ThresholdPerformance(const AnomalyTest& test) {
  std::string text =
      "k_value,threshold,accuracy,precision,recall,f1_score,false_positive_rate,true_positives,"
      "true_negatives,false_positives,false_negatives\r\n";
  for (const Detection& d : test.sweep) {
    text += fmt::format("{:.1f},{},{},{},{},{},{},{},{},{},{}\r\n", d.k, d.threshold,
                        Percent(d.Accuracy()), Percent(d.Precision()), Percent(d.Recall()),
                        Percent(d.F1()), Percent(d.FalsePositiveRate()), d.true_positives,
                        d.true_negatives, d.false_positives, d.false_negatives);
  }
  return text;
}

}  // namespace

void WriteFeaturePlots(const Projections& projections, const std::vector<std::string>& classes,
                       const PlotTarget& to, ThreadPool& pool, ProgressSink& sink) {
  Guarded("the features", sink, [&] {
    if (!plot::CanDrawPng())
      sink.OnNotice("pictures are written as SVG only: Cairo (libcairo2) is not installed");
    if (projections.train.dimensions == 0) {
      sink.OnNotice("the features of all training samples are equal: there is nothing to project");
      return;
    }
    std::vector<NamedPlot> pictures;
    const auto colours = [&](const Points& points) {
      return plot::Colouring{points.labels, classes, points.values};
    };
    const auto draw = [&](const Points& points, const std::string& split, bool in_report) {
      const std::string title = "PCA Visualization of Feature Extracted Clusters, " + split;
      for (const int drawn : {2, 3}) {
        pictures.push_back(
            {plot::PcaPlot(points.coordinates, points.dimensions, colours(points),
                           projections.shares, drawn, title),
             fmt::format("pca_{}on_feature_extracted_{}_data", drawn == 2 ? "2d_" : "", split),
             in_report});
      }
    };
    draw(projections.train, "train", true);
    draw(projections.validation, "validation", false);
    pictures.push_back({plot::TsnePlot(projections.tsne.coordinates, 2, colours(projections.tsne),
                                       projections.perplexity, "t-SNE of the features, train"),
                        "tsne_on_feature_extracted_train_data"});
    WriteAll(pictures, to, pool);
  });
}

void WriteGoodnessOfFit(std::span<const data::Recording> recordings,
                        std::span<const data::RecordingRef> refs,
                        const std::vector<std::string>& classes, int64_t frame_size, uint64_t seed,
                        const PlotTarget& to, ThreadPool& pool, ProgressSink& sink) {
  Guarded("the goodness of fit", sink, [&] {
    constexpr int64_t kMostForTsne = 1000;
    std::vector<analysis::RawRecording> raw;
    for (size_t i = 0; i < std::min(recordings.size(), refs.size()); ++i) {
      const data::Recording& r = recordings[i];
      raw.push_back({{r.values.data(), r.values.size()}, r.rows, refs[i].label});
    }
    const analysis::FrameFeatures frames = analysis::DescribeFrames(raw, frame_size, pool);
    const std::vector<analysis::FitView> views =
        analysis::GoodnessOfFit(frames, kMostForTsne, seed, pool, sink);
    if (views.empty()) {
      sink.OnNotice(
          fmt::format("no goodness of fit: the recordings hold fewer than three frames of {} rows",
                      frame_size));
      return;
    }
    std::vector<plot::FitCloud> clouds;
    std::string table = "view,class,x,y,z\n";
    for (const analysis::FitView& view : views) {
      clouds.push_back({view.title, view.points, view.labels, view.purity});
      for (size_t i = 0; i < view.labels.size(); ++i) {
        table += fmt::format("{},{},{:.6g},{:.6g},{:.6g}\n", view.title,
                             Cell(classes[static_cast<size_t>(view.labels[i])]), view.points[3 * i],
                             view.points[3 * i + 1], view.points[3 * i + 2]);
      }
    }
    const std::string name = fmt::format("GoF_frame_size_{}", frame_size);
    WriteFile(to.folder / (name + ".csv"), table);
    Write(plot::GoodnessOfFitSheet(clouds, classes, frame_size, frames.skip), name, to);
  });
}

void WriteClassificationPlots(std::span<const float> outputs, std::span<const int32_t> labels,
                              const NetworkSummary& network,
                              const std::vector<std::string>& classes, const PlotTarget& to,
                              ProgressSink& sink) {
  Guarded("the test split", sink, [&] {
    WriteFile(to.folder / "fpr_tpr_thresholds.csv", ThresholdTable(network, classes, labels));
    std::vector<plot::RocSeries> curves;
    for (size_t c = 0; c < network.roc.size() && c < classes.size(); ++c) {
      const train::RocCurve& roc = network.roc[c];
      curves.push_back(
          {classes[c], roc.false_positive_rate, roc.true_positive_rate, roc.threshold, roc.area});
    }
    Write(plot::RocPlot(curves), "One_vs_Rest_MultiClass_ROC_test", to, false);
    Write(plot::ConfusionPlot(std::get<train::ClassificationMetrics>(*network.test).confusion,
                              classes, "Confusion matrix, test"),
          "confusion_matrix_test", to, false);
    constexpr size_t kMostPanelsInReport = 6;
    const plot::Plot differences = plot::ScoreDifferencePlot(outputs, labels, classes);
    Write(differences, "Histogram_Class_Score_differences_test", to,
          differences.panels.size() <= kMostPanelsInReport);
  });
}

void WriteRegressionPlots(std::span<const float> actual, std::span<const float> predicted,
                          const std::vector<std::string>& targets, const PlotTarget& to,
                          ProgressSink& sink) {
  Guarded("the test split", sink, [&] {
    const size_t width = targets.size();
    std::string table;
    for (size_t t = 0; t < width; ++t) {
      const std::string suffix = width == 1 ? "" : Cell("_" + targets[t]);
      table += fmt::format("{0}predicted{1},ground_truth{1}", t == 0 ? "" : ",", suffix);
    }
    for (size_t i = 0; i < std::min(actual.size(), predicted.size()); ++i)
      table += fmt::format("{}{},{}", i % width == 0 ? "\n" : ",", predicted[i], actual[i]);
    WriteFile(to.folder / "results_on_test_set.csv", table + "\n");
    Write(plot::ActualVsPredictedPlot(actual, predicted, targets), "actual_vs_predicted_test", to,
          false);
    Write(plot::ResidualHistogram(actual, predicted), "residual_error_test", to, false);
  });
}

void WriteForecastPlots(std::span<const float> actual, std::span<const float> predicted, int steps,
                        const std::vector<std::string>& variables, const PlotTarget& to,
                        ProgressSink& sink) {
  Guarded("the forecasts", sink, [&] {
    const size_t width = variables.size();
    const auto horizon = static_cast<size_t>(std::max(1, steps));
    for (size_t v = 0; v < width; ++v) {
      std::vector<float> real;
      std::vector<float> forecast;
      for (size_t i = v; i < std::min(actual.size(), predicted.size()); i += width) {
        real.push_back(actual[i]);
        forecast.push_back(predicted[i]);
      }
      std::string table;
      for (size_t h = 1; h <= horizon; ++h)
        table += fmt::format("{0}ground_{1},predicted_{1}", h == 1 ? "" : ",", h);
      for (size_t i = 0; i < real.size(); ++i)
        table += fmt::format("{}{},{}", i % horizon == 0 ? "\n" : ",", real[i], forecast[i]);
      const std::string name = FileName(variables[v]);
      WriteFile(to.folder / "predictions_csv" / (name + "_predictions.csv"), table + "\n");
      const PlotTarget plots{to.folder / "prediction_plots", to.report};
      Write(plot::ForecastScatter(variables[v], real, forecast, steps), name + "_predictions",
            plots, false);
      Write(plot::ForecastOverlay(variables[v], real, forecast, steps), name + "_overlay", plots,
            false);
    }
  });
}

void WriteAnomalyPlots(const AnomalyTest& test, const PlotTarget& to, ProgressSink& sink) {
  Guarded("the reconstruction errors", sink, [&] {
    WriteFile(to.folder / "threshold_performance.csv", ThresholdPerformance(test));
    const plot::ReconstructionErrors drawn{test.anomaly, test.normal, test.threshold.mean,
                                           test.threshold.Value()};
    Write(plot::ReconstructionErrorHistogram(drawn, false), "reconstruction_error", to, false);
    Write(plot::ReconstructionErrorHistogram(drawn, true), "reconstruction_error_log_scale", to,
          false);
  });
}

void WriteTestPlots(RunSummary& summary, std::span<const float> outputs, const SampleSet& test,
                    const fs::path& network_folder, ProgressSink& sink) {
  const PlotTarget to{network_folder / "post_training_analysis", &summary.pictures};
  const NetworkSummary& network = Last(summary);
  const Goal& goal = summary.goal;
  switch (goal.category) {
    case config::TaskCategory::kTimeseriesClassification:
      WriteClassificationPlots(outputs, test.labels, network, goal.classes, to, sink);
      break;
    case config::TaskCategory::kTimeseriesRegression:
      WriteRegressionPlots(test.targets, outputs, goal.targets, to, sink);
      break;
    case config::TaskCategory::kTimeseriesForecasting:
      WriteForecastPlots(test.targets, outputs, goal.horizon, goal.targets,
                         {network_folder / "test_results", &summary.pictures}, sink);
      break;
    case config::TaskCategory::kTimeseriesAnomalyDetection:
      WriteAnomalyPlots(*network.anomaly, to, sink);
      break;
  }
  WriteTrainingCurves(CurvesOf(summary), to, sink);
}

void WriteTrainingCurves(const std::vector<plot::Curves>& curves, const PlotTarget& to,
                         ProgressSink& sink) {
  Guarded("the training", sink,
          [&] { Write(plot::TrainingCurves(curves), "training_curves", to, false); });
}

std::vector<plot::Curves> CurvesOf(const RunSummary& summary) {
  const Goal& goal = summary.goal;
  plot::Curves error{goal.Classifies()  ? "accuracy"
                     : goal.Forecasts() ? "SMAPE, percent"
                                        : "mean squared error",
                     {}};
  plot::Curves loss{goal.Classifies()  ? "cross-entropy"
                    : goal.Forecasts() ? "Huber loss, standardised"
                                       : "loss, standardised",
                    {}};
  for (const auto& [network, name] :
       {std::pair{&summary.float_network, "float"}, {&summary.quantized_network, "quantised"}}) {
    if (!network->present) continue;
    plot::CurvePhase of_error{name, {}, {}, {}, static_cast<double>(network->best_epoch)};
    plot::CurvePhase of_loss = of_error;
    for (const train::Epoch& epoch : network->history) {
      // An epoch 0 is the graph as it came: nothing was trained.
      const double nothing = std::numeric_limits<double>::quiet_NaN();
      const bool trained = epoch.number > 0;
      of_error.epoch.push_back(epoch.number);
      of_loss.epoch.push_back(epoch.number);
      of_loss.train.push_back(trained ? epoch.train_loss : nothing);
      of_error.train.push_back(trained ? epoch.train_accuracy : nothing);
      if (const auto* classes = std::get_if<train::ClassificationMetrics>(&epoch.val)) {
        of_error.val.push_back(classes->accuracy);
        of_loss.val.push_back(classes->loss);
      } else {
        const auto& values = std::get<train::RegressionMetrics>(epoch.val);
        of_error.val.push_back(values.error);
        of_loss.val.push_back(values.loss);
      }
    }
    error.phases.push_back(std::move(of_error));
    loss.phases.push_back(std::move(of_loss));
  }
  return {error, loss};
}

}  // namespace platypus::pipeline
