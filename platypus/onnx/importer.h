#ifndef PLATYPUS_ONNX_IMPORTER_H_
#define PLATYPUS_ONNX_IMPORTER_H_

#include <onnx/onnx_pb.h>

#include <array>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "platypus/base/error.h"
#include "platypus/graph/graph.h"

// How a file becomes a graph: constants are computed (import_fold.cc), groups of nodes that are one
// operator are found (import_patterns.cc), then one function per operator reads node after node
// (import.cc has the table).
namespace platypus::onnx_io {

// Most elements of one tensor, far more than a microcontroller holds: a damaged file cannot ask for
// all memory.
constexpr int64_t kMostElements = int64_t{1} << 24;

// The product of the extents; nullopt if one is negative or the product is above kMostElements.
std::optional<int64_t> CountElements(const Shape& shape);

// A tensor of known values; integers and truth values as int64.
struct Constant {
  Shape shape;
  std::variant<std::vector<float>, std::vector<int64_t>> values;
  int element_type = 0;  // ONNX's, of a constant that the file stores; 0 of one that is computed

  bool IsFloat() const { return std::holds_alternative<std::vector<float>>(values); }
  size_t Count() const { return static_cast<size_t>(NumElements(shape)); }
  std::vector<float> Floats() const;
  // Error (internal) for floats.
  const std::vector<int64_t>& Ints() const { return std::get<std::vector<int64_t>>(values); }
};

// import_constant.cc. Error (model), without a file, for what cannot be read.
Constant ReadConstant(const onnx::TensorProto& tensor);

// What the file's real numbers are of a tensor of codes: scale * (code - zero).
struct Real {
  double scale = 1;
  int64_t zero = 0;
  friend bool operator==(const Real&, const Real&) = default;
};

// A tensor of the graph, seen under the axes of the file. Transposing, squeezing and the like only
// change this view; the graph gets a node once an operator needs its input in another order.
struct View {
  graph::TensorId tensor = -1;
  Shape shape;            // the file's, batch axis of 1 included
  std::vector<int> axes;  // the tensor's axis for each of them; -1: there is none, the extent is 1
  bool sole = false;      // nothing else reads the tensor
  std::string name;       // of the node that changed the view last
  std::optional<Real> real = {};  // behind DequantizeLinear: the file sees real numbers
};

using Value = std::variant<Constant, View>;

// Groups of nodes that mean one operator (import_patterns.cc), by the node that ends them.
struct GeluPattern {
  std::string input;
};
// clamp(floor((input + offset) * multiplier * factor)); `limits`: the Clip and Relu nodes. `sum`:
// the Add of two tensors that makes the input, if one does. To nearest, where `half` is not empty:
// clamp(floor(((input + offset) * multiplier + half) * factor) + zero_point).
struct RequantizePattern {
  std::string input, offset, multiplier, factor;
  std::vector<const onnx::NodeProto*> limits;
  const onnx::NodeProto* sum = nullptr;
  std::string half = {}, zero_point = {};
};
// clamp(floor((left * multiplier0 + right * multiplier1 + half) * factor)).
struct AddRequantizePattern {
  std::string left, right, multiplier0, multiplier1, half, factor;
  std::vector<const onnx::NodeProto*> limits;
};
// round(mean * size).
struct WindowSumPattern {
  const onnx::NodeProto* pool = nullptr;
  std::string size;
};
// first * weights[0] + second * weights[1], two Gather nodes on one axis of one tensor; `inner`
// blends another axis before.
struct BlendPattern {
  std::array<const onnx::NodeProto*, 2> gathers{};
  std::array<std::string, 2> weights;
  std::shared_ptr<const BlendPattern> inner;
};
using Pattern = std::variant<GeluPattern, RequantizePattern, AddRequantizePattern, WindowSumPattern,
                             BlendPattern>;

struct Patterns {
  std::map<const onnx::NodeProto*, Pattern> at;
  std::set<const onnx::NodeProto*> inside;  // nodes of a pattern other than the one that ends it
};

class NodeReader;

// Constant integers and their scales: one, or one for each place of an axis.
struct WeightCodes {
  Shape shape;
  std::vector<int64_t> codes;  // less their zero points
  std::vector<double> scale;
  int axis = 0;
};

// A model being read.
class Importer {
 public:
  Importer(const onnx::ModelProto& model, std::string file);
  graph::Graph Run();

