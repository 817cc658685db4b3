#include "platypus/pipeline/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>

#include "platypus/exec/interpreter.h"
#include "platypus/graph/quantization.h"
#include "platypus/quantize/quantize.h"

namespace platypus::pipeline {
namespace {

int64_t ElementOctets(DType type) {
  switch (type) {
    case DType::kInt8:
    case DType::kUInt8:
      return 1;
    case DType::kInt16:
      return 2;
    case DType::kFloat32:
      return 4;
    case DType::kInt32:
      return 0;  // accumulators stay in registers: the requantisation is part of the same loop
  }
  return 0;
}

}  // namespace

std::vector<float> Infer(const graph::Graph& network, const SampleSet& samples, ThreadPool& pool) {
  return exec::Interpreter(network).Run(samples.inputs, samples.Count(), pool);
}

std::vector<float> InferReal(const graph::Graph& network, const SampleSet& samples,
                             ThreadPool& pool) {
  std::vector<float> outputs = Infer(network, samples, pool);
  const auto scale = static_cast<float>(quantize::OutputScale(network));
  for (float& value : outputs) value *= scale;
  return outputs;
}

void FillTest(NetworkSummary& summary, const std::vector<float>& outputs, const SampleSet& samples,
              const Goal& goal) {
  if (!goal.Classifies()) {
    train::RegressionMetrics metrics = train::EvaluateRegression(
        outputs, samples.Wanted(goal), static_cast<int64_t>(outputs.size()) / samples.Count(),
        goal.Criterion());
    if (goal.DetectsAnomalies()) metrics.outputs.clear();
    metrics.loss = std::numeric_limits<double>::quiet_NaN();
    summary.test = metrics;
    return;
  }
  const auto classes = static_cast<int>(goal.classes.size());
  summary.test = train::Evaluate(outputs, samples.labels, classes);
  const auto count = samples.labels.size();
  std::vector<float> scores(count);
  std::vector<uint8_t> positive(count);
  for (int c = 0; c < classes; ++c) {
    for (size_t i = 0; i < count; ++i) {
      scores[i] = outputs[i * static_cast<size_t>(classes) + static_cast<size_t>(c)];
      positive[i] = samples.labels[i] == c ? 1 : 0;
    }
    summary.roc.push_back(train::Roc(scores, positive));
  }
}

std::vector<FileSummary> SummariseFiles(const std::vector<float>& outputs, const SampleSet& samples,
                                        const std::vector<data::RecordingRef>& refs, int classes) {
  std::vector<FileSummary> files(refs.size());
  for (size_t i = 0; i < refs.size(); ++i) {
    files[i] = {refs[i].name, refs[i].label, std::vector<int64_t>(static_cast<size_t>(classes), 0)};
  }
  for (size_t s = 0; s < samples.labels.size(); ++s) {
    const auto scores =
        std::span(outputs).subspan(s * static_cast<size_t>(classes), static_cast<size_t>(classes));
    const auto best = std::max_element(scores.begin(), scores.end()) - scores.begin();
    ++files[static_cast<size_t>(samples.recording[s])].predicted[static_cast<size_t>(best)];
  }
  return files;
}

std::vector<LayerSummary> SummariseLayers(const graph::Graph& network) {
  std::vector<LayerSummary> layers;
  for (const graph::Node& node : network.nodes) {
    const graph::Tensor& out = network.At(node.output);
    LayerSummary layer;
    layer.name = node.name;
    layer.type = graph::Name(node.op);
    layer.shape = ToString(out.shape);
    layer.macs = graph::CountMacs(network, node);
    layer.activation_octets = NumElements(out.shape) * ElementOctets(out.dtype);
    const std::string prefix = node.name + ".";
    for (const auto& [name, array] : network.parameters) {
      if (!name.starts_with(prefix) || name.find('.', prefix.size()) != std::string::npos) continue;
      layer.parameters += NumElements(array.shape);
      layer.weight_octets += graph::StoredOctets(node.op, array);
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

}  // namespace platypus::pipeline
