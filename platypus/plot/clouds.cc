#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "platypus/plot/charts.h"
#include "platypus/plot/drawing.h"

namespace platypus::plot {
namespace {

constexpr Paint kInk{Paint::Part::kInk}, kSoft{Paint::Part::kSoft}, kGrid{Paint::Part::kLine};
constexpr size_t kShades = 32;

// What one colour is for: its paint and its entry in the legend.
struct Group {
  std::string name;
  Paint paint;
};

// The colours and, for each sample, which of them it has.
struct Groups {
  std::vector<Group> groups;
  std::vector<size_t> of;
};

Groups Grouped(const Colouring& colouring, size_t count) {
  constexpr double kOpacity = 0.75;
  Groups result;
  result.of.assign(count, 0);
  if (!colouring.classes.empty()) {
    for (size_t c = 0; c < colouring.classes.size(); ++c)
      result.groups.push_back({colouring.classes[c], SeriesPaint(c, kOpacity)});
    for (size_t i = 0; i < count && i < colouring.labels.size(); ++i) {
      const auto label = static_cast<size_t>(std::max(0, colouring.labels[i]));
      result.of[i] = std::min(label, result.groups.size() - 1);
    }
    return result;
  }
  if (colouring.values.empty()) {
    result.groups.push_back({"", SeriesPaint(0, kOpacity)});
    return result;
  }
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const float value : colouring.values) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, static_cast<double>(value));
    high = std::max(high, static_cast<double>(value));
  }
  if (!(low <= high)) low = high = 0;
  for (size_t s = 0; s < kShades; ++s) {
    const double share = (static_cast<double>(s) + 0.5) / kShades;
    const bool named = s % 8 == 0 || s + 1 == kShades;
    result.groups.push_back(
        {named
             ? fmt::format("{:.4g}", low + (high - low) * (static_cast<double>(s) / (kShades - 1)))
             : "",
         ScalePaint(share, kOpacity)});
  }
  result.groups.push_back({"", ScalePaint(std::nan(""), kOpacity)});
  for (size_t i = 0; i < count; ++i) {
    const double value = i < colouring.values.size() ? colouring.values[i] : std::nan("");
    result.of[i] =
        !std::isfinite(value) ? kShades
        : high > low
            ? std::min(kShades - 1, static_cast<size_t>((value - low) / (high - low) * kShades))
            : 0;
  }
  return result;
}

// Dots of all groups in the order given, in slices, so that no group covers another one.
void AddDots(std::vector<Layer>& layers, const Groups& groups, const std::vector<Point>& points,
             const std::vector<size_t>& order, double radius) {
  constexpr size_t kSlices = 16;
  for (const Group& group : groups.groups) {
    if (!group.name.empty()) layers.emplace_back(Dots{group.name, group.paint, {}, radius});
  }
  for (size_t slice = 0; slice < kSlices; ++slice) {
    std::vector<Dots> dots;
    for (const Group& group : groups.groups) dots.push_back({"", group.paint, {}, radius});
    for (size_t i = order.size() * slice / kSlices; i < order.size() * (slice + 1) / kSlices; ++i)
      dots[groups.of[order[i]]].points.push_back(points[order[i]]);
    for (Dots& each : dots) {
      if (!each.points.empty()) layers.emplace_back(std::move(each));
    }
  }
}

double Radius(size_t count) { return count <= 50 ? 4 : count <= 600 ? 3.2 : 2.6; }

std::string AxisName(const std::string& axis, int number, std::span<const double> shares) {
  const auto i = static_cast<size_t>(number - 1);
  if (i >= shares.size() || !std::isfinite(shares[i])) return fmt::format("{} {}", axis, number);
  return fmt::format("{} {} ({:.1f} %)", axis, number, 100 * shares[i]);
}

}  // namespace

Panel CloudPanel2(std::span<const double> coordinates, int dimensions, const Colouring& colouring,
                  const std::string& axis, std::span<const double> shares) {
  const auto width = static_cast<size_t>(std::max(1, dimensions));
  const size_t count = coordinates.size() / width;
  Panel panel;
  panel.x.label = AxisName(axis, 1, shares);
  panel.y.label = AxisName(axis, 2, shares);
  std::vector<Point> points(count);
  for (size_t i = 0; i < count; ++i)
    points[i] = {coordinates[i * width], width > 1 ? coordinates[i * width + 1] : 0.0};
  // Samples come class by class or in the order of time: the slices take every 16th.
  std::vector<size_t> order;
  for (size_t first = 0; first < 16; ++first) {
    for (size_t i = first; i < count; i += 16) order.push_back(i);
  }
  AddDots(panel.layers, Grouped(colouring, count), points, order, Radius(count));
  return panel;
}

