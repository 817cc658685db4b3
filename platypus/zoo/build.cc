#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/random.h"
#include "platypus/zoo/zoo.h"

namespace platypus::zoo {
namespace {

using config::Value;

// One record {type: ..., key: value, ...} with checked access; unknown keys are errors.
class Layer {
 public:
  Layer(std::string id, const Value& record) : id_(std::move(id)), record_(record) {
    if (record.kind != Value::Kind::kMap || record.Text("type").empty()) {
      throw Error(Category::kModel, fmt::format("layer '{}' has no type", id_),
                  "expected {type: ConvLayer, ...}", record.where);
    }
    type_ = record.Text("type");
    type_ = type_.substr(type_.rfind('.') + 1);  // a module prefix is no part of the name
  }

  const std::string& Id() const { return id_; }
  const std::string& Type() const { return type_; }
  const Location& Where() const { return record_.where; }

  void AllowKeys(std::vector<std::string> names) const {
    names.push_back("type");
    for (const auto& [key, value] : record_.entries) {
      if (std::count(names.begin(), names.end(), key) == 0) {
        throw Error(Category::kModel,
                    fmt::format("layer '{}' ({}): unknown parameter '{}'", id_, type_, key),
                    Suggest(key, names), value.where);
      }
    }
  }

  bool Has(const char* key) const {
    const Value* value = record_.Find(key);
    return value != nullptr && !config::IsNull(*value);
  }

  int Int(const char* key, std::optional<int> fallback = std::nullopt) const {
    if (!Has(key)) {
      if (fallback) return *fallback;
      throw Error(Category::kModel,
                  fmt::format("layer '{}' ({}): parameter '{}' is missing", id_, type_, key), "",
                  record_.where);
    }
    return Positive(key, *record_.Find(key), 0);
  }

  bool Flag(const char* key, bool fallback) const {
    if (!Has(key)) return fallback;
    const auto flag = config::ToBool(*record_.Find(key));
    if (!flag) Bad(key, *record_.Find(key), "true or false");
    return *flag;
  }

  // [h, w]; a single number n stands for [n, rest].
  graph::Size2 Pair(const char* key, std::optional<graph::Size2> fallback, int rest,
                    int least) const {
    if (!Has(key)) {
      if (fallback) return *fallback;
      Int(key);
    }
    const Value& value = *record_.Find(key);
    if (value.kind == Value::Kind::kScalar) return {Positive(key, value, least), rest};
    if (value.items.size() != 2) Bad(key, value, "[height, width]");
    return {Positive(key, value.items[0], least), Positive(key, value.items[1], least)};
  }

 private:
  [[noreturn]] void Bad(const char* key, const Value& value, const std::string& legal) const {
    throw Error(
        Category::kModel,
        fmt::format("layer '{}' ({}): {}: {} is not legal", id_, type_, key, config::ToYaml(value)),
        "legal: " + legal, value.where);
  }

  int Positive(const char* key, const Value& value, int least) const {
    const auto number = config::ToInteger(value);
    if (!number || *number < least || *number > 1000000) {
      Bad(key, value, fmt::format("an integer of at least {}", least));
    }
    return static_cast<int>(*number);
  }

  std::string id_;
  std::string type_;
  const Value& record_;
};

std::vector<Layer> ReadLayers(const Value& spec) {
  const Value* list = &spec;
  if (const Value* inner = spec.Find("model_spec")) list = inner;
  std::vector<Layer> layers;
  for (const auto& [id, record] : list->entries) layers.emplace_back(id, record);
  for (size_t i = 0; i < list->items.size(); ++i)
    layers.emplace_back(std::to_string(i), list->items[i]);
  if (layers.size() < 2) {
    throw Error(Category::kModel, "a network needs at least two layers",
                "expected a map of layer ids to {type: ..., parameters}", spec.where);
  }
  return layers;
}

class Building {
 public:
  Building(std::string name, const Shape& input, int outputs, uint64_t seed)
      : graph_(graph::MakeGraph(std::move(name), input)), outputs_(outputs), seed_(seed) {}

