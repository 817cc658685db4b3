#ifndef PLATYPUS_DATA_DIGITS_H_
#define PLATYPUS_DATA_DIGITS_H_

#include <cstdint>
#include <filesystem>

#include "platypus/base/parallel.h"
#include "platypus/base/progress.h"

namespace platypus::data {

// Small pictures in place of handwritten digits: classes/<0...9>/<digit>_<nn>.pgm, 28 x 28 grey,
// seven-segment figures of changing place, slant, width and brightness, with noise. The same octets
// for the same seed. A folder that already holds this set is left alone; any other that is not
// empty is an Error (data).
void WriteDigits(const std::filesystem::path& folder, uint64_t seed, ThreadPool& pool,
                 ProgressSink& sink);

}  // namespace platypus::data

#endif  // PLATYPUS_DATA_DIGITS_H_
