#ifndef PLATYPUS_REPORT_SVG_H_
#define PLATYPUS_REPORT_SVG_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace platypus::report {

// &, <, >, quotes as entities.
std::string Escape(std::string_view text);

struct Series {
  std::string name;
  std::string style;  // CSS class of its line
  std::vector<std::pair<double, double>> points;
};

// Lines over two axes with ticks, grid and legend. Points that are not finite are left out, long
// series thinned.
struct Chart {
  std::string title;
  std::string x_label;
  std::string y_label;
  double y_min = 0, y_max = 1;
  std::vector<Series> series;
  std::vector<double> marks;  // vertical lines
};
std::string ToSvg(const Chart& chart);

// Lifetimes (x) by addresses (y) of the activations.
struct Block {
  double x0, x1, y0, y1;
  std::string label;
};
std::string BlocksSvg(const std::string& title, const std::vector<Block>& blocks, double width,
                      double height, double bound);

}  // namespace platypus::report

#endif  // PLATYPUS_REPORT_SVG_H_
