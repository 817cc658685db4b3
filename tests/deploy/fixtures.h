#ifndef PLATYPUS_TESTS_DEPLOY_FIXTURES_H_
#define PLATYPUS_TESTS_DEPLOY_FIXTURES_H_

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "platypus/base/files.h"
#include "platypus/base/parallel.h"
#include "platypus/base/random.h"
#include "platypus/deploy/package.h"
#include "platypus/deploy/verify.h"
#include "platypus/exec/interpreter.h"
#include "platypus/graph/graph.h"
#include "tm_resize.h"

// Networks, pipelines and test sets to deploy.
namespace platypus::deploy::fixtures {

using graph::Graph;
using graph::TensorId;

inline int Below(Random& random, int bound) {
  return static_cast<int>(random.Below(static_cast<uint64_t>(bound)));
}

// Low to high, both included.
inline int Between(Random& random, int low, int high) {
  return low + Below(random, high - low + 1);
}

inline std::vector<float> Floats(Random& random, int64_t count, double deviation) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& v : values) v = static_cast<float>(random.Normal() * deviation);
  return values;
}

// Codes of 8 bits, or all that fewer bits hold.
inline std::vector<int8_t> Weights(Random& random, int64_t count, int bits = 8) {
  const int most = (1 << (bits - 1)) - 1;
  std::vector<int8_t> values(static_cast<size_t>(count));
  for (int8_t& v : values)
    v = static_cast<int8_t>(Between(random, bits == 8 ? -most : -most - 1, most));
  return values;
}
inline double WeightSpread(int bits) { return bits == 8 ? 73.0 : bits == 4 ? 4.6 : 1.1; }

// How a Requantize is drawn.
enum class Scaling {
  kShift,
  kNarrow,
  kWide,
  kGeneric,  // multipliers of 15 bits, to nearest
};

struct Codes {
  int32_t lo = -128;
  int32_t hi = 127;
};
constexpr Codes kSigned{-128, 127};
constexpr Codes kUnsigned{0, 255};
constexpr Codes kSixteenBits{-32768, 32767};

inline double SpreadOf(DType type) { return type == DType::kInt16 ? 15000.0 : 60.0; }

// A Requantize that brings sums of standard deviation `spread` to the range of the codes.
inline TensorId AddRequantize(Graph& g, Random& random, const std::string& name, TensorId in,
                              double spread, Scaling scaling, Codes codes, bool shared) {
  const int64_t channels = shared ? 1 : g.At(in).shape.at(0);
  std::vector<int32_t> offset;
  std::vector<int32_t> multiplier;
  std::vector<int32_t> shift;
  for (int64_t c = 0; c < channels; ++c) {
    int32_t m = 1;
    if (scaling == Scaling::kNarrow) m = Between(random, 3, 15);
    if (scaling == Scaling::kWide) m = Between(random, 2048, 4095);
    if (scaling == Scaling::kGeneric) m = Between(random, 16384, 32767);
    if ((scaling == Scaling::kNarrow || scaling == Scaling::kWide) && Below(random, 8) == 0) m = -m;
    const double wanted = codes.hi > 255 ? 15000.0 : 60.0;
    const int bits = static_cast<int>(std::lround(std::log2(spread * std::abs(m) / wanted)));
    multiplier.push_back(m);
    shift.push_back(std::clamp(bits + Below(random, 2), 0, 31));
    offset.push_back(static_cast<int32_t>(random.Normal() * spread));
  }
  const bool to_nearest = scaling == Scaling::kGeneric;
  const TensorId out =
      graph::Append(g, name, graph::Requantize{codes.lo, codes.hi, 0, to_nearest}, {in});
  g.At(out).scale = 0.0625f;
  g.parameters[name + ".offset"] = {{channels}, offset};
  g.parameters[name + ".multiplier"] = {{channels}, multiplier};
  g.parameters[name + ".shift"] = {{channels}, shift};
  return out;
}

