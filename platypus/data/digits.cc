#include "platypus/data/digits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "platypus/base/random.h"
#include "platypus/data/generated_folder.h"

namespace platypus::data {
namespace {

constexpr int kSide = 28;
constexpr int kFiles = 20;  // of each digit

struct Segment {
  double x0, y0, x1, y1;  // of a figure one wide and two high
};
constexpr Segment kSegments[] = {{0, 0, 1, 0}, {1, 0, 1, 1}, {1, 1, 1, 2}, {0, 2, 1, 2},
                                 {0, 1, 0, 2}, {0, 0, 0, 1}, {0, 1, 1, 1}};
// Bit i: segment i is lit.
constexpr int kLit[] = {0x3f, 0x06, 0x5b, 0x4f, 0x66, 0x6d, 0x7d, 0x07, 0x7f, 0x6f};

double Distance(double x, double y, const Segment& s) {
  const double dx = s.x1 - s.x0;
  const double dy = s.y1 - s.y0;
  const double along =
      std::clamp(((x - s.x0) * dx + (y - s.y0) * dy) / (dx * dx + dy * dy), 0.0, 1.0);
  return std::hypot(x - s.x0 - along * dx, y - s.y0 - along * dy);
}

std::string Picture(int digit, Random random) {
  const double size = random.Uniform(8, 10);
  const double left = random.Uniform(7, 11);
  const double top = random.Uniform(3, 7);
  const double slant = random.Uniform(-0.2, 0.2);
  const double width = random.Uniform(0.12, 0.2);
  const double bright = random.Uniform(180, 255);
  std::string text = "P5\n28 28\n255\n";
  for (int row = 0; row < kSide; ++row) {
    for (int column = 0; column < kSide; ++column) {
      const double y = (row - top) / size;
      const double x = (column - left) / size - slant * (1 - y);
      double nearest = 1;
      for (int i = 0; i < 7; ++i) {
        if ((kLit[digit] >> i & 1) != 0) nearest = std::min(nearest, Distance(x, y, kSegments[i]));
      }
      const double ink = std::clamp(1.5 - nearest / width, 0.0, 1.0);
      const double value = std::clamp(bright * ink + 8 * random.Normal(), 0.0, 255.0);
      text += static_cast<char>(static_cast<unsigned char>(std::lround(value)));
    }
  }
  return text;
}

}  // namespace

void WriteDigits(const std::filesystem::path& folder, uint64_t seed, ThreadPool& pool,
                 ProgressSink& sink) {
  const std::string readme = fmt::format(
      "# digits, synthetic\n\nSeven-segment figures, {} pictures of 28 x 28 for each digit, "
      "computed with seed {}.\nNobody wrote them.\n",
      kFiles, seed);
  const auto file = [&](int64_t i) -> GeneratedFile {
    const auto digit = static_cast<int>(i / kFiles);
    return {std::filesystem::path("classes") / std::to_string(digit) /
                fmt::format("{}_{:02}.pgm", digit, i % kFiles),
            Picture(digit, Random(seed, fmt::format("digits {}", i)))};
  };
  WriteGenerated("digits", folder, readme, 10 * kFiles, file, pool, sink);
}

}  // namespace platypus::data
