#ifndef PLATYPUS_DATA_AUGMENT_H_
#define PLATYPUS_DATA_AUGMENT_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "platypus/base/random.h"
#include "platypus/config/config.h"

// Changed copies of training windows: `training.augment_config` and `gain_variations`. Pure
// functions of window and seed; training recordings only, validation and test stay as they are.
namespace platypus::data {

// A number of a parameter: one of several values, or from [low, high) of an interval. Integers are
// drawn from low, low + 1, ..., high - 1.
struct Choice {
  std::vector<double> values;  // one of these; empty: the interval
  double low = 0;
  double high = 0;
  double Draw(Random& random) const;
  int64_t DrawInteger(Random& random) const;
};

enum class AugmenterKind {
  kAddNoise,
  kConvolve,
  kCrop,
  kDrift,
  kDropout,
  kPool,
  kQuantize,
  kResize,
  kReverse,
  kTimeWarp,
};

// "AddNoise", ... in the configuration (augmenters.cc).
const char* Name(AugmenterKind kind);

// Parameters that an augmenter does not have keep their defaults.
struct Augmenter {
  AugmenterKind kind = AugmenterKind::kReverse;
  int repeats = 1;               // copies of a window
  double prob = 1;               // share of the copies that are changed
  std::optional<uint64_t> seed;  // in place of the run's
  bool per_channel = false;
  bool normalize = true;                // sizes are shares of the channel's range
  std::map<std::string, Choice> sizes;  // numeric parameters by name
  std::vector<std::string> words;       // distr, kind, window, fill, how: one of these is drawn
  bool multiplicative = false;
};

// A YAML file: a map from names to parameters, or a list of such maps (then a name may stand
// twice), in the order in which they run. AddNoise, Convolve, Crop, Drift, Dropout, Pool, Quantize,
// Resize, Reverse, TimeWarp. A parameter is a value, a list to choose from, or {min: , max: }.
// Error (configuration) with file, line and what is legal. (augmenters.cc)
std::vector<Augmenter> ReadAugmenters(const std::filesystem::path& file);

// The copies of one window, each [time][channel]; one if no augmenter repeats. `index` numbers the
// window: every window has draws of its own, whatever the order of the calls. Only Resize, and Crop
// with `resize`, change the length.
std::vector<std::vector<float>> Augment(std::span<const Augmenter> augmenters,
                                        std::span<const float> window, int64_t channels,
                                        uint64_t seed, uint64_t index);

// The second use of a frame of a class that has gains: all channels times one gain. Nullopt for
// other classes.
std::optional<std::vector<float>> VaryGain(std::span<const config::GainVariation> gains,
                                           const std::string& class_name,
                                           std::span<const float> frame, uint64_t seed,
                                           uint64_t index);

}  // namespace platypus::data

#endif  // PLATYPUS_DATA_AUGMENT_H_
