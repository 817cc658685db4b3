#include <cairo.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "platypus/base/random.h"
#include "platypus/plot/charts.h"
#include "platypus/plot/drawing.h"

namespace platypus::plot {
namespace {

// Empty, or what is wrong with it as XML: tags in order, attributes in quotes, known entities.
std::string XmlProblem(const std::string& xml) {
  std::vector<std::string> open;
  for (size_t at = 0; at < xml.size();) {
    if (xml[at] == '&') {
      const size_t end = xml.find(';', at);
      const std::string name = xml.substr(at + 1, end - at - 1);
      static const std::set<std::string> kKnown = {"amp", "lt", "gt", "quot", "#39"};
      if (!kKnown.contains(name)) return "entity " + name;
      at = end + 1;
      continue;
    }
    if (xml[at] != '<') {
      if (static_cast<unsigned char>(xml[at]) < ' ' && xml[at] != '\n') return "control character";
      ++at;
      continue;
    }
    const size_t end = xml.find('>', at);
    if (end == std::string::npos) return "no end of a tag";
    std::string tag = xml.substr(at + 1, end - at - 1);
    at = end + 1;
    if (tag.empty() || tag.find('<') != std::string::npos) return "tag " + tag;
    if (std::count(tag.begin(), tag.end(), '"') % 2 != 0) return "quotes of " + tag;
    if (tag.find("nan") != std::string::npos || tag.find("inf") != std::string::npos)
      return "number in " + tag;
    if (tag[0] == '/') {
      if (open.empty() || open.back() != tag.substr(1)) return tag;
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
  }
  return open.empty() ? "" : open.back() + " stays open";
}

struct Image {
  int width = 0, height = 0;
  size_t colours = 0;
};

Image Decode(const std::string& png) {
  struct Source {
    const std::string& octets;
    size_t at;
  } source{png, 0};
  cairo_surface_t* const surface = cairo_image_surface_create_from_png_stream(
      [](void* from, unsigned char* to, unsigned int count) {
        auto* const s = static_cast<Source*>(from);
        if (s->octets.size() - s->at < count) return CAIRO_STATUS_READ_ERROR;
        std::copy_n(s->octets.data() + s->at, count, to);
        s->at += count;
        return CAIRO_STATUS_SUCCESS;
      },
      &source);
  EXPECT_EQ(cairo_surface_status(surface), CAIRO_STATUS_SUCCESS);
  Image image{cairo_image_surface_get_width(surface), cairo_image_surface_get_height(surface), 0};
  std::set<uint32_t> colours;
  for (int y = 0; y < image.height; ++y) {
    const unsigned char* const row =
        cairo_image_surface_get_data(surface) + y * cairo_image_surface_get_stride(surface);
    for (int x = 0; x < image.width; ++x)
      colours.insert(row[4 * x] | row[4 * x + 1] << 8 | row[4 * x + 2] << 16);
  }
  image.colours = colours.size();
  cairo_surface_destroy(surface);
  return image;
}

void ExpectDrawn(const Plot& plot, const std::string& what) {
  const Drawing drawing = Layout(plot);
  EXPECT_GT(drawing.width, 100) << what;
  EXPECT_GT(drawing.height, 40) << what;
  const std::string svg = SvgFile(drawing);
  EXPECT_EQ(XmlProblem(svg), "") << what;
  EXPECT_EQ(XmlProblem(SvgElement(drawing)), "") << what;
  EXPECT_LT(svg.size(), 700000u) << what << " is thinned";
  const Image image = Decode(Png(drawing, 0.5));
  EXPECT_EQ(image.width, std::ceil(drawing.width * 0.5)) << what;
  EXPECT_EQ(image.height, std::ceil(drawing.height * 0.5)) << what;
  EXPECT_GT(image.colours, 5u) << what << " is not blank";
}

std::vector<std::string> Names(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i)
    names.push_back("class <" + std::to_string(i) + "> & \"Ä\xff\x01");
  return names;
}

enum class Values { kRandom, kConstant, kNan, kHuge };

// All pictures of `count` samples in `classes` classes.
void DrawAll(size_t count, int classes, Values values) {
  const std::string what =
      fmt::format("{} samples, {} classes, values {}", count, classes, static_cast<int>(values));
  Random random(1, "plots");
  const auto value = [&] {
    const double x = random.Normal();
    return values == Values::kRandom     ? x
           : values == Values::kConstant ? 3.0
           : values == Values::kHuge     ? x * 1e38
                                         : (random.Below(3) == 0 ? x : std::nan(""));
  };
  const auto row = [&](size_t size) {
    std::vector<float> result(size);
    for (float& x : result) x = static_cast<float>(value());
    return result;
  };
  const auto width = static_cast<size_t>(classes);
  const std::vector<std::string> names = Names(classes);
  std::vector<int32_t> labels(count);
  for (size_t i = 0; i < count; ++i) labels[i] = static_cast<int32_t>(i % width);
  std::vector<double> points(count * 3);
  for (double& x : points) x = value();
  const std::vector<float> first = row(count * width);
  const std::vector<float> second = row(count * width);
  const std::vector<float> targets = row(count);
  const std::vector<double> shares = {0.5, std::nan(""), 0.1};

  for (const int drawn : {2, 3}) {
    ExpectDrawn(PcaPlot(points, 3, {labels, names, {}}, shares, drawn, "PCA"), "PCA of " + what);
    ExpectDrawn(PcaPlot(points, 3, {{}, {}, targets}, {}, drawn, "PCA"), "PCA, values, of " + what);
  }
  ExpectDrawn(PcaPlot(points, 1, {labels, names, {}}, {}, 3, "PCA"), "one component of " + what);
  ExpectDrawn(TsnePlot(points, 3, {labels, names, {}}, 30, "t-SNE"), "t-SNE of " + what);
  ExpectDrawn(GoodnessOfFitSheet({{"WT+PCA", points, labels, 0.5}, {"WT+TSNE", {}, {}, NAN}}, names,
                                 256, 3),
              "goodness of fit of " + what);
  std::vector<std::vector<int64_t>> counts(width, std::vector<int64_t>(width));
  for (auto& each : counts)
    for (int64_t& c : each) c = static_cast<int64_t>(random.Below(count * 1000 + 1));
  ExpectDrawn(ConfusionPlot(counts, names, "Confusion"), "confusion of " + what);
  std::vector<RocSeries> curves;
  std::vector<double> rates;
  std::vector<double> thresholds;
  for (size_t i = 0; i <= count; ++i) {
    rates.push_back(static_cast<double>(i) / static_cast<double>(std::max<size_t>(1, count)));
    thresholds.push_back(i == 0 ? INFINITY : value());
  }
  for (const std::string& name : names)
    curves.push_back({name, rates, rates, thresholds, values == Values::kNan ? NAN : 0.5});
  ExpectDrawn(RocPlot(curves), "ROC of " + what);
  ExpectDrawn(ScoreDifferencePlot(first, labels, names), "differences of " + what);
  ExpectDrawn(ActualVsPredictedPlot(first, second, names), "actual and predicted of " + what);
  ExpectDrawn(ResidualHistogram(first, second), "residuals of " + what);
  ExpectDrawn(ForecastScatter(names[0], first, second, classes), "forecasts of " + what);
  ExpectDrawn(ForecastOverlay(names[0], first, second, classes, 1000000), "overlay of " + what);
  for (const bool log : {false, true}) {
    ExpectDrawn(ReconstructionErrorHistogram({first, second, value(), value()}, log),
                "errors of " + what);
  }
  CurvePhase phase{"float", {}, {}, {}, 1};
  for (size_t e = 0; e < count; ++e) {
    phase.epoch.push_back(static_cast<double>(e));
    phase.train.push_back(value());
    phase.val.push_back(value());
  }
  ExpectDrawn(TrainingCurves({{"loss", {phase, phase}}, {"accuracy", {}}}), "curves of " + what);
}

TEST(PlotTest, DrawsWhateverThereIs) {
  DrawAll(0, 1, Values::kRandom);
  DrawAll(1, 2, Values::kRandom);
  DrawAll(40, 3, Values::kConstant);
  DrawAll(40, 3, Values::kNan);
  DrawAll(40, 2, Values::kHuge);
  DrawAll(500, 12, Values::kRandom);
}

TEST(PlotTest, ThinsManySamples) { DrawAll(100000, 3, Values::kRandom); }

// A line keeps its extremes however many points it has.
TEST(PlotTest, ThinningKeepsPeaks) {
  Line line{"", {}, {}};
  for (int i = 0; i < 100000; ++i) line.points.push_back({i * 1.0, i == 54321 ? 1.0 : 0.0});
  Plot plot;
  plot.panels.emplace_back();
  plot.panels[0].layers.emplace_back(line);
  double top = 1e9;
  double bottom = 0;
  for (const Shape& shape : Layout(plot).shapes) {
    const auto* stroke = std::get_if<Stroke>(&shape);
    if (stroke == nullptr || stroke->points.size() < 100) continue;
    EXPECT_LT(stroke->points.size(), 1000u);
    for (const Point& p : stroke->points) top = std::min(top, p.y), bottom = std::max(bottom, p.y);
  }
  EXPECT_GT(bottom - top, 200);
}

// Texts that stand upright do not cover each other, at any number of classes.
TEST(PlotTest, TextsDoNotOverlap) {
  for (const int classes : {2, 3, 7, 12}) {
    std::vector<std::string> names;
    for (int c = 0; c < classes; ++c) names.push_back(fmt::format("bearing fault {}", c));
    const std::vector<std::vector<int64_t>> counts(
        static_cast<size_t>(classes), std::vector<int64_t>(static_cast<size_t>(classes), 12345));
    const std::vector<double> rates = {0, 0.001, 0.002, 0.003, 0.5, 1};
    std::vector<RocSeries> curves;
    for (const std::string& name : names) curves.push_back({name, rates, rates, rates, 0.5});
    std::vector<float> outputs(static_cast<size_t>(60 * classes));
    std::vector<int32_t> labels(60);
    for (size_t i = 0; i < outputs.size(); ++i) outputs[i] = static_cast<float>(i * 7919 % 1000);
    for (size_t i = 0; i < labels.size(); ++i)
      labels[i] = static_cast<int32_t>(i % static_cast<size_t>(classes));
    const std::vector<double> points = {1e-5, 2e6, 3, 4e-5, 5e6, 6, 7e-5, 8e6, 9};
    const std::vector<int32_t> of_points = {0, 1, 1};
    for (const Plot& plot : {ConfusionPlot(counts, names, "Confusion matrix"), RocPlot(curves),
                             ScoreDifferencePlot(outputs, labels, names),
                             PcaPlot(points, 3, {of_points, names, {}}, rates, 2, "PCA"),
                             PcaPlot(points, 3, {of_points, names, {}}, rates, 3, "PCA")}) {
      struct Area {
        double x0, x1, y0, y1;
        std::string text;
      };
      std::vector<Area> areas;
      const Drawing drawing = Layout(plot);
      for (const Shape& shape : drawing.shapes) {
        const auto* text = std::get_if<Text>(&shape);
        if (text == nullptr || text->degrees != 0) continue;
        const double width = TextWidth(text->text, text->size);
        const double x0 = text->at.x - (text->anchor == Label::Anchor::kStart    ? 0
                                        : text->anchor == Label::Anchor::kMiddle ? width / 2
                                                                                 : width);
        const Area area{x0, x0 + width, text->at.y - text->size * 0.72, text->at.y, text->text};
        EXPECT_GE(area.x0, -0.5) << text->text << " in " << drawing.title;
        EXPECT_LE(area.x1, drawing.width + 0.5) << text->text << " in " << drawing.title;
        for (const Area& other : areas) {
          EXPECT_FALSE(area.x0 < other.x1 && other.x0 < area.x1 && area.y0 < other.y1 &&
                       other.y0 < area.y1)
              << '"' << area.text << "\" covers \"" << other.text << "\" in " << drawing.title
              << " of " << classes;
        }
        areas.push_back(area);
      }
    }
  }
}

TEST(PlotTest, TicksAreRoundAndDifferent) {
  for (const auto& [low, high] : {std::pair{0.0, 1.0},
                                  {-3.0, 12.5},
                                  {1e6, 1e6 + 1},
                                  {-1e-7, 2e-7},
                                  {0.0, 123456.0},
                                  {1e300, 2e300},
                                  {0.1, 0.1001}}) {
    const std::vector<Tick> ticks = NiceTicks(low, high, 5);
    EXPECT_GE(ticks.size(), 2u);
    EXPECT_LE(ticks.size(), 11u);
    std::set<std::string> texts;
    for (const Tick& tick : ticks) {
      EXPECT_GE(tick.at, low - (high - low) * 1e-6);
      EXPECT_LE(tick.at, high + (high - low) * 1e-6);
      texts.insert(tick.text);
    }
    EXPECT_EQ(texts.size(), ticks.size()) << low;
  }
  EXPECT_TRUE(NiceTicks(1, 1, 5).empty());
}

TEST(PlotTest, EscapesWhatXmlForbids) {
  EXPECT_EQ(EscapeXml("a<b>&\"'\x02"), "a&lt;b&gt;&amp;&quot;&#39;?");
  EXPECT_EQ(ValidUtf8("Grün \xff\xe2\x82 \xed\xa0\x80 \xe2\x82\xac"), "Grün ??? ??? €");
}

}  // namespace
}  // namespace platypus::plot
