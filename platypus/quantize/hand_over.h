#ifndef PLATYPUS_QUANTIZE_HAND_OVER_H_
#define PLATYPUS_QUANTIZE_HAND_OVER_H_

#include <string>
#include <vector>

#include "platypus/graph/graph.h"

// An integer graph within the limits of TI's neural accelerator, for the vendor's compiler.
namespace platypus::quantize {

// A layer that our own C computes otherwise, or that the accelerator leaves to its processor.
struct HandOverNote {
  std::string layer;
  std::string text;
  double most_steps = 0;  // how far codes of the two may be apart; 0: they are equal
};

struct HandedOver {
  graph::Graph graph;
  std::vector<HandOverNote> notes;
  bool rewritten = false;  // the graph is another one than the given
};

// The accelerator's requantisation multiplies by 1 behind weights of 8 bits, and by at most 255
// behind fewer. Layers of an integer graph that need more become others that do not:
// - an average pool: a depthwise convolution with one constant weight w, w * 2^-k its factor;
// - a sum of two scales: each operand requantised to one scale, then a sum of equal scales;
// - a requantisation of codes: a depthwise 1x1 convolution.
// All of them are integer operators of ours: the interpreter is the exact emulator of the result.
HandedOver HandOver(const graph::Graph& integer);

}  // namespace platypus::quantize

#endif  // PLATYPUS_QUANTIZE_HAND_OVER_H_
