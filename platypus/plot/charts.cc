#include "platypus/plot/charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace platypus::plot {
namespace {

constexpr Paint kInk{Paint::Part::kInk}, kSoft{Paint::Part::kSoft}, kPage{Paint::Part::kPage};

constexpr double kHalfWidth = 316;  // of a panel with another one beside it

std::string NameOf(const std::vector<std::string>& names, size_t i) {
  return i < names.size() ? names[i] : fmt::format("class {}", i);
}

struct Histogram {
  std::vector<double> edges;
  std::vector<double> counts;
};

// Evenly spaced bins over [low, high], the last one closed; values beyond or not finite are left
// out.
Histogram Count(std::span<const double> values, double low, double high, size_t bins) {
  Histogram histogram;
  if (!(low <= high)) return histogram;
  if (low == high) low -= 0.5, high += 0.5;
  for (size_t i = 0; i <= bins; ++i)
    histogram.edges.push_back(low +
                              (high - low) * static_cast<double>(i) / static_cast<double>(bins));
  histogram.counts.assign(bins, 0);
  for (const double value : values) {
    if (!(value >= low && value <= high)) continue;
    const double at = (value - low) / (high - low) * static_cast<double>(bins);
    histogram.counts[std::min(bins - 1, static_cast<size_t>(at))] += 1;
  }
  return histogram;
}

struct Statistics {
  double count = 0, mean = 0, deviation = 0, median = 0;
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
};

Statistics Describe(std::vector<double> values) {
  Statistics s;
  s.count = static_cast<double>(values.size());
  if (values.empty()) {
    s.mean = s.deviation = s.median = std::nan("");
    return s;
  }
  for (const double v : values) s.mean += v / s.count;
  for (const double v : values) s.deviation += (v - s.mean) * (v - s.mean) / s.count;
  s.deviation = std::sqrt(s.deviation);
  std::sort(values.begin(), values.end());
  s.low = values.front();
  s.high = values.back();
  const size_t half = values.size() / 2;
  s.median = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return s;
}

std::vector<double> Finite(std::span<const float> values) {
  std::vector<double> result;
  for (const float v : values) {
    if (std::isfinite(v)) result.push_back(v);
  }
  return result;
}

std::string Value(double value) {
  return std::isfinite(value) ? fmt::format("{:.4g}", value) : "–";
}

struct Pairs {
  std::vector<Point> points;  // (actual, predicted), both finite
  double correlation2 = 0;    // squared; NaN if one of them is constant
  double r2 = 0;              // 1 - residual / total sum of squares
  double smape = 0;           // percent
};

// Column `column` of [sample][width].
Pairs Column(std::span<const float> actual, std::span<const float> predicted, size_t width,
             size_t column) {
  Pairs pairs;
  double mean_x = 0;
  double mean_y = 0;
  for (size_t i = column; i < std::min(actual.size(), predicted.size()); i += width) {
    if (!std::isfinite(actual[i]) || !std::isfinite(predicted[i])) continue;
    pairs.points.push_back({actual[i], predicted[i]});
    mean_x += actual[i];
    mean_y += predicted[i];
  }
  const auto count = static_cast<double>(pairs.points.size());
  mean_x /= count;
  mean_y /= count;
  double xx = 0;
  double yy = 0;
  double xy = 0;
  double residual = 0;
  for (const Point& p : pairs.points) {
    xx += (p.x - mean_x) * (p.x - mean_x);
    yy += (p.y - mean_y) * (p.y - mean_y);
    xy += (p.x - mean_x) * (p.y - mean_y);
    residual += (p.x - p.y) * (p.x - p.y);
    const double both = std::abs(p.x) + std::abs(p.y);
    if (both > 0) pairs.smape += 200 * std::abs(p.x - p.y) / both / count;
  }
  pairs.correlation2 = xx > 0 && yy > 0 ? xy * xy / (xx * yy) : std::nan("");
  pairs.r2 = xx > 0 ? 1 - residual / xx : std::nan("");
  return pairs;
}

// Dots around the line of identity. At most `most`, spread evenly.
Panel IdentityPanel(const Pairs& pairs, size_t most) {
  Panel panel;
  panel.x.label = "actual";
  panel.y.label = "predicted";
  panel.aspect = 1;
  const size_t step = std::max<size_t>(1, (pairs.points.size() + most - 1) / most);
  Dots dots{"", SeriesPaint(0, 0.55), {}, pairs.points.size() > 200 ? 2.6 : 3.4};
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (size_t i = 0; i < pairs.points.size(); i += step) {
    const Point& p = pairs.points[i];
    dots.points.push_back(p);
    low = std::min({low, p.x, p.y});
    high = std::max({high, p.x, p.y});
  }
  if (!(low <= high)) low = 0, high = 1;
  if (low == high) low -= 0.5, high += 0.5;
  const double pad = (high - low) * 0.04;
  panel.x.low = panel.y.low = low - pad;
  panel.x.high = panel.y.high = high + pad;
  panel.layers.emplace_back(std::move(dots));
  panel.layers.emplace_back(
      Line{"identity", {Paint::Part::kBad}, {{low, low}, {high, high}}, 1.8, true});
  return panel;
}

}  // namespace

