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

class Lowering {
 public:
  Lowering(const graph::Graph& g, int char_bits, config::Optimise optimise)
      : g_(g), optimise_(optimise) {
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
  void Finish(CLayer layer) { net_.layers.push_back(std::move(layer)); }

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
  // while a strip of positions (TM_STRIP) is computed ends before what the windows of that strip
  // and of later ones read.
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
  config::Optimise optimise_;
  CNetwork net_;
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
