#include <array>
#include <cstdint>

#include "platypus/plot/drawing.h"

namespace platypus::plot {
namespace {

// Thousandths of the size, characters 32 to 126.
constexpr std::array<uint16_t, 95> kAdvance = {
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361,  318, 337, 636, 636, 636,
    636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632,
    575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635,  611, 732, 684, 989, 685,
    611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352,  635, 634, 278, 278, 579,
    278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592,  525, 636, 337, 636, 838};

}  // namespace

double TextWidth(std::string_view utf8, double size) {
  double thousandths = 0;
  for (const char c : utf8) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet >= 32 && octet < 127) {
      thousandths += kAdvance[octet - 32u];
    } else if (octet >= 0xe3) {
      thousandths += 1000;  // first octet of an ideograph
    } else if (octet >= 0xc0) {
      thousandths += 700;
    }
  }
  return thousandths * size / 1000;
}

std::string ValidUtf8(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80                    ? 1
                          : lead >= 0xc2 && lead < 0xe0  ? 2
                          : lead >= 0xe0 && lead < 0xf0  ? 3
                          : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                         : 0;
    bool valid = length > 0 && i + length <= text.size();
    uint32_t code = length <= 1 ? lead : lead & (0xffu >> (length + 1));
    for (size_t k = 1; valid && k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      valid = (next & 0xc0) == 0x80;
      code = code << 6 | (next & 0x3f);
    }
    constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    valid = valid && code >= kLeast[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    if (valid && code >= ' ') {
      result.append(text.substr(i, length));
    } else {
      result += '?';
    }
    i += valid ? length : 1;
  }
  return result;
}

std::string EscapeXml(std::string_view text) {
  std::string result;
  for (const char c : ValidUtf8(text)) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

}  // namespace platypus::plot