  graph::Graph Run(const std::vector<Layer>& layers) {
    for (size_t i = 0; i < layers.size(); ++i) {
      const std::string prefix = "features." + layers[i].Id();
      try {
        Add(layers[i], prefix, i == 0, i == 1, i + 1 == layers.size());
      } catch (const Error& error) {
        if (!error.location().file.empty()) throw;
        throw Error(error.category(), fmt::format("network {}: {}", graph_.name, error.message()),
                    error.hint(), layers[i].Where());
      }
    }
    graph::Verify(graph_);
    return std::move(graph_);
  }

 private:
  const Shape& Current() const { return graph_.Output().shape; }

  void Append(const std::string& name, graph::Op op) {
    graph::Append(graph_, name, std::move(op), {graph_.output});
  }

  void Add(const Layer& layer, const std::string& prefix, bool first, bool second, bool last) {
    const std::string& type = layer.Type();
    if (type == "IdentityLayer") {
      Append(prefix, graph::Identity{});
    } else if (type == "BatchNormLayer") {
      layer.AllowKeys({"num_features"});
      const int64_t channels = first ? Current()[0] : layer.Int("num_features");
      if (channels != Current()[0]) {
        Fail(Category::kModel, "layer '{}': num_features is {}, its input has {} channels",
             layer.Id(), channels, Current()[0]);
      }
      AddBatchNorm(prefix);
    } else if (type == "ReLULayer" || type == "ReluLayer") {
      Append(prefix, graph::Relu{});
    } else if (type == "ConvLayer") {
      AddConv(layer, prefix, second);
    } else if (type == "ConvBNReLULayer") {
      AddConv(layer, prefix + ".0", second);
      AddBatchNorm(prefix + ".1");
      Append(prefix + ".2", graph::Relu{});
    } else if (type == "MaxPoolLayer" || type == "AvgPoolLayer") {
      AddPool(layer, prefix);
    } else if (type == "AdaptiveAvgPoolLayer") {
      layer.AllowKeys({"output_size"});
      Append(prefix, graph::AdaptiveAvgPool{layer.Pair("output_size", std::nullopt, 1, 1)});
    } else if (type == "ReshapeLayer") {
      layer.AllowKeys({"ndim"});
      if (layer.Int("ndim", 2) != 2)
        Fail(Category::kModel, "layer '{}': ndim must be 2", layer.Id());
      Append(prefix, graph::Flatten{});
    } else if (type == "LinearLayer") {
      AddLinear(layer, prefix, last);
    } else if (type == "LinearBNReLULayer") {
      AddLinear(layer, prefix + ".0", false);
      AddBatchNorm(prefix + ".1");
      Append(prefix + ".2", graph::Relu{});
    } else {
      const std::vector<std::string> types = {"AdaptiveAvgPoolLayer",
                                              "AvgPoolLayer",
                                              "BatchNormLayer",
                                              "ConvBNReLULayer",
                                              "ConvLayer",
                                              "IdentityLayer",
                                              "LinearLayer",
                                              "LinearBNReLULayer",
                                              "MaxPoolLayer",
                                              "ReLULayer",
                                              "ReshapeLayer"};
      const bool recurrent = type == "RNNLayer" || type == "LSTMLayer" || type == "GRULayer";
      throw Error(Category::kModel,
                  recurrent
                      ? fmt::format("layer '{}': {} does not run in this version", layer.Id(), type)
                      : fmt::format("layer '{}': unknown type '{}'", layer.Id(), type),
                  recurrent ? "" : Suggest(type, types), layer.Where());
    }
  }

