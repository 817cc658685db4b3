#include "platypus/report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace platypus::report {
namespace {

constexpr double kWidth = 560, kHeight = 300, kLeft = 56, kRight = 14, kTop = 12, kBottom = 44;

// A step of 1, 2 or 5 times a power of ten that gives about `count` ticks.
double NiceStep(double range, int count) {
  if (!(range > 0)) return 1;
  const double raw = range / count;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw) return factor * power;
  }
  return 10 * power;
}

std::string Tick(double value) {
  return fmt::format("{:.4g}", std::abs(value) < 1e-12 ? 0.0 : value);
}

}  // namespace

std::string Escape(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string ToSvg(const Chart& chart) {
  double x_min = INFINITY, x_max = -INFINITY;
  for (const Series& series : chart.series) {
    for (const auto& [x, y] : series.points) {
      if (!std::isfinite(x)) continue;
      x_min = std::min(x_min, x);
      x_max = std::max(x_max, x);
    }
  }
  if (!(x_min <= x_max)) x_min = 0, x_max = 1;
  if (x_min == x_max) x_min -= 0.5, x_max += 0.5;
  double y_min = chart.y_min, y_max = chart.y_max;
  if (!(y_max > y_min)) y_max = y_min + 1;
  const auto px = [&](double x) {
    return kLeft + (x - x_min) / (x_max - x_min) * (kWidth - kLeft - kRight);
  };
  const auto py = [&](double y) {
    return kHeight - kBottom - (y - y_min) / (y_max - y_min) * (kHeight - kTop - kBottom);
  };
  std::string svg = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">",
                                kWidth, kHeight, Escape(chart.title));
  const double y_step = NiceStep(y_max - y_min, 5);
  for (double y = std::ceil(y_min / y_step) * y_step; y <= y_max + 1e-9; y += y_step) {
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/><text "
        "class=\"tick\" x=\"{3}\" "
        "y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>",
        kLeft, kWidth - kRight, py(y), kLeft - 6, py(y) + 4, Tick(y));
  }
  const double x_step = NiceStep(x_max - x_min, 8);
  for (double x = std::ceil(x_min / x_step) * x_step; x <= x_max + 1e-9; x += x_step) {
    svg +=
        fmt::format("<text class=\"tick\" x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                    px(x), kHeight - kBottom + 16, Tick(x));
  }
  for (const double mark : chart.marks) {
    svg += fmt::format("<line class=\"mark\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/>",
                       px(mark), kTop, kHeight - kBottom);
  }
  constexpr size_t kMostPoints = 400;
  for (const Series& series : chart.series) {
    std::string path;
    const size_t step = std::max<size_t>(1, series.points.size() / kMostPoints);
    for (size_t i = 0; i < series.points.size(); ++i) {
      if (i % step != 0 && i + 1 != series.points.size()) continue;
      const auto& [x, y] = series.points[i];
      if (!std::isfinite(x) || !std::isfinite(y)) continue;
      path += fmt::format("{}{:.1f},{:.1f}", path.empty() ? "" : " ", px(x),
                          py(std::clamp(y, y_min, y_max)));
    }
    svg += fmt::format("<polyline class=\"line {}\" points=\"{}\"/>", series.style, path);
  }
  svg += fmt::format("<text class=\"axis\" x=\"{:.0f}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                     (kLeft + kWidth - kRight) / 2, kHeight - 8, Escape(chart.x_label));
  svg += fmt::format(
      "<text class=\"axis\" transform=\"translate(14 {:.0f}) rotate(-90)\" "
      "text-anchor=\"middle\">{}</text></svg>",
      (kHeight - kBottom) / 2, Escape(chart.y_label));
  std::string legend;
  for (const Series& series : chart.series) {
    legend += fmt::format("<span class=\"key\"><i class=\"{}\"></i>{}</span>", series.style,
                          Escape(series.name));
  }
  return "<figure>" + svg + "<figcaption>" + legend + "</figcaption></figure>";
}

std::string BlocksSvg(const std::string& title, const std::vector<Block>& blocks, double width,
                      double height, double bound) {
  const auto px = [&](double x) {
    return kLeft + x / std::max(1.0, width) * (kWidth - kLeft - kRight);
  };
  const auto py = [&](double y) {
    return kHeight - kBottom - y / std::max(1.0, height) * (kHeight - kTop - kBottom);
  };
  std::string svg = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">",
                                kWidth, kHeight, Escape(title));
  const double step = NiceStep(height, 5);
  for (double y = 0; y <= height + 1e-9; y += step) {
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/><text "
        "class=\"tick\" x=\"{3}\" y=\"{4:.1f}\" "
        "text-anchor=\"end\">{5}</text>",
        kLeft, kWidth - kRight, py(y), kLeft - 6, py(y) + 4, Tick(y));
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    const Block& b = blocks[i];
    svg += fmt::format(
        "<rect class=\"block b{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
        "height=\"{:.1f}\"><title>{}</title></rect>",
        i % 4, px(b.x0), py(b.y1), px(b.x1) - px(b.x0), py(b.y0) - py(b.y1), Escape(b.label));
  }
  svg += fmt::format("<line class=\"mark\" x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>",
                     kLeft, kWidth - kRight, py(bound));
  svg += fmt::format(
      "<text class=\"axis\" x=\"{:.0f}\" y=\"{}\" text-anchor=\"middle\">layer</text><text "
      "class=\"axis\" transform=\"translate(14 "
      "{:.0f}) rotate(-90)\" text-anchor=\"middle\">octets of the arena</text></svg>",
      (kLeft + kWidth - kRight) / 2, kHeight - 8, (kHeight - kBottom) / 2);
  return "<figure>" + svg + "<figcaption>dashed: what no plan can do without</figcaption></figure>";
}

}  // namespace platypus::report
