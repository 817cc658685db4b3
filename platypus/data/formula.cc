#include "platypus/data/formula.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <numbers>

#include <fmt/ranges.h>

#include "platypus/base/error.h"

namespace platypus::data {
namespace {

enum Function : int {
  kNumber,
  kName,
  kPrevious,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kPower,
  kLess,
  kGreater,
  kSin,
  kCos,
  kExp,
  kLog,
  kSqrt,
  kAbs,
  kFloor,
  kTanh,
  kMin,
  kMax,
  kStep,
  kSine,
  kSquare,
  kSaw,
  kTriangle,
  kPulse,
  kUniform,
  kNormal,
  kSum,
  kSlow,
};

struct Callable {
  const char* name;
  Function function;
  size_t arguments;
};

constexpr std::array<Callable, 20> kCallables = {{
    {"sin", kSin, 1},       {"cos", kCos, 1},         {"exp", kExp, 1},
    {"log", kLog, 1},       {"sqrt", kSqrt, 1},       {"abs", kAbs, 1},
    {"floor", kFloor, 1},   {"tanh", kTanh, 1},       {"min", kMin, 2},
    {"max", kMax, 2},       {"step", kStep, 1},       {"sine", kSine, 1},
    {"square", kSquare, 1}, {"saw", kSaw, 1},         {"triangle", kTriangle, 1},
    {"pulse", kPulse, 2},   {"uniform", kUniform, 2}, {"normal", kNormal, 0},
    {"sum", kSum, 1},       {"slow", kSlow, 2},
}};

double Fraction(double turns) { return turns - std::floor(turns); }

}  // namespace

class FormulaParser {
 public:
  FormulaParser(const std::string& text, std::span<const std::string> names,
                std::vector<Formula::Node>& nodes)
      : text_(text), names_(names), nodes_(nodes) {}

  size_t Run() {
    const size_t root = Comparison();
    if (Peek() != '\0') Bad("unexpected '" + text_.substr(at_, 1) + "'");
    return root;
  }

 private:
  [[noreturn]] void Bad(const std::string& what) const {
    throw Error(Category::kConfiguration, fmt::format("formula '{}': {}", text_, what),
                fmt::format("names: {}", fmt::join(names_, ", ")));
  }
  char Peek() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool Take(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }
  void Expect(char c) {
    if (!Take(c)) Bad(fmt::format("'{}' is missing", c));
  }
  size_t Add(Function function, std::vector<size_t> arguments = {}) {
    Formula::Node node;
    node.function = function;
    node.arguments = std::move(arguments);
    nodes_.push_back(std::move(node));
    return nodes_.size() - 1;
  }