// Values of about 1 to codes.
inline TensorId AddQuantize(Graph& g, Random& random, const std::string& name, TensorId in,
                            Codes codes, bool shared = false) {
  const int64_t channels = shared ? 1 : g.At(in).shape.at(0);
  const int finer = codes.hi > 255 ? 6 : 0;
  std::vector<int32_t> multiplier;
  std::vector<int32_t> shift;
  for (int64_t c = 0; c < channels; ++c) {
    multiplier.push_back(Between(random, 2048, 4095));
    shift.push_back(Between(random, 5, 7) - finer);
  }
  const TensorId out = graph::Append(g, name, graph::QuantizeInput{codes.lo, codes.hi}, {in});
  g.At(out).scale = 0.03125f;
  g.parameters[name + ".offset"] = {{channels}, Floats(random, channels, 0.5)};
  g.parameters[name + ".multiplier"] = {{channels}, multiplier};
  for (int32_t& s : shift) s = std::max(s, 0);
  g.parameters[name + ".shift"] = {{channels}, shift};
  return out;
}

inline TensorId AddInput(Graph& g, Random& random, Codes codes) {
  return AddQuantize(g, random, "input.quantize", g.input, codes);
}

// Conv2d and the Requantize behind it.
inline TensorId AddConv(Graph& g, Random& random, const std::string& name, TensorId in,
                        graph::Conv2d op, Scaling scaling, Codes codes, int bits = 8) {
  op.has_bias = false;
  const int64_t row = g.At(in).shape.at(0) / op.groups * op.kernel.h * op.kernel.w;
  const TensorId sums = graph::Append(g, name, op, {in});
  g.parameters[name + ".weight"] = {
      {op.out_channels, g.At(in).shape.at(0) / op.groups, op.kernel.h, op.kernel.w},
      Weights(random, op.out_channels * row, bits)};
  const double spread =
      WeightSpread(bits) * SpreadOf(g.At(in).dtype) * std::sqrt(static_cast<double>(row));
  return AddRequantize(g, random, name + ".requantize", sums, spread, scaling, codes, false);
}

inline TensorId AddLinear(Graph& g, Random& random, const std::string& name, TensorId in, int outs,
                          Scaling scaling, Codes codes, int bits = 8) {
  const int64_t ins = g.At(in).shape.at(0);
  const TensorId sums = graph::Append(g, name, graph::Linear{outs, false, {}}, {in});
  g.parameters[name + ".weight"] = {{outs, ins}, Weights(random, outs * ins, bits)};
  const double spread =
      WeightSpread(bits) * SpreadOf(g.At(in).dtype) * std::sqrt(static_cast<double>(ins));
  return AddRequantize(g, random, name + ".requantize", sums, spread, scaling, codes, false);
}

inline TensorId AddMeanPool(Graph& g, Random& random, const std::string& name, TensorId in,
                            graph::SumPool op, Codes codes) {
  const TensorId sums = graph::Append(g, name, op, {in});
  const double spread = SpreadOf(g.At(in).dtype) * op.kernel.h * op.kernel.w;
  return AddRequantize(g, random, name + ".requantize", sums, spread, Scaling::kNarrow, codes,
                       true);
}

// A bilinear Resize and the Requantize behind it.
inline TensorId AddBilinear(Graph& g, Random& random, const std::string& name, TensorId in,
                            const graph::Resize& op, Codes codes) {
  const Shape& shape = g.At(in).shape;
  const auto parts = [](int64_t ins, int outs) {
    return tm_stretch_of(static_cast<int>(ins), outs).parts;
  };
  const double spread =
      SpreadOf(g.At(in).dtype) * parts(shape[1], op.output.h) * parts(shape[2], op.output.w);
  const TensorId sums = graph::Append(g, name, op, {in});
  return AddRequantize(g, random, name + ".requantize", sums, spread, Scaling::kNarrow, codes,
                       true);
}

