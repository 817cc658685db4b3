#ifndef PLATYPUS_DEPLOY_C_TEXT_H_
#define PLATYPUS_DEPLOY_C_TEXT_H_

#include <span>
#include <string>
#include <string_view>

// Pieces of C source text.
namespace platypus::deploy {

// "1.0f", "-0.333333343f": nine digits, reads back as the same float.
std::string CFloat(float value);

// Values separated by commas, wrapped at 100 columns, indented by two.
std::string CList(std::span<const float> values);
std::string CList(std::span<const int32_t> values);
std::string CList(std::span<const int8_t> values);
// "TM_OCTETS2(1, -2), TM_OCTETS2(3, 0)": two and two, a last one with 0.
std::string CPairs(std::span<const int8_t> values);
// "TM_CODES4(1, -2, 3, 0)": four and four.
std::string CFours(std::span<const int8_t> values);

// "CLS_1K_NPU" from "cls_1k_npu".
std::string Upper(std::string_view text);

// The comment at the top of every generated file.
std::string Banner(const std::string& file, const std::string& what, const std::string& generator);

// A C string literal's content: printable ASCII, everything else escaped.
std::string CString(std::string_view text);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_C_TEXT_H_
