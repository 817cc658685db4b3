#ifndef PLATYPUS_QUANTIZE_CONVERSION_H_
#define PLATYPUS_QUANTIZE_CONVERSION_H_

#include <functional>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "platypus/graph/affine.h"
#include "platypus/graph/graph.h"
#include "platypus/graph/quantization.h"
#include "platypus/quantize/quantize.h"

// The inside of Convert: fake-quantised graph -> integer graph. Each float tensor is followed as a
// Pending value: codes that stand for it already, floats, or the operator that waits for the
// FakeQuantize which decides its codes. An operator has two functions in a file of its kind: Begin
// makes its pending value, Finish its codes; convert.cc has the table of operators.
namespace platypus::quantize {

using graph::Factor;
using graph::MakeFactor;

// Products and sums below this are exact in float32, which is how ONNX files are evaluated.
constexpr int kExactBits = 24;
constexpr double kNoLimit = std::numeric_limits<double>::infinity();

// A tensor of integers: real = scale * (code - zero_point).
struct Quantized {
  graph::TensorId tensor = -1;
  graph::Codes codes;
};
// A tensor of floats: the network's input, or what a float layer makes. A batch norm behind it
// waits for codes: x * gain[c] + shift[c]; both empty: x.
struct Normalized {
  graph::TensorId tensor = -1;
  std::vector<double> gain;
  std::vector<double> shift;
};
// int32 accumulators of a Conv2d or Linear: real = scale[c] * (accumulator - zero[c]) + bias[c].
struct Accumulated {
  graph::TensorId tensor = -1;
  std::string layer;
  std::vector<double> scale;
  std::vector<double> bias;
  std::vector<int64_t> bound;  // largest magnitude of the accumulator
  std::vector<int64_t> zero;   // what inputs of 0 make; empty: 0
};
// int32 sums over windows or neighbours: real = scale * (sum - zero).
struct Summed {
  graph::TensorId tensor = -1;
  std::string layer;
  double scale = 1.0;
  int64_t bound = 0;
  int64_t zero = 0;
  bool exact = true;  // of codes of at most 8 bits: float32 can be exact
};
struct Added {
  std::string layer;
  Quantized left;
  Quantized right;
};
struct Joined {
  std::string layer;
  int axis = 0;
  std::vector<Quantized> parts;
};

// A function of one value, of codes of 8 bits, with results up to `largest`.
struct Mapped {
  std::string layer;
  Quantized input;
  double largest = kNoLimit;
  std::function<double(double)> function;
};
// A LayerNorm of codes of 8 bits.
struct Standardized {
  const graph::Node* node = nullptr;
  Quantized input;
};
struct Multiplied {
  std::string layer;
  Quantized left;
  Quantized right;
};

using Pending = std::variant<Quantized, Normalized, Accumulated, Summed, Added, Joined, Mapped,
                             Standardized, Multiplied>;

class Conversion {
 public:
  Conversion(const graph::Graph& source, const Settings& settings);
  graph::Graph Run();

  const graph::Graph& Source() const { return source_; }
  graph::Graph& Out() { return out_; }
  // Whether what is computed with codes must stay exact in float32, and bits of a Requantize that
  // makes codes: the TI-NPU's dialect has files of float32, which codes of 16 bits leave anyway.
  bool ExactInFloat(const graph::Codes& codes) const;
  bool RoundsToNearest() const { return settings_.dialect != config::Quantization::kTinpu; }
  int MultiplierBits(const graph::Codes& codes) const;
  // The operator that makes codes of sums: the TI-NPU's rounds by its offset, ours behind the
  // factor. The factor to codes; what is added before it, for a `base` in units of the sums.
  graph::Requantize Rounder(const graph::Codes& codes) const;
  Factor FactorTo(double ratio, const graph::Codes& codes, int bits) const;
  int64_t OffsetTo(double base, const graph::Codes& codes, const Factor& factor) const;
  // What stands for a tensor of the source; what stands for an operator's input, which has codes.
  const Pending& Value(graph::TensorId source) const { return values_.at(source); }
  const Quantized& Input(const graph::Node& node, size_t i) const;

  // Appends an operator whose result has codes.
  Quantized Emit(const std::string& name, graph::Op op, std::vector<graph::TensorId> inputs,
                 const graph::Codes& codes);
  // The input of a window operator, with its padding written out if padded zeros have another code
  // than 0; then `padding` is none.
  graph::TensorId Pad(const std::string& layer, const Quantized& x, graph::Padding2& padding);
  // The parameters of a Requantize, or of a QuantizeInput.
  void SetFactors(const std::string& name, Array offset, const std::vector<int64_t>& multiplier,
                  const std::vector<int64_t>& shift);