Plot ConfusionPlot(const std::vector<std::vector<int64_t>>& counts,
                   const std::vector<std::string>& classes, const std::string& title) {
  const size_t size = counts.size();
  Plot plot;
  plot.title = title;
  plot.panel_width = std::max(560.0, 170 + 54 * static_cast<double>(size));
  Panel panel;
  panel.x.label = "predicted class";
  panel.y.label = "true class";
  Cells cells;
  for (size_t r = 0; r < size; ++r) {
    panel.x.categories.push_back(NameOf(classes, r));
    panel.y.categories.push_back(NameOf(classes, size - 1 - r));
    double real = 0;
    for (const int64_t count : counts[r]) real += static_cast<double>(count);
    cells.rows.emplace_back();
    for (size_t c = 0; c < counts[r].size(); ++c) {
      const double share = real > 0 ? static_cast<double>(counts[r][c]) / real : 0;
      Cells::Cell cell;
      cell.paint = r == c ? SeriesPaint(0, 0.06 + 0.94 * share)
                          : Paint{Paint::Part::kBad, 0, 0.05 + 0.95 * share};
      cell.text = std::to_string(counts[r][c]);
      if (real > 0 && counts[r][c] > 0) cell.small = fmt::format("{:.1f} %", 100 * share);
      cell.ink = share > 0.5 ? kPage : counts[r][c] == 0 ? kSoft : kInk;
      cells.rows.back().push_back(std::move(cell));
    }
  }
  panel.height = std::max(60.0, (size <= 4 ? 84 : 54) * static_cast<double>(size));
  panel.layers.emplace_back(std::move(cells));
  plot.panels.push_back(std::move(panel));
  return plot;
}