// The layers of the catalogue's CLS_1k (two classes) for [1, length, 1], with random codes.
inline Graph Cls1k(int length, int bits = 8) {
  Random random(3, "cls_1k");
  Graph g = graph::MakeGraph("CLS_1k", {1, length, 1});
  TensorId t = AddInput(g, random, kSigned);
  const auto conv = [](int outs, int kernel) {
    graph::Conv2d op;
    op.out_channels = outs;
    op.kernel = {kernel, 1};
    op.padding = {kernel / 2, 0, kernel / 2, 0};
    return op;
  };
  t = AddConv(g, random, "features.1.0", t, conv(8, 5), Scaling::kShift, kUnsigned, bits);
  t = AddConv(g, random, "features.1a.0", t, conv(8, 5), Scaling::kShift, kUnsigned, bits);
  t = graph::Append(g, "features.2", graph::MaxPool{{3, 1}, {2, 1}, {}, {1, 0, 1, 0}}, {t});
  g.At(t).scale = 0.0625f;
  t = AddConv(g, random, "features.3.0", t, conv(16, 3), Scaling::kShift, kUnsigned, bits);
  const int rest = static_cast<int>(g.At(t).shape[1]);
  t = AddMeanPool(g, random, "features.5", t, graph::SumPool{{rest, 1}, {rest, 1}, {}}, kUnsigned);
  t = graph::Append(g, "features.6", graph::Flatten{}, {t});
  g.At(t).scale = 0.0625f;
  AddLinear(g, random, "classifier", t, 2, Scaling::kShift, kSigned, bits);
  return g;
}

// Frames of `length` rows, no transforms: the window itself is the network's input.
inline features::Pipeline PlainPipeline(int variables, int length) {
  features::Pipeline p;
  p.variables = variables;
  p.frame_size = length;
  p.hop = length;
  return p;
}

// Spectra in dB of two joined frames: 2 variables, 2 x 8 features.
inline features::Pipeline SpectrumPipeline() {
  features::Pipeline p;
  p.variables = 2;
  p.frame_size = 64;
  p.hop = 32;
  p.scale = 4.0f;
  p.stages = {features::Window{},    features::Fft{},       features::KeepFirst{33},
              features::Magnitude{}, features::DropFirst{}, features::Bin{8, 4, 0, true},
              features::LogDb{}};
  p.frame_concat = 2;
  return p;
}

// A package request and what it points to.
struct Model {
  Graph network;
  features::Pipeline pipeline;
  PackageRequest request;
  TestSet set;

  Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
};

inline void Fill(Model& model, int64_t samples, uint64_t seed, double deviation = 1.0) {
  Random random(seed, "test set");
  ThreadPool pool(1);
  const Shape& shape = model.network.Input().shape;
  const int64_t in = NumElements(shape);
  const int64_t outs = NumElements(model.network.Output().shape);
  const exec::Interpreter interpreter(model.network);
  TestSet& set = model.set;
  set.samples = samples;
  set.features = Floats(random, samples * in, deviation);
  set.outputs = interpreter.Run(set.features, samples, pool);
  for (int64_t i = 0; i < samples; ++i) {
    const auto first = set.outputs.begin() + i * outs;
    set.labels.push_back(static_cast<int32_t>(std::max_element(first, first + outs) - first));
  }
  const features::Pipeline& p = model.pipeline;
  for (int i = 0; i < 3; ++i) {
    GoldenSample sample;
    sample.raw = Floats(random, int64_t{p.RowsPerSample()} * p.variables, deviation);
    features::Extract(p, sample.raw, sample.features);
    if (static_cast<int64_t>(sample.features.size()) != in) break;  // rows are not this input
    sample.output = interpreter.Run(sample.features, 1, pool);
    sample.label = 0;
    sample.source = "recording " + std::to_string(i);
    set.recordings.push_back(sample);
  }
  PackageRequest& request = model.request;
  request.prefix = "net";
  request.network = &model.network;
  request.pipeline = &model.pipeline;
  for (int64_t c = 0; c < outs; ++c) request.classes.push_back("class " + std::to_string(c));
  request.golden = set.recordings;
  request.task_type = "generic_timeseries_classification";
  request.device = "none";
  request.generator_version = "Platypus test";
  request.facts = {{"model", model.network.name}};
}

// The network alone as C on a core, beside the interpreter on random samples.
inline VerifyResult VerifyOn(const std::string& core, graph::Graph network, int64_t samples,
                             uint64_t seed,
                             config::Optimise optimise = config::Optimise::kBalanced) {
  Model model;
  model.request.optimise = optimise;
  model.network = std::move(network);
  model.pipeline = PlainPipeline(1, static_cast<int>(NumElements(model.network.Input().shape)));
  Fill(model, samples, seed);
  const TemporaryFolder folder;
  Write(Generate(model.request), folder.Path() / "net");
  NullSink sink;
  return Verify(folder.Path() / "net", model.set, core, sink, &model.network);
}

