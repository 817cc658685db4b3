#ifndef PLATYPUS_DATA_SYNTHETIC_H_
#define PLATYPUS_DATA_SYNTHETIC_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "platypus/base/parallel.h"
#include "platypus/base/progress.h"

// Recordings that are computed, for the examples and the tests.
namespace platypus::data {

// generic_timeseries_classification: sine, square and sawtooth waves of a 12-bit sensor, 90 files
// of
//   30 000 rows each, with noise, drift, and frequency, amplitude and phase of their own.
// motor_vibration_small: normal, imbalance and bearing wear, three axes, 8 files of 2 000 rows
// each.
const std::vector<std::string>& SyntheticNames();

// Writes set `name` into `folder` (classes/<label>/<label>_<nn>.csv and README.md): the same octets
// for the same seed. A folder that already holds this set is left alone; any other existing one is
// an Error (data).
void WriteSynthetic(const std::string& name, const std::filesystem::path& folder, uint64_t seed,
                    ThreadPool& pool, ProgressSink& sink);

}  // namespace platypus::data

#endif  // PLATYPUS_DATA_SYNTHETIC_H_
