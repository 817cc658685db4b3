#ifndef PLATYPUS_GRAPH_GRAPH_H_
#define PLATYPUS_GRAPH_GRAPH_H_

#include <cmath>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "platypus/base/array.h"
#include "platypus/graph/op.h"

// The room's first header: a network as a value.
namespace platypus::graph {

using TensorId = int;

struct Tensor {
  std::string name;
  Shape shape;  // per sample: [C, H, W] or [F]
  DType dtype = DType::kFloat32;
  // Integer tensors: real value = scale * (q - zero_point). Scale 0: not known or not one number
  // (accumulators).
  float scale = 0.0f;
  int32_t zero_point = 0;
};

struct Node {
  std::string name;  // unique, e.g. "features.1.0"; parameters are "<name>.<role>"
  Op op;
  std::vector<TensorId> inputs;
  TensorId output = -1;
};

// Nodes stand in topological order; each tensor is the graph's input or the output of one node.
// One input, one output. Passes are functions Graph -> Graph.
struct Graph {
  std::string name;
  std::vector<Tensor> tensors;
  std::vector<Node> nodes;
  TensorId input = -1;
  TensorId output = -1;
  std::map<std::string, Array> parameters;

  // Compiled once, not in every file that copies a graph.
  Graph();
  Graph(const Graph&);
  Graph(Graph&&) noexcept;
  Graph& operator=(const Graph&);
  Graph& operator=(Graph&&) noexcept;
  ~Graph();

  // The parameter `role` of a node; Error (internal) if there is none.
  const Array& Parameter(const Node& node, std::string_view role) const;
  Array& Parameter(const Node& node, std::string_view role);
  bool HasParameter(const Node& node, std::string_view role) const;

  const Tensor& Input() const { return tensors[static_cast<size_t>(input)]; }
  const Tensor& Output() const { return tensors[static_cast<size_t>(output)]; }
  const Tensor& At(TensorId id) const { return tensors[static_cast<size_t>(id)]; }
  Tensor& At(TensorId id) { return tensors[static_cast<size_t>(id)]; }
};

// Starts a graph that has an input and nothing else; its output is the input.
Graph MakeGraph(std::string name, Shape input_shape, DType dtype = DType::kFloat32);

// Appends a node, infers its output's shape and type, makes it the graph's output. Parameters are
// the caller's business. Error (model) naming node and shapes if they do not fit.
TensorId Append(Graph& graph, std::string name, Op op, std::vector<TensorId> inputs);

// Output shape of an operator. Error (model) with `node` in the message if the shapes are
// impossible, e.g. a kernel longer than its padded input.
Shape InferShape(const std::string& node, const Op& op, const std::vector<Shape>& inputs);
DType InferType(const Op& op, const std::vector<DType>& inputs);

// The node that writes a tensor, or nullptr for the graph's input.
const Node* Producer(const Graph& graph, TensorId tensor);
// The nodes that read a tensor.
std::vector<const Node*> Consumers(const Graph& graph, TensorId tensor);

// The parameters that an operator must have, for the shape of its first input. (Those of a
// Requantize or QuantizeInput may be [1] instead: all channels alike.)
struct Role {
  std::string name;
  Shape shape;
};
std::vector<Role> Roles(const Op& op, const Shape& input);

// Checks every promise of the structs above, shapes of parameters included. Error (internal).
void Verify(const Graph& graph);

// Trainable parameters (weights, biases, batch-norm weight and bias), running statistics excluded.
int64_t CountParameters(const Graph& graph);
// Multiplications in convolutions, Linear and Recurrent for one sample.
int64_t CountMacs(const Graph& graph, const Node& node);
int64_t CountMacs(const Graph& graph);

// The graph without its Identity and Dropout nodes.
Graph RemoveIdentities(const Graph& graph);

// Batch norms folded into the Conv2d, ConvTranspose2d or Linear before them (bias created if
// missing): W' = W * k, b' = (b - mean) * k + beta, k = g / sqrt(v + eps). Others stay. Identity
// and Dropout nodes go.
Graph FoldBatchNorm(const Graph& graph);
// The batch norm that is folded into a layer, or nullptr: it and nothing else reads what the layer
// makes.
const Node* FoldingNorm(const Graph& graph, const Node& layer);
// k of each output channel.
inline float FoldingFactor(float gamma, float variance, float epsilon) {
  return gamma / std::sqrt(variance + epsilon);
}
std::vector<float> FoldingFactors(const Graph& graph, const Node& norm);

// `second` reading what `first` gives; called like `second`. Their names differ.
Graph Chain(const Graph& first, const Graph& second);

// Readable listing, one line per node with shapes and parameter counts; and Graphviz DOT.
std::string ToText(const Graph& graph);
std::string ToDot(const Graph& graph);

}  // namespace platypus::graph

#endif  // PLATYPUS_GRAPH_GRAPH_H_
