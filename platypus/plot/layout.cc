#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "platypus/plot/drawing.h"

namespace platypus::plot {
namespace {

constexpr double kTitleSize = 17, kPanelTitleSize = 15, kNoteSize = 13, kTickSize = 13;
constexpr double kAxisSize = 14, kLegendSize = 13.5, kLabelSize = 12;
constexpr double kBold = 1.13;  // how much wider bold letters are
constexpr double kMargin = 12, kPanelGap = 22, kRowGap = 18;
constexpr size_t kMostDots = 6000;   // of a panel
constexpr size_t kMostOfLine = 800;  // points

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

constexpr Paint kInk{Paint::Part::kInk}, kSoft{Paint::Part::kSoft}, kGrid{Paint::Part::kLine};

// As many characters as fit, then an ellipsis.
std::string Fitted(const std::string& text, double size, double width) {
  if (TextWidth(text, size) <= width) return text;
  std::string result = text;
  while (!result.empty() && TextWidth(result + "…", size) > width) {
    while (!result.empty() && (static_cast<unsigned char>(result.back()) & 0xc0) == 0x80)
      result.pop_back();
    if (!result.empty()) result.pop_back();
  }
  return result + "…";
}

std::vector<std::string> Wrapped(const std::string& text, double size, double width) {
  std::vector<std::string> lines;
  std::string line;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    const std::string longer = line.empty() ? word : fmt::format("{} {}", line, word);
    if (!line.empty() && TextWidth(longer, size) > width) {
      lines.push_back(line);
      line = word;
    } else {
      line = longer;
    }
    at = end + 1;
  }
  if (!line.empty()) lines.push_back(line);
  for (std::string& each : lines) each = Fitted(each, size, width);
  return lines;
}

double NiceStep(double range, int count) {
  const double raw = range / count;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

// With the digits that neighbours `step` apart need.
std::string TickText(double value, double step, double largest) {
  if (std::abs(value) < step * 1e-6) return "0";
  if (largest >= 1e5 || largest < 1e-3) {
    const int digits = std::clamp(
        static_cast<int>(std::floor(std::log10(largest)) - std::floor(std::log10(step))), 0, 12);
    std::string text = fmt::format("{:.{}e}", value, digits);
    const size_t e = text.find('e');
    std::string mantissa = text.substr(0, e);
    if (mantissa.find('.') != std::string::npos) {
      mantissa.erase(mantissa.find_last_not_of('0') + 1);
      if (mantissa.back() == '.') mantissa.pop_back();
    }
    return fmt::format("{}e{}", mantissa, std::stoi(text.substr(e + 1)));
  }
  const int decimals = std::clamp(-static_cast<int>(std::floor(std::log10(step) + 1e-9)), 0, 12);
  return fmt::format("{:.{}f}", value, decimals);
}

// The range of an axis and where it lies in the picture.
struct Scale {
  double low = 0, high = 1;
  bool log = false;
  double from = 0, to = 1;  // pixels of low and high

  bool Shows(double value) const { return std::isfinite(value) && (!log || value > 0); }
  double operator()(double value) const {
    const double share = log ? (std::log(value) - std::log(low)) / (std::log(high) - std::log(low))
                             : (value - low) / (high - low);
    return from + std::clamp(share, -0.001, 1.001) * (to - from);
  }
};

std::vector<Tick> LinearTicks(double low, double high, int count, bool integers) {
  std::vector<Tick> ticks;
  const double range = high - low;
  double step = NiceStep(range, count);
  if (integers) step = std::max(1.0, std::round(step));
  const double largest = std::max(std::abs(low), std::abs(high));
  const double first = std::ceil(low / step - 1e-9);
  for (int i = 0; i <= count * 3; ++i) {
    const double at = (first + i) * step;
    if (at > high + range * 1e-9) break;
    ticks.push_back({at, TickText(at, step, largest)});
  }
  return ticks;
}

std::vector<Tick> Ticks(const Scale& scale, const Axis& axis, int count) {
  std::vector<Tick> ticks;
  if (!axis.categories.empty()) {
    for (size_t i = 0; i < axis.categories.size(); ++i)
      ticks.push_back({static_cast<double>(i), axis.categories[i]});
    return ticks;
  }
  if (scale.log) {
    const int first = static_cast<int>(std::ceil(std::log10(scale.low) - 1e-9));
    const int last = static_cast<int>(std::floor(std::log10(scale.high) + 1e-9));
    const int stride = std::max(1, (last - first + count) / count);
    const bool between = last - first < 2;
    for (int e = between ? first - 1 : first; e <= last; e += between ? 1 : stride) {
      for (const double factor : {1.0, 2.0, 5.0}) {
        const double at = factor * std::pow(10.0, e);
        if ((factor > 1 && !between) || at < scale.low * (1 - 1e-9) || at > scale.high * (1 + 1e-9))
          continue;
        ticks.push_back({at, e >= -3 && e <= 4 ? fmt::format("{:.{}f}", at, std::max(0, -e))
                                               : fmt::format("{:.0f}e{}", factor, e)});
      }
    }
    return ticks;
  }
  return LinearTicks(scale.low, scale.high, count, axis.integers);
}

// The smallest and the largest value that an axis shall show.
struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  bool log = false;
  void Take(double value) {
    if (!(std::abs(value) < 1e300) || (log && value <= 0)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

Scale MakeScale(const Axis& axis, Range range, bool bars) {
  Scale scale;
  scale.log = axis.log;
  if (!axis.categories.empty())
    return {-0.5, static_cast<double>(axis.categories.size()) - 0.5, false, 0, 1};
  if (!(range.low <= range.high)) range.low = axis.log ? 1 : 0, range.high = axis.log ? 10 : 1;
  const bool single = range.low == range.high;
  if (axis.log) {
    const double pad = single ? 3 : std::pow(range.high / range.low, 0.03);
    scale.low = axis.low.value_or(range.low / pad);
    scale.high = axis.high.value_or(range.high * pad);
    if (!(scale.low > 0)) scale.low = range.low;
    if (!(scale.high > scale.low * (1 + 1e-9))) scale.high = scale.low * 10;
    return scale;
  }
  const double pad =
      single ? std::max(0.5, std::abs(range.low) * 0.05) : (range.high / 2 - range.low / 2) * 0.08;
  scale.low = axis.low.value_or(bars ? 0 : range.low - pad);
  scale.high = axis.high.value_or(range.high + pad);
  // Neighbouring numbers have no ticks between them.
  const double least = std::max({std::abs(scale.low), std::abs(scale.high), 1e-290}) * 1e-11;
  if (!(scale.high - scale.low > least)) scale.high = scale.low + std::max(1.0, 2 * least);
  return scale;
}

struct LegendEntry {
  std::string name;
  Paint paint;
  enum class Kind { kLine, kDashed, kDot, kBox } kind;
};

std::vector<LegendEntry> LegendOf(const Panel& panel) {
  std::vector<LegendEntry> entries;
  const auto add = [&](const std::string& name, const Paint& paint, LegendEntry::Kind kind) {
    if (name.empty()) return;
    for (const LegendEntry& entry : entries) {
      if (entry.name == name) return;
    }
    entries.push_back({name, paint, kind});
  };
  for (const Layer& layer : panel.layers) {
    std::visit(Overloaded{[&](const Line& l) {
                            add(l.name, l.paint,
                                l.dashed ? LegendEntry::Kind::kDashed : LegendEntry::Kind::kLine);
                          },
                          [&](const Dots& d) {
                            Paint solid = d.paint;
                            solid.opacity = 1;
                            add(d.name, solid, LegendEntry::Kind::kDot);
                          },
                          [&](const Bars& b) { add(b.name, b.paint, LegendEntry::Kind::kBox); },
                          [&](const Rule& r) {
                            add(r.name, r.paint,
                                r.dashed ? LegendEntry::Kind::kDashed : LegendEntry::Kind::kLine);
                          },
                          [](const Cells&) {}, [](const Label&) {}},
               layer);
  }
  return entries;
}

constexpr double kKeyWidth = 28, kKeyGap = 20, kLegendRow = 21;

struct Legend {
  std::vector<LegendEntry> entries;
  size_t columns = 0;
  double column_width = 0;  // 0: one row, as wide as it is
  size_t Rows() const { return columns == 0 ? 0 : (entries.size() + columns - 1) / columns; }
};

double EntryWidth(const LegendEntry& entry) {
  return kKeyWidth + TextWidth(entry.name, kLegendSize);
}

// All in one row if they fit, otherwise in columns.
Legend MakeLegend(const Panel& panel, double width) {
  Legend legend{LegendOf(panel)};
  double total = 0;
  double widest = 0;
  for (LegendEntry& entry : legend.entries) {
    entry.name = Fitted(entry.name, kLegendSize, width - kKeyWidth);
    total += EntryWidth(entry) + kKeyGap;
    widest = std::max(widest, EntryWidth(entry));
  }
  legend.columns = legend.entries.size();
  if (total - kKeyGap <= width) return legend;
  legend.columns = std::max<size_t>(1, static_cast<size_t>((width + kKeyGap) / (widest + kKeyGap)));
  legend.column_width = widest + kKeyGap;
  return legend;
}

class PanelLayout {
 public:
  PanelLayout(const Panel& panel, double width, bool legend, std::vector<Shape>& shapes)
      : panel_(panel), width_(width), shapes_(shapes) {
    Measure(legend);
  }

  double Height() const { return top_ + area_height_ + bottom_; }
  double Top() const { return top_; }
  // Moves the area of the data down to where its neighbours' begin.
  void SetTop(double top) { top_ = top; }

  void Draw(double x, double y) {
    left_edge_ = x;
    top_edge_ = y;
    x_.from = x + left_;
    x_.to = x + left_ + area_width_;
    y_.from = y + top_ + area_height_;
    y_.to = y + top_;
    double at = y + kPanelTitleSize;
    for (const std::string& line : title_) {
      shapes_.emplace_back(
          Text{{x + width_ / 2, at}, line, kPanelTitleSize, Label::Anchor::kMiddle, 0, true, kInk});
      at += kPanelTitleSize * 1.3;
    }
    if (panel_.frame) DrawFrame();
    size_t dots = 0;
    for (const Layer& layer : panel_.layers) {
      if (const auto* cloud = std::get_if<Dots>(&layer)) dots += cloud->points.size();
    }
    thinning_ = std::max<size_t>(1, (dots + kMostDots - 1) / kMostDots);
    for (const Layer& layer : panel_.layers) {
      std::visit([&](const auto& each) { DrawLayer(each); }, layer);
    }
    DrawLegend();
  }

 private:
  void Measure(bool legend) {
    Range x;
    x.log = panel_.x.log;
    Range y;
    y.log = panel_.y.log;
    bool bars = false;
    const auto take = [&](const std::vector<Point>& points) {
      for (const Point& p : points) {
        if (!std::isfinite(p.x) || !std::isfinite(p.y)) continue;
        x.Take(p.x);
        y.Take(p.y);
      }
    };
    for (const Layer& layer : panel_.layers) {
      std::visit(
          Overloaded{[&](const Line& l) { take(l.points); }, [&](const Dots& d) { take(d.points); },
                     [&](const Bars& b) {
                       bars = true;
                       for (const double edge : b.edges) x.Take(edge);
                       for (const double height : b.heights) y.Take(height);
                     },
                     [&](const Rule& r) { (r.vertical ? x : y).Take(r.at); }, [](const Cells&) {},
                     [](const Label&) {}},
          layer);
    }
    x_ = MakeScale(panel_.x, x, false);
    y_ = MakeScale(panel_.y, y, bars && !panel_.y.log);
    if (!panel_.title.empty()) title_ = Wrapped(panel_.title, kPanelTitleSize * kBold, width_);
    top_ = static_cast<double>(title_.size()) * kPanelTitleSize * 1.3 + 10;
    left_ = right_ = 4;
    bottom_ = 4;
    if (panel_.frame) {
      constexpr double kMostCategory = 130;
      y_ticks_ = Ticks(y_, panel_.y, 6);
      double widest = 0;
      for (Tick& tick : y_ticks_) {
        tick.text = Fitted(tick.text, kTickSize, kMostCategory);
        widest = std::max(widest, TextWidth(tick.text, kTickSize));
      }
      left_ = widest + 10 + (panel_.y.label.empty() ? 0 : kAxisSize + 8);
      right_ = 14;
      area_width_ = width_ - left_ - right_;
      double below = kTickSize + 8;
      if (!panel_.x.categories.empty()) {
        x_ticks_ = Ticks(x_, panel_.x, 0);
        const double cell = area_width_ / static_cast<double>(x_ticks_.size());
        double longest = 0;
        for (Tick& tick : x_ticks_) {
          tick.text = Fitted(tick.text, kTickSize, kMostCategory);
          longest = std::max(longest, TextWidth(tick.text, kTickSize));
        }
        slanted_ = longest > cell - 8;
        if (slanted_) below = longest * 0.71 + kTickSize + 8;
      } else {
        for (int count = 8; count >= 1; --count) {
          x_ticks_ = Ticks(x_, panel_.x, count);
          double needed = 0;
          for (const Tick& tick : x_ticks_) needed += TextWidth(tick.text, kTickSize) + 16;
          if (needed < area_width_) break;
        }
      }
      bottom_ = below + (panel_.x.label.empty() ? 0 : kAxisSize + 11);
    }
    area_width_ = width_ - left_ - right_;
    area_height_ = panel_.height.value_or(area_width_ * panel_.aspect);
    if (legend) legend_ = MakeLegend(panel_, width_);
    above_legend_ = bottom_;
    if (legend_.Rows() > 0) bottom_ += 8 + kLegendRow * static_cast<double>(legend_.Rows());
  }

  void DrawFrame() {
    const double x0 = x_.from;
    const double x1 = x_.to;
    const double y0 = y_.from;
    const double y1 = y_.to;
    const bool grid = panel_.x.categories.empty();
    for (const Tick& tick : y_ticks_) {
      const double y = y_(tick.at);
      if (grid) shapes_.emplace_back(Stroke{{{x0, y}, {x1, y}}, kGrid});
      shapes_.emplace_back(Text{{x0 - 7, y + kTickSize * 0.36},
                                tick.text,
                                kTickSize,
                                Label::Anchor::kEnd,
                                0,
                                false,
                                kSoft});
    }
    for (const Tick& tick : x_ticks_) {
      const double x = x_(tick.at);
      if (grid) shapes_.emplace_back(Stroke{{{x, y0}, {x, y1}}, kGrid});
      shapes_.emplace_back(Text{{slanted_ ? x + 4 : x, y0 + kTickSize + (slanted_ ? 2 : 6)},
                                tick.text,
                                kTickSize,
                                slanted_ ? Label::Anchor::kEnd : Label::Anchor::kMiddle,
                                slanted_ ? -45.0 : 0.0,
                                false,
                                kSoft});
    }
    shapes_.emplace_back(Stroke{{{x0, y1}, {x0, y0}, {x1, y0}}, kSoft, 1});
    if (!panel_.x.label.empty()) {
      shapes_.emplace_back(Text{{(x0 + x1) / 2, y0 + above_legend_ - 7},
                                Fitted(panel_.x.label, kAxisSize, width_),
                                kAxisSize,
                                Label::Anchor::kMiddle,
                                0,
                                false,
                                kInk});
    }
    if (!panel_.y.label.empty()) {
      shapes_.emplace_back(Text{{left_edge_ + kAxisSize - 1, (y0 + y1) / 2},
                                Fitted(panel_.y.label, kAxisSize, area_height_ + 30),
                                kAxisSize,
                                Label::Anchor::kMiddle,
                                -90,
                                false,
                                kInk});
    }
  }

  bool Shows(const Point& p) const { return x_.Shows(p.x) && y_.Shows(p.y); }
  Point At(const Point& p) const { return {x_(p.x), y_(p.y)}; }

  void DrawLayer(const Line& line) {
    const size_t count = line.points.size();
    std::vector<bool> kept(count, count <= kMostOfLine);
    if (count > kMostOfLine) {
      const size_t stretch = (4 * count + kMostOfLine - 1) / kMostOfLine;
      for (size_t first = 0; first < count; first += stretch) {
        const size_t end = std::min(first + stretch, count);
        size_t low = first;
        size_t high = first;
        for (size_t i = first; i < end; ++i) {
          if (!Shows(line.points[i])) {
            kept[i] = true;  // a gap stays one
            continue;
          }
          if (!Shows(line.points[low]) || line.points[i].y < line.points[low].y) low = i;
          if (!Shows(line.points[high]) || line.points[i].y > line.points[high].y) high = i;
        }
        kept[first] = kept[end - 1] = kept[low] = kept[high] = true;
      }
    }
    Stroke stroke{{}, line.paint, line.width, line.dashed};
    const auto end_stroke = [&] {
      if (stroke.points.size() == 1)
        shapes_.emplace_back(Discs{stroke.points, line.paint, line.width * 1.2});
      if (stroke.points.size() > 1) shapes_.emplace_back(stroke);
      stroke.points.clear();
    };
    for (size_t i = 0; i < count; ++i) {
      if (!kept[i]) continue;
      if (Shows(line.points[i])) {
        stroke.points.push_back(At(line.points[i]));
      } else {
        end_stroke();
      }
    }
    end_stroke();
  }

  void DrawLayer(const Dots& dots) {
    Discs discs{{}, dots.paint, dots.radius};
    for (size_t i = 0; i < dots.points.size(); i += thinning_) {
      if (Shows(dots.points[i])) discs.centres.push_back(At(dots.points[i]));
    }
    if (!discs.centres.empty()) shapes_.emplace_back(std::move(discs));
  }

  void DrawLayer(const Bars& bars) {
    for (size_t i = 0; i < bars.heights.size() && i + 1 < bars.edges.size(); ++i) {
      if (!x_.Shows(bars.edges[i + 1]) || !y_.Shows(bars.heights[i]) || bars.heights[i] <= 0)
        continue;
      const double x0 = x_.Shows(bars.edges[i]) ? x_(bars.edges[i]) : x_.from;
      const double x1 = x_(bars.edges[i + 1]);
      const double y = y_(bars.heights[i]);
      shapes_.emplace_back(
          Box{x0, y, std::max(x1 - x0, 0.5), std::max(0.0, y_.from - y), bars.paint});
    }
  }

  void DrawLayer(const Cells& cells) {
    for (size_t r = 0; r < cells.rows.size(); ++r) {
      // The first row is at the top: y categories are numbered from below.
      const double row = static_cast<double>(cells.rows.size() - 1 - r);
      const double y0 = y_(row + 0.5);
      const double y1 = y_(row - 0.5);
      for (size_t c = 0; c < cells.rows[r].size(); ++c) {
        const Cells::Cell& cell = cells.rows[r][c];
        const double x0 = x_(static_cast<double>(c) - 0.5);
        const double x1 = x_(static_cast<double>(c) + 0.5);
        shapes_.emplace_back(Box{x0 + 0.75, y0 + 0.75, x1 - x0 - 1.5, y1 - y0 - 1.5, cell.paint});
        const double size =
            std::min(15.0, 15 * (x1 - x0 - 5) / std::max(1.0, TextWidth(cell.text, 15)));
        const bool both =
            !cell.small.empty() && y1 - y0 > 40 && TextWidth(cell.small, 11.5) < x1 - x0 - 6;
        if (size < 5 || cell.text.empty()) continue;
        const double middle = (y0 + y1) / 2 + (both ? -1 : size * 0.36);
        shapes_.emplace_back(Text{
            {(x0 + x1) / 2, middle}, cell.text, size, Label::Anchor::kMiddle, 0, false, cell.ink});
        if (both) {
          shapes_.emplace_back(Text{{(x0 + x1) / 2, middle + 15},
                                    cell.small,
                                    11.5,
                                    Label::Anchor::kMiddle,
                                    0,
                                    false,
                                    cell.ink});
        }
      }
    }
  }

  void DrawLayer(const Rule& rule) {
    const Scale& scale = rule.vertical ? x_ : y_;
    if (!scale.Shows(rule.at) || rule.at < scale.low || rule.at > scale.high) return;
    const double at = scale(rule.at);
    Stroke stroke{{{at, y_.from}, {at, y_.to}}, rule.paint, 1.8, rule.dashed};
    if (!rule.vertical) stroke.points = {{x_.from, at}, {x_.to, at}};
    shapes_.emplace_back(std::move(stroke));
  }

  struct Rectangle {
    double x0, y0, x1, y1;
  };

  void DrawLayer(const Label& label) {
    if (!Shows(label.at)) return;
    const Point at = At(label.at);
    const double width = TextWidth(label.text, kLabelSize);
    if (!label.yields) {
      shapes_.emplace_back(Text{at, label.text, kLabelSize, label.anchor, 0, false, label.paint});
      return;
    }
    for (const auto& [dx, dy] : {std::pair{8.0, 14.0},
                                 {-8.0 - width, -6.0},
                                 {8.0, -6.0},
                                 {-8.0 - width, 14.0},
                                 {8.0, 28.0}}) {
      const Rectangle box{at.x + dx - 2, at.y + dy - kLabelSize, at.x + dx + width + 2,
                          at.y + dy + 3};
      if (box.x0 < x_.from || box.x1 > x_.to || box.y0 < y_.to || box.y1 > y_.from) continue;
      const bool free = std::none_of(taken_.begin(), taken_.end(), [&](const Rectangle& other) {
        return box.x0 < other.x1 && other.x0 < box.x1 && box.y0 < other.y1 && other.y0 < box.y1;
      });
      if (!free) continue;
      taken_.push_back(box);
      shapes_.emplace_back(Text{{at.x + dx, at.y + dy},
                                label.text,
                                kLabelSize,
                                Label::Anchor::kStart,
                                0,
                                false,
                                label.paint});
      return;
    }
  }

  void DrawLegend() {
    if (legend_.Rows() == 0) return;
    double total = -kKeyGap;
    if (legend_.column_width > 0) {
      total += static_cast<double>(legend_.columns) * legend_.column_width;
    } else {
      for (const LegendEntry& entry : legend_.entries) total += EntryWidth(entry) + kKeyGap;
    }
    const double first = left_edge_ + std::max(0.0, (width_ - total) / 2);
    double x = first;
    double y = top_edge_ + top_ + area_height_ + above_legend_ + 8 + kLegendRow / 2;
    for (size_t i = 0; i < legend_.entries.size(); ++i) {
      const LegendEntry& entry = legend_.entries[i];
      if (i > 0 && i % legend_.columns == 0) {
        x = first;
        y += kLegendRow;
      }
      DrawKey(entry, x, y);
      shapes_.emplace_back(Text{{x + kKeyWidth, y + kLegendSize * 0.36},
                                entry.name,
                                kLegendSize,
                                Label::Anchor::kStart,
                                0,
                                false,
                                kInk});
      x += legend_.column_width > 0 ? legend_.column_width : EntryWidth(entry) + kKeyGap;
    }
  }

  void DrawKey(const LegendEntry& entry, double x, double y) {
    switch (entry.kind) {
      case LegendEntry::Kind::kLine:
        shapes_.emplace_back(Stroke{{{x, y}, {x + 22, y}}, entry.paint, 2.4});
        break;
      case LegendEntry::Kind::kDashed:
        shapes_.emplace_back(Stroke{{{x, y}, {x + 22, y}}, entry.paint, 2.4, true});
        break;
      case LegendEntry::Kind::kDot:
        shapes_.emplace_back(Discs{{{x + 14, y}}, entry.paint, 5});
        break;
      case LegendEntry::Kind::kBox:
        shapes_.emplace_back(Box{x + 6, y - 6, 16, 12, entry.paint});
        break;
    }
  }

  const Panel& panel_;
  double width_;
  std::vector<Shape>& shapes_;
  Scale x_, y_;
  std::vector<Tick> x_ticks_, y_ticks_;
  bool slanted_ = false;
  std::vector<std::string> title_;
  Legend legend_;
  double left_ = 0, right_ = 0, top_ = 0, bottom_ = 0, above_legend_ = 0;
  double area_width_ = 0, area_height_ = 0;
  double left_edge_ = 0, top_edge_ = 0;
  size_t thinning_ = 1;
  std::vector<Rectangle> taken_;  // by labels
};

}  // namespace

std::vector<Tick> NiceTicks(double low, double high, int count) {
  return high > low ? LinearTicks(low, high, count, false) : std::vector<Tick>{};
}

Drawing Layout(const Plot& plot) {
  Drawing drawing;
  drawing.title = plot.title;
  const auto columns = static_cast<size_t>(std::max(
      1, std::min(plot.columns, static_cast<int>(std::max<size_t>(1, plot.panels.size())))));
  drawing.width = 2 * kMargin + plot.panel_width * static_cast<double>(columns) +
                  kPanelGap * static_cast<double>(columns - 1);
  double y = kMargin;
  const auto paragraph = [&](const std::string& text, double size, bool bold, const Paint& paint) {
    for (const std::string& line :
         Wrapped(text, bold ? size * kBold : size, drawing.width - 3 * kMargin)) {
      y += size * 1.35;
      drawing.shapes.emplace_back(Text{{drawing.width / 2, y - size * 0.25},
                                       line,
                                       size,
                                       Label::Anchor::kMiddle,
                                       0,
                                       bold,
                                       paint});
    }
  };
  if (!plot.title.empty()) paragraph(plot.title, kTitleSize, true, kInk);
  for (const std::string& note : plot.notes) paragraph(note, kNoteSize, false, kSoft);
  y += 6;
  Panel shared;  // the legend of all panels, as a panel without an area
  for (size_t first = 0; first < plot.panels.size(); first += columns) {
    std::vector<PanelLayout> row;
    double tallest = 0;
    double top = 0;
    for (size_t i = first; i < std::min(first + columns, plot.panels.size()); ++i) {
      row.emplace_back(plot.panels[i], plot.panel_width, !plot.shared_legend, drawing.shapes);
      top = std::max(top, row.back().Top());
    }
    for (PanelLayout& panel : row) {
      panel.SetTop(top);
      tallest = std::max(tallest, panel.Height());
    }
    for (size_t i = 0; i < row.size(); ++i)
      row[i].Draw(kMargin + static_cast<double>(i) * (plot.panel_width + kPanelGap), y);
    y += tallest + kRowGap;
  }
  if (plot.shared_legend && !plot.panels.empty()) {
    shared.layers = plot.panels.front().layers;
    for (Layer& layer : shared.layers) {
      std::visit(
          Overloaded{[](Line& l) { l.points.clear(); }, [](Dots& d) { d.points.clear(); },
                     [](Bars& b) { b.heights.clear(); }, [](Cells& c) { c.rows.clear(); },
                     [](Rule& r) { r.at = std::nan(""); }, [](Label& l) { l.at.x = std::nan(""); }},
          layer);
    }
    shared.frame = false;
    shared.height = 0;
    PanelLayout legend(shared, drawing.width - 2 * kMargin, true, drawing.shapes);
    legend.Draw(kMargin, y - kRowGap);
    y += legend.Height() - kRowGap + kMargin;
  }
  drawing.height = std::ceil(y);
  return drawing;
}

}  // namespace platypus::plot
