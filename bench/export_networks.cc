// Writes the networks by which runtimes for microcontrollers are compared, for
// bench/peers/inference:
//   FOLDER/<network>/balanced, speed  packages of the integer network
//   FOLDER/<network>/float            package of the same layers in floats, with random weights
//   FOLDER/<network>/float.onnx       these layers for programs that read ONNX
//   FOLDER/<network>/layers.json      the integer layers for programs that do not
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/onnx/onnx.h"
#include "tests/deploy/networks.h"

namespace platypus::bench {
namespace {

namespace fs = std::filesystem;
namespace fixtures = deploy::fixtures;
using config::Optimise;
using graph::Graph;
using graph::TensorId;
using Json = nlohmann::ordered_json;

// The layers of an integer network as floats: windows that sum become averages, a Requantize whose
// codes begin at 0 a ReLU.
class FloatTwin {
 public:
  explicit FloatTwin(const Graph& integer) : integer_(integer), random_(31, integer.name) {}

  Graph Make() {
    twin_ = graph::MakeGraph(integer_.name, integer_.Input().shape);
    values_[integer_.input] = twin_.input;
    for (const graph::Node& node : integer_.nodes) {
      std::vector<TensorId> inputs;
      for (const TensorId input : node.inputs) inputs.push_back(values_.at(input));
      values_[node.output] = std::visit([&](const auto& op) { return Add(node, op, inputs); },
                                        static_cast<const graph::AnyOp&>(node.op));
    }
    twin_.output = values_.at(integer_.output);
    return twin_;
  }

 private:
  using Inputs = std::vector<TensorId>;

  TensorId Add(const graph::Node&, const graph::QuantizeInput&, const Inputs& in) { return in[0]; }
  TensorId Add(const graph::Node& node, const graph::Requantize& op, const Inputs& in) {
    return op.lo == 0 ? graph::Append(twin_, node.name, graph::Relu{}, in) : in[0];
  }
  TensorId Add(const graph::Node& node, const graph::AddRequantize& op, const Inputs& in) {
    const TensorId sum = graph::Append(twin_, node.name, graph::Add{}, in);
    return op.lo == 0 ? graph::Append(twin_, node.name + ".relu", graph::Relu{}, {sum}) : sum;
  }
  TensorId Add(const graph::Node& node, const graph::SumPool& op, const Inputs& in) {
    return graph::Append(twin_, node.name, graph::AvgPool{op.kernel, op.stride, op.padding}, in);
  }
  TensorId Add(const graph::Node& node, graph::Conv2d op, const Inputs& in) {
    op.has_bias = true;
    return WithWeights(node, op, in);
  }
  TensorId Add(const graph::Node& node, graph::Linear op, const Inputs& in) {
    op.has_bias = true;
    return WithWeights(node, op, in);
  }
  template <typename Op>
  TensorId Add(const graph::Node& node, const Op& op, const Inputs& in) {
    return graph::Append(twin_, node.name, op, in);
  }

  TensorId WithWeights(const graph::Node& node, const graph::Op& op, const Inputs& in) {
    for (const graph::Role& role : graph::Roles(op, twin_.At(in[0]).shape)) {
      twin_.parameters[node.name + "." + role.name] = {
          role.shape, fixtures::Floats(random_, NumElements(role.shape), 0.1)};
    }
    return graph::Append(twin_, node.name, op, in);
  }

