#ifndef PLATYPUS_REPORT_SVG_H_
#define PLATYPUS_REPORT_SVG_H_

#include <string>
#include <string_view>
#include <vector>

namespace platypus::report {

// &, <, >, quotes as entities.
std::string Escape(std::string_view text);

// Lifetimes (x) by addresses (y) of the activations.
struct Block {
  double x0, x1, y0, y1;
  std::string label;
};
std::string BlocksSvg(const std::string& title, const std::vector<Block>& blocks, double width,
                      double height, double bound);

}  // namespace platypus::report

#endif  // PLATYPUS_REPORT_SVG_H_