  void AddBatchNorm(const std::string& name) {
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

  void AddConv(const Layer& layer, const std::string& name, bool second) {
    layer.AllowKeys({"in_channels", "out_channels", "kernel_size", "padding", "stride", "dilation",
                     "groups", "bias", "num_features"});
    if (Current().size() != 3) {
      Fail(Category::kModel, "layer '{}': a convolution needs channels x height x width, got {}",
           layer.Id(), ToString(Current()));
    }
    const int64_t in = second ? Current()[0] : layer.Int("in_channels");
    if (in != Current()[0]) {
      Fail(Category::kModel, "layer '{}': in_channels is {}, its input has {} channels", layer.Id(),
           in, Current()[0]);
    }
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
    Initialise(name, weight, weight[1] * weight[2] * weight[3], conv.has_bias);
  }

  // Left out: half the kernel; a number p: [p, 0].
  static graph::Padding2 Padding(const Layer& layer, graph::Size2 kernel) {
    const graph::Size2 p = layer.Pair("padding", graph::Size2{kernel.h / 2, kernel.w / 2}, 0, 0);
    return {p.h, p.w, p.h, p.w};
  }

  void AddPool(const Layer& layer, const std::string& name) {
    layer.AllowKeys({"kernel_size", "padding", "stride", "dilation"});
    const graph::Size2 kernel = layer.Pair("kernel_size", std::nullopt, 1, 1);
    const graph::Size2 stride = layer.Pair("stride", graph::Size2{1, 1}, 1, 1);
    const graph::Padding2 padding = Padding(layer, kernel);
    if (layer.Type() == "MaxPoolLayer") {
      Append(name, graph::MaxPool{kernel, stride, layer.Pair("dilation", graph::Size2{1, 1}, 1, 1),
                                  padding});
    } else {
      Append(name, graph::AvgPool{kernel, stride, padding});
    }
  }

  void AddLinear(const Layer& layer, const std::string& name, bool last) {
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
    Initialise(name, {linear.out_features, in}, in, linear.has_bias);
  }

  void Initialise(const std::string& name, const Shape& shape, int64_t fan_in, bool has_bias) {
    const double limit = 1.0 / std::sqrt(static_cast<double>(fan_in));
    const auto draw = [&](const char* role, const Shape& of) {
      const std::string parameter = fmt::format("{}.{}", name, role);
      Random random(seed_, "initial weights " + parameter);
      std::vector<float> values(static_cast<size_t>(NumElements(of)));
      for (float& value : values) value = static_cast<float>(random.Uniform(-limit, limit));
      graph_.parameters[parameter] = {of, std::move(values)};
    };
    draw("weight", shape);
    if (has_bias) draw("bias", {shape[0]});
  }

  graph::Graph graph_;
  int outputs_;
  uint64_t seed_;
};

}  // namespace

graph::Graph BuildFromSpec(const Value& spec, const std::string& name, const Shape& input,
                           int outputs, uint64_t seed) {
  return Building(name, input, outputs, seed).Run(ReadLayers(spec));
}

graph::Graph Build(const config::Training& training, const config::Registry& registry,
                   const Shape& input, int outputs, uint64_t seed) {
  if (!training.model_spec.empty()) {
    const std::string file = training.model_spec.string();
    if (!std::filesystem::is_regular_file(training.model_spec)) {
      throw Error(Category::kModel, fmt::format("training.model_spec: {} does not exist", file));
    }
    return BuildFromSpec(
        config::ParseYaml(ReadFile(training.model_spec), file),
        training.model_name.empty() ? training.model_spec.stem().string() : training.model_name,
        input, outputs, seed);
  }
  const std::string& id = training.model_training_id;
  const Value* spec = registry.networks.Find(id);
  if (spec == nullptr) {
    throw Error(
        Category::kModel,
        fmt::format("model {}: its network '{}' does not run in this version (it is not a plain "
                    "sequence of "
                    "layers)",
                    training.model_name, id),
        "choose a CLS_*, ArcFault_*, MotorFault_*, FanImbalance_*, ECG_*, ElectricalFault_* or "
        "GearboxFault_* model, or write a layer list (training.model_spec)");
  }
  return BuildFromSpec(*spec, training.model_name, input, outputs, seed);
}

}  // namespace platypus::zoo
