#ifndef PLATYPUS_PIPELINE_VARIATIONS_H_
#define PLATYPUS_PIPELINE_VARIATIONS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "platypus/config/config.h"
#include "platypus/data/augment.h"
#include "platypus/features/pipeline.h"

namespace platypus::pipeline {

// How the windows of training recordings are changed and multiplied: training.augment_config and
// gain_variations. Augmenters stand in place of the window (a window gives as many samples as their
// `repeats` say); a class with gains gives the same samples a second time, with gains.
class Variations {
 public:
  Variations() = default;  // none: windows stay as they are
  // Error (configuration): a file of augmenters that is wrong, a gain of a class that is not among
  // `classes`.
  Variations(const config::Config& config, const std::vector<std::string>& classes);

  // Samples that one window of a recording of this class becomes.
  int64_t Copies(int label) const;

  // features::Extract of the changed windows: the recording's samples, in order, Copies() times
  // over, those with gains first. `first` is the number of windows in the recordings before this
  // one: draws depend on it and on the run's seed alone. Error (configuration) if an augmenter
  // changes the length of a window.
  void Extract(const features::Pipeline& pipeline, std::span<const float> rows, int label,
               int64_t first, std::vector<float>& features) const;

 private:
  bool HasGain(int label) const;

  std::vector<data::Augmenter> augmenters_;
  std::vector<config::GainVariation> gains_;
  std::vector<std::string> classes_;
  uint64_t seed_ = 0;
};

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_VARIATIONS_H_
