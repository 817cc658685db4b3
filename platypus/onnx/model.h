#ifndef PLATYPUS_ONNX_MODEL_H_
#define PLATYPUS_ONNX_MODEL_H_

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "platypus/graph/graph.h"

namespace platypus::onnx_io {

// An ONNX node whose attributes are being set.
class NodeWriter {
 public:
  explicit NodeWriter(onnx::NodeProto* node) : node_(node) {}
  NodeWriter& SetInt(const char* name, int64_t value);
  NodeWriter& SetFloat(const char* name, float value);
  NodeWriter& SetText(const char* name, const std::string& value);
  NodeWriter& SetInts(const char* name, const std::vector<int64_t>& values);

 private:
  onnx::AttributeProto* Add(const char* name, onnx::AttributeProto_AttributeType type);
  onnx::NodeProto* node_;
};

// An ONNX model under construction, opset 17, batch 1. Functions that add something return its
// name.
class Model {
 public:
  explicit Model(const std::string& name);

  // [1, shape]
  std::string AddInput(const std::string& name, const Shape& shape);
  void AddOutput(const std::string& name, const Shape& shape);
  void AddMetadata(const std::string& key, const std::string& value);
  std::string AddConstant(const std::string& name, const Shape& shape,
                          const std::vector<float>& values);
  std::string AddScalar(const std::string& name, float value);
  std::string AddInts(const std::string& name, const std::vector<int64_t>& values);
  NodeWriter AddNode(const char* type, const std::string& name,
                     const std::vector<std::string>& inputs,
                     const std::vector<std::string>& outputs);

  onnx::GraphProto& Graph() { return *graph_; }

  // The checked file.
  std::string Serialize() const;

 private:
  onnx::ModelProto model_;
  onnx::GraphProto* graph_;
};

// Where one node of a graph goes: the names of its inputs, and the one that its output must get.
struct Site {
  Model& model;
  const graph::Graph& graph;
  const graph::Node& node;
  std::vector<std::string> inputs;
  std::string output;

  const Shape& InputShape() const { return graph.At(node.inputs[0]).shape; }
  const Shape& OutputShape() const { return graph.At(node.output).shape; }
  // "<node name><suffix>", for what a composition of several nodes needs.
  std::string Name(const char* suffix) const { return node.name + suffix; }
  // A parameter as a constant of its own shape, integers by value.
  std::string Parameter(const char* role) const;
  // One node that is all there is to the operator.
  NodeWriter Node(const char* type, const std::vector<std::string>& more_inputs = {}) const;
};

std::vector<float> FloatsOf(const Array& array);
std::vector<int64_t> Pads(const graph::Padding2& p);

// The mean over windows, padded zeros counted.
void WriteAveragePool(const graph::AvgPool& op, const Site& site, const std::string& name,
                      const std::string& output);

// recurrent.cc
void Write(const graph::Recurrent& op, const Site& site);
// integer.cc: the TI-NPU form.
void Write(const graph::QuantizeInput& op, const Site& site);
void Write(const graph::SumPool& op, const Site& site);
void Write(const graph::Requantize& op, const Site& site);
void Write(const graph::AddRequantize& op, const Site& site);
void WriteIntegerLinear(const Site& site);
void WriteIntegerResize(const Site& site);
// codes.cc, integer_recurrent.cc: float64 on whole numbers.
void Write(const graph::Lookup& op, const Site& site);
void Write(const graph::IntegerSoftmax& op, const Site& site);
void Write(const graph::IntegerLayerNorm& op, const Site& site);
void Write(const graph::MulRequantize& op, const Site& site);
void WriteCellPool(const Site& site);
void Write(const graph::IntegerRecurrent& op, const Site& site);

}  // namespace platypus::onnx_io

#endif  // PLATYPUS_ONNX_MODEL_H_
