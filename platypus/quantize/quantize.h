#ifndef PLATYPUS_QUANTIZE_QUANTIZE_H_
#define PLATYPUS_QUANTIZE_QUANTIZE_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "platypus/config/config.h"
#include "platypus/graph/graph.h"

// The room's first header: float graph -> fake-quantised graph -> integer graph.
namespace platypus::quantize {

// Bits of a layer's weights, and of the activations that it makes.
struct Precision {
  static constexpr int kFloat = 32;
  int weight_bits = 8;
  int activation_bits = 8;
  bool IsFloat() const { return weight_bits == kFloat; }
  friend bool operator==(const Precision&, const Precision&) = default;
};

struct Settings {
  config::Quantization dialect = config::Quantization::kTinpu;
  Precision precision;                      // of every layer that `layers` does not name
  std::map<std::string, Precision> layers;  // by the layer's name in the trained graph
  config::WeightRounding rounding = config::WeightRounding::kNearest;
  // Scales that are powers of two. Nothing: in dialect 2, of activations and of weights of 8 bits
  // (fewer codes are too precious for ranges up to twice as wide as the weights).
  std::optional<bool> power_of_two_scale;
  bool affine = false;      // activations with a zero point where values below 0 were seen
  bool per_channel = true;  // a scale for each output channel's weights; false: for each tensor
  bool output_int = true;   // false: a Dequantize behind the last integer tensor

  const Precision& Of(const std::string& layer) const;
  int FewestWeightBits() const;  // of any layer
  graph::WeightQuantizer Weights(const std::string& layer) const;
  graph::FakeQuantize Activations(const std::string& layer) const;
  // Of a Requantize behind sums of products: the TI-NPU keeps 8, C of ours 15.
  int MultiplierBits() const { return dialect == config::Quantization::kTinpu ? 8 : 15; }
};

// What the configuration asks for. layer_precision and partial_quantization act on the layers of
// `trained`, each with its parts: the batch norm that folds into it and the limit behind it. Error
// (configuration) for a pattern that fits no layer, with the nearest name.
Settings MakeSettings(const config::Training& training, config::TaskCategory category,
                      const graph::Graph& trained);

// Names of the layers that hold weights, in the graph's order.
std::vector<std::string> LayersWithWeights(const graph::Graph& graph);
// What partial quantisation keeps in float: the batch norm on the input, the first convolution or
// linear layer, the last linear one (spec quantization-and-nas 14.1).
std::vector<std::string> PartialLayers(const graph::Graph& trained);
// Gives a layer and its parts these bits.
void SetPrecision(Settings& settings, const graph::Graph& trained, const std::string& layer,
                  const Precision& precision);
// A layer that stays float inside an integer graph.
struct FloatLayer {
  std::string layer;
  std::string reason;  // "Lstm has no integer form"
};
std::vector<FloatLayer> FloatLayers(const graph::Graph& trained, const Settings& settings);
// Whether no layer's weights become integers.
bool StaysInFloat(const Settings& settings, const graph::Graph& trained);

// Whether any layer of a trained graph computes with integers.
bool HasIntegerForm(const graph::Graph& trained, const Settings& settings);

// Batch norms stay behind floats, and directly behind a layer that they will be folded into; others
// become depthwise convolutions. Gives every integer layer with weights a WeightQuantizer, and puts
// a FakeQuantize behind every integer operator that makes new values and between floats - the
// network's input, the results of float layers - and the integer layers that read them (spec
// quantization-and-nas 9). Operators that only move or select values share their input's scale.
// Activations of 16 bits get as many as the sums of their readers allow.
graph::Graph PrepareForTraining(const graph::Graph& trained, const Settings& settings);

// Mean loss of a fake-quantised graph on samples of the caller's choice.
using LossOf = std::function<double(const graph::Graph&)>;

// Calibrated ranges hold the most extreme value that was seen, which wastes codes. Narrows each
// range, in the order of the graph, as long as that lowers the loss by a share of `least_gain`:
// rare large values are clipped for finer codes where the task gains by it. By halves, and where
// scales are free by quarters of an octave around the best of those. Codes of more than 8 bits are
// fine enough: their ranges get four times as wide, for values that calibration has not seen.
graph::Graph ChooseRanges(graph::Graph calibrated, const LossOf& loss, double least_gain);

// A graph from PrepareForTraining whose ranges have been observed -> the integer graph. Float
// layers stand in it between a Dequantize and a QuantizeInput. Tensor::scale and zero_point are set
// on every integer tensor; the output's zero point is 0. Proves that no accumulator, (a + offset) *
// multiplier or sum leaves what the kernels hold it in; Error (model) naming layer, channel and
// bound otherwise.
graph::Graph Convert(const graph::Graph& fake_quantized, const Settings& settings);

// How far the integers of one layer can go, whatever its input.
struct LayerBounds {
  std::string layer;
  int64_t accumulator = 0;  // largest |sum|, offset and every partial sum included
  int64_t product = 0;      // largest |(sum + offset) * multiplier|
  int bits = 0;             // of a signed integer that holds both
  bool exact_in_float32 = false;
  int64_t channel = 0;  // whose accumulator is the largest
};
// Every layer of an integer graph that sums or scales codes, from the graph alone.
std::vector<LayerBounds> ProveBounds(const graph::Graph& integer);

// A tensor of the integer graph and the tensor of the float graph that it stands for.
struct Match {
  graph::TensorId reference = -1;
  graph::TensorId integer = -1;
  double scale = 1;  // real value = scale * (integer - zero_point)
  int32_t zero_point = 0;
  std::vector<size_t> nodes;  // of the integer graph: positions of those that make it
};
// For a graph from Convert and the float graph, batch norms folded, that it was prepared from:
// every tensor that has a counterpart, in the order of the integer graph. Accumulators have none.
std::vector<Match> MatchLayers(const graph::Graph& reference, const graph::Graph& integer);

// Scale of the logits of an integer graph: its output tensor's scale, or 1 behind a Dequantize.
double OutputScale(const graph::Graph& integer);

}  // namespace platypus::quantize

#endif  // PLATYPUS_QUANTIZE_QUANTIZE_H_
