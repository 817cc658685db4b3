#ifndef PLATYPUS_PLOT_DRAWING_H_
#define PLATYPUS_PLOT_DRAWING_H_

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "platypus/plot/scene.h"

namespace platypus::plot {

// Shapes in pixels, x to the right, y downwards.
struct Stroke {
  std::vector<Point> points;
  Paint paint;
  double width = 1;
  bool dashed = false;
};
struct Discs {
  std::vector<Point> centres;
  Paint paint;
  double radius = 2;
};
struct Box {
  double x = 0, y = 0, width = 0, height = 0;
  Paint paint;
};
struct Text {
  Point at;  // of the base line
  std::string text;
  double size = 13;
  Label::Anchor anchor = Label::Anchor::kStart;
  double degrees = 0;  // clockwise, about `at`
  bool bold = false;
  Paint paint;
};
using Shape = std::variant<Stroke, Discs, Box, Text>;

struct Drawing {
  std::string title;
  double width = 0, height = 0;
  std::vector<Shape> shapes;
};

// Where everything goes. Long series are thinned: a line keeps the extremes of every stretch, a
// cloud of dots every n-th of all its layers.
Drawing Layout(const Plot& plot);

struct Tick {
  double at;
  std::string text;
};
// About `count` round values in [low, high].
std::vector<Tick> NiceTicks(double low, double high, int count);

// Advance of a text in pixels, as set in DejaVu Sans (the widest of the usual faces).
double TextWidth(std::string_view utf8, double size);

// Control characters and octets that are no UTF-8 as question marks.
std::string ValidUtf8(std::string_view text);
// The same with &, <, >, quotes as entities.
std::string EscapeXml(std::string_view text);

// A file of its own, in light colours.
std::string SvgFile(const Drawing& drawing);
// A part of an HTML page that defines --ink, --soft, --line, --page, --bad and --p0 ... --p11.
std::string SvgElement(const Drawing& drawing);
// "--ink:#1d2430;..." of light or dark colours, for such a page.
std::string PaletteCss(bool dark);
// 0xRRGGBB in light colours.
uint32_t LightColour(const Paint& paint);

// A PNG file, `scale` pixels for each of the drawing's, drawn by Cairo (loaded at the first call).
// Error (toolchain) if the library is not installed.
std::string Png(const Drawing& drawing, double scale = 2);
// Whether Png can draw here.
bool CanDrawPng();

}  // namespace platypus::plot

#endif  // PLATYPUS_PLOT_DRAWING_H_