Panel CloudPanel3(std::span<const double> coordinates, int dimensions, const Colouring& colouring,
                  const std::string& axis, std::span<const double> shares) {
  const auto width = static_cast<size_t>(std::max(1, dimensions));
  const size_t count = coordinates.size() / width;
  // The cube that holds the cloud is drawn as [-1, 1]^3, seen along `towards`.
  std::array<double, 3> low{};
  std::array<double, 3> high{};
  for (size_t d = 0; d < 3; ++d) {
    low[d] = std::numeric_limits<double>::infinity();
    high[d] = -low[d];
    for (size_t i = 0; i < count && d < width; ++i) {
      const double value = coordinates[i * width + d];
      if (!std::isfinite(value)) continue;
      low[d] = std::min(low[d], value);
      high[d] = std::max(high[d], value);
    }
    if (!(low[d] <= high[d])) low[d] = high[d] = 0;
    const double pad =
        high[d] > low[d] ? (high[d] - low[d]) * 0.05 : std::max(0.5, std::abs(high[d]) * 0.05);
    low[d] -= pad;
    high[d] += pad;
  }
  constexpr double kAzimuth = -56 * std::numbers::pi / 180, kHeight = 22 * std::numbers::pi / 180;
  using Vector = std::array<double, 3>;
  const Vector towards = {std::cos(kHeight) * std::cos(kAzimuth),
                          std::cos(kHeight) * std::sin(kAzimuth), std::sin(kHeight)};
  const Vector right = {-std::sin(kAzimuth), std::cos(kAzimuth), 0};
  const Vector up = {-std::sin(kHeight) * std::cos(kAzimuth),
                     -std::sin(kHeight) * std::sin(kAzimuth), std::cos(kHeight)};
  const auto dot = [](const Vector& a, const Vector& b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  };
  const auto seen = [&](const Vector& p) { return Point{dot(p, right), dot(p, up)}; };
  const auto inside = [&](size_t d, double value) {
    return 2 * (value - low[d]) / (high[d] - low[d]) - 1;
  };

  Panel panel;
  panel.frame = false;
  constexpr double kHalfWidth = 2.05, kTop = 1.62, kBottom = -1.8;
  panel.aspect = (kTop - kBottom) / (2 * kHalfWidth);
  panel.x.low = -kHalfWidth;
  panel.x.high = kHalfWidth;
  panel.y.low = kBottom;
  panel.y.high = kTop;
  // The planes away from the eye have x = -1 (towards[0] > 0), y = 1 (towards[1] < 0), z = -1.
  const Vector back = {-1, 1, -1};
  std::vector<Layer> names;
  for (const auto& [from, to] : {std::pair<Vector, Vector>{{-1, 1, 1}, {1, 1, 1}},
                                 {{-1, -1, 1}, {-1, 1, 1}},
                                 {{1, 1, -1}, {1, 1, 1}}}) {
    panel.layers.emplace_back(Line{"", kGrid, {seen(from), seen(to)}, 1});
  }
  for (size_t d = 0; d < 3; ++d) {
    // Ticks stand at the edge in front (the vertical axis: at the left).
    Vector edge = {1, -1, -1};
    if (d == 2) edge = {-1, -1, 0};
    const size_t a = (d + 1) % 3;
    const size_t b = (d + 2) % 3;
    Vector centre{};  // of the plane that the edge bounds, to know what is outside
    const auto outside = [&](const Vector& p) {
      const Point from = seen(centre);
      const Point to = seen(p);
      const double length = std::hypot(to.x - from.x, to.y - from.y);
      return Point{(to.x - from.x) / length, (to.y - from.y) / length};
    };
    const auto label = [&](Vector p, double distance, const std::string& text, const Paint& paint,
                           Label::Anchor anchor) {
      Vector middle = edge;
      middle[d] = 0;
      const Point away = d == 2 ? Point{-1, 0} : outside(middle);
      const Point at = seen(p);
      names.emplace_back(Label{{at.x + away.x * distance, at.y + away.y * distance - 0.035},
                               text,
                               paint,
                               anchor,
                               false});
    };
    for (const Tick& tick : NiceTicks(low[d], high[d], 4)) {
      const double at = inside(d, tick.at);
      // On both planes away from the eye that hold this axis.
      for (const size_t across : {a, b}) {
        Vector from = back;
        from[d] = at;
        Vector to = from;
        from[across] = -1;
        to[across] = 1;
        panel.layers.emplace_back(Line{"", kGrid, {seen(from), seen(to)}, 1});
      }
      Vector p = edge;
      p[d] = at;
      label(p, d == 2 ? 0.07 : 0.14, tick.text, kSoft,
            d == 2 ? Label::Anchor::kEnd : Label::Anchor::kMiddle);
    }
    Vector from = edge;
    from[d] = -1;
    Vector to = edge;
    to[d] = 1;
    panel.layers.emplace_back(Line{"", kSoft, {seen(from), seen(to)}, 1.2});
    Vector middle = edge;
    middle[d] = 0;
    const bool share = d < shares.size() && std::isfinite(shares[d]);
    const std::string name = share ? fmt::format("{} {} ({:.1f} %)", axis, d + 1, 100 * shares[d])
                                   : fmt::format("{} {}", axis, d + 1);
    if (d == 2) {
      Vector top = edge;
      top[2] = 1;
      const Point at = seen(top);
      names.emplace_back(
          Label{{at.x - 0.3, at.y + 0.16}, name, kInk, Label::Anchor::kStart, false});
    } else {
      label(middle, 0.36, name, kInk, d == 0 ? Label::Anchor::kEnd : Label::Anchor::kStart);
    }
  }
  std::vector<Point> points(count);
  std::vector<double> depth(count, 0);
  for (size_t i = 0; i < count; ++i) {
    Vector p{};
    for (size_t d = 0; d < 3 && d < width; ++d) p[d] = inside(d, coordinates[i * width + d]);
    points[i] = seen(p);
    depth[i] = dot(p, towards);
    if (!std::isfinite(depth[i])) depth[i] = -10;
  }
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t i, size_t k) { return depth[i] < depth[k]; });
  AddDots(panel.layers, Grouped(colouring, count), points, order, Radius(count));
  panel.layers.insert(panel.layers.end(), names.begin(), names.end());
  return panel;
}

