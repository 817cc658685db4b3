#include <cctype>

#include "platypus/zoo/record.h"

namespace platypus::zoo {
namespace {

constexpr int64_t kLimit = int64_t{1} << 31;  // keeps every product of two values in 64 bits

class Parser {
 public:
  Parser(std::string_view text, const Sizes& sizes) : text_(text), sizes_(sizes) {}

  std::optional<int64_t> Run() {
    std::optional<int64_t> sum = Product();
    while (sum) {
      const char op = Next();
      if (op == '\0') return sum;
      ++at_;
      const std::optional<int64_t> right = Product();
      if (!right || (op != '+' && op != '-')) return std::nullopt;
      sum = Bounded(op == '+' ? *sum + *right : *sum - *right);
    }
    return sum;
  }

 private:
  static std::optional<int64_t> Bounded(int64_t value) {
    if (value < -kLimit || value > kLimit) return std::nullopt;
    return value;
  }

  // The next character that is no space; 0 at the end.
  char Next() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  std::optional<int64_t> Power() {
    std::optional<int64_t> power = Atom();
    while (power && Next() == '^') {
      ++at_;
      const std::optional<int64_t> exponent = Atom();
      if (!exponent || *exponent < 0 || *exponent > 31) return std::nullopt;
      int64_t product = 1;
      for (int64_t i = 0; i < *exponent && product <= kLimit; ++i) product *= *power;
      power = Bounded(product);
    }
    return power;
  }

  std::optional<int64_t> Product() {
    std::optional<int64_t> product = Power();
    while (product) {
      const char op = Next();
      if (op != '*' && op != '/' && op != '%') break;
      ++at_;
      const std::optional<int64_t> right = Power();
      if (!right || (op != '*' && *right == 0)) return std::nullopt;
      product = Bounded(op == '*'   ? *product * *right
                        : op == '/' ? *product / *right
                                    : *product % *right);
    }
    return product;
  }

  std::optional<int64_t> Atom() {
    Next();
    const size_t begin = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_')) {
      ++at_;
    }
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (word.empty()) return std::nullopt;
    if (word == "variables") return Bounded(sizes_.variables);
    if (word == "height") return Bounded(sizes_.height);
    if (word == "width") return Bounded(sizes_.width);
    if (word == "inputs") return Bounded(sizes_.variables * sizes_.height * sizes_.width);
    if (word == "outputs") return Bounded(sizes_.outputs);
    const auto option = sizes_.options.find(std::string(word));
    if (option != sizes_.options.end()) return Bounded(option->second);
    int64_t number = 0;
    for (const char c : word) {
      if (c < '0' || c > '9' || number > kLimit) return std::nullopt;
      number = number * 10 + (c - '0');
    }
    return Bounded(number);
  }

  std::string_view text_;
  const Sizes& sizes_;
  size_t at_ = 0;
};

}  // namespace

std::optional<int64_t> Evaluate(std::string_view expression, const Sizes& sizes) {
  return Parser(expression, sizes).Run();
}

}  // namespace platypus::zoo
