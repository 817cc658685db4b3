#ifndef PLATYPUS_TESTS_QUANTIZE_AGREEMENT_H_
#define PLATYPUS_TESTS_QUANTIZE_AGREEMENT_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "platypus/base/error.h"
#include "platypus/graph/affine.h"
#include "tests/quantize/float64.h"
#include "tests/quantize/networks.h"

// Integer graphs against the fake-quantised graphs that they come from, evaluated in double
// precision, layer by layer: each layer gets the integer graph's own inputs.
namespace platypus::quantize {

// How many codes differ by how much.
using Histogram = std::map<int64_t, int64_t>;

inline int64_t CountOf(const Histogram& differences) {
  int64_t all = 0;
  for (const auto& [difference, count] : differences) all += count;
  return all;
}

// Of values that differ at all, and of those that differ by more than one step.
inline double Share(const Histogram& differences, int64_t beyond) {
  int64_t found = 0;
  for (const auto& [difference, count] : differences) {
    if (std::abs(difference) > beyond) found += count;
  }
  return static_cast<double>(found) / static_cast<double>(CountOf(differences));
}

inline std::string ToText(const Histogram& differences) {
  std::string text;
  for (const auto& [difference, count] : differences) {
    text +=
        fmt::format("  {:+d}: {} ({:.4f} %)\n", difference, count,
                    100.0 * static_cast<double>(count) / static_cast<double>(CountOf(differences)));
  }
  return text;
}

// The integer tensor whose codes a FakeQuantize stands for: its operator may lie before a limit.
inline const graph::Tensor* Counterpart(const Graph& fake, const graph::Node& quantize,
                                        const Graph& integer, graph::TensorId& id) {
  std::vector<std::string> names = {quantize.name};
  for (const graph::Node* maker = graph::Producer(fake, quantize.inputs[0]); maker != nullptr;
       maker = graph::Producer(fake, maker->inputs[0])) {
    names.push_back(maker->name + ".requantize");
    names.push_back(maker->name);
    if (!std::holds_alternative<graph::Relu>(maker->op) &&
        !std::holds_alternative<graph::Clamp>(maker->op)) {
      break;
    }
  }
  for (const std::string& name : names) {
    for (const graph::Node& node : integer.nodes) {
      if (node.name != name || integer.At(node.output).scale == 0) continue;
      id = node.output;
      return &integer.At(node.output);
    }
  }
  return nullptr;
}

inline Histogram Compare(const Graph& trained, const Graph& integer, std::span<const float> inputs,
                         int64_t count) {
  const bool rounds = std::ranges::any_of(integer.nodes, [](const graph::Node& node) {
    const auto* op = std::get_if<graph::Requantize>(&node.op);
    return op != nullptr && op->to_nearest;
  });
  Graph fake = graph::FoldBatchNorm(trained);
  if (rounds) fake = graph::WithExactSums(fake);
  const exec::Interpreter interpreter(integer);
  const auto size = inputs.size() / static_cast<size_t>(count);
  Histogram differences;
  std::vector<std::vector<float>> given;
  Float64 doubles(fake, [&](const graph::Node& node, const graph::Codes& codes, const Doubles&,
                            Doubles& after) {
    graph::TensorId id = -1;
    const graph::Tensor* tensor = Counterpart(fake, node, integer, id);
    ASSERT_NE(tensor, nullptr) << node.name;
    EXPECT_EQ(tensor->scale, codes.scale) << node.name;
    EXPECT_EQ(tensor->zero_point, codes.zero_point) << node.name;
    const std::vector<float>& integers = given[static_cast<size_t>(id)];
    ASSERT_EQ(integers.size(), after.size());
    for (size_t i = 0; i < after.size(); ++i) {
      const double code = after[i] / codes.scale + codes.zero_point;
      ++differences[std::llrint(integers[i] - code)];
      after[i] = (double{integers[i]} - codes.zero_point) * codes.scale;
    }
  });
  for (int64_t i = 0; i < count; ++i) {
    const auto sample = inputs.subspan(static_cast<size_t>(i) * size, size);
    given = interpreter.RunAll(sample);
    doubles.Run(sample);
  }
  return differences;
}

}  // namespace platypus::quantize

#endif  // PLATYPUS_TESTS_QUANTIZE_AGREEMENT_H_