Plot PcaPlot(std::span<const double> coordinates, int dimensions, const Colouring& colouring,
             std::span<const double> shares, int drawn, const std::string& title) {
  Plot plot;
  plot.title = title;
  if (!shares.empty()) plot.notes = {"In brackets: the share of the variance."};
  plot.panels.push_back(
      drawn == 3 ? CloudPanel3(coordinates, dimensions, colouring, "Component", shares)
                 : CloudPanel2(coordinates, dimensions, colouring, "Principal component", shares));
  return plot;
}

Plot TsnePlot(std::span<const double> coordinates, int dimensions, const Colouring& colouring,
              double perplexity, const std::string& title) {
  Plot plot;
  plot.title = title;
  plot.notes = {
      fmt::format("Perplexity {:.3g}; distances between clusters mean little.", perplexity)};
  plot.panels.push_back(dimensions == 3
                            ? CloudPanel3(coordinates, dimensions, colouring, "t-SNE", {})
                            : CloudPanel2(coordinates, dimensions, colouring, "t-SNE", {}));
  return plot;
}

Plot GoodnessOfFitSheet(const std::vector<FitCloud>& clouds,
                        const std::vector<std::string>& classes, int64_t frame_size, int64_t skip) {
  Plot plot;
  plot.title = "GOODNESS OF FIT ANALYSIS";
  plot.notes = {
      fmt::format("Frame size {}, {}. Purity: how many of a point's five nearest neighbours are of "
                  "its class.",
                  frame_size, skip == 1 ? "every frame" : fmt::format("one frame of {}", skip)),
      "One view in which the classes are apart is enough; how pure the clusters are counts, not "
      "their shape or number.",
      "Classes that overlap in most views: look at the recordings again. Several clusters of one "
      "class: other sampling rates or set-ups. Single points: outliers or noise."};
  plot.columns = 2;
  plot.panel_width = 470;
  plot.shared_legend = true;
  for (const FitCloud& cloud : clouds) {
    Panel panel = CloudPanel3(cloud.points, 3, {cloud.labels, classes, {}},
                              cloud.title.ends_with("PCA") ? "PC" : "t-SNE", {});
    panel.title = fmt::format("{}: purity {:.2f}", cloud.title, cloud.purity);
    plot.panels.push_back(std::move(panel));
  }
  return plot;
}

}  // namespace platypus::plot
