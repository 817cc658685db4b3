#ifndef PLATYPUS_QUANTIZE_CONVERSION_H_
#define PLATYPUS_QUANTIZE_CONVERSION_H_

#include <limits>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "platypus/graph/graph.h"
#include "platypus/graph/quantization.h"
#include "platypus/quantize/affine.h"
#include "platypus/quantize/quantize.h"

// The inside of Convert: fake-quantised graph -> integer graph. Each float tensor is followed as a
// Pending value: codes that stand for it already, or the operator that waits for the FakeQuantize
// which decides its codes. An operator has two functions in a file of its kind: Begin makes its
// pending value, Finish its codes; convert.cc has the table of operators.
namespace platypus::quantize {

// Products and sums below this are exact in float32, which is how ONNX files are evaluated.
constexpr int kExactBits = 24;
// A step of this many codes crosses the whole range of 8 bits, as any larger one does: layers whose
// results were all 0 when their range was observed have such steps.
constexpr double kWholeRange = 256.0;
constexpr double kNoLimit = std::numeric_limits<double>::infinity();

// A tensor of integers: real = scale * code.
struct Quantized {
  graph::TensorId tensor = -1;
  graph::Codes codes;
};
// Float input, possibly normalised: x * gain[c] + shift[c].
struct Normalized {
  std::vector<double> gain;
  std::vector<double> shift;
};
// int32 accumulators of a Conv2d or Linear: real = scale[c] * accumulator + bias[c].
struct Accumulated {
  graph::TensorId tensor = -1;
  std::string layer;
  std::vector<double> scale;
  std::vector<double> bias;
  std::vector<int64_t> bound;  // largest magnitude of the accumulator
};
// int32 sums over windows or neighbours: real = scale * sum.
struct Summed {
  graph::TensorId tensor = -1;
  std::string layer;
  double scale = 1.0;
  int64_t bound = 0;
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

using Pending = std::variant<Quantized, Normalized, Accumulated, Summed, Added, Joined>;

class Conversion {
 public:
  Conversion(const graph::Graph& source, const Settings& settings);
  graph::Graph Run();

  const graph::Graph& Source() const { return source_; }
  const Settings& Asked() const { return settings_; }
  graph::Graph& Out() { return out_; }
  // What stands for a tensor of the source; what stands for an operator's input, which has codes.
  const Pending& Value(graph::TensorId source) const { return values_.at(source); }
  const Quantized& Input(const graph::Node& node, size_t i) const;

  // Appends an operator whose result has codes.
  Quantized Emit(const std::string& name, graph::Op op, std::vector<graph::TensorId> inputs,
                 const graph::Codes& codes);
  // The parameters of a Requantize, or of a QuantizeInput.
  void SetFactors(const std::string& name, Array offset, const std::vector<int64_t>& multiplier,
                  const std::vector<int64_t>& shift);

 private:
  Pending Begin(const graph::Node& node);
  Pending Move(const graph::Node& node, graph::Op op);
  Pending Limit(const graph::Node& node, double low, double high);
  Quantized Finish(const graph::Node& node, const graph::FakeQuantize& op);

  const graph::Graph& source_;
  const Settings& settings_;
  graph::Graph out_;
  std::map<graph::TensorId, Pending> values_;  // what stands for each tensor of source_
  std::map<graph::TensorId, std::pair<double, double>> limits_;  // of pending values
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

int64_t LargestMagnitude(const graph::Codes& codes);
Array Integers(const std::vector<int64_t>& values);
// Error (model) if something of a layer can reach a bound that an int32 does not hold.
void RequireInt32(const std::string& layer, size_t channel, int64_t bound, const char* what);

}  // namespace platypus::quantize

#endif  // PLATYPUS_QUANTIZE_CONVERSION_H_
