// Tensors of a file: raw octets (little-endian) or typed fields.
#include <bit>
#include <cmath>
#include <cstring>

#include "platypus/base/error.h"
#include "platypus/onnx/importer.h"
#include "platypus/onnx/model.h"

namespace platypus::onnx_io {
namespace {

static_assert(std::endian::native == std::endian::little, "raw tensors are little-endian");

float FloatOfHalf(uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int mantissa = half & 1023;
  float value = 0;
  if (exponent == 31) {
    value = mantissa == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    value = std::ldexp(static_cast<float>(mantissa), -24);
  } else {
    value = std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
  }
  return (half & 0x8000) != 0 ? -value : value;
}

void RequireCount(const onnx::TensorProto& tensor, size_t found, size_t expected) {
  if (found != expected) {
    Fail(Category::kModel, "tensor '{}' holds {} elements, its shape needs {}", tensor.name(),
         found, expected);
  }
}

// Elements stored as T, each turned into a To.
template <typename T, typename To, typename Convert>
std::vector<To> Raw(const onnx::TensorProto& tensor, size_t count, Convert convert) {
  const std::string& raw = tensor.raw_data();
  if (raw.size() != count * sizeof(T)) {
    Fail(Category::kModel, "tensor '{}' holds {} octets, its shape needs {}", tensor.name(),
         raw.size(), count * sizeof(T));
  }
  std::vector<To> values;
  values.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    T element;
    std::memcpy(&element, raw.data() + i * sizeof(T), sizeof(T));
    values.push_back(convert(element));
  }
  return values;
}

template <typename To, typename Field, typename Convert>
std::vector<To> Typed(const onnx::TensorProto& tensor, const Field& field, size_t count,
                      Convert convert) {
  RequireCount(tensor, static_cast<size_t>(field.size()), count);
  std::vector<To> values;
  values.reserve(count);
  for (const auto element : field) values.push_back(convert(element));
  return values;
}

template <typename T, typename Field>
Constant Integers(const onnx::TensorProto& tensor, const Shape& shape, size_t count,
                  const Field& field) {
  const auto convert = [](auto v) { return static_cast<int64_t>(static_cast<T>(v)); };
  return {shape, tensor.has_raw_data() ? Raw<T, int64_t>(tensor, count, convert)
                                       : Typed<int64_t>(tensor, field, count, convert)};
}

// Several elements in an octet, the first one lowest; typed fields hold octets.
Constant Packed(const onnx::TensorProto& tensor, const Shape& shape, size_t count, int bits,
                bool is_signed) {
  const size_t each = 8 / static_cast<size_t>(bits);
  const size_t octets = (count + each - 1) / each;
  const auto octet = [](auto v) { return static_cast<int64_t>(static_cast<uint8_t>(v)); };
  const std::vector<int64_t> packed =
      tensor.has_raw_data() ? Raw<uint8_t, int64_t>(tensor, octets, octet)
                            : Typed<int64_t>(tensor, tensor.int32_data(), octets, octet);
  const int64_t span = int64_t{1} << bits;
  std::vector<int64_t> values;
  values.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const int64_t value = (packed[i / each] >> (i % each * static_cast<size_t>(bits))) % span;
    values.push_back(is_signed && 2 * value >= span ? value - span : value);
  }
  return {shape, std::move(values)};
}

template <typename T, typename Field, typename Convert>
Constant Reals(const onnx::TensorProto& tensor, const Shape& shape, size_t count,
               const Field& field, Convert convert) {
  return {shape, tensor.has_raw_data() ? Raw<T, float>(tensor, count, convert)
                                       : Typed<float>(tensor, field, count, convert)};
}

}  // namespace

std::optional<int64_t> CountElements(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t extent : shape) {
    if (extent < 0 || extent > kMostElements) return std::nullopt;
    count *= extent;
    if (count > kMostElements) return std::nullopt;
  }
  return count;
}

std::vector<float> Constant::Floats() const {
  return std::visit([](const auto& v) { return std::vector<float>(v.begin(), v.end()); }, values);
}

namespace {

Constant ReadElements(const onnx::TensorProto& tensor) {
  using Type = onnx::TensorProto;
  const Shape shape(tensor.dims().begin(), tensor.dims().end());
  const std::optional<int64_t> elements = CountElements(shape);
  if (!elements) {
    Fail(Category::kModel, "tensor '{}' of shape {}: at most {} elements are read", tensor.name(),
         ToString(shape), kMostElements);
  }
  if (tensor.data_location() == onnx::TensorProto_DataLocation_EXTERNAL) {
    Fail(Category::kModel, "tensor '{}' lies in another file; export with all data in one file",
         tensor.name());
  }
  const auto count = static_cast<size_t>(*elements);
  const auto as_float = [](auto v) { return static_cast<float>(v); };
  switch (tensor.data_type()) {
    case Type::FLOAT:
      return Reals<float>(tensor, shape, count, tensor.float_data(), as_float);
    case Type::DOUBLE:
      return Reals<double>(tensor, shape, count, tensor.double_data(), as_float);
    case Type::FLOAT16:
      return Reals<uint16_t>(tensor, shape, count, tensor.int32_data(),
                             [](auto v) { return FloatOfHalf(static_cast<uint16_t>(v)); });
    case Type::INT64:
      return Integers<int64_t>(tensor, shape, count, tensor.int64_data());
    case Type::INT32:
      return Integers<int32_t>(tensor, shape, count, tensor.int32_data());
    case Type::INT16:
      return Integers<int16_t>(tensor, shape, count, tensor.int32_data());
    case Type::INT8:
      return Integers<int8_t>(tensor, shape, count, tensor.int32_data());
    case Type::UINT16:
      return Integers<uint16_t>(tensor, shape, count, tensor.int32_data());
    case Type::UINT8:
      return Integers<uint8_t>(tensor, shape, count, tensor.int32_data());
    case Type::BOOL:
      return Integers<uint8_t>(tensor, shape, count, tensor.int32_data());
    case kUint4:
    case kInt4:
    case kUint2:
    case kInt2:
      return Packed(tensor, shape, count, BitsOf(tensor.data_type()),
                    tensor.data_type() == kInt4 || tensor.data_type() == kInt2);
    default:
      Fail(Category::kModel,
           "tensor '{}' has element type {}; legal: float, double, float16, int64, int32, int16, "
           "int8, int4, int2, uint16, uint8, uint4, uint2, bool",
           tensor.name(), tensor.data_type());
  }
}

}  // namespace

Constant ReadConstant(const onnx::TensorProto& tensor) {
  Constant constant = ReadElements(tensor);
  constant.element_type = tensor.data_type();
  return constant;
}

}  // namespace platypus::onnx_io
