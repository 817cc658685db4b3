#include "platypus/zoo/network.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "platypus/base/error.h"
#include "platypus/base/random.h"

namespace platypus::zoo {
namespace {

using graph::TensorId;

class Building {
 public:
  Building(const std::string& name, Paths paths, const Shape& input, int outputs, uint64_t seed)
      : graph_(graph::MakeGraph(name, input)), paths_(paths), outputs_(outputs), seed_(seed) {}

  graph::Graph Run(const std::vector<Record>& layers) {
    current_ = graph_.input;
    ids_ = {"input"};
    tensors_ = {graph_.input};
    for (size_t i = 0; i < layers.size(); ++i) {
      second_ = i == 1;
      last_ = i + 1 == layers.size();
      const Record& layer = layers[i];
      try {
        if (std::ranges::count(ids_, layer.Id()) > 0) {
          Fail(Category::kModel, "layer '{}': the id is taken", layer.Id());
        }
        inputs_ = layer.Has("from") ? Resolve(layer, "from") : std::vector<TensorId>{current_};
        Join(layer);
      } catch (const Error& error) {
        if (!error.location().file.empty()) throw;
        throw Error(error.category(), fmt::format("network {}: {}", graph_.name, error.message()),
                    error.hint(), layer.Where());
      }
      ids_.push_back(layer.Id());
      tensors_.push_back(current_);
    }
    RequireReaders(layers);
    graph_.output = current_;
    graph::Verify(graph_);
    return std::move(graph_);
  }

 private:
  using Adder = void (Building::*)(const Record&);
  struct Type {
    const char* name;
    Adder add;
  };
  static constexpr size_t kTypes = 30;
  static const std::array<Type, kTypes>& Types();

  const Shape& Current() const { return graph_.At(current_).shape; }

  std::vector<TensorId> Resolve(const Record& layer, const char* key) const {
    std::vector<TensorId> tensors;
    for (const std::string& id : layer.Ids(key)) {
      const auto found = std::ranges::find(ids_, id);
      if (found == ids_.end()) {
        throw Error(Category::kModel,
                    fmt::format("layer '{}' ({}): {}: no layer '{}' before it", layer.Id(),
                                layer.Type(), key, id),
                    Suggest(id, ids_), layer.Where());
      }
      tensors.push_back(tensors_[static_cast<size_t>(found - ids_.begin())]);
    }
    return tensors;
  }

  void Join(const Record& layer) {
    for (const Type& type : Types()) {
      if (layer.Type() != type.name) continue;
      const bool joins = layer.Type() == "AddLayer" || layer.Type() == "CatLayer";
      if (layer.Type() == "AddLayer" && inputs_.size() != 2) {
        Fail(Category::kModel, "layer '{}' (AddLayer): from: expected two layers, got {}",
             layer.Id(), inputs_.size());
      }
      if (joins ? inputs_.size() < 2 : inputs_.size() != 1) {
        Fail(Category::kModel, "layer '{}' ({}): from: expected {}, got {}", layer.Id(),
             layer.Type(), joins ? "at least two layers" : "one layer", inputs_.size());
      }
      current_ = inputs_[0];
      (this->*type.add)(layer);
      return;
    }
    std::vector<std::string> names;
    for (const Type& type : Types()) names.emplace_back(type.name);
    throw Error(Category::kModel,
                fmt::format("layer '{}': unknown type '{}'", layer.Id(), layer.Type()),
                Suggest(layer.Type(), names), layer.Where());
  }

  // A branch that ends in nothing is a mistake, and would be trained by nothing.
  void RequireReaders(const std::vector<Record>& layers) const {
    for (size_t i = 0; i < layers.size(); ++i) {
      const TensorId tensor = tensors_[i + 1];
      if (tensor == current_ || !graph::Consumers(graph_, tensor).empty()) continue;
      throw Error(Category::kModel,
                  fmt::format("network {}: no layer reads layer '{}'", graph_.name, layers[i].Id()),
                  "name it in the `from` of a later layer", layers[i].Where());
    }
  }

