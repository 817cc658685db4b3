// Groups of nodes that mean one operator: the error function's GELU, and the chains that stand for
// integer operators in the TI-NPU form.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "platypus/onnx/importer.h"

namespace platypus::onnx_io {
namespace {

using onnx::NodeProto;

// A node of one constant and one other input.
struct Operand {
  std::string data, constant;
};

class Finder {
 public:
  Finder(const Importer& importer, const onnx::GraphProto& graph) : importer_(importer) {
    for (const NodeProto& node : graph.node()) {
      for (const std::string& output : node.output()) writers_[output] = &node;
      for (const std::string& input : node.input()) readers_[input] = &node;
    }
  }

  Patterns Run(const onnx::GraphProto& graph) {
    for (const NodeProto& node : graph.node()) {
      if (node.op_type() == "Clip") FindChain(node);
      if (node.op_type() == "Erf") FindGelu(node);
      if (node.op_type() == "Round") FindWindowSum(node);
      if (node.op_type() == "Add") FindBlend(node);
    }
    return std::move(patterns_);
  }

 private:
  // The node of this type that writes a tensor which nothing else reads.
  const NodeProto* Writer(const std::string& tensor, const char* type) const {
    const auto found = writers_.find(tensor);
    const bool fits = found != writers_.end() && found->second->op_type() == type &&
                      importer_.Reads(tensor) == 1 && found->second->output_size() == 1;
    return fits ? found->second : nullptr;
  }

  // The only reader of a node's output, if it is of this type.
  const NodeProto* Next(const NodeProto& node, const char* type) const {
    if (node.output_size() != 1 || importer_.Reads(node.output(0)) != 1) return nullptr;
    const auto found = readers_.find(node.output(0));
    return found != readers_.end() && found->second->op_type() == type ? found->second : nullptr;
  }

  bool IsConstant(const std::string& name) const { return importer_.FindConstant(name) != nullptr; }

  std::optional<Operand> Split(const NodeProto* node) const {
    if (node == nullptr || node->input_size() != 2) return std::nullopt;
    if (IsConstant(node->input(1)) && !IsConstant(node->input(0))) {
      return Operand{node->input(0), node->input(1)};
    }
    if (IsConstant(node->input(0)) && !IsConstant(node->input(1))) {
      return Operand{node->input(1), node->input(0)};
    }
    return std::nullopt;
  }

  bool Is(const std::string& name, double value) const {
    const Constant* constant = importer_.FindConstant(name);
    return constant != nullptr && constant->Count() == 1 &&
           std::abs(static_cast<double>(constant->Floats()[0]) - value) < 1e-4 * value;
  }

  void Accept(const NodeProto& end, Pattern pattern,
              std::initializer_list<const NodeProto*> inside) {
    patterns_.at.emplace(&end, std::move(pattern));
    patterns_.inside.insert(inside.begin(), inside.end());
  }

  // ... Mul, Floor, Clip, and Relu and Clip nodes behind it.
  void FindChain(const NodeProto& clip) {
    if (clip.input_size() == 0) return;
    const NodeProto* moved = Writer(clip.input(0), "Add");
    const auto zero_point = Split(moved);
    const NodeProto* floor = Writer(zero_point ? zero_point->data : clip.input(0), "Floor");
    if (floor == nullptr || floor->input_size() != 1) return;
    const NodeProto* last = Writer(floor->input(0), "Mul");
    const auto factor = Split(last);
    if (!factor) return;
    std::vector<const NodeProto*> limits = {&clip};
    while (true) {
      const NodeProto* next = Next(*limits.back(), "Relu");
      if (next == nullptr) next = Next(*limits.back(), "Clip");
      if (next == nullptr) break;
      limits.push_back(next);
    }
    const NodeProto& end = *limits.back();
    if (zero_point) {
      const NodeProto* round = Writer(factor->data, "Add");
      const auto half = Split(round);
      const NodeProto* mul = half ? Writer(half->data, "Mul") : nullptr;
      const auto multiplier = Split(mul);
      const NodeProto* add = multiplier ? Writer(multiplier->data, "Add") : nullptr;
      const auto offset = Split(add);
      if (!offset) return;
      Accept(
          end,
          RequantizePattern{offset->data, offset->constant, multiplier->constant, factor->constant,
                            limits, nullptr, half->constant, zero_point->constant},
          {moved, floor, last, round, mul, add});
    } else if (const NodeProto* mul = Writer(factor->data, "Mul")) {
      const auto multiplier = Split(mul);
      const NodeProto* add = multiplier ? Writer(multiplier->data, "Add") : nullptr;
      const auto offset = Split(add);
      if (!offset) return;
      const NodeProto* sum = Writer(offset->data, "Add");
      // One that ends another pattern (a blend) is no sum of two tensors of codes.
      if (sum != nullptr && (sum->input_size() != 2 || Split(sum) || patterns_.at.contains(sum)))
        sum = nullptr;
      Accept(end,
             RequantizePattern{offset->data, offset->constant, multiplier->constant,
                               factor->constant, limits, sum},
             {floor, last, mul, add});
      if (sum != nullptr) patterns_.inside.insert(sum);
    } else if (const NodeProto* half = Writer(factor->data, "Add")) {
      const auto offset = Split(half);
      const NodeProto* sum = offset ? Writer(offset->data, "Add") : nullptr;
      if (sum == nullptr || sum->input_size() != 2) return;
      const NodeProto* left = Writer(sum->input(0), "Mul");
      const NodeProto* right = Writer(sum->input(1), "Mul");
      const auto x = Split(left);
      const auto y = Split(right);
      if (!x || !y) return;
      Accept(end,
             AddRequantizePattern{x->data, y->data, x->constant, y->constant, offset->constant,
                                  factor->constant, limits},
             {floor, last, half, sum, left, right});
    } else {
      return;
    }
    patterns_.inside.insert(limits.begin(), limits.end() - 1);
  }

