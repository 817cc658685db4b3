#ifndef PLATYPUS_DEPLOY_LOWERING_H_
#define PLATYPUS_DEPLOY_LOWERING_H_

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "platypus/base/error.h"
#include "platypus/deploy/arena.h"
#include "platypus/deploy/layers.h"

// What the two halves of LowerToC share: layers.cc decides where values stand and which call an
// operator becomes, lower_operators.cc writes the calls that take more than a line.
namespace platypus::deploy {

using graph::Node;
using graph::TensorId;

std::string TypeName(DType type);  // "i8", as in names of kernels

struct Extent {
  int64_t c = 1, h = 1, w = 1;
};
inline Extent ExtentOf(const Shape& shape) {
  return shape.size() == 1 ? Extent{shape[0], 1, 1} : Extent{shape.at(0), shape.at(1), shape.at(2)};
}

// For each output position, row by row: the first input position that its window, or a later one,
// reads.
std::vector<int64_t> EarliestReads(graph::Size2 stride, const graph::Padding2& padding, Extent in,
                                   Extent out);

// [in][out/groups][tap] to [out][tap][in/groups].
template <typename T>
std::vector<T> OutputFirst(const std::vector<T>& weight, const graph::ConvTranspose2d& op,
                           int64_t in_channels) {
  const int64_t ins = in_channels / op.groups;
  const int64_t outs = op.out_channels / op.groups;
  const int64_t taps = int64_t{op.kernel.h} * op.kernel.w;
  std::vector<T> ordered;
  for (int64_t o = 0; o < op.out_channels; ++o) {
    for (int64_t t = 0; t < taps; ++t) {
      for (int64_t i = o / outs * ins; i < (o / outs + 1) * ins; ++i) {
        ordered.push_back(weight[static_cast<size_t>((i * outs + o % outs) * taps + t)]);
      }
    }
  }
  return ordered;
}

// [out][in/groups][kh][kw] to [out][kh][kw][in/groups].
template <typename T>
std::vector<T> ChannelsLast(const std::vector<T>& w, const Shape& s) {
  std::vector<T> result(w.size());
  for (int64_t o = 0; o < s[0]; ++o) {
    for (int64_t i = 0; i < s[1]; ++i) {
      for (int64_t t = 0; t < s[2] * s[3]; ++t) {
        const int64_t to = (o * s[2] * s[3] + t) * s[1] + i;
        result[static_cast<size_t>(to)] = w[static_cast<size_t>((o * s[1] + i) * s[2] * s[3] + t)];
      }
    }
  }
  return result;
}

// Every output is made of the input at its own position.
inline bool IsPointwise(const graph::Conv2d& op) {
  const auto is = [](graph::Size2 size, int value) { return size.h == value && size.w == value; };
  const graph::Padding2& p = op.padding;
  return is(op.kernel, 1) && is(op.stride, 1) && p.top + p.left + p.bottom + p.right == 0;
}
inline bool IsDepthwise(const graph::Conv2d& op, Extent in, Extent out) {
  return op.groups > 1 && op.groups == in.c && in.c == out.c;
}
inline graph::Conv2d AsConvolution(const graph::Linear& op) {
  graph::Conv2d conv;
  conv.out_channels = op.out_features;
  conv.has_bias = op.has_bias;
  return conv;
}

class Lowering {
 public:
  Lowering(const graph::Graph& g, int char_bits, config::Optimise optimise, config::Kernels kernels)
      : g_(g), optimise_(optimise), kernels_(kernels) {
    net_.char_bits = char_bits;
  }
  CNetwork Run();

 private:
  // Storage that a tensor shares with the one it is a view of.
  TensorId Root(TensorId id) const {
    const auto found = alias_.find(id);
    return found == alias_.end() ? id : Root(found->second);
  }
  const graph::Tensor& At(TensorId id) const { return g_.At(id); }

  // The QuantizeInput that makes codes of the application's features, before run(): the only reader
  // of the network's input. Nothing: run() is given floats. Others are layers.
  const Node* Entry() const;
  void Start();

  // The tensor that stands in the caller's output: channel after channel, as the interpreter
  // delivers it.
  TensorId Deliver();

  // Octets of what is kept under `id`: `count` elements, and a tensor's.
  int64_t Keep(TensorId id, const std::string& type, int64_t count);
  int64_t Store(TensorId id, TensorId tensor);