  int Opset() const { return opset_; }
  const std::string& File() const { return file_; }
  // nullptr: no node before this one writes it.
  const Value* Find(const std::string& name) const;
  const Constant* FindConstant(const std::string& name) const;
  void Set(const std::string& name, Value value) { values_[name] = std::move(value); }
  // How many live nodes and graph outputs read the elements of a tensor of the file.
  int Reads(const std::string& name) const;
  // The same, or its shape.
  bool IsNeeded(const std::string& name) const { return needed_.contains(name); }
  // `wanted`, or with a number behind it if a node is named so.
  std::string Unique(const std::string& wanted);

  // The only node that reads a tensor; nullptr if there are several or none, or it is an output.
  const onnx::NodeProto* SoleReader(const std::string& name) const;
  // Weights that DequantizeLinear has made of codes, by the name of its output.
  const WeightCodes* FindCodes(const std::string& name) const;
  void SetCodes(const std::string& name, WeightCodes codes);

  // y = gain x + shift for each channel of a tensor.
  struct Norm {
    graph::TensorId input = -1;
    std::vector<double> gain;
    std::vector<double> shift;
  };
  // Takes the last node away again if it is the batch norm or the limit that writes a tensor; the
  // graph's output is its input then.
  std::optional<Norm> TakeBatchNorm(graph::TensorId tensor);
  std::optional<graph::Clamp> TakeClamp(graph::TensorId tensor);

  // Appends a node; Error (model) if the shapes do not fit or the result is too large.
  graph::TensorId Append(const std::string& name, graph::Op op,
                         std::vector<graph::TensorId> inputs);
  // The node that writes a tensor; nullptr for the input.
  graph::Node* Producer(graph::TensorId tensor);
  graph::Graph& Graph() { return graph_; }

  // The view of a tensor that has wanted[i] (an axis of the view, -1: none, extent 1) as its axis
  // i, one or three of them, every axis longer than 1 among them. Appends nodes if need be.
  View Arrange(const View& view, const std::vector<int>& wanted, const std::string& name);
  // As our tensors are: [C, H, W] of [1, C, H, W], [C, L, 1] of [1, C, L], [F] of [1, F].
  View Canonical(const View& view, const std::string& name);
  // `axis` of the view as axis 0 of the tensor.
  View ToFront(const View& view, int axis, const std::string& name);
  // The tensor's elements in the order of the view's.
  View InOrder(const View& view, const std::string& name);

 private:
  void ReadInterface();
  void CountReads();
  void FoldConstants();
  void ReadNode(const onnx::NodeProto& node, const Patterns& patterns);
  bool IsDone(const onnx::NodeProto& node) const;
  // The node that writes a tensor if it is the last one.
  const graph::Node* Last(graph::TensorId tensor);
  void TakeLast();
  // Error (model) naming every node of an operator that is not read; `first` is the one met first.
  [[noreturn]] void RefuseOperators(const NodeReader& first, const Patterns& patterns) const;

  const onnx::ModelProto& model_;
  const onnx::GraphProto& source_;
  std::string file_;
  int opset_ = 0;
  graph::Graph graph_;
  std::map<std::string, Value> values_;
  std::map<std::string, WeightCodes> codes_;
  std::map<std::string, int> reads_;
  std::set<std::string> needed_;
  std::set<const onnx::NodeProto*> live_;
  std::set<std::string> names_;
};

// The axes of a file's shape that ours has, in order (Arrange's `wanted`); Error (model) if more
// than three are longer than 1.
std::vector<int> CanonicalAxes(const Shape& shape);
// The axes of a shape that are longer than 1.
std::vector<int> LongAxes(const Shape& shape);

// One node being read: attributes, inputs, outputs, refusals.
class NodeReader {
 public:
  NodeReader(Importer& importer, const onnx::NodeProto& node) : importer_(importer), node_(node) {}

  // Attributes. Those that nobody asked for are refused by Finish.
  bool Has(const char* name);
  int64_t Int(const char* name, int64_t fallback);
  float Float(const char* name, float fallback);
  std::string Text(const char* name, const std::string& fallback);
  std::vector<int64_t> Ints(const char* name);
  std::vector<float> Floats(const char* name);
  // Text that must be one of these.
  std::string Choice(const char* name, const std::string& fallback,
                     const std::vector<std::string>& legal);
  void Ignore(std::initializer_list<const char*> names);
  void Finish() const;