  // Node name of a layer that is one operator, or of part `part` of a layer of several.
  std::string Name(const Record& layer) const {
    return paths_ == Paths::kFlat ? layer.Id() : "features." + layer.Id();
  }
  std::string Name(const Record& layer, int part) const {
    if (paths_ == Paths::kFeatures) return fmt::format("features.{}.{}", layer.Id(), part);
    const size_t digits = layer.Id().find_last_not_of("0123456789") + 1;
    if (digits == layer.Id().size() || layer.Id().size() - digits > 6) {
      throw Error(Category::kModel,
                  fmt::format("layer '{}': with `paths: flat` the id of a {} ends in a number",
                              layer.Id(), layer.Type()),
                  "e.g. encoder.0; its parts are then encoder.0, encoder.1, ...", layer.Where());
    }
    return fmt::format("{}{}", layer.Id().substr(0, digits),
                       std::stoi(layer.Id().substr(digits)) + part);
  }

  void Append(const std::string& name, graph::Op op) {
    for (const graph::Node& node : graph_.nodes) {
      if (node.name == name) Fail(Category::kModel, "two operators are called {}", name);
    }
    current_ = graph::Append(graph_, name, std::move(op), {current_});
  }

  template <typename Op>
  void Plain(const Record& layer) {
    layer.AllowKeys({});
    Append(Name(layer), Op{});
  }

  void AddIdentity(const Record& layer) { Append(Name(layer), graph::Identity{}); }

  void AddRelu6(const Record& layer) {
    layer.AllowKeys({});
    Append(Name(layer), graph::Clamp{0.0f, 6.0f});
  }

  void AddLeakyRelu(const Record& layer) {
    layer.AllowKeys({"negative_slope"});
    Append(Name(layer),
           graph::LeakyRelu{static_cast<float>(layer.Real("negative_slope", 0.01, 0.0, 1.0))});
  }

  void AddDropout(const Record& layer) {
    layer.AllowKeys({"p"});
    Append(Name(layer), graph::Dropout{static_cast<float>(layer.Real("p", 0.5, 0.0, 1.0))});
  }

  void AddNorm(const Record& layer) {
    layer.AllowKeys({"num_features"});
    const int64_t channels = Current()[0];
    // The first layer takes the number of variables, whatever the record says.
    const bool first = ids_.size() == 1;
    if (!first && layer.Has("num_features") && layer.Int("num_features") != channels) {
      Fail(Category::kModel, "layer '{}': num_features is {}, its input has {} channels",
           layer.Id(), layer.Int("num_features"), channels);
    }
    BatchNorm(Name(layer));
  }

  void BatchNorm(const std::string& name) {
    const int64_t channels = Current()[0];
    Append(name, graph::BatchNorm{});
    const auto fill = [&](const char* role, float value) {
      graph_.parameters[fmt::format("{}.{}", name, role)] = {
          {channels}, std::vector<float>(static_cast<size_t>(channels), value)};
    };
    fill("weight", 1.0f);
    fill("bias", 0.0f);
    fill("running_mean", 0.0f);
    fill("running_var", 1.0f);
  }

  void BatchNormRelu(const Record& layer) {
    BatchNorm(Name(layer, 1));
    Append(Name(layer, 2), graph::Relu{});
  }

  void AddConv(const Record& layer) { Convolve(layer, Name(layer)); }

  void AddConvBatchNormRelu(const Record& layer) {
    Convolve(layer, Name(layer, 0));
    BatchNormRelu(layer);
  }

  // The number of input channels; the second layer takes what comes in, whatever the record says.
  int64_t InChannels(const Record& layer) const {
    if (Current().size() != 3) {
      Fail(Category::kModel, "layer '{}': a convolution needs channels x height x width, got {}",
           layer.Id(), ToString(Current()));
    }
    const int64_t in = Current()[0];
    if (!second_ && layer.Has("in_channels") && layer.Int("in_channels") != in) {
      Fail(Category::kModel, "layer '{}': in_channels is {}, its input has {} channels", layer.Id(),
           layer.Int("in_channels"), in);
    }
    return in;
  }

