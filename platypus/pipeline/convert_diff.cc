#include "platypus/pipeline/convert_diff.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "platypus/base/error.h"

namespace platypus::pipeline {

ConvertDiff MeasureConvertDiff(std::span<const float> before, std::span<const float> after) {
  Check(before.size() == after.size() && !before.empty(), "{} and {} values to compare",
        before.size(), after.size());
  const auto count = static_cast<double>(before.size());
  double signal = 0, largest = 0, magnitude = 0, noise = 0, sum = 0;
  ConvertDiff diff;
  diff.min = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < before.size(); ++i) {
    const double f = before[i];
    const double d = f - after[i];
    signal += f * f;
    largest = std::max(largest, f * f);
    magnitude += std::abs(f);
    noise += d * d;
    sum += d;
    diff.mean += std::abs(d) / count;
    diff.min = std::min(diff.min, std::abs(d));
    diff.max = std::max(diff.max, std::abs(d));
  }
  diff.snr_db = 10 * std::log10(signal / noise);
  diff.psnr_db = 10 * std::log10(largest * count / noise);
  const double variance = (noise - sum * sum / count) / std::max(1.0, count - 1);
  diff.absmu_by_sigma = magnitude / count / std::sqrt(std::max(0.0, variance));
  return diff;
}

std::string ToText(const ConvertDiff& diff) {
  return fmt::format(
      "{{'snr_db': {:.6g}, 'psnr_db': {:.6g}, 'absmu_by_sigma': {:.6g}, 'mean': {:.6g}, 'min': "
      "{:.6g}, 'max': {:.6g}}}",
      diff.snr_db, diff.psnr_db, diff.absmu_by_sigma, diff.mean, diff.min, diff.max);
}

}  // namespace platypus::pipeline