  // Inputs. Error (model) for one that is missing, or constant where data is needed, or data where
  // a constant is. Data behind DequantizeLinear is real numbers, except to a node that computes on
  // the codes (TakesCodes): then the view's `real` is set.
  int InputCount() const { return node_.input_size(); }
  bool HasInput(int i) const { return i < node_.input_size() && !node_.input(i).empty(); }
  const std::string& InputName(int i) const { return node_.input(i); }
  bool IsConstant(int i) const { return importer_.FindConstant(node_.input(i)) != nullptr; }
  View Data(int i) const;
  const Constant& Constants(int i, const char* what) const;
  // Integers from an attribute (older opsets) or an input; nullopt if neither is there.
  std::optional<std::vector<int64_t>> IntsFrom(const char* attribute, int input);
  // An axis of `rank` axes, counted from the end if negative.
  int Axis(int64_t axis, size_t rank) const;
  // A number that fits an int and an embedded network.
  int Small(const char* what, int64_t value) const;

  // A name for a new node: that of its weights without the role ("a.weight": "a"), else the node's.
  std::string Name() const;
  std::string NameOf(int input, const char* role) const;

  const std::string& OutputName(int i = 0) const { return node_.output(i); }
  int OutputCount() const { return node_.output_size(); }
  // Whether anything reads an output.
  bool IsRead(int output) const;
  void Emit(View view, int output = 0);
  // Data(0) with another shape and axes, under this node's name.
  void EmitView(View view);
  // One node on a tensor whose elements stay where they are.
  View Append(const std::string& name, graph::Op op, const View& in);
  // Gives the last node a parameter; Error (model) if its shape is not the operator's.
  void SetParameter(const std::string& role, Array array);
  bool IsInteger(const View& view) const;

  template <typename... Args>
  [[noreturn]] void Refuse(fmt::format_string<Args...> format, Args&&... args) const {
    RefuseText(fmt::format(format, std::forward<Args>(args)...));
  }
  [[noreturn]] void RefuseText(const std::string& message, const std::string& hint = {}) const;

  Importer& Model() const { return importer_; }
  const onnx::NodeProto& Node() const { return node_; }

 private:
  const onnx::AttributeProto* Attribute(const char* name, onnx::AttributeProto_AttributeType type);