  void Convolve(const Record& layer, const std::string& name) {
    layer.AllowKeys({"in_channels", "out_channels", "kernel_size", "padding", "stride", "dilation",
                     "groups", "bias", "num_features"});
    const int64_t in = InChannels(layer);
    graph::Conv2d conv;
    conv.out_channels = layer.Int("out_channels");
    conv.kernel = layer.Pair("kernel_size", std::nullopt, 1, 1);
    conv.stride = layer.Pair("stride", graph::Size2{1, 1}, 1, 1);
    conv.dilation = layer.Pair("dilation", graph::Size2{1, 1}, 1, 1);
    conv.padding = Padding(layer, conv.kernel);
    conv.groups = layer.Int("groups", 1);
    conv.has_bias = layer.Flag("bias", true);
    Append(name, conv);
    const Shape weight = {conv.out_channels, in / conv.groups, conv.kernel.h, conv.kernel.w};
    Initialise(name, weight, weight[1] * weight[2] * weight[3], conv.has_bias, conv.out_channels);
  }

  void AddConvTranspose(const Record& layer) { ConvolveTransposed(layer, Name(layer)); }

  void AddConvTransposeBatchNormRelu(const Record& layer) {
    ConvolveTransposed(layer, Name(layer, 0));
    BatchNormRelu(layer);
  }

  void ConvolveTransposed(const Record& layer, const std::string& name) {
    layer.AllowKeys({"in_channels", "out_channels", "kernel_size", "padding", "stride", "dilation",
                     "groups", "bias", "output_padding"});
    const int64_t in = InChannels(layer);
    graph::ConvTranspose2d conv;
    conv.out_channels = layer.Int("out_channels");
    conv.kernel = layer.Pair("kernel_size", std::nullopt, 1, 1);
    conv.stride = layer.Pair("stride", graph::Size2{1, 1}, 1, 1);
    conv.dilation = layer.Pair("dilation", graph::Size2{1, 1}, 1, 1);
    conv.padding = Padding(layer, conv.kernel);
    conv.extra = layer.Pair("output_padding", graph::Size2{0, 0}, 0, 0);
    conv.groups = layer.Int("groups", 1);
    conv.has_bias = layer.Flag("bias", true);
    Append(name, conv);
    const Shape weight = {in, conv.out_channels / conv.groups, conv.kernel.h, conv.kernel.w};
    Initialise(name, weight, weight[1] * weight[2] * weight[3], conv.has_bias, conv.out_channels);
  }

  // Left out: half the kernel; a number p: [p, 0].
  static graph::Padding2 Padding(const Record& layer, graph::Size2 kernel) {
    const graph::Size2 p = layer.Pair("padding", graph::Size2{kernel.h / 2, kernel.w / 2}, 0, 0);
    return {p.h, p.w, p.h, p.w};
  }

  void AddPool(const Record& layer) {
    layer.AllowKeys({"kernel_size", "padding", "stride", "dilation"});
    const graph::Size2 kernel = layer.Pair("kernel_size", std::nullopt, 1, 1);
    const graph::Size2 stride = layer.Pair("stride", graph::Size2{1, 1}, 1, 1);
    const graph::Padding2 padding = Padding(layer, kernel);
    if (layer.Type() == "MaxPoolLayer") {
      Append(Name(layer),
             graph::MaxPool{kernel, stride, layer.Pair("dilation", graph::Size2{1, 1}, 1, 1),
                            padding});
    } else {
      Append(Name(layer), graph::AvgPool{kernel, stride, padding});
    }
  }

  void AddAdaptivePool(const Record& layer) {
    layer.AllowKeys({"output_size"});
    Append(Name(layer), graph::AdaptiveAvgPool{layer.Pair("output_size", std::nullopt, 1, 1)});
  }

  // Flat (ndim: 2), or {shape: [...]}, or the shape of a layer before it (like).
  void AddReshape(const Record& layer) {
    layer.AllowKeys({"ndim", "shape", "like"});
    if (layer.Has("like")) {
      Append(Name(layer), graph::Reshape{Like(layer)});
    } else if (layer.Has("shape")) {
      Append(Name(layer), graph::Reshape{layer.List("shape")});
    } else {
      if (layer.Int("ndim", 2) != 2) layer.Bad("ndim", "2 (batch and features)");
      Append(Name(layer), graph::Flatten{});
    }
  }

  Shape Like(const Record& layer) const {
    const std::vector<TensorId> tensors = Resolve(layer, "like");
    if (tensors.size() != 1) layer.Bad("like", "the id of one layer");
    return graph_.At(tensors[0]).shape;
  }