  const Graph& integer_;
  Random random_;
  Graph twin_;
  std::map<TensorId, TensorId> values_;  // what stands for each tensor of integer_
};

Json Pair(const graph::Size2& size) { return {size.h, size.w}; }

Json Describe(const graph::Conv2d& op) {
  return {{"kind", "conv"},
          {"kernel", Pair(op.kernel)},
          {"stride", Pair(op.stride)},
          {"padding", {op.padding.top, op.padding.left}},
          {"groups", op.groups}};
}
Json Describe(const graph::MaxPool& op) {
  return {{"kind", "max_pool"},
          {"kernel", Pair(op.kernel)},
          {"stride", Pair(op.stride)},
          {"padding", {op.padding.top, op.padding.left}}};
}
Json Describe(const graph::SumPool& op) {
  return {{"kind", "sum_pool"},
          {"kernel", Pair(op.kernel)},
          {"stride", Pair(op.stride)},
          {"padding", {op.padding.top, op.padding.left}}};
}
Json Describe(const graph::AddRequantize& op) {
  return {{"kind", "add"},
          {"multipliers", {op.multiplier0, op.multiplier1}},
          {"shift", op.shift},
          {"lowest", op.lo},
          {"highest", op.hi}};
}
Json Describe(const graph::Requantize& op) {
  return {{"kind", "requantize"}, {"lowest", op.lo}, {"highest", op.hi}};
}
Json Describe(const graph::QuantizeInput& op) {
  return {{"kind", "input"}, {"lowest", op.lo}, {"highest", op.hi}};
}
Json Describe(const graph::Linear&) { return {{"kind", "linear"}}; }
Json Describe(const graph::Flatten&) { return {{"kind", "flatten"}}; }
template <typename Op>
Json Describe(const Op&) {
  throw Error(Category::kInternal, "layers.json has no form for this operator");
}

std::string Layers(const Graph& g) {
  Json layers = Json::array();
  for (const graph::Node& node : g.nodes) {
    Json layer = std::visit([](const auto& op) { return Describe(op); },
                            static_cast<const graph::AnyOp&>(node.op));
    layer["name"] = node.name;
    layer["inputs"] = node.inputs;
    layer["output"] = node.output;
    layer["shape"] = g.At(node.output).shape;
    for (const char* role : {"weight", "offset", "multiplier", "shift"}) {
      if (!g.HasParameter(node, role)) continue;
      std::visit([&](const auto& values) { layer[role] = values; }, g.Parameter(node, role).values);
    }
    layers.push_back(std::move(layer));
  }
  const Json json = {{"name", g.name},
                     {"macs", graph::CountMacs(g)},
                     {"input", g.input},
                     {"shape", g.Input().shape},
                     {"layers", layers}};
  return json.dump() + "\n";
}

void WritePackage(const Graph& network, Optimise optimise, const fs::path& folder) {
  fixtures::Model model;
  model.network = network;
  model.pipeline = fixtures::PlainPipeline(1, static_cast<int>(NumElements(network.Input().shape)));
  model.request.optimise = optimise;
  fixtures::Fill(model, 1, 9);
  model.request.golden.resize(1);
  deploy::Write(deploy::Generate(model.request), folder);
}

void Export(const Graph& network, const fs::path& folder) {
  fs::create_directories(folder);
  WritePackage(network, Optimise::kBalanced, folder / "balanced");
  WritePackage(network, Optimise::kSpeed, folder / "speed");
  WriteFile(folder / "layers.json", Layers(network));
  const Graph twin = FloatTwin(network).Make();
  WritePackage(twin, Optimise::kBalanced, folder / "float");
  onnx_io::Export(twin, {}, folder / "float.onnx");
}

int Main(const std::vector<std::string>& arguments) {
  const std::vector<Graph> networks = {fixtures::Cls1k(256), fixtures::Cls13k(), fixtures::DsCnn(),
                                       fixtures::ResNet8(), fixtures::Autoencoder()};
  if (arguments.empty()) {
    for (const Graph& network : networks) fmt::print("{}\n", network.name);
    return 0;
  }
  for (size_t i = 1; i < arguments.size(); ++i) {
    const auto named = [&](const Graph& network) { return network.name == arguments[i]; };
    const auto found = std::find_if(networks.begin(), networks.end(), named);
    if (found == networks.end()) {
      fmt::print(stderr, "export_networks: no network '{}'; without arguments all are listed\n",
                 arguments[i]);
      return 2;
    }
    Export(*found, fs::path(arguments[0]) / found->name);
  }
  return 0;
}

}  // namespace
}  // namespace platypus::bench

int main(int argc, char** argv) {
  try {
    return platypus::bench::Main({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "export_networks: {}\n", error.what());
    return 1;
  }
}
