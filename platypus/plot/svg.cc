#include <fmt/format.h>

#include <cmath>

#include "platypus/plot/drawing.h"

namespace platypus::plot {
namespace {

constexpr const char* kFace = "DejaVu Sans, Verdana, Segoe UI, Helvetica, sans-serif";

// Tenths of a pixel, without a needless ".0".
std::string Pixel(double value) {
  const double tenths = std::round(value * 10);
  if (std::fmod(tenths, 10) == 0) return fmt::format("{:.0f}", tenths == 0 ? 0.0 : tenths / 10);
  return fmt::format("{:.1f}", tenths / 10);
}

class Writer {
 public:
  explicit Writer(bool page) : page_(page) {}

  std::string Take() { return std::move(svg_); }

  void operator()(const Stroke& stroke) {
    svg_ += "<polyline fill=\"none\" points=\"";
    for (size_t i = 0; i < stroke.points.size(); ++i) {
      svg_ += fmt::format("{}{},{}", i == 0 ? "" : " ", Pixel(stroke.points[i].x),
                          Pixel(stroke.points[i].y));
    }
    svg_ += fmt::format("\" stroke-width=\"{:.4g}\" stroke-linejoin=\"round\"{}{}/>", stroke.width,
                        stroke.dashed ? " stroke-dasharray=\"6 4\"" : "",
                        Colour("stroke", stroke.paint));
  }
  // One path of strokes without length whose round ends are the discs: a tenth of the text that
  // circles take.
  void operator()(const Discs& discs) {
    svg_ += "<path d=\"";
    for (const Point& centre : discs.centres)
      svg_ += fmt::format("M{} {}h.01", Pixel(centre.x), Pixel(centre.y));
    svg_ += fmt::format("\" fill=\"none\" stroke-linecap=\"round\" stroke-width=\"{:.4g}\"{}/>",
                        2 * discs.radius, Colour("stroke", discs.paint));
  }
  void operator()(const Box& box) {
    svg_ +=
        fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{}/>", Pixel(box.x),
                    Pixel(box.y), Pixel(box.width), Pixel(box.height), Colour("fill", box.paint));
  }
  void operator()(const Text& text) {
    const char* const anchor = text.anchor == Label::Anchor::kStart    ? ""
                               : text.anchor == Label::Anchor::kMiddle ? " text-anchor=\"middle\""
                                                                       : " text-anchor=\"end\"";
    svg_ += fmt::format(
        "<text x=\"{0}\" y=\"{1}\" font-size=\"{2:.4g}\"{3}{4}{5}{6}>{7}</text>", Pixel(text.at.x),
        Pixel(text.at.y), text.size, anchor, text.bold ? " font-weight=\"bold\"" : "",
        text.degrees != 0 ? fmt::format(" transform=\"rotate({:.4g} {} {})\"", text.degrees,
                                        Pixel(text.at.x), Pixel(text.at.y))
                          : "",
        Colour("fill", text.paint), EscapeXml(text.text));
  }

 private:
  std::string Colour(const char* attribute, const Paint& paint) const {
    std::string value = fmt::format("#{:06x}", LightColour(paint));
    if (page_) {
      switch (paint.part) {
        case Paint::Part::kInk:
          value = "var(--ink)";
          break;
        case Paint::Part::kSoft:
          value = "var(--soft)";
          break;
        case Paint::Part::kLine:
          value = "var(--line)";
          break;
        case Paint::Part::kPage:
          value = "var(--page)";
          break;
        case Paint::Part::kBad:
          value = "var(--bad)";
          break;
        case Paint::Part::kSeries:
          value = fmt::format("var(--p{})", paint.value);
          break;
        case Paint::Part::kFixed:
          break;
      }
    }
    std::string text = fmt::format(" {}=\"{}\"", attribute, value);
    if (paint.opacity < 1) text += fmt::format(" {}-opacity=\"{:.3g}\"", attribute, paint.opacity);
    return text;
  }

  bool page_;
  std::string svg_;
};

std::string Shapes(const Drawing& drawing, bool page) {
  Writer writer(page);
  for (const Shape& shape : drawing.shapes) std::visit(writer, shape);
  return writer.Take();
}

}  // namespace

std::string SvgFile(const Drawing& drawing) {
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
             "viewBox=\"0 0 {0:.0f} {1:.0f}\" font-family=\"{2}\" role=\"img\">"
             "<title>{3}</title><rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
             drawing.width, drawing.height, kFace, EscapeXml(drawing.title)) +
         Shapes(drawing, false) + "</svg>\n";
}

std::string SvgElement(const Drawing& drawing) {
  return fmt::format("<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">",
                     drawing.width, drawing.height, EscapeXml(drawing.title)) +
         Shapes(drawing, true) + "</svg>";
}

}  // namespace platypus::plot
