#ifndef PLATYPUS_PLOT_SCENE_H_
#define PLATYPUS_PLOT_SCENE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

// What a picture shows, in the units of its data. Layout (drawing.h) makes lines and texts of it.
namespace platypus::plot {

// A colour by its part, so that a page can have one set for light and one for dark.
struct Paint {
  enum class Part { kInk, kSoft, kLine, kPage, kBad, kSeries, kFixed };
  Part part = Part::kInk;
  uint32_t value = 0;  // kSeries: which of the twelve (modulo); kFixed: 0xRRGGBB
  double opacity = 1;
  friend bool operator==(const Paint&, const Paint&) = default;
};
Paint SeriesPaint(size_t index, double opacity = 1);
// Dark violet over green to yellow; share in [0, 1], NaN is grey.
Paint ScalePaint(double share, double opacity = 1);

struct Point {
  double x = 0, y = 0;
};

// Layers are drawn in their order. A name makes an entry in the legend. Values that are not finite
// (or not positive on a logarithmic axis) are left out; a line has a gap there.
struct Line {
  std::string name;
  Paint paint;
  std::vector<Point> points;
  double width = 2;
  bool dashed = false;
};
struct Dots {
  std::string name;
  Paint paint;
  std::vector<Point> points;
  double radius = 2.6;  // pixels
};
struct Bars {
  std::string name;
  Paint paint;
  std::vector<double> edges;    // rising, one more than heights
  std::vector<double> heights;  // from 0
};
// A grid over the categories of both axes.
struct Cells {
  struct Cell {
    Paint paint;
    std::string text, small;  // `small` below it where there is room
    Paint ink;
  };
  std::vector<std::vector<Cell>> rows;  // from the top
};
// A line across the panel.
struct Rule {
  std::string name;
  Paint paint;
  double at = 0;
  bool vertical = true;
  bool dashed = true;
};
// A text beside a point. `yields`: moved or left out where it would cover another one.
struct Label {
  enum class Anchor { kStart, kMiddle, kEnd };
  Point at;
  std::string text;
  Paint paint;
  Anchor anchor = Anchor::kMiddle;
  bool yields = false;
};
using Layer = std::variant<Line, Dots, Bars, Cells, Rule, Label>;

struct Axis {
  std::string label;
  std::optional<double> low, high;  // default: from the data
  bool log = false;
  bool integers = false;                // ticks at whole numbers only
  std::vector<std::string> categories;  // ticks at 0, 1, ...
};

struct Panel {
  std::string title;
  Axis x, y;
  std::vector<Layer> layers;
  bool frame = true;             // axes, ticks and grid
  double aspect = 0.58;          // height of the area of the data by its width
  std::optional<double> height;  // or in pixels
};

struct Plot {
  std::string title;
  std::vector<std::string> notes;  // sentences below the title
  std::vector<Panel> panels;
  int columns = 1;
  double panel_width = 560;    // pixels, margins included
  bool shared_legend = false;  // one legend, of the first panel
};

}  // namespace platypus::plot

#endif  // PLATYPUS_PLOT_SCENE_H_
