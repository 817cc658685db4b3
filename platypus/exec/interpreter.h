#ifndef PLATYPUS_EXEC_INTERPRETER_H_
#define PLATYPUS_EXEC_INTERPRETER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "platypus/base/parallel.h"
#include "platypus/graph/graph.h"

// The room's first header: what every operator means. Integer operators here are the definition
// that generated C, ONNX files and reports are compared with; float operators are the plain
// reference.
namespace platypus::exec {

// Runs a graph on many samples. Inference only: batch norms use running statistics, FakeQuantize
// uses its range without observing. Samples are independent; results do not depend on threads.
class Interpreter {
 public:
  explicit Interpreter(const graph::Graph& graph);
  ~Interpreter();
  Interpreter(Interpreter&&) noexcept;

  // inputs: [count][elements of the graph's input] float features. Returns [count][elements of the
  // output], integers as floats when the output is integer.
  std::vector<float> Run(std::span<const float> inputs, int64_t count, ThreadPool& pool) const;

  // The same of some tensors: [tensor][count][elements].
  std::vector<std::vector<float>> Run(std::span<const float> inputs, int64_t count,
                                      std::span<const graph::TensorId> tensors,
                                      ThreadPool& pool) const;

  // One sample, every tensor: result[tensor id] = its elements (integers as floats).
  std::vector<std::vector<float>> RunAll(std::span<const float> input) const;

 private:
  struct Plan;
  // `memory_of`: where each tensor lies, one of the plan's.
  std::vector<std::vector<float>> Collect(std::span<const float> inputs, int64_t count,
                                          std::span<const graph::TensorId> tensors,
                                          const std::vector<size_t>& memory_of,
                                          ThreadPool& pool) const;
  std::unique_ptr<Plan> plan_;
};

}  // namespace platypus::exec

#endif  // PLATYPUS_EXEC_INTERPRETER_H_