  // x * (1 + erf(x / sqrt(2))) / 2, the half at the end or with x.
  void FindGelu(const NodeProto& erf) {
    if (erf.input_size() != 1) return;
    const NodeProto* scale = Writer(erf.input(0), "Mul");
    const double wanted = scale != nullptr ? 1 / std::numbers::sqrt2 : std::numbers::sqrt2;
    if (scale == nullptr) scale = Writer(erf.input(0), "Div");
    const auto x = Split(scale);
    const NodeProto* add = Next(erf, "Add");
    const auto one = Split(add);
    if (!x || !one || !Is(x->constant, wanted) || !Is(one->constant, 1)) return;
    const NodeProto* product = Next(*add, "Mul");
    if (product == nullptr || product->input_size() != 2) return;
    const std::string& other =
        product->input(0) == add->output(0) ? product->input(1) : product->input(0);
    if (other == x->data) {
      const NodeProto* end = Next(*product, "Mul");
      const auto half = Split(end);
      if (half && Is(half->constant, 0.5)) {
        Accept(*end, GeluPattern{x->data}, {scale, &erf, add, product});
      }
    } else if (const NodeProto* halved = Writer(other, "Mul")) {
      const auto half = Split(halved);
      if (half && half->data == x->data && Is(half->constant, 0.5)) {
        Accept(*product, GeluPattern{x->data}, {scale, &erf, add, halved});
      }
    }
  }

  // Round of a mean times the size of its windows.
  void FindWindowSum(const NodeProto& round) {
    if (round.input_size() != 1) return;
    const NodeProto* mul = Writer(round.input(0), "Mul");
    const auto size = Split(mul);
    const NodeProto* pool = size ? Writer(size->data, "AveragePool") : nullptr;
    if (pool != nullptr) Accept(round, WindowSumPattern{pool, size->constant}, {mul, pool});
  }

  // Whether two constants are whole and not negative, with the same sum everywhere.
  bool AreParts(const std::array<std::string, 2>& names) const {
    const std::vector<float> first = importer_.FindConstant(names[0])->Floats();
    const std::vector<float> second = importer_.FindConstant(names[1])->Floats();
    bool parts = !first.empty() && first.size() == second.size();
    for (size_t i = 0; parts && i < first.size(); ++i) {
      parts = first[i] >= 0 && second[i] >= 0 && first[i] == std::floor(first[i]) &&
              first[i] + second[i] == first[0] + second[0];
    }
    return parts;
  }

  // Sum of two weighted choices along an axis of one tensor. If that is a blend itself, of the
  // other axis, it belongs to this one.
  void FindBlend(const NodeProto& add) {
    if (add.input_size() != 2) return;
    BlendPattern blend;
    std::array<const NodeProto*, 2> products{};
    for (int k = 0; k < 2; ++k) {
      const auto at = static_cast<size_t>(k);
      products[at] = Writer(add.input(k), "Mul");
      const auto split = Split(products[at]);
      const NodeProto* gather = split ? Writer(split->data, "Gather") : nullptr;
      if (gather == nullptr || gather->input_size() != 2 || !IsConstant(gather->input(1))) return;
      blend.gathers[at] = gather;
      blend.weights[at] = split->constant;
    }
    const std::string& source = blend.gathers[0]->input(0);
    if (blend.gathers[0] == blend.gathers[1] || blend.gathers[1]->input(0) != source ||
        !AreParts(blend.weights)) {
      return;
    }
    const auto before = writers_.find(source);
    if (before != writers_.end() && importer_.Reads(source) == 2) {
      const auto found = patterns_.at.find(before->second);
      const auto* inner =
          found == patterns_.at.end() ? nullptr : std::get_if<BlendPattern>(&found->second);
      if (inner != nullptr && inner->inner == nullptr) {
        blend.inner = std::make_shared<BlendPattern>(*inner);
        patterns_.at.erase(found);
        patterns_.inside.insert(before->second);
      }
    }
    Accept(add, std::move(blend), {products[0], products[1], blend.gathers[0], blend.gathers[1]});
  }

  const Importer& importer_;
  std::map<std::string, const NodeProto*> writers_, readers_;
  Patterns patterns_;
};

}  // namespace

Patterns FindPatterns(const Importer& importer, const onnx::GraphProto& graph) {
  return Finder(importer, graph).Run(graph);
}

}  // namespace platypus::onnx_io