inline VerifyResult VerifyOnHost(graph::Graph network, int64_t samples, uint64_t seed) {
  return VerifyOn("host", std::move(network), samples, seed);
}

// CLS_1k on windows of a recording.
inline void MakeCls1k(Model& model, int length, int64_t samples) {
  model.network = Cls1k(length);
  model.pipeline = PlainPipeline(1, length);
  Fill(model, samples, 7);
}

// An integer network whose input is spectra in decibels: the codes of its input.
inline TensorId StartOnSpectra(Model& model, Random& random, const std::string& name) {
  model.pipeline = SpectrumPipeline();
  model.network = graph::MakeGraph(name, model.pipeline.OutputShape());
  const TensorId codes = AddInput(model.network, random, kSigned);
  Array& shift = model.network.parameters["input.quantize.shift"];
  for (int32_t& s : std::get<std::vector<int32_t>>(shift.values)) s += 6;
  return codes;
}

// Spectra of two variables through a small integer network, general multipliers included.
inline void MakeSpectrumModel(Model& model, int64_t samples) {
  Random random(11, "spectrum");
  TensorId t = StartOnSpectra(model, random, "spectrum");
  Graph& g = model.network;
  graph::Conv2d op;
  op.out_channels = 6;
  op.kernel = {3, 1};
  op.padding = {1, 0, 1, 0};
  t = AddConv(g, random, "features.0", t, op, Scaling::kWide, kUnsigned);
  op.groups = 6;
  t = AddConv(g, random, "features.1", t, op, Scaling::kNarrow, kUnsigned);
  t = graph::Append(g, "flatten", graph::Flatten{}, {t});
  AddLinear(g, random, "classifier", t, 3, Scaling::kShift, kSigned);
  Fill(model, samples, 12);
}

// The same features reconstructed in integers, at last in units of their own.
inline void MakeReconstructionModel(Model& model, int64_t samples) {
  Random random(17, "reconstruction");
  TensorId t = StartOnSpectra(model, random, "reconstruction");
  Graph& g = model.network;
  graph::Conv2d op;
  op.out_channels = 5;
  op.kernel = {3, 1};
  op.stride = {3, 1};
  const auto size = static_cast<int>(g.Input().shape[1]);
  t = AddConv(g, random, "encoder", t, op, Scaling::kShift, kUnsigned);
  t = AddBilinear(g, random, "up1", t, {{size / 2, 1}, graph::Resize::Mode::kBilinear}, kUnsigned);
  t = graph::Append(g, "up2", graph::Resize{{size, 1}}, {t});
  op.out_channels = static_cast<int>(g.Input().shape[0]);
  op.kernel = op.stride = {1, 1};
  t = AddConv(g, random, "decoder", t, op, Scaling::kNarrow, kSigned);
  t = graph::Append(g, "real", graph::Dequantize{0.0625f}, {t});
  graph::Append(g, "units", graph::BatchNorm{}, {t});
  for (const char* role : {"weight", "bias", "running_mean", "running_var"}) {
    std::vector<float> values = Floats(random, op.out_channels, 1.0);
    if (std::string(role) == "running_var") values.assign(values.size(), 2.5f);
    g.parameters[std::string("units.") + role] = {{op.out_channels}, values};
  }
  Fill(model, samples, 18);
}

// The same features through weights of 4 and 2 bits.
inline void MakeFewBitsModel(Model& model, int64_t samples) {
  Random random(19, "few bits");
  TensorId t = StartOnSpectra(model, random, "few bits");
  Graph& g = model.network;
  graph::Conv2d op;
  op.out_channels = 6;
  op.kernel = {3, 1};
  op.padding = {1, 0, 1, 0};
  t = AddConv(g, random, "features.0", t, op, Scaling::kNarrow, kUnsigned, 4);
  op.groups = 6;
  t = AddConv(g, random, "features.1", t, op, Scaling::kNarrow, kUnsigned, 2);
  op.groups = 2;
  op.out_channels = 10;
  t = AddConv(g, random, "features.2", t, op, Scaling::kShift, kUnsigned, 4);
  t = graph::Append(g, "flatten", graph::Flatten{}, {t});
  AddLinear(g, random, "classifier", t, 3, Scaling::kShift, kSigned, 2);
  Fill(model, samples, 20);
}

