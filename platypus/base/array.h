#ifndef PLATYPUS_BASE_ARRAY_H_
#define PLATYPUS_BASE_ARRAY_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace platypus {

enum class DType { kFloat32, kInt8, kUInt8, kInt16, kInt32 };

// Extents, outermost first. What each axis means is said where a Shape is used.
using Shape = std::vector<int64_t>;

// Product of the extents; 1 for an empty shape.
int64_t NumElements(const Shape& shape);

// "8x512x1"; "scalar" for an empty shape.
std::string ToString(const Shape& shape);

const char* ToString(DType type);

// A dense array in C order: the constants and parameters of a network.
struct Array {
  Shape shape;
  std::variant<std::vector<float>, std::vector<int8_t>, std::vector<int32_t>> values;

  const std::vector<float>& Floats() const { return std::get<std::vector<float>>(values); }
  std::vector<float>& Floats() { return std::get<std::vector<float>>(values); }
  const std::vector<int8_t>& Int8s() const { return std::get<std::vector<int8_t>>(values); }
  const std::vector<int32_t>& Int32s() const { return std::get<std::vector<int32_t>>(values); }

  friend bool operator==(const Array&, const Array&) = default;
};

}  // namespace platypus

#endif  // PLATYPUS_BASE_ARRAY_H_
