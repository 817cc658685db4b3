#ifndef PLATYPUS_PLOT_CHARTS_H_
#define PLATYPUS_PLOT_CHARTS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "platypus/plot/scene.h"

// The room's first header: from results to pictures. All take what there is: no samples, one,
// values that are not finite.
namespace platypus::plot {

// [true class][predicted class]; shade and share are of the row.
Plot ConfusionPlot(const std::vector<std::vector<int64_t>>& counts,
                   const std::vector<std::string>& classes, const std::string& title);

struct RocSeries {
  std::string name;
  std::span<const double> false_positive_rate, true_positive_rate, threshold;
  double area = 0;
};
// With thresholds written at some points if there are few curves.
Plot RocPlot(const std::vector<RocSeries>& curves);

// For each pair of classes the difference of their outputs over the samples of both; outputs
// [sample][class].
Plot ScoreDifferencePlot(std::span<const float> outputs, std::span<const int32_t> labels,
                         const std::vector<std::string>& classes);

// What the colour of a sample means: its class, or (classes empty) a value.
struct Colouring {
  std::span<const int32_t> labels;
  std::vector<std::string> classes;
  std::span<const float> values;
};
// Clouds of samples; coordinates [sample][dimensions], of which two or three are drawn, axes named
// `axis` 1, 2, 3. `shares`: how much of the variance each axis holds, may be empty.
Panel CloudPanel2(std::span<const double> coordinates, int dimensions, const Colouring& colouring,
                  const std::string& axis, std::span<const double> shares);
Panel CloudPanel3(std::span<const double> coordinates, int dimensions, const Colouring& colouring,
                  const std::string& axis, std::span<const double> shares);
Plot PcaPlot(std::span<const double> coordinates, int dimensions, const Colouring& colouring,
             std::span<const double> shares, int drawn, const std::string& title);
Plot TsnePlot(std::span<const double> coordinates, int dimensions, const Colouring& colouring,
              double perplexity, const std::string& title);

// One cloud of three dimensions, with the share of neighbours of the same class.
struct FitCloud {
  std::string title;
  std::span<const double> points;  // [sample][3]
  std::span<const int32_t> labels;
  double purity = 0;
};
Plot GoodnessOfFitSheet(const std::vector<FitCloud>& clouds,
                        const std::vector<std::string>& classes, int64_t frame_size, int64_t skip);

// actual, predicted [sample][target]. A panel for each target, with the squared correlation.
Plot ActualVsPredictedPlot(std::span<const float> actual, std::span<const float> predicted,
                           const std::vector<std::string>& targets);
// actual - predicted of all targets, with the normal curve of the same mean and deviation.
Plot ResidualHistogram(std::span<const float> actual, std::span<const float> predicted);

// One variable; actual, predicted [sample][step]. A panel for each step ahead.
Plot ForecastScatter(const std::string& variable, std::span<const float> actual,
                     std::span<const float> predicted, int steps);
// The same over time, for the first and the last step: sample i is drawn at i + step. At most
// `most` samples, from the first on.
Plot ForecastOverlay(const std::string& variable, std::span<const float> actual,
                     std::span<const float> predicted, int steps, size_t most = 400);

struct ReconstructionErrors {
  std::span<const float> anomaly, normal;  // of the test split
  double train_mean = 0;                   // of normal samples of the training split
  double threshold = 0;
};
Plot ReconstructionErrorHistogram(const ReconstructionErrors& errors, bool log);

// Values by epoch; NaN where there is none.
struct CurvePhase {
  std::string name;  // "float"
  std::vector<double> epoch, train, val;
  double best_epoch = 0;
};
struct Curves {
  std::string quantity;            // "accuracy"
  std::vector<CurvePhase> phases;  // one after the other
};
Panel CurvesPanel(const Curves& curves);
Plot TrainingCurves(const std::vector<Curves>& curves);

}  // namespace platypus::plot

#endif  // PLATYPUS_PLOT_CHARTS_H_