Plot RocPlot(const std::vector<RocSeries>& curves) {
  Plot plot;
  plot.title = "One vs rest ROC";
  Panel panel;
  panel.x.label = "false positive rate";
  panel.y.label = "true positive rate";
  panel.x.low = panel.y.low = 0;
  panel.x.high = panel.y.high = 1;
  panel.aspect = 1;
  panel.layers.emplace_back(Line{"chance", kSoft, {{0, 0}, {1, 1}}, 1.5, true});
  bool numbers = false;
  for (size_t c = 0; c < curves.size(); ++c) {
    const RocSeries& curve = curves[c];
    const size_t count =
        std::min(curve.false_positive_rate.size(), curve.true_positive_rate.size());
    Line line{std::isfinite(curve.area) ? fmt::format("{} (AUC = {:.3f})", curve.name, curve.area)
                                        : fmt::format("{} (no AUC)", curve.name),
              SeriesPaint(c),
              {}};
    for (size_t i = 0; i < count; ++i)
      line.points.push_back({curve.false_positive_rate[i], curve.true_positive_rate[i]});
    panel.layers.emplace_back(std::move(line));
  }
  constexpr size_t kMostNumbered = 4;
  for (size_t c = 0; c < curves.size() && curves.size() <= kMostNumbered; ++c) {
    const RocSeries& curve = curves[c];
    const size_t count = std::min({curve.false_positive_rate.size(),
                                   curve.true_positive_rate.size(), curve.threshold.size()});
    Dots dots{"", SeriesPaint(c), {}, 3.4};
    for (size_t i = count / 3; i < count * 2 / 3; i += std::max<size_t>(1, count / 5)) {
      const Point at{curve.false_positive_rate[i], curve.true_positive_rate[i]};
      if (!std::isfinite(curve.threshold[i])) continue;
      dots.points.push_back(at);
      panel.layers.emplace_back(
          Label{at, Value(curve.threshold[i]), kSoft, Label::Anchor::kStart, true});
      numbers = true;
    }
    if (!dots.points.empty()) panel.layers.emplace_back(std::move(dots));
  }
  if (numbers) plot.notes = {"Numbers are thresholds of the class's output."};
  plot.panels.push_back(std::move(panel));
  return plot;
}

Plot ScoreDifferencePlot(std::span<const float> outputs, std::span<const int32_t> labels,
                         const std::vector<std::string>& classes) {
  const size_t size = classes.size();
  Plot plot;
  plot.title = "Differences of class scores";
  plot.notes = {"For each pair of classes: their samples by the difference of both outputs."};
  plot.columns = size > 2 ? 2 : 1;
  plot.panel_width = size > 2 ? kHalfWidth : 560;
  for (size_t i = 0; i < size; ++i) {
    for (size_t k = i + 1; k < size; ++k) {
      std::vector<double> above;
      std::vector<double> below;
      double low = std::numeric_limits<double>::infinity();
      double high = -low;
      for (size_t s = 0; s < labels.size() && (s + 1) * size <= outputs.size(); ++s) {
        if (labels[s] != static_cast<int32_t>(i) && labels[s] != static_cast<int32_t>(k)) continue;
        const double difference =
            static_cast<double>(outputs[s * size + i]) - outputs[s * size + k];
        if (!std::isfinite(difference)) continue;
        (difference >= 0 ? above : below).push_back(difference);
        low = std::min(low, difference);
        high = std::max(high, difference);
      }
      constexpr size_t kBins = 49;
      Panel panel;
      panel.title = fmt::format("{} v/s {}", classes[i], classes[k]);
      panel.x.label = fmt::format("{} − {}", classes[i], classes[k]);
      panel.y.label = "samples";
      panel.y.integers = true;
      const Histogram first = Count(above, low, high, kBins);
      const Histogram second = Count(below, low, high, kBins);
      panel.layers.emplace_back(Bars{fmt::format("{} ≥ {}", classes[i], classes[k]),
                                     SeriesPaint(0, 0.75), first.edges, first.counts});
      panel.layers.emplace_back(Bars{fmt::format("{} < {}", classes[i], classes[k]),
                                     SeriesPaint(2, 0.75), second.edges, second.counts});
      plot.panels.push_back(std::move(panel));
    }
  }
  return plot;
}

Plot ActualVsPredictedPlot(std::span<const float> actual, std::span<const float> predicted,
                           const std::vector<std::string>& targets) {
  constexpr size_t kMost = 1000;
  Plot plot;
  plot.title = "Actual and predicted";
  plot.columns = targets.size() > 1 ? 2 : 1;
  plot.panel_width = targets.size() > 1 ? kHalfWidth : 560;
  plot.shared_legend = true;
  for (size_t t = 0; t < targets.size(); ++t) {
    const Pairs pairs = Column(actual, predicted, targets.size(), t);
    Panel panel = IdentityPanel(pairs, kMost);
    panel.title = std::isfinite(pairs.correlation2)
                      ? fmt::format("{}: R² = {:.4f}", targets[t], pairs.correlation2)
                      : targets[t];
    plot.panels.push_back(std::move(panel));
  }
  return plot;
}

