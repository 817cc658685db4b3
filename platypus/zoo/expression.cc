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

  std::optional<int64_t> Product() {
    std::optional<int64_t> product = Atom();
    while (product) {
      const char op = Next();
      if (op != '*' && op != '/' && op != '%') break;
      ++at_;
      const std::optional<int64_t> right = Atom();
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
    while (at_ < text_.size() && std::isalnum(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (word.empty()) return std::nullopt;
    if (word == "variables") return Bounded(sizes_.variables);
    if (word == "height") return Bounded(sizes_.height);
    if (word == "width") return Bounded(sizes_.width);
    if (word == "inputs") return Bounded(sizes_.variables * sizes_.height * sizes_.width);
    if (word == "outputs") return Bounded(sizes_.outputs);
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
