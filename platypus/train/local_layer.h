#ifndef PLATYPUS_TRAIN_LOCAL_LAYER_H_
#define PLATYPUS_TRAIN_LOCAL_LAYER_H_

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "platypus/graph/op.h"
#include "platypus/train/convolution.h"
#include "platypus/train/kernels.h"

// Layers that turn one tensor into another, each block of samples by itself. All have the same
// four functions; what they keep from the way forward for the way back stands behind their output.
namespace platypus::train {

// One block on its way. Tensors are [element][kLanes] in C order of the graph's shapes.
struct Pass {
  const float* x = nullptr;
  float* y = nullptr;
  float* kept = nullptr;              // Kept() floats
  float* scratch = nullptr;           // Scratch() floats, of the thread
  const float* parameters = nullptr;  // Parameters() floats
  const float* packed = nullptr;      // Packed() floats, made by Pack
  bool training = false;
  uint64_t draw = 0;  // seed of the block's random numbers in this step
};
// What comes back: dx is overwritten (null: nobody asks), gradients of the parameters are added.
struct Return {
  const float* dy = nullptr;
  float* dx = nullptr;
  float* parameters = nullptr;
  const float* mask = nullptr;  // [kLanes]: 1 where there is a sample
};

// Layers without parameters, packed weights or memory of their own.
struct Plain {
  static size_t Parameters() { return 0; }
  static size_t Packed() { return 0; }
  static size_t Kept() { return 0; }
  static size_t Scratch() { return 0; }
  static void Pack(const float*, float*) {}
};

// y = f(x), element by element (elementwise.cc).
template <typename Op>
struct Elementwise : Plain {
  Op op;
  int64_t elements;
  Elementwise(const Op& o, int64_t n) : op(o), elements(n) {}
  void Forward(const Pass& pass) const;
  void Backward(const Pass& pass, const Return& back) const;
};

// (Log)softmax over the channels of every position (softmax.cc).
struct SoftmaxLayer : Plain {
  int64_t channels;
  int64_t positions;
  bool logarithm;
  SoftmaxLayer(int64_t c, int64_t p, bool log) : channels(c), positions(p), logarithm(log) {}
  void Forward(const Pass& pass) const;
  void Backward(const Pass& pass, const Return& back) const;
};

// Every output element a weighted sum of a few input elements, or a constant: what pads, slices,
// transposes and resizes (sparse_map.cc).
struct SparseMap : Plain {
  struct Term {
    int32_t source;
    float weight;
  };
  std::vector<int64_t> first;  // [output element + 1]: its terms in `terms`
  std::vector<Term> terms;
  int64_t inputs = 0;
  float constant = 0.0f;  // of elements without terms
  // terms_of(output element) -> std::vector<Term>.
  template <typename TermsOf>
  SparseMap(int64_t ins, int64_t outs, float fill, TermsOf terms_of) : inputs(ins), constant(fill) {
    for (int64_t o = 0; o < outs; ++o) {
      first.push_back(static_cast<int64_t>(terms.size()));
      for (const Term& term : terms_of(o)) terms.push_back(term);
    }
    first.push_back(static_cast<int64_t>(terms.size()));
  }
  void Forward(const Pass& pass) const;
  void Backward(const Pass& pass, const Return& back) const;
};
SparseMap MakeMap(const graph::Transpose& op, const Shape& in, const Shape& out);
SparseMap MakeMap(const graph::Pad& op, const Shape& in, const Shape& out);
SparseMap MakeMap(const graph::Slice& op, const Shape& in, const Shape& out);
SparseMap MakeMap(const graph::Resize& op, const Shape& in, const Shape& out);

// Inverted dropout (elementwise.cc).
struct DropoutLayer : Plain {
  float probability;
  int64_t elements;
  DropoutLayer(float p, int64_t n) : probability(p), elements(n) {}
  size_t Kept() const { return static_cast<size_t>(elements * kLanes); }  // factors
  void Forward(const Pass& pass) const;
  void Backward(const Pass& pass, const Return& back) const;
};

// One trained factor (elementwise.cc).
struct ScaleLayer : Plain {
  int64_t elements;
  explicit ScaleLayer(int64_t n) : elements(n) {}
  static size_t Parameters() { return 1; }
  void Forward(const Pass& pass) const;
  void Backward(const Pass& pass, const Return& back) const;
};

// Parameters: weight, bias (layer_norm.cc).
struct LayerNormLayer : Plain {
  float epsilon;
  int64_t elements;
  LayerNormLayer(float e, int64_t n) : epsilon(e), elements(n) {}
  size_t Parameters() const { return static_cast<size_t>(2 * elements); }
  static size_t Kept() { return 2 * kLanes; }  // mean, 1 / deviation
  void Forward(const Pass& pass) const;
  void Backward(const Pass& pass, const Return& back) const;
};

// Its forward pass is the way back of a convolution from y to x (transposed_convolution.cc).
// Parameters: weight [C][out/groups][kh][kw], bias [out].
struct TransposedConvolution {
  Convolution adjoint;
  bool has_bias;
  int64_t out_positions;
  TransposedConvolution(const graph::ConvTranspose2d& op, const Shape& in, const Shape& out);
  size_t Weights() const { return static_cast<size_t>(adjoint.PackedSize() / 2); }
  size_t Parameters() const;
  size_t Packed() const { return static_cast<size_t>(adjoint.PackedSize()); }
  static size_t Kept() { return 0; }
  size_t Scratch() const;
  void Pack(const float* parameters, float* packed) const;
  void Forward(const Pass& pass) const;
  void Backward(const Pass& pass, const Return& back) const;
};

// RNN, GRU and LSTM (recurrent.cc). Parameters as in graph::Recurrent, layer by layer.
class RecurrentLayer {
 public:
  RecurrentLayer(const graph::Recurrent& op, const Shape& in);
  size_t Parameters() const;
  size_t Packed() const;
  size_t Kept() const;
  size_t Scratch() const;
  void Pack(const float* parameters, float* packed) const;
  void Forward(const Pass& pass) const;
  void Backward(const Pass& pass, const Return& back) const;

 private:
  // One layer: gates of all steps from its input, of one step from the state.
  struct Stage {
    int64_t ins;
    Convolution input;   // [ins, F] -> [gates * H, F]
    Convolution state;   // [H, 1] -> [gates * H, 1]
    Convolution states;  // [H, F] -> [gates * H, F]: gradient of the state's weights
    size_t weight_ih, weight_hh, bias_ih, bias_hh;  // into the parameters
    size_t packed;
    size_t kept;
  };
  int64_t Row() const { return steps_ * kLanes; }
  int64_t GateRows() const { return op_.Gates() * op_.hidden; }

  graph::Recurrent op_;
  int64_t steps_;
  std::vector<Stage> stages_;
};

using LocalKernel = std::variant<Elementwise<graph::Clamp>, Elementwise<graph::LeakyRelu>,
                                 Elementwise<graph::Sigmoid>, Elementwise<graph::Tanh>,
                                 Elementwise<graph::Gelu>, SoftmaxLayer, SparseMap, DropoutLayer,
                                 ScaleLayer, LayerNormLayer, TransposedConvolution, RecurrentLayer>;

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_LOCAL_LAYER_H_
