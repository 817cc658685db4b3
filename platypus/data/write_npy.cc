#include "platypus/data/write_npy.h"

#include <algorithm>
#include <bit>

#include "platypus/base/error.h"

namespace platypus::data {
namespace {

void AppendLittleEndian(std::string& bytes, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(value >> shift & 0xFF);
}

std::string Header(const std::string& type, const std::vector<int64_t>& shape) {
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': (", type);
  for (const int64_t extent : shape) text += fmt::format("{}, ", extent);
  text += "), }";
  // The values begin at a multiple of 64.
  constexpr size_t kPrefix = 10;
  constexpr size_t kAlignment = 64;
  text.append(kAlignment - 1 - (kPrefix + text.size()) % kAlignment, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(text.size() & 0xFF);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

// Code points; an octet that is no UTF-8 becomes U+FFFD.
std::vector<uint32_t> Letters(const std::string& text) {
  constexpr uint32_t kReplacement = 0xFFFD;
  std::vector<uint32_t> letters;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const auto ones = static_cast<size_t>(std::countl_one(lead));
    const size_t length = ones == 0 ? 1 : ones;
    uint32_t letter = ones == 0 ? lead : lead & (0x7FU >> ones);
    bool valid = ones != 1 && ones <= 4 && i + length <= text.size();
    for (size_t k = 1; valid && k < length; ++k) {
      const auto next = static_cast<uint8_t>(text[i + k]);
      valid = (next & 0xC0U) == 0x80U;
      letter = letter << 6 | (next & 0x3FU);
    }
    letters.push_back(valid ? letter : kReplacement);
    i += valid ? length : 1;
  }
  return letters;
}

}  // namespace

std::string ToNpy(const std::vector<int64_t>& shape, std::span<const float> values) {
  int64_t elements = 1;
  for (const int64_t extent : shape) elements *= extent;
  Check(elements == static_cast<int64_t>(values.size()), "a .npy file of {} values for {}",
        elements, values.size());
  std::string bytes = Header("<f4", shape);
  bytes.reserve(bytes.size() + 4 * values.size());
  for (const float value : values) AppendLittleEndian(bytes, std::bit_cast<uint32_t>(value));
  return bytes;
}

std::string ToNpy(std::span<const std::string> texts) {
  std::vector<std::vector<uint32_t>> all;
  size_t longest = 1;
  for (const std::string& text : texts) {
    all.push_back(Letters(text));
    longest = std::max(longest, all.back().size());
  }
  std::string bytes = Header(fmt::format("<U{}", longest), {static_cast<int64_t>(texts.size())});
  for (std::vector<uint32_t>& letters : all) {
    letters.resize(longest);
    for (const uint32_t letter : letters) AppendLittleEndian(bytes, letter);
  }
  return bytes;
}

}  // namespace platypus::data