Plot ResidualHistogram(std::span<const float> actual, std::span<const float> predicted) {
  std::vector<double> residuals;
  for (size_t i = 0; i < std::min(actual.size(), predicted.size()); ++i) {
    const double residual = static_cast<double>(actual[i]) - predicted[i];
    if (std::isfinite(residual)) residuals.push_back(residual);
  }
  const Statistics s = Describe(residuals);
  Plot plot;
  plot.title = "Residuals";
  Panel panel;
  panel.x.label = "actual − predicted";
  panel.y.label = "density";
  if (!residuals.empty()) {
    constexpr size_t kBins = 20;
    constexpr int kCurve = 100;
    plot.notes = {fmt::format("mean {:.4f} · median {:.4f} · std {:.4f} · min {:.4f} · max {:.4f}",
                              s.mean, s.median, s.deviation, s.low, s.high)};
    Histogram histogram = Count(residuals, s.low, s.high, kBins);
    const double bin = histogram.edges[1] - histogram.edges[0];
    for (double& count : histogram.counts) count /= s.count * bin;
    panel.layers.emplace_back(
        Bars{"residuals", SeriesPaint(0, 0.45), histogram.edges, histogram.counts});
    if (s.deviation > 0) {
      Line curve{"normal distribution", SeriesPaint(4), {}};
      for (int i = 0; i < kCurve; ++i) {
        const double x = s.low + (s.high - s.low) * i / (kCurve - 1);
        const double z = (x - s.mean) / s.deviation;
        curve.points.push_back(
            {x, std::exp(-z * z / 2) / (s.deviation * std::sqrt(2 * std::numbers::pi))});
      }
      panel.layers.emplace_back(std::move(curve));
    }
    panel.layers.emplace_back(Rule{"mean", SeriesPaint(3), s.mean, true, false});
    panel.layers.emplace_back(Rule{"median", SeriesPaint(1), s.median});
  }
  plot.panels.push_back(std::move(panel));
  return plot;
}

Plot ForecastScatter(const std::string& variable, std::span<const float> actual,
                     std::span<const float> predicted, int steps) {
  constexpr size_t kMost = 1000;
  Plot plot;
  plot.title = fmt::format("Forecasts of {}", variable);
  plot.columns = steps > 1 ? 2 : 1;
  plot.panel_width = steps > 1 ? kHalfWidth : 560;
  plot.shared_legend = true;
  for (int h = 0; h < steps; ++h) {
    const Pairs pairs =
        Column(actual, predicted, static_cast<size_t>(steps), static_cast<size_t>(h));
    Panel panel = IdentityPanel(pairs, kMost);
    panel.title =
        fmt::format("{}-step ahead: R² {}, SMAPE {:.2f} %", h + 1,
                    std::isfinite(pairs.r2) ? fmt::format("{:.4f}", pairs.r2) : "–", pairs.smape);
    plot.panels.push_back(std::move(panel));
  }
  return plot;
}

