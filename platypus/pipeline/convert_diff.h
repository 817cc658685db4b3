#ifndef PLATYPUS_PIPELINE_CONVERT_DIFF_H_
#define PLATYPUS_PIPELINE_CONVERT_DIFF_H_

#include <span>
#include <string>

namespace platypus::pipeline {

// How far a converted network's real outputs are from those it was made from: f as it was, d = f -
// what it became. Decibels are infinite where nothing differs.
struct ConvertDiff {
  double snr_db = 0;                  // 10 log10(mean f^2 / mean d^2)
  double psnr_db = 0;                 // 10 log10(max f^2 / mean d^2)
  double absmu_by_sigma = 0;          // mean |f| / standard deviation of d (of a sample)
  double mean = 0, min = 0, max = 0;  // of |d|
};
// Of equal size, at least one. Integers are scaled before they come here.
ConvertDiff MeasureConvertDiff(std::span<const float> before, std::span<const float> after);

// {'snr_db': 41.2, ...}, as the reference's log has it.
std::string ToText(const ConvertDiff& diff);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_CONVERT_DIFF_H_
