#include "platypus/exec/interpreter.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "platypus/base/error.h"
#include "platypus/exec/compile.h"
#include "platypus/exec/kernels.h"

namespace platypus::exec {

// Elements of a tensor in a block.
size_t BlockSize(const graph::Graph& graph, size_t id) {
  return static_cast<size_t>(NumElements(graph.tensors[id].shape)) * kLanes;
}

struct Interpreter::Plan {
  graph::Graph graph;
  std::vector<Step> steps;
  // By tensor id: which memory a tensor has when each stays until the end, and when memory goes to
  // another one behind the last reader; little memory stays in the cache.
  std::vector<size_t> own, shared;

  void PlanMemory();
  Values Allocate(const std::vector<size_t>& memory_of) const;
  void RunBlock(Values& values) const {
    for (const Step& step : steps) step(values);
  }
};

void Interpreter::Plan::PlanMemory() {
  const size_t count = graph.tensors.size();
  own.resize(count);
  std::iota(own.begin(), own.end(), size_t{0});
  std::vector<size_t> readers(count, 0);
  for (const graph::Node& node : graph.nodes) {
    for (const graph::TensorId id : node.inputs) ++readers[static_cast<size_t>(id)];
  }
  ++readers[static_cast<size_t>(graph.output)];
  shared = own;
  std::vector<size_t> free;  // memory without a tensor
  for (const graph::Node& node : graph.nodes) {
    const auto out = static_cast<size_t>(node.output);
    const auto larger = [&](size_t a, size_t b) {
      return BlockSize(graph, a) < BlockSize(graph, b);
    };
    const auto room = std::max_element(free.begin(), free.end(), larger);
    if (room != free.end()) {
      shared[out] = *room;
      free.erase(room);
    }
    for (const graph::TensorId id : node.inputs) {
      if (--readers[static_cast<size_t>(id)] == 0) free.push_back(shared[static_cast<size_t>(id)]);
    }
    if (readers[out] == 0) free.push_back(shared[out]);
  }
}

Values Interpreter::Plan::Allocate(const std::vector<size_t>& memory_of) const {
  const size_t count = graph.tensors.size();
  std::vector<size_t> sizes(count, 0);
  for (size_t id = 0; id < count; ++id) {
    size_t& size = sizes[memory_of[id]];
    size = std::max(size, BlockSize(graph, id));
  }
  Values values;
  values.floats.resize(count);
  values.integers.resize(count);
  for (const size_t size : sizes) {
    values.memory.push_back(size > 0 ? hwy::AllocateAligned<int32_t>(size) : nullptr);
    Check(size == 0 || values.memory.back(), "no memory for {} numbers", size);
  }
  for (size_t id = 0; id < count; ++id) {
    int32_t* at = values.memory[memory_of[id]].get();
    if (graph.tensors[id].dtype == DType::kFloat32) {
      values.floats[id] = reinterpret_cast<float*>(at);
    } else {
      values.integers[id] = at;
    }
  }
  return values;
}

Interpreter::Interpreter(const graph::Graph& graph) : plan_(std::make_unique<Plan>()) {
  plan_->graph = graph;
  for (const graph::Node& node : plan_->graph.nodes)
    plan_->steps.push_back(Compile(plan_->graph, node));
  plan_->PlanMemory();
}

Interpreter::~Interpreter() = default;
Interpreter::Interpreter(Interpreter&&) noexcept = default;

namespace {

// Sample-major [lane][element] to block [element][lane]; lanes past `count` become zero.
void Gather(std::span<const float> samples, int64_t count, float* block) {
  const auto elements = static_cast<int64_t>(samples.size()) / count;
  if (count < kLanes) std::fill(block, block + elements * kLanes, 0.0f);
  for (int64_t lane = 0; lane < count; ++lane) {
    const float* sample = samples.data() + lane * elements;
    for (int64_t e = 0; e < elements; ++e) block[e * kLanes + lane] = sample[e];
  }
}

template <typename T>
void Scatter(const T* block, int64_t lane, std::span<float> sample) {
  for (size_t e = 0; e < sample.size(); ++e) {
    sample[e] = static_cast<float>(block[e * kLanes + static_cast<size_t>(lane)]);
  }
}

}  // namespace

std::vector<float> Interpreter::Run(std::span<const float> inputs, int64_t count,
                                    ThreadPool& pool) const {
  const std::vector<graph::TensorId> output = {plan_->graph.output};
  return std::move(Collect(inputs, count, output, plan_->shared, pool)[0]);
}

std::vector<std::vector<float>> Interpreter::Run(std::span<const float> inputs, int64_t count,
                                                 std::span<const graph::TensorId> tensors,
                                                 ThreadPool& pool) const {
  return Collect(inputs, count, tensors, plan_->own, pool);
}

std::vector<std::vector<float>> Interpreter::Collect(std::span<const float> inputs, int64_t count,
                                                     std::span<const graph::TensorId> tensors,
                                                     const std::vector<size_t>& memory_of,
                                                     ThreadPool& pool) const {
  const graph::Graph& graph = plan_->graph;
  const int64_t in_size = NumElements(graph.Input().shape);
  Check(static_cast<int64_t>(inputs.size()) == count * in_size,
        "interpreter: {} values for {} samples of {}", inputs.size(), count, in_size);
  std::vector<std::vector<float>> outputs;
  for (const graph::TensorId id : tensors)
    outputs.emplace_back(static_cast<size_t>(count * NumElements(graph.At(id).shape)));
  const int64_t blocks = (count + kLanes - 1) / kLanes;
  std::vector<std::optional<Values>> of_threads(static_cast<size_t>(pool.Threads()));
  pool.Run(blocks, [&](int64_t b, int thread) {
    std::optional<Values>& own = of_threads[static_cast<size_t>(thread)];
    if (!own) own = plan_->Allocate(memory_of);
    Values& values = *own;
    const int64_t lanes = std::min<int64_t>(kLanes, count - b * kLanes);
    Gather(inputs.subspan(static_cast<size_t>(b * kLanes * in_size),
                          static_cast<size_t>(lanes * in_size)),
           lanes, values.floats[static_cast<size_t>(graph.input)]);
    plan_->RunBlock(values);
    for (size_t t = 0; t < tensors.size(); ++t) {
      const auto id = static_cast<size_t>(tensors[t]);
      const int64_t size = NumElements(graph.tensors[id].shape);
      for (int64_t lane = 0; lane < lanes; ++lane) {
        const std::span<float> sample(outputs[t].data() + (b * kLanes + lane) * size,
                                      static_cast<size_t>(size));
        if (graph.tensors[id].dtype == DType::kFloat32) {
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
  Values values = plan_->Allocate(plan_->own);
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
