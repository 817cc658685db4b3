#include "platypus/report/svg.h"

#include <fmt/format.h>

#include <algorithm>

#include "platypus/plot/drawing.h"

namespace platypus::report {
namespace {

constexpr double kWidth = 560, kHeight = 300, kLeft = 56, kRight = 14, kTop = 12, kBottom = 44;

}  // namespace

std::string Escape(std::string_view text) { return plot::EscapeXml(text); }

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
  for (const plot::Tick& tick : plot::NiceTicks(0, std::max(1.0, height), 5)) {
    const double y = py(tick.at);
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/><text "
        "class=\"tick\" x=\"{3}\" y=\"{4:.1f}\" "
        "text-anchor=\"end\">{5}</text>",
        kLeft, kWidth - kRight, y, kLeft - 6, y + 4, tick.text);
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
