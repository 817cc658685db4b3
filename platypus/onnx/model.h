#ifndef PLATYPUS_ONNX_MODEL_H_
#define PLATYPUS_ONNX_MODEL_H_

#include <onnx/onnx_pb.h>

#include <map>
#include <string>
#include <vector>

#include "platypus/graph/graph.h"

namespace platypus::onnx_io {

// ONNX's numbers of element types; the last ones are newer than the library.
enum ElementType : int {
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kInt16 = 5,
  kInt32 = 6,
  kUint4 = 21,
  kInt4 = 22,
  kUint2 = 25,
  kInt2 = 26,
};
// Of an element; those below 8 stand side by side in an octet, the first one lowest.
int BitsOf(int element_type);

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

// An ONNX model under construction, batch 1. Functions that add something return its name.
class Model {
 public:
  Model(const std::string& name, int opset);

  // [1, shape]
  std::string AddInput(const std::string& name, const Shape& shape);
  void AddOutput(const std::string& name, const Shape& shape, ElementType type = kFloat);
  void AddMetadata(const std::string& key, const std::string& value);
  // What stands for real numbers: scale * (tensor - zero_point).
  void AddScale(const std::string& tensor, float scale, int32_t zero_point);
  std::string AddConstant(const std::string& name, const Shape& shape,
                          const std::vector<float>& values);
  std::string AddScalar(const std::string& name, float value);
  std::string AddInts(const std::string& name, const std::vector<int64_t>& values);
  // Integers of at most 32 bits.
  std::string AddCodes(const std::string& name, const Shape& shape, ElementType type,
                       const std::vector<int32_t>& values);
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
  std::map<std::string, std::string> given = {};  // parameters, by role, that the model has already

  const Shape& InputShape() const { return graph.At(node.inputs[0]).shape; }
  const Shape& OutputShape() const { return graph.At(node.output).shape; }
  // "<node name><suffix>", for what a composition of several nodes needs.
  std::string Name(const char* suffix) const { return node.name + suffix; }
  // A parameter: what is given, or a constant of its own shape, integers by value.
  std::string Parameter(const char* role) const;
  // One node that is all there is to the operator.
  NodeWriter Node(const char* type, const std::vector<std::string>& more_inputs = {}) const;
};

std::vector<float> FloatsOf(const Array& array);
std::vector<int64_t> Pads(const graph::Padding2& p);

// The mean over windows, padded zeros counted.
void WriteAveragePool(const graph::AvgPool& op, const Site& site, const std::string& name,
                      const std::string& output);

// One node of a graph (export.cc).
void WriteNode(const Site& site);

// recurrent.cc
void Write(const graph::Recurrent& op, const Site& site);
// Our gate at each place of the ONNX operator.
std::vector<size_t> GateOrder(graph::Recurrent::Cell cell);
// [gates * hidden, ...] with the gates in another order.
template <typename T>
std::vector<T> Reordered(const std::vector<T>& values, const std::vector<size_t>& order) {
  const size_t gate = values.size() / order.size();
  std::vector<T> result;
  result.reserve(values.size());
  for (const size_t from : order) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(from * gate);
    result.insert(result.end(), first, first + static_cast<std::ptrdiff_t>(gate));
  }
  return result;
}
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