  // Where a tensor is kept: under its own id, or that of the tensor that it is a view of.
  TensorId Place(TensorId id) const {
    const TensorId root = Root(id);
    return root == in_root_ && arranged_ ? kArranged : root;
  }

  // Its address: "@id" becomes an expression when the arena is planned.
  std::string Address(TensorId id) const { return fmt::format("@{}", Place(id)); }
  const Node* OnlyConsumer(TensorId id) const {
    const std::vector<const Node*> consumers = graph::Consumers(g_, id);
    return consumers.size() == 1 ? consumers[0] : nullptr;
  }

  // The Requantize that turns a node's sums into codes, as a part of its layer.
  const Node* TakeRequantize(const Node& node);

  // Memory for what is no tensor of the graph.
  TensorId Temporary(int64_t count, const std::string& type = "f32");
  std::string AddTable(const std::string& name, const std::string& type, std::string values,
                       int64_t count, CLayer& layer);
  // A table that kernels read by tm_octet (runtime/rt/tm_weights.h).
  std::string AddOctets(const std::string& name, const std::string& type,
                        const std::vector<int32_t>& codes, CLayer& layer);
  std::string OctetsType() const { return net_.char_bits == 16 ? "tm_octets" : "tm_i8"; }
  std::string Identifier(const Node& node);

  // How kernels walk through weights [channels][row].
  enum class Order {
    kRows,         // each row by itself
    kRowsInFours,  // each row by itself, in runs of a multiple of 4 places
    kColumns,      // place after place: a depthwise layer
  };
  // Weights in the narrowest form that holds their codes (runtime/rt/tm_weights.h), in the order
  // that the layer reads; their tm_weights.
  Argument AddWeights(const std::string& id, const std::vector<int8_t>& codes, int64_t channels,
                      Order order, CLayer& layer);

  // Largest magnitude of each output channel's sum, offsets aside.
  std::vector<double> SumBounds(const Node& node, int64_t channels) const;

  // Adds the tm_shape of a layer; on a width of 1 the time axis lies along w.
  static Argument AddShape(const std::string& id, Extent in, Extent out, graph::Size2 kernel,
                           graph::Size2 stride, graph::Size2 dilation,
                           const graph::Padding2& padding, CLayer& layer);

  // Adds the tables and the tm_requant of a Requantize; `bounds` = largest magnitude of each
  // channel's sum before it, or one for all.
  Argument AddRequant(const std::string& id, const Node& node, const std::vector<double>& bounds,
                      CLayer& layer);
  // Codes or floats that a layer reads, and those that it writes.
  Argument Reads(TensorId id) const {
    return {fmt::format("const tm_{} *", TypeName(At(id).dtype)), Address(id), "x"};
  }
  Argument Writes(TensorId id) const {
    return {fmt::format("tm_{} *", TypeName(At(id).dtype)), fmt::format("@{}", id), "y"};
  }
  double LargestCode(TensorId id) const {
    const DType type = At(id).dtype;
    return type == DType::kUInt8 ? 255.0 : type == DType::kInt16 ? 32768.0 : 128.0;
  }
  CLayer NewLayer(const Node& node, TensorId output);
  void Finish(CLayer layer);

  // From one index of axis c, h or w to the next.
  std::array<int64_t, 3> Steps(TensorId id) const {
    const Extent e = ExtentOf(At(id).shape);
    return {1, e.w * e.c, e.c};
  }

  void Lower(const Node& node);
  void LowerConvolution(const Node& node, const graph::Conv2d& op, Extent in, Extent out,
                        const Shape& weight_shape);
  // function(input, weights, bias, groups, shape, output); weights in the order that it reads.
  template <typename Op>
  void LowerFloatConvolution(const Node& node, const Op& op, const char* function,
                             const std::vector<float>& weights, Extent in, Extent out);
  // Octets that a convolution's output must begin before its input to lie over it: what is written
  // while a strip of positions (rt/tm_shape.h) is computed ends before what the windows of that
  // strip and of later ones read.
  int64_t Lead(TensorId from, TensorId to, const graph::Conv2d& op, Extent in, Extent out) const;
  void LowerSumPool(const Node& node, const graph::SumPool& op);
  void LowerResize(const Node& node, const graph::Resize& op);
  void LowerQuantize(const Node& node, const graph::QuantizeInput& op);