  Importer& importer_;
  const onnx::NodeProto& node_;
  std::set<std::string> asked_;
};

// The value of a node whose inputs are all constants; nullopt if the operator is not one of those
// that are computed here.
std::optional<Constant> Fold(NodeReader& node, const std::vector<const Constant*>& inputs);

Patterns FindPatterns(const Importer& importer, const onnx::GraphProto& graph);
void ReadPattern(NodeReader& node, const Pattern& pattern);

// A constant that varies along one axis of a shape at most (axis -1: one value), broadcast as ONNX
// does; nullopt if along more, or if it would lengthen the shape.
struct AlongAxis {
  int axis = -1;
  std::vector<float> values;
};
std::optional<AlongAxis> Along(const Constant& constant, const Shape& shape);

// The limits of a Clip node: inputs or attributes; the extremes of float32 where there are none.
std::pair<float, float> Limits(NodeReader& node);

// Explicit padding, or what auto_pad means for these windows.
struct Windows {
  graph::Size2 kernel, stride, dilation;
  graph::Padding2 padding;
};
Windows ReadWindows(NodeReader& node, const Shape& shape, const std::vector<int64_t>& kernel);
// A pool's or convolution's input, [C, H, W] or [C, L, 1].
View Image(NodeReader& node, int input);
// The result of a window operator, with the extents of its tensor.
View ImageView(const NodeReader& node, View out);
// A convolution of weights of this shape, without its parameters.
graph::Conv2d ReadConvolution(NodeReader& node, const View& in, const Shape& weight);
// Integers of a constant as int8 weights.
Array WeightsOf(const NodeReader& node, const Constant& constant, const Shape& shape,
                bool is_integer);

using Reader = void (*)(NodeReader&);
// import_view.cc
void ReadTranspose(NodeReader& node);
void ReadReshape(NodeReader& node);
void ReadFlatten(NodeReader& node);
void ReadSqueeze(NodeReader& node);
void ReadUnsqueeze(NodeReader& node);
void ReadShape(NodeReader& node);
void ReadExpand(NodeReader& node);
// import_linear.cc
void ReadConv(NodeReader& node);
void ReadConvTranspose(NodeReader& node);
void ReadGemm(NodeReader& node);
void ReadMatMul(NodeReader& node);
// import_pool.cc
void ReadMaxPool(NodeReader& node);
void ReadAveragePool(NodeReader& node);
void ReadGlobalAveragePool(NodeReader& node);
void ReadGlobalMaxPool(NodeReader& node);
void ReadReduceMean(NodeReader& node);
void ReadReduceMax(NodeReader& node);
void ReadReduceSum(NodeReader& node);
// import_pointwise.cc
void ReadIdentity(NodeReader& node);
void ReadCast(NodeReader& node);
void ReadDropout(NodeReader& node);
void ReadRelu(NodeReader& node);
void ReadClip(NodeReader& node);
void ReadLeakyRelu(NodeReader& node);
void ReadPRelu(NodeReader& node);
void ReadSigmoid(NodeReader& node);
void ReadTanh(NodeReader& node);
void ReadGelu(NodeReader& node);
void ReadRound(NodeReader& node);
// import_arithmetic.cc
void ReadAdd(NodeReader& node);
void ReadSub(NodeReader& node);
void ReadMul(NodeReader& node);
void ReadDiv(NodeReader& node);
void ReadNeg(NodeReader& node);
void ReadHardSigmoid(NodeReader& node);
void ReadHardSwish(NodeReader& node);
// import_norm.cc
void ReadBatchNorm(NodeReader& node);
void ReadLayerNorm(NodeReader& node);
void ReadSoftmax(NodeReader& node);
void ReadLogSoftmax(NodeReader& node);
// import_rearrange.cc
void ReadPad(NodeReader& node);
void ReadSlice(NodeReader& node);
void ReadSplit(NodeReader& node);
void ReadGather(NodeReader& node);
void ReadConcat(NodeReader& node);
// import_resize.cc
void ReadResize(NodeReader& node);
void ReadUpsample(NodeReader& node);
// import_recurrent.cc
void ReadRnn(NodeReader& node);
void ReadGru(NodeReader& node);
void ReadLstm(NodeReader& node);
// import_quantized.cc: codes with zero points, of QDQ models and QLinear operators.
void ReadQuantizeLinear(NodeReader& node);
void ReadDequantizeLinear(NodeReader& node);
void ReadQLinearConv(NodeReader& node);
void ReadQLinearMatMul(NodeReader& node);

// The codes that the only reader of a tensor quantises it to, Relu and Clip nodes between them
// included.
struct Target {
  Real real;
  int32_t lo = -128, hi = 127;
};
std::optional<Target> TargetOf(Importer& importer, const std::string& output);
// Whether a node takes codes for what DequantizeLinear made of them: it only moves values, or
// computes what is quantised again.
bool TakesCodes(Importer& importer, const onnx::NodeProto& node);
// The view as real numbers.
View Dequantized(Importer& importer, const View& codes, const std::string& name);
// Sums of codes to codes: scale[c] * (sum + offset[c]) in real numbers, one of each or one for each
// channel; `bound`: the largest magnitude of a sum.
View RequantizeTo(NodeReader& node, const std::string& name, const View& sums,
                  const std::vector<double>& scale, const std::vector<int64_t>& offset,
                  double bound, const Target& target);
// Codes to other codes.
View CodesTo(NodeReader& node, const std::string& name, const View& codes, const Target& target);
// Codes within limits of their real numbers.
View LimitCodes(NodeReader& node, const View& codes, float low, float high);
// The sum of two tensors of codes, or of one alone, as other codes.
graph::TensorId AppendSum(NodeReader& node, const std::string& name, const View& a, const View* b,
                          const Target& target);
// The largest magnitude of a view's codes.
double LargestCode(Importer& importer, const View& codes);
// A convolution, or a product with [out, in] weights along one axis of the view.
void ConvolveCodes(NodeReader& node, graph::Conv2d op, const View& in, const WeightCodes& weight,
                   const std::optional<std::vector<int64_t>>& bias, const Target& target);
void MultiplyCodes(NodeReader& node, const View& in, const WeightCodes& weight,
                   const std::optional<std::vector<int64_t>>& bias, const Target& target);
// [in, out] weights as [out, in].
WeightCodes Transposed(const WeightCodes& weight);
// A bias in units of input scale times weight scale.
std::vector<int64_t> BiasCodes(const NodeReader& node, const Constant& bias, double in_scale,
                               const WeightCodes& weight);

// import_integer.cc: patterns of the TI-NPU form.
void Read(NodeReader& node, const RequantizePattern& pattern);
void Read(NodeReader& node, const AddRequantizePattern& pattern);
void Read(NodeReader& node, const WindowSumPattern& pattern);
void Read(NodeReader& node, const BlendPattern& pattern);

}  // namespace platypus::onnx_io

#endif  // PLATYPUS_ONNX_IMPORTER_H_
