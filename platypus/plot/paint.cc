#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "platypus/plot/drawing.h"

namespace platypus::plot {
namespace {

constexpr std::array<uint32_t, 12> kLightSeries = {0x2864dc, 0x0f9d76, 0xd9730d, 0x8a3ffc,
                                                   0xc0362c, 0x0e9bb5, 0xd6409f, 0x7a5230,
                                                   0x8f9a12, 0x5d6878, 0x1d2f7a, 0xe0a100};
constexpr std::array<uint32_t, 12> kDarkSeries = {0x6ea0ff, 0x3fd0a4, 0xffa34d, 0xb98cff,
                                                  0xff7b72, 0x53d3ec, 0xff8fd0, 0xcda27c,
                                                  0xc3cf4a, 0xaab4c2, 0xd5dcff, 0xffd24d};

struct Named {
  const char* name;
  uint32_t light, dark;
};
constexpr std::array<Named, 5> kParts = {{{"ink", 0x1d2430, 0xe6eaf0},
                                          {"soft", 0x5d6878, 0x98a3b3},
                                          {"line", 0xd9dee6, 0x323a46},
                                          {"page", 0xffffff, 0x14181e},
                                          {"bad", 0xc0362c, 0xff7b72}}};

// Stops of the colour map viridis (CC0), evenly spaced.
constexpr std::array<uint32_t, 9> kScale = {0x440154, 0x472d7b, 0x3b528b, 0x2c728e, 0x21918c,
                                            0x28ae80, 0x5ec962, 0xaddc30, 0xfde725};

}  // namespace

Paint SeriesPaint(size_t index, double opacity) {
  return {Paint::Part::kSeries, static_cast<uint32_t>(index % kLightSeries.size()), opacity};
}

Paint ScalePaint(double share, double opacity) {
  if (!std::isfinite(share)) return {Paint::Part::kFixed, 0x9aa3af, opacity};
  const double at = std::clamp(share, 0.0, 1.0) * (kScale.size() - 1);
  const auto low = std::min(static_cast<size_t>(at), kScale.size() - 2);
  const double part = at - static_cast<double>(low);
  uint32_t colour = 0;
  for (const int shift : {16, 8, 0}) {
    const double a = (kScale[low] >> shift) & 0xff;
    const double b = (kScale[low + 1] >> shift) & 0xff;
    colour |= static_cast<uint32_t>(std::lround(a + (b - a) * part)) << shift;
  }
  return {Paint::Part::kFixed, colour, opacity};
}

uint32_t LightColour(const Paint& paint) {
  if (paint.part == Paint::Part::kSeries) return kLightSeries[paint.value % kLightSeries.size()];
  if (paint.part == Paint::Part::kFixed) return paint.value;
  return kParts[static_cast<size_t>(paint.part)].light;
}

std::string PaletteCss(bool dark) {
  std::string css;
  for (const Named& part : kParts)
    css += fmt::format("--{}:#{:06x};", part.name, dark ? part.dark : part.light);
  for (size_t i = 0; i < kLightSeries.size(); ++i)
    css += fmt::format("--p{}:#{:06x};", i, dark ? kDarkSeries[i] : kLightSeries[i]);
  return css;
}

}  // namespace platypus::plot
