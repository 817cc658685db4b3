#include "platypus/exec/interpreter.h"

#include <algorithm>

#include "platypus/base/error.h"
#include "platypus/exec/compile.h"
#include "platypus/exec/kernels.h"

namespace platypus::exec {

struct Interpreter::Plan {
  graph::Graph graph;
  std::vector<Step> steps;

  Values Allocate() const;
  void RunBlock(Values& values) const {
    for (const Step& step : steps) step(values);
  }
};

Values Interpreter::Plan::Allocate() const {
  Values values;
  values.floats.resize(graph.tensors.size());
  values.integers.resize(graph.tensors.size());
  for (size_t id = 0; id < graph.tensors.size(); ++id) {
    const auto size = static_cast<size_t>(NumElements(graph.tensors[id].shape)) * kLanes;
    if (graph.tensors[id].dtype == DType::kFloat32) {
      values.floats[id].resize(size);
    } else {
      values.integers[id].resize(size);
    }
  }
  return values;
}

Interpreter::Interpreter(const graph::Graph& graph) : plan_(std::make_unique<Plan>()) {
  plan_->graph = graph;
  for (const graph::Node& node : plan_->graph.nodes)
    plan_->steps.push_back(Compile(plan_->graph, node));
}

Interpreter::~Interpreter() = default;
Interpreter::Interpreter(Interpreter&&) noexcept = default;

namespace {

// Sample-major [lane][element] to block [element][lane]; lanes past `count` become zero.
void Gather(std::span<const float> samples, int64_t count, std::vector<float>& block) {
  const auto elements = static_cast<int64_t>(block.size()) / kLanes;
  std::fill(block.begin(), block.end(), 0.0f);
  for (int64_t lane = 0; lane < count; ++lane) {
    for (int64_t e = 0; e < elements; ++e) {
      block[static_cast<size_t>(e * kLanes + lane)] =
          samples[static_cast<size_t>(lane * elements + e)];
    }
  }
}

template <typename T>
void Scatter(const std::vector<T>& block, int64_t lane, std::span<float> sample) {
  for (size_t e = 0; e < sample.size(); ++e) {
    sample[e] = static_cast<float>(block[e * kLanes + static_cast<size_t>(lane)]);
  }
}

}  // namespace

std::vector<float> Interpreter::Run(std::span<const float> inputs, int64_t count,
                                    ThreadPool& pool) const {
  const graph::Graph& graph = plan_->graph;
  const int64_t in_size = NumElements(graph.Input().shape);
  const int64_t out_size = NumElements(graph.Output().shape);
  Check(static_cast<int64_t>(inputs.size()) == count * in_size,
        "interpreter: {} values for {} samples of {}", inputs.size(), count, in_size);
  std::vector<float> outputs(static_cast<size_t>(count * out_size));
  const int64_t blocks = (count + kLanes - 1) / kLanes;
  // A task is a run of blocks, so that its buffers are made once.
  constexpr int64_t kBlocksPerTask = 8;
  pool.Run((blocks + kBlocksPerTask - 1) / kBlocksPerTask, [&](int64_t task) {
    Values values = plan_->Allocate();
    const int64_t last = std::min(blocks, (task + 1) * kBlocksPerTask);
    for (int64_t b = task * kBlocksPerTask; b < last; ++b) {
      const int64_t lanes = std::min<int64_t>(kLanes, count - b * kLanes);
      Gather(inputs.subspan(static_cast<size_t>(b * kLanes * in_size),
                            static_cast<size_t>(lanes * in_size)),
             lanes, values.floats[static_cast<size_t>(graph.input)]);
      plan_->RunBlock(values);
      for (int64_t lane = 0; lane < lanes; ++lane) {
        const std::span<float> sample(outputs.data() + (b * kLanes + lane) * out_size,
                                      static_cast<size_t>(out_size));
        const auto id = static_cast<size_t>(graph.output);
        if (graph.Output().dtype == DType::kFloat32) {
          Scatter(values.floats[id], lane, sample);
        } else {
          Scatter(values.integers[id], lane, sample);
        }
      }
    }
  });
  return outputs;
}

std::vector<std::vector<float>> Interpreter::RunAll(std::span<const float> input) const {
  const graph::Graph& graph = plan_->graph;
  Values values = plan_->Allocate();
  Check(static_cast<int64_t>(input.size()) == NumElements(graph.Input().shape),
        "interpreter: {} values for one sample", input.size());
  Gather(input, 1, values.floats[static_cast<size_t>(graph.input)]);
  plan_->RunBlock(values);
  std::vector<std::vector<float>> result(graph.tensors.size());
  for (size_t id = 0; id < result.size(); ++id) {
    result[id].resize(static_cast<size_t>(NumElements(graph.tensors[id].shape)));
    if (graph.tensors[id].dtype == DType::kFloat32) {
      Scatter(values.floats[id], 0, result[id]);
    } else {
      Scatter(values.integers[id], 0, result[id]);
    }
  }
  return result;
}

}  // namespace platypus::exec
