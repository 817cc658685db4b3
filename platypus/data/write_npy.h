#ifndef PLATYPUS_DATA_WRITE_NPY_H_
#define PLATYPUS_DATA_WRITE_NPY_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

// Contents of NumPy .npy files, format 1.0, C order, little endian.
namespace platypus::data {

// Floats of 32 bits; `shape` has values.size() elements.
std::string ToNpy(const std::vector<int64_t>& shape, std::span<const float> values);
// One axis of texts (UTF-8), stored as NumPy stores text: 32 bits a letter, all as long as the
// longest.
std::string ToNpy(std::span<const std::string> texts);

}  // namespace platypus::data

#endif  // PLATYPUS_DATA_WRITE_NPY_H_