  size_t Comparison() {
    const size_t left = Sum();
    if (Take('<')) return Add(kLess, {left, Sum()});
    if (Take('>')) return Add(kGreater, {left, Sum()});
    return left;
  }
  size_t Sum() {
    size_t left = Product();
    for (;;) {
      if (Take('+')) {
        left = Add(kAdd, {left, Product()});
      } else if (Take('-')) {
        left = Add(kSubtract, {left, Product()});
      } else {
        return left;
      }
    }
  }
  size_t Product() {
    size_t left = Signed();
    for (;;) {
      if (Take('*')) {
        left = Add(kMultiply, {left, Signed()});
      } else if (Take('/')) {
        left = Add(kDivide, {left, Signed()});
      } else if (Take('%')) {
        left = Add(kModulo, {left, Signed()});
      } else {
        return left;
      }
    }
  }
  size_t Signed() {
    if (Take('-')) {
      const size_t zero = Add(kNumber);
      return Add(kSubtract, {zero, Signed()});
    }
    const size_t base = Atom();
    return Take('^') ? Add(kPower, {base, Signed()}) : base;
  }
  size_t Atom() {
    constexpr int kDeepest = 100;
    if (++depth_ > kDeepest) Bad("too deep");
    const size_t result = AtomInside();
    --depth_;
    return result;
  }
  size_t AtomInside() {
    if (Take('(')) {
      const size_t inside = Comparison();
      Expect(')');
      return inside;
    }
    const char c = Peek();
    if (std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '.') {
      double number = 0;
      const auto [end, error] =
          std::from_chars(text_.data() + at_, text_.data() + text_.size(), number);
      if (error != std::errc()) Bad("not a number");
      at_ = static_cast<size_t>(end - text_.data());
      const size_t node = Add(kNumber);
      nodes_[node].number = number;
      return node;
    }
    const std::string name = Identifier();
    if (name.empty()) Bad(c == '\0' ? "something is missing" : fmt::format("unexpected '{}'", c));
    if (Take('(')) return Call(name);
    return Name(name);
  }
  std::string Identifier() {
    const size_t first = at_;
    Peek();
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_')) {
      ++at_;
    }
    return text_.substr(first, at_ - first);
  }
  size_t Name(const std::string& name) {
    if (name == "pi") {
      const size_t node = Add(kNumber);
      nodes_[node].number = std::numbers::pi;
      return node;
    }
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) Bad(fmt::format("'{}' is unknown", name));
    const size_t node = Add(kName);
    nodes_[node].name = static_cast<size_t>(found - names_.begin());
    return node;
  }
  size_t Call(const std::string& name) {
    if (name == "prev") {
      const size_t which = Name((Peek(), Identifier()));
      Expect(',');
      const size_t first = Comparison();
      Expect(')');
      const size_t node = Add(kPrevious, {first});
      nodes_[node].name = nodes_[which].name;
      return node;
    }
    const auto found = std::find_if(kCallables.begin(), kCallables.end(),
                                    [&](const Callable& c) { return name == c.name; });
    if (found == kCallables.end()) Bad(fmt::format("there is no function '{}'", name));
    std::vector<size_t> arguments;
    while (arguments.size() < found->arguments) {
      if (!arguments.empty()) Expect(',');
      arguments.push_back(Comparison());
    }
    Expect(')');
    return Add(found->function, std::move(arguments));
  }

  const std::string& text_;
  std::span<const std::string> names_;
  std::vector<Formula::Node>& nodes_;
  size_t at_ = 0;
  int depth_ = 0;
};

Formula::Formula(const std::string& text, std::span<const std::string> names) {
  root_ = FormulaParser(text, names, nodes_).Run();
}

double Formula::Evaluate(std::span<const double> values, std::span<const double> before,
                         Random& random) {
  return EvaluateNode(root_, values, before, random);
}

double Formula::EvaluateNode(size_t index, std::span<const double> values,
                             std::span<const double> before, Random& random) {
  Node& node = nodes_[index];
  const auto argument = [&](size_t i) {
    return EvaluateNode(node.arguments[i], values, before, random);
  };
  switch (static_cast<Function>(node.function)) {
    case kNumber:
      return node.number;
    case kName:
      return values[node.name];
    case kPrevious:
      return before.empty() ? argument(0) : before[node.name];
    case kNormal:
      return random.Normal();
    default:
      break;
  }
  const double x = argument(0);
  const double y = node.arguments.size() > 1 ? argument(1) : 0.0;
  switch (static_cast<Function>(node.function)) {
    case kAdd:
      return x + y;
    case kSubtract:
      return x - y;
    case kMultiply:
      return x * y;
    case kDivide:
      return x / y;
    case kModulo:
      return x - y * std::floor(x / y);
    case kPower:
      return std::pow(x, y);
    case kLess:
      return x < y ? 1.0 : 0.0;
    case kGreater:
      return x > y ? 1.0 : 0.0;
    case kSin:
      return std::sin(x);
    case kCos:
      return std::cos(x);
    case kExp:
      return std::exp(x);
    case kLog:
      return std::log(x);
    case kSqrt:
      return std::sqrt(x);
    case kAbs:
      return std::abs(x);
    case kFloor:
      return std::floor(x);
    case kTanh:
      return std::tanh(x);
    case kMin:
      return std::min(x, y);
    case kMax:
      return std::max(x, y);
    case kStep:
      return x >= 0 ? 1.0 : 0.0;
    case kSine:
      return std::sin(2.0 * std::numbers::pi * x);
    case kSquare:
      return Fraction(x) < 0.5 ? 1.0 : -1.0;
    case kSaw:
      return 2.0 * Fraction(x) - 1.0;
    case kTriangle:
      return 1.0 - 4.0 * std::abs(Fraction(x + 0.25) - 0.5);
    case kPulse:
      return std::exp(-y * Fraction(x));
    case kUniform:
      return random.Uniform(x, y);
    case kSum:
      return node.number += x;
    case kSlow:
      node.number = node.started ? node.number + y * (x - node.number) : x;
      node.started = true;
      return node.number;
    default:
      return 0.0;
  }
}

}  // namespace platypus::data