  // One call for each layer of cells; all but the last one give the state after every step to the
  // next.
  void LowerRecurrent(const Node& node, const graph::Recurrent& op);
  void LowerTransposedConvolution(const Node& node, const graph::ConvTranspose2d& op);
  void LowerLayerNorm(const Node& node, const graph::LayerNorm& op);

  // lower_integer.cc
  void LowerLookup(const Node& node);
  void LowerSoftmax(const Node& node);
  void LowerLayerNorm(const Node& node, const graph::IntegerLayerNorm& op);
  void LowerMul(const Node& node, const graph::MulRequantize& op);
  void LowerCellPool(const Node& node);
  void LowerIntegerTransposed(const Node& node, const graph::ConvTranspose2d& op);
  void LowerRecurrent(const Node& node, const graph::IntegerRecurrent& op);
  struct Rows {
    std::string weight, requant;
  };
  Rows RowsOf(const Node& node, const std::string& of, const std::string& role, double largest,
              CLayer& layer);

  // lower_cmsis_nn.cc: layers that CMSIS-NN computes. It has codes from -128 to 127; those from 0
  // to 255 are kept 128 lower for it.
  static constexpr const char* kLibraryHeader = "tm_cmsis_nn.h";
  struct LibraryFactors {
    std::string why;  // there are none; empty: here they are
    std::vector<int32_t> bias, multiplier, shift;
  };
  LibraryFactors FactorsFor(const Node& requantize, const std::vector<double>& bounds) const;
  // Why a node's layer has a kernel of the runtime; empty: the library's results are the same.
  std::string WhyKept(const Node& node) const;
  std::string WhyKept(const Node& node, const graph::Conv2d& op) const;
  // Emits what brings a tensor into the form that the next layer, of this name, reads.
  void HoldLowered(TensorId id, const std::string& name);
  void HoldPlain(TensorId id, const std::string& name);
  void Turn(TensorId tensor, TensorId from, TensorId to, bool lower, const std::string& name);
  // Where the library finds a tensor that is held for it.
  TensorId LibraryPlace(TensorId id) const;
  CLayer NewLibraryLayer(const Node& node, TensorId output, const std::string& function);
  std::string LibraryScratch(int64_t octets, CLayer& layer);  // two arguments
  void CallLibrary(const Node& node, const graph::Conv2d& op, Extent in, Extent out,
                   const std::vector<int8_t>& weights);  // channels last
  void CallLibrary(const Node& node, const graph::MaxPool& op);
  void CallLibrary(const Node& node, const graph::SumPool& op);
  void CallLibrary(const Node& node, const graph::AddRequantize& op);

  // Values that stand `first` and then `steps` (row, column, channel) apart in the input.
  void LowerPick(const Node& node, int64_t first, const std::array<int64_t, 3>& steps);

  // Views move nothing, unless a reader needs the elements in another order: kept channels last,
  // two tensors of different channel counts have theirs in different places.
  void LowerView(const Node& node);
  void LowerConcat(const Node& node, const graph::Concat& op);
  void LowerBatchNorm(const Node& node, const graph::BatchNorm& op, const std::string& id);

  // Columns of a Linear behind a Flatten of [C, H, W]: from channel-major to channels last.
  template <typename T>
  std::vector<T> PermuteColumns(const std::vector<T>& w, int64_t outs, TensorId input) const;

  // The input brought into channels-last order, and the output brought out of it.
  static constexpr TensorId kArranged = 1 << 24;
  static constexpr TensorId kDelivered = kArranged + 1;

  const graph::Graph& g_;
  const config::Optimise optimise_;
  const config::Kernels kernels_;
  CNetwork net_;
  bool by_library_ = false;               // the node that is lowered
  std::string kept_;                      // else why not
  std::map<TensorId, TensorId> lowered_;  // place -> its codes from -128
  std::set<TensorId> only_lowered_;       // places that have no others yet
  std::set<const Node*> fused_;
  std::map<TensorId, TensorId> alias_;
  std::map<TensorId, TensorId>
      permuted_;  // flat tensor in channels-last order -> the tensor it was
  std::map<TensorId, Storage> storage_;
  std::map<std::string, const Node*> identifiers_;
  TensorId next_temporary_ = kDelivered + 1;
  TensorId in_root_ = -1;
  bool arranged_ = false;
};

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_LOWERING_H_
