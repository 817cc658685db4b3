#ifndef PLATYPUS_QUANTIZE_FORM_H_
#define PLATYPUS_QUANTIZE_FORM_H_

#include "platypus/graph/op.h"

namespace platypus::quantize {

// What an operator does to codes.
enum class Form {
  kNone,    // it has no integer form
  kKeeps,   // the same codes, some of them, or in other places
  kLimits,  // the same codes within bounds; behind kMakes a part of that operator
  kMakes,   // values that no input had: codes of their own
};
Form FormOf(const graph::Op& op);

}  // namespace platypus::quantize

#endif  // PLATYPUS_QUANTIZE_FORM_H_