  void AddResize(const Record& layer) {
    layer.AllowKeys({"size", "scale", "like", "mode"});
    static const std::vector<std::string> kModes = {"nearest", "bilinear"};
    if (layer.Has("size") + layer.Has("scale") + layer.Has("like") != 1) {
      throw Error(
          Category::kModel,
          fmt::format("layer '{}' ({}): its output has no one size", layer.Id(), layer.Type()),
          "give one of size: [height, width], scale: [height, width], like: LAYER", layer.Where());
    }
    graph::Resize resize;
    resize.mode = layer.Choice("mode", kModes) == 0 ? graph::Resize::Mode::kNearest
                                                    : graph::Resize::Mode::kBilinear;
    if (Current().size() != 3) {
      Fail(Category::kModel, "layer '{}': a {} needs channels x height x width, got {}", layer.Id(),
           layer.Type(), ToString(Current()));
    }
    if (layer.Has("like")) {
      const Shape like = Like(layer);
      if (like.size() != 3) layer.Bad("like", "a layer with channels x height x width");
      resize.output = {static_cast<int>(like[1]), static_cast<int>(like[2])};
    } else if (layer.Has("size")) {
      resize.output = layer.Pair("size", std::nullopt, 1, 1);
    } else {
      const graph::Size2 scale = layer.Pair("scale", std::nullopt, 1, 1);
      const int64_t h = Current()[1] * scale.h;
      const int64_t w = Current()[2] * scale.w;
      if (h > 1000000 || w > 1000000) layer.Bad("scale", "at most 1000000 rows and columns");
      resize.output = {static_cast<int>(h), static_cast<int>(w)};
    }
    Append(Name(layer), resize);
  }

  void AddSum(const Record& layer) {
    layer.AllowKeys({});
    current_ = graph::Append(graph_, Name(layer), graph::Add{}, inputs_);
  }

  void AddConcat(const Record& layer) {
    layer.AllowKeys({"axis"});
    static const std::vector<std::string> kAxes = {"channels", "height", "width"};
    current_ = graph::Append(graph_, Name(layer),
                             graph::Concat{static_cast<int>(layer.Choice("axis", kAxes))}, inputs_);
  }

  void AddRecurrent(const Record& layer) {
    layer.AllowKeys({"input_size", "hidden_size", "return_last_timestep", "num_layers", "dropout",
                     "batch_first", "rnn_type"});
    using Cell = graph::Recurrent::Cell;
    static const std::vector<std::string> kCells = {"RNN", "LSTM", "GRU"};
    static constexpr std::array<Cell, 3> kCell = {Cell::kRnn, Cell::kLstm, Cell::kGru};
    graph::Recurrent op;
    op.cell = layer.Type() == "LSTMLayer"  ? Cell::kLstm
              : layer.Type() == "GRULayer" ? Cell::kGru
                                           : kCell.at(layer.Choice("rnn_type", kCells));
    op.hidden = layer.Int("hidden_size");
    op.layers = layer.Int("num_layers", 1);
    op.last_step_only = layer.Flag("return_last_timestep", false);
    if (!layer.Flag("batch_first", true)) layer.Bad("batch_first", "true");
    if (layer.Real("dropout", 0.0, 0.0, 1.0) > 0.0 && op.layers > 1) {
      layer.Bad("dropout", "0 (put a DropoutLayer between layers of one)");
    }
    if (layer.Has("input_size") && layer.Int("input_size") != Current()[0]) {
      Fail(Category::kModel, "layer '{}': input_size is {}, its input has {} channels", layer.Id(),
           layer.Int("input_size"), Current()[0]);
    }
    const Shape in = Current();
    const std::string name = Name(layer) + ".rnn";
    Append(name, op);
    const double limit = 1.0 / std::sqrt(static_cast<double>(op.hidden));
    for (const graph::Role& role : graph::Roles(op, in)) Draw(name, role.name, role.shape, limit);
  }

  void AddLinear(const Record& layer) { Multiply(layer, Name(layer), last_); }

  void AddLinearBatchNormRelu(const Record& layer) {
    Multiply(layer, Name(layer, 0), false);
    BatchNormRelu(layer);
  }