// The same features, normalised as floats, through codes of 16 bits that turn back into floats on
// the way. Input codes have a zero point; the output has 16 bits.
inline void MakeMixedModel(Model& model, int64_t samples) {
  Random random(21, "mixed");
  model.pipeline = SpectrumPipeline();
  model.network = graph::MakeGraph("mixed", model.pipeline.OutputShape());
  Graph& g = model.network;
  TensorId t = graph::Append(g, "norm", graph::Scale{}, {g.input});
  g.parameters["norm.weight"] = {{1}, std::vector<float>{0.03125f}};
  t = AddQuantize(g, random, "start.quantize", t, kSixteenBits, true);
  g.At(t).zero_point = -40;
  t = graph::Append(g, "start.pad", graph::Pad{{1, 0, 1, 0}, -40.0f}, {t});
  graph::Conv2d op;
  op.out_channels = 6;
  op.kernel = {3, 1};
  t = AddConv(g, random, "features.0", t, op, Scaling::kWide, kSixteenBits);
  t = graph::Append(g, "island.real", graph::Dequantize{0.0001f, 12}, {t});
  t = graph::Append(g, "island.tanh", graph::Tanh{}, {t});
  t = AddQuantize(g, random, "island.quantize", t, kUnsigned);
  t = AddConv(g, random, "features.1", t, op, Scaling::kNarrow, kSixteenBits, 4);
  t = graph::Append(g, "flatten", graph::Flatten{}, {t});
  AddLinear(g, random, "classifier", t, 3, Scaling::kWide, kSixteenBits, 2);
  Fill(model, samples, 22);
}

// The same features through a float network.
inline void MakeFloatModel(Model& model, int64_t samples) {
  Random random(13, "float model");
  model.pipeline = SpectrumPipeline();
  model.network = graph::MakeGraph("float", model.pipeline.OutputShape());
  Graph& g = model.network;
  graph::Conv2d op;
  op.out_channels = 5;
  op.kernel = {3, 1};
  op.has_bias = false;
  TensorId t = graph::Append(g, "features.0", op, {g.input});
  g.parameters["features.0.weight"] = {{5, 2, 3, 1}, Floats(random, 30, 0.1)};
  t = graph::Append(g, "features.1", graph::Relu{}, {t});
  t = graph::Append(g, "flatten", graph::Flatten{}, {t});
  const int64_t ins = g.At(t).shape[0];
  graph::Append(g, "classifier", graph::Linear{3, false, {}}, {t});
  g.parameters["classifier.weight"] = {{3, ins}, Floats(random, 3 * ins, 0.1)};
  Fill(model, samples, 14);
}

// The same features through cells, and images of another size: every function of float networks.
inline void MakeRecurrentModel(Model& model, int64_t samples) {
  Random random(15, "recurrent model");
  model.pipeline = SpectrumPipeline();
  model.network = graph::MakeGraph("recurrent", model.pipeline.OutputShape());
  Graph& g = model.network;
  using Cell = graph::Recurrent::Cell;
  const std::vector<graph::Op> ops = {
      graph::Scale{},
      graph::Resize{{11, 1}, graph::Resize::Mode::kBilinear},
      graph::Recurrent{Cell::kGru, 4, 1, false},
      graph::LayerNorm{},
      graph::Gelu{},
      graph::Resize{{8, 1}, graph::Resize::Mode::kNearest},
      graph::Recurrent{Cell::kRnn, 3, 1, false},
      graph::LogSoftmax{},
      graph::Recurrent{Cell::kLstm, 5, 2, true},
      graph::Linear{3, true, {}},
      graph::Softmax{},
  };
  for (const graph::Op& op : ops) {
    const std::string name = "layer." + std::to_string(g.nodes.size());
    const Shape in = g.Output().shape;
    graph::Append(g, name, op, {g.output});
    for (const graph::Role& role : graph::Roles(op, in)) {
      const double deviation = std::holds_alternative<graph::Scale>(op) ? 0.02 : 0.5;
      g.parameters[name + "." + role.name] = {role.shape,
                                              Floats(random, NumElements(role.shape), deviation)};
    }
  }
  Fill(model, samples, 16);
}

}  // namespace platypus::deploy::fixtures

#endif  // PLATYPUS_TESTS_DEPLOY_FIXTURES_H_