 private:
  Pending Begin(const graph::Node& node);
  Pending Move(const graph::Node& node, graph::Op op);
  Pending Limit(const graph::Node& node, double low, double high);
  Normalized InFloats(const graph::Node& node);
  graph::TensorId Floats(graph::TensorId source);
  Quantized Finish(const graph::Node& node, const graph::FakeQuantize& op);

  const graph::Graph& source_;
  const Settings& settings_;
  graph::Graph out_;
  std::map<graph::TensorId, Pending> values_;  // what stands for each tensor of source_
  std::map<graph::TensorId, std::pair<double, double>> limits_;  // of pending values
  std::map<graph::TensorId, graph::TensorId> floats_;  // of tensors that float layers read
};

// input.cc
Normalized Begin(const Conversion& conversion, const graph::Node& node, const graph::BatchNorm& op);
Quantized Finish(Conversion& conversion, const std::string& name, const Normalized& x,
                 const graph::Codes& codes);
// accumulate.cc
Accumulated Begin(Conversion& conversion, const graph::Node& node, const graph::Conv2d& op);
Accumulated Begin(Conversion& conversion, const graph::Node& node, const graph::Linear& op);
Quantized Finish(Conversion& conversion, const Accumulated& x, const graph::Codes& codes);
// sum.cc
Summed Begin(Conversion& conversion, const graph::Node& node, const graph::AvgPool& op);
Summed Begin(Conversion& conversion, const graph::Node& node, const graph::AdaptiveAvgPool& op);
Summed Begin(Conversion& conversion, const graph::Node& node, const graph::Resize& bilinear);
Quantized Finish(Conversion& conversion, const Summed& x, const graph::Codes& codes);
// join.cc
Added Begin(const Conversion& conversion, const graph::Node& node, const graph::Add& op);
Joined Begin(const Conversion& conversion, const graph::Node& node, const graph::Concat& op);
Quantized Finish(Conversion& conversion, const Added& x, const graph::Codes& codes);
Quantized Finish(Conversion& conversion, const Joined& x, const graph::Codes& codes);
// functions.cc
Mapped Begin(Conversion& conversion, const graph::Node& node, const graph::Sigmoid& op);
Mapped Begin(Conversion& conversion, const graph::Node& node, const graph::Tanh& op);
Mapped Begin(Conversion& conversion, const graph::Node& node, const graph::LeakyRelu& op);
Mapped Begin(Conversion& conversion, const graph::Node& node, const graph::Gelu& op);
Quantized Begin(Conversion& conversion, const graph::Node& node, const graph::Softmax& op);
Quantized Begin(Conversion& conversion, const graph::Node& node, const graph::Scale& op);
Standardized Begin(Conversion& conversion, const graph::Node& node, const graph::LayerNorm& op);
Multiplied Begin(const Conversion& conversion, const graph::Node& node, const graph::Mul& op);
Quantized Finish(Conversion& conversion, const Mapped& x, const graph::Codes& codes);
Quantized Finish(Conversion& conversion, const Standardized& x, const graph::Codes& codes);
Quantized Finish(Conversion& conversion, const Multiplied& x, const graph::Codes& codes);
// spread.cc
Accumulated Begin(Conversion& conversion, const graph::Node& node,
                  const graph::ConvTranspose2d& op);
// cells.cc
Quantized Begin(Conversion& conversion, const graph::Node& node, const graph::Recurrent& op);

int64_t LargestMagnitude(const graph::Codes& codes);
// A step of this many codes crosses the whole range, as any larger one does: layers whose results
// were all 0 when their range was observed have such steps.
double WholeRange(const graph::Codes& codes);
// The code that stands for a value.
int32_t CodeOf(double value, const graph::Codes& codes);
Array Integers(const std::vector<int64_t>& values);
// Error (model) if something of a layer can reach a bound that an int32 does not hold.
void RequireInt32(const std::string& layer, size_t channel, int64_t bound, const char* what);
// The same of every layer of a finished graph.
void RequireBounds(const graph::Graph& integer);

}  // namespace platypus::quantize

#endif  // PLATYPUS_QUANTIZE_CONVERSION_H_
