#ifndef PLATYPUS_DATA_FORMULA_H_
#define PLATYPUS_DATA_FORMULA_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "platypus/base/random.h"

// Formulas that compute the rows of a generated recording.
namespace platypus::data {

// Numbers, names, + - * / % ^ (power), < > (1 or 0), parentheses and the functions
//   sin cos exp log sqrt abs floor tanh (x), min max (x, y), step(x) = 1 if x >= 0 else 0
//   sine square saw triangle (turns): waves between -1 and 1
//   pulse(turns, decay) = exp(-decay * turns since the last whole one)
//   uniform(low, high), normal(): drawn anew at every evaluation
//   sum(x): x added up over the rows; slow(x, share): follows x by `share` of the distance a row
//   prev(name, first): the value of a name in the row before
// Names are indices into the values that Evaluate is given. sum and slow keep a state, so a formula
// belongs to one recording.
class Formula {
 public:
  // Error (configuration) naming the formula for anything else. `names`: what may be called.
  Formula(const std::string& text, std::span<const std::string> names);

  // The value in a row. `values` and `before`: of all names in this row and in the one before
  // (empty in the first row).
  double Evaluate(std::span<const double> values, std::span<const double> before, Random& random);

 private:
  friend class FormulaParser;
  struct Node {
    int function = 0;
    double number = 0;     // of a constant; state of sum and slow
    bool started = false;  // slow has a state
    size_t name = 0;       // of a value
    std::vector<size_t> arguments;
  };
  double EvaluateNode(size_t index, std::span<const double> values, std::span<const double> before,
                      Random& random);

  std::vector<Node> nodes_;
  size_t root_ = 0;
};

}  // namespace platypus::data

#endif  // PLATYPUS_DATA_FORMULA_H_