  void Multiply(const Record& layer, const std::string& name, bool last) {
    layer.AllowKeys({"in_features", "out_features", "bias"});
    const Shape& current = Current();
    const int64_t in = layer.Has("in_features") ? layer.Int("in_features") : current.back();
    if (current.size() != 1 || in != current[0]) {
      Fail(Category::kModel, "layer '{}': in_features is {}, its input is {}", layer.Id(), in,
           ToString(current));
    }
    graph::Linear linear;
    linear.out_features = last ? outputs_ : layer.Int("out_features");
    linear.has_bias = layer.Flag("bias", true);
    Append(name, linear);
    Initialise(name, {linear.out_features, in}, in, linear.has_bias, linear.out_features);
  }

  void Initialise(const std::string& name, const Shape& weight, int64_t fan_in, bool has_bias,
                  int64_t bias) {
    const double limit = 1.0 / std::sqrt(static_cast<double>(fan_in));
    Draw(name, "weight", weight, limit);
    if (has_bias) Draw(name, "bias", {bias}, limit);
  }

  void Draw(const std::string& name, const std::string& role, const Shape& shape, double limit) {
    const std::string parameter = fmt::format("{}.{}", name, role);
    Random random(seed_, "initial weights " + parameter);
    std::vector<float> values(static_cast<size_t>(NumElements(shape)));
    for (float& value : values) value = static_cast<float>(random.Uniform(-limit, limit));
    graph_.parameters[parameter] = {shape, std::move(values)};
  }

  graph::Graph graph_;
  Paths paths_;
  int outputs_;
  uint64_t seed_;
  std::vector<std::string> ids_;   // "input" and the layers so far
  std::vector<TensorId> tensors_;  // their results
  std::vector<TensorId> inputs_;   // of the layer being added
  TensorId current_ = -1;          // what the next operator reads
  bool second_ = false;
  bool last_ = false;
};

const std::array<Building::Type, Building::kTypes>& Building::Types() {
  static constexpr std::array<Type, kTypes> kTable = {{
      {"AdaptiveAvgPoolLayer", &Building::AddAdaptivePool},
      {"AddLayer", &Building::AddSum},
      {"AvgPoolLayer", &Building::AddPool},
      {"BatchNormLayer", &Building::AddNorm},
      {"CatLayer", &Building::AddConcat},
      {"ConvBNReLULayer", &Building::AddConvBatchNormRelu},
      {"ConvLayer", &Building::AddConv},
      {"ConvTransposeLayer", &Building::AddConvTranspose},
      {"DropoutLayer", &Building::AddDropout},
      {"GELULayer", &Building::Plain<graph::Gelu>},
      {"GRULayer", &Building::AddRecurrent},
      {"IdentityLayer", &Building::AddIdentity},
      {"LSTMLayer", &Building::AddRecurrent},
      {"LeakyReLULayer", &Building::AddLeakyRelu},
      {"LinearBNReLULayer", &Building::AddLinearBatchNormRelu},
      {"LinearLayer", &Building::AddLinear},
      {"LogSoftmaxLayer", &Building::Plain<graph::LogSoftmax>},
      {"MaxPoolLayer", &Building::AddPool},
      {"RNNLayer", &Building::AddRecurrent},
      {"ReLU6Layer", &Building::AddRelu6},
      {"ReLULayer", &Building::Plain<graph::Relu>},
      {"ReluLayer", &Building::Plain<graph::Relu>},
      {"ReshapeLayer", &Building::AddReshape},
      {"ResizeLayer", &Building::AddResize},
      {"SigmoidLayer", &Building::Plain<graph::Sigmoid>},
      {"SoftmaxLayer", &Building::Plain<graph::Softmax>},
      {"TanhLayer", &Building::Plain<graph::Tanh>},
      {"TransposeConvBNReLULayer", &Building::AddConvTransposeBatchNormRelu},
      {"TransposeConvLayer", &Building::AddConvTranspose},
      {"UpsampleLayer", &Building::AddResize},
  }};
  return kTable;
}

}  // namespace

graph::Graph BuildNetwork(const std::string& name, const std::vector<Record>& layers, Paths paths,
                          const Shape& input, int outputs, uint64_t seed) {
  return Building(name, paths, input, outputs, seed).Run(layers);
}

}  // namespace platypus::zoo
