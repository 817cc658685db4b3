// Weights as the kernels of runtime/rt/tm_weights.h read them.
#include <algorithm>
#include <span>

#include "platypus/deploy/c_text.h"
#include "platypus/deploy/lowering.h"
#include "platypus/graph/quantization.h"

namespace platypus::deploy {
namespace {

// Four codes, the first one lowest. Fewer are filled up with zeros.
int32_t Element(std::span<const int32_t> codes, int bits) {
  int32_t element = 0;
  for (size_t i = 0; i < codes.size(); ++i) {
    element |= (codes[i] & ((1 << bits) - 1)) << (static_cast<int>(i) * bits);
  }
  return element;
}

// Rows of four channels side by side, the other ones behind each other.
std::vector<int32_t> Pack(const std::vector<int8_t>& codes, size_t channels, int bits) {
  const size_t row = codes.size() / channels;
  const size_t in_blocks = channels / 4 * 4;
  std::vector<int32_t> elements;
  for (size_t c = 0; c < in_blocks; c += 4) {
    for (size_t k = 0; k < row; ++k) {
      const std::array<int32_t, 4> four = {codes[c * row + k], codes[(c + 1) * row + k],
                                           codes[(c + 2) * row + k], codes[(c + 3) * row + k]};
      elements.push_back(Element(four, bits));
    }
  }
  for (size_t c = in_blocks; c < channels; ++c) {
    for (size_t k = 0; k < row; k += 4) {
      const auto first = codes.begin() + static_cast<std::ptrdiff_t>(c * row + k);
      const std::vector<int32_t> four(
          first, first + static_cast<std::ptrdiff_t>(std::min(row - k, size_t{4})));
      elements.push_back(Element(four, bits));
    }
  }
  return elements;
}

// [channel][place] to [place][channel].
std::vector<int8_t> Columns(const std::vector<int8_t>& codes, size_t channels) {
  std::vector<int8_t> result;
  for (size_t k = 0; k < codes.size() / channels; ++k) {
    for (size_t c = 0; c < channels; ++c) result.push_back(codes[c * codes.size() / channels + k]);
  }
  return result;
}

}  // namespace

Argument Lowering::AddWeights(const std::string& id, const std::vector<int8_t>& codes,
                              int64_t channels, Order order, CLayer& layer) {
  const int bits = graph::CodeBits(codes);
  const auto count = static_cast<size_t>(channels);
  const bool wide = bits == 8 && order == Order::kRowsInFours && net_.char_bits == 8 &&
                    optimise_ == config::Optimise::kSpeed;
  std::string table;
  if (bits == 8) {
    const std::vector<int8_t> ordered = order == Order::kColumns ? Columns(codes, count) : codes;
    table = AddOctets(id + "_weight", "tm_i8", {ordered.begin(), ordered.end()}, layer);
    if (wide) net_.tables.back().fours = CFours(ordered);
  } else if (const std::vector<int32_t> elements = Pack(codes, count, bits); bits == 4) {
    table = AddTable(id + "_weight", "tm_u16", CList(elements),
                     static_cast<int64_t>(elements.size()), layer);
  } else {
    table = AddOctets(id + "_weight", "tm_u8", elements, layer);
  }
  layer.weight_bits = bits;
  layer.comment += fmt::format(", weights of {} bits", bits);
  layer.constants.push_back(
      {"tm_weights", "q_" + id, {table, wide ? "TM_CODES_BITS" : fmt::format("{}", bits)}});
  return {"tm_weights", "q_" + id, "q"};
}

}  // namespace platypus::deploy