Plot ForecastOverlay(const std::string& variable, std::span<const float> actual,
                     std::span<const float> predicted, int steps, size_t most) {
  Plot plot;
  const auto width = static_cast<size_t>(std::max(1, steps));
  const size_t count = std::min(actual.size(), predicted.size()) / width;
  const size_t shown = std::min(count, most);
  plot.title = fmt::format("{} and its forecasts", variable);
  if (shown < count)
    plot.notes = {fmt::format("The first {} of {} samples of the test split.", shown, count)};
  plot.panel_width = 720;
  for (const size_t h : width > 1 ? std::vector<size_t>{0, width - 1} : std::vector<size_t>{0}) {
    Panel panel;
    panel.height = 230;
    panel.title = fmt::format("{}-step ahead", h + 1);
    panel.x.label = "sample";
    panel.y.label = variable;
    Line real{"actual", SeriesPaint(0), {}, 2.6};
    Line forecast{"predicted", SeriesPaint(2), {}, 1.6};
    for (size_t i = 0; i < shown; ++i) {
      const auto at = static_cast<double>(i + h + 1);
      real.points.push_back({at, actual[i * width + h]});
      forecast.points.push_back({at, predicted[i * width + h]});
    }
    panel.layers.emplace_back(std::move(real));
    panel.layers.emplace_back(std::move(forecast));
    plot.panels.push_back(std::move(panel));
  }
  return plot;
}

Plot ReconstructionErrorHistogram(const ReconstructionErrors& errors, bool log) {
  constexpr size_t kBins = 100;
  Plot plot;
  plot.title = log ? "Reconstruction error, logarithmic axes" : "Reconstruction error";
  plot.notes = {"Samples whose error is beyond the threshold are called anomalies."};
  plot.panel_width = 640;
  Panel panel;
  panel.x.label = "mean squared error of a sample";
  panel.y.label = "samples";
  panel.x.log = panel.y.log = log;
  if (log) panel.y.low = 0.8;
  const auto add = [&](std::span<const float> values, const char* name, size_t colour) {
    const std::vector<double> finite = Finite(values);
    const Statistics s = Describe(finite);
    Histogram histogram = Count(finite, s.low, s.high, kBins);
    panel.layers.emplace_back(Bars{fmt::format("{} ({} samples)", name, values.size()),
                                   SeriesPaint(colour, 0.45), std::move(histogram.edges),
                                   std::move(histogram.counts)});
    return s.mean;
  };
  const double normal = add(errors.normal, "normal", 0);
  const double anomaly = add(errors.anomaly, "anomaly", 4);
  const auto rule = [&](const char* name, double at, const Paint& paint, bool dashed) {
    if (std::isfinite(at))
      panel.layers.emplace_back(
          Rule{fmt::format("{} {}", name, Value(at)), paint, at, true, dashed});
  };
  rule("mean of normal", normal, SeriesPaint(0), true);
  rule("mean of anomaly", anomaly, SeriesPaint(4), true);
  rule("mean in training", errors.train_mean, SeriesPaint(2), true);
  rule("threshold", errors.threshold, SeriesPaint(1), false);
  plot.panels.push_back(std::move(panel));
  return plot;
}

Panel CurvesPanel(const Curves& curves) {
  Panel panel;
  panel.x.label = "epoch";
  panel.y.label = curves.quantity;
  panel.x.integers = true;
  double offset = 0;
  size_t colour = 0;
  for (const CurvePhase& phase : curves.phases) {
    const std::string suffix = phase.name.empty() ? "" : ", " + phase.name;
    Line train{"train" + suffix, SeriesPaint(colour), {}};
    Line val{"validation" + suffix, SeriesPaint(colour + 1), {}};
    for (size_t i = 0; i < phase.epoch.size(); ++i) {
      const double x = offset + phase.epoch[i];
      if (i < phase.train.size()) train.points.push_back({x, phase.train[i]});
      if (i < phase.val.size()) val.points.push_back({x, phase.val[i]});
    }
    panel.layers.emplace_back(std::move(train));
    panel.layers.emplace_back(std::move(val));
    if (phase.epoch.empty()) continue;
    panel.layers.emplace_back(Rule{"best epoch", kSoft, offset + phase.best_epoch});
    offset += phase.epoch.back();
    colour += 2;
  }
  return panel;
}

Plot TrainingCurves(const std::vector<Curves>& curves) {
  Plot plot;
  plot.title = "Training";
  for (const Curves& each : curves) plot.panels.push_back(CurvesPanel(each));
  return plot;
}

}  // namespace platypus::plot
