// Trainings that PyTorch recorded, step by step (tests/reference/record.py describes the file).
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "platypus/base/files.h"
#include "platypus/train/kernels.h"
#include "platypus/train/loss.h"
#include "platypus/train/network.h"
#include "platypus/train/optimizer.h"

namespace platypus::train {
namespace {

using nlohmann::json;

const json& Trajectories() {
  static const json kFile =
      json::parse(ReadFile(PLATYPUS_SOURCE_DIR "/tests/reference/trajectories.json"));
  return kFile;
}

// SplitMix64.
std::vector<uint64_t> Draws(uint64_t seed, int64_t count) {
  std::vector<uint64_t> draws;
  for (int64_t i = 0; i < count; ++i) {
    seed += 0x9E3779B97F4A7C15u;
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    draws.push_back((z ^ (z >> 31)) >> 48);
  }
  return draws;
}

Array Generate(const json& record) {
  Array array{record["shape"].get<Shape>(), std::vector<float>()};
  for (const uint64_t draw : Draws(record["seed"], NumElements(array.shape))) {
    array.Floats().push_back(static_cast<float>((static_cast<double>(draw) - 32768) / 32768 *
                                                    record["scale"].get<double>() +
                                                record.value("offset", 0.0)));
  }
  return array;
}

graph::Op OpOf(const json& node) {
  const std::string op = node["op"];
  const auto size = [&](const char* key) {
    return graph::Size2{node[key][0].get<int>(), node[key][1].get<int>()};
  };
  const auto padding = [&] {
    const graph::Size2 p = size("padding");
    return graph::Padding2{p.h, p.w, p.h, p.w};
  };
  if (op == "Identity") return graph::Identity{};
  if (op == "BatchNorm") return graph::BatchNorm{};
  if (op == "Relu") return graph::Relu{};
  if (op == "Flatten") return graph::Flatten{};
  if (op == "Add") return graph::Add{};
  if (op == "Concat") return graph::Concat{node.value("axis", 0)};
  if (op == "Linear") return graph::Linear{node["out"], true, {}};
  if (op == "AdaptiveAvgPool") return graph::AdaptiveAvgPool{size("output")};
  if (op == "MaxPool") return graph::MaxPool{size("kernel"), size("stride"), {}, padding()};
  if (op == "Conv2d") {
    return graph::Conv2d{node["out"], size("kernel"),          size("stride"), {},
                         padding(),   node.value("groups", 1), true,           {}};
  }
  if (op == "ConvTranspose2d") {
    return graph::ConvTranspose2d{
        node["out"], size("kernel"), size("stride"), {}, padding(), size("output_padding"), 1,
        true};
  }
  if (op == "Resize") {
    return graph::Resize{size("size"), node["mode"] == "nearest" ? graph::Resize::Mode::kNearest
                                                                 : graph::Resize::Mode::kBilinear};
  }
  if (op == "Recurrent") {
    return graph::Recurrent{graph::Recurrent::Cell::kLstm, node["hidden"], 1, true};
  }
  ADD_FAILURE() << "operator " << op;
  return graph::Identity{};
}

graph::Graph GraphOf(const std::string& name, const json& record) {
  graph::Graph g = graph::MakeGraph(name, record["input"].get<Shape>());
  std::map<std::string, graph::TensorId> tensors = {{"input", g.input}};
  for (const json& node : record["nodes"]) {
    std::vector<graph::TensorId> inputs;
    for (const json& input : node.value("inputs", json::array()))
      inputs.push_back(tensors.at(input));
    if (inputs.empty()) inputs = {g.output};
    const Shape shape = g.At(inputs[0]).shape;
    const std::string at = node["name"];
    const graph::Op op = OpOf(node);
    tensors[at] = graph::Append(g, at, op, inputs);
    for (const graph::Role& role : graph::Roles(op, shape)) {
      const float value = role.name == "running_var" ? 1.0f : 0.0f;
      g.parameters[at + "." + role.name] = {
          role.shape, std::vector<float>(static_cast<size_t>(NumElements(role.shape)), value)};
    }
  }
  for (const json& parameter : record["parameters"]) {
    g.parameters.at(parameter["name"]) = Generate(parameter);
  }
  graph::Verify(g);
  return g;
}

class ParityTest : public testing::TestWithParam<std::string> {};

TEST_P(ParityTest, LearnsAsPyTorchDoes) {
  const json& record = Trajectories()["networks"][GetParam()];
  const auto batches = Trajectories()["batches"].get<size_t>();
  const auto count = Trajectories()["batch"].get<size_t>();
  const std::vector<float> samples = Generate(record["inputs"]).Floats();
  std::vector<int32_t> labels;
  std::vector<float> targets;
  Loss loss = MeanSquaredError{};
  if (record.contains("labels")) {
    loss = CrossEntropy{};
    const auto classes = record["labels"]["classes"].get<uint64_t>();
    for (const uint64_t draw :
         Draws(record["labels"]["seed"], static_cast<int64_t>(batches * count))) {
      labels.push_back(static_cast<int32_t>(draw % classes));
    }
  } else if (record.contains("targets")) {
    loss = Huber{};
    targets = Generate(record["targets"]).Floats();
  } else {
    targets = samples;
  }
  std::vector<const float*> rows, wanted;
  for (size_t i = 0; i < batches * count; ++i) {
    rows.push_back(samples.data() + i * samples.size() / (batches * count));
    if (!targets.empty()) wanted.push_back(targets.data() + i * targets.size() / (batches * count));
  }
  const graph::Graph graph = GraphOf(GetParam(), record);
  ThreadPool pool(1);
  for (const char* method : {"sgd", "adam"}) {
    const json& run = record["runs"][method];
    config::Training settings;
    settings.optimizer = method;
    settings.weight_decay = 0;
    settings.momentum = run.value("momentum", 0.0);
    Network network(graph, static_cast<int64_t>(count));
    Optimizer optimizer(settings, network.Parameters().size());
    for (size_t step = 0; step < run["losses"].size(); ++step) {
      const size_t first = step % batches * count;
      Network::Batch batch;
      batch.samples = std::span(rows).subspan(first, count);
      if (!labels.empty()) batch.labels = std::span(labels).subspan(first, count);
      if (!wanted.empty()) batch.targets = std::span(wanted).subspan(first, count);
      const Network::Outcome outcome = network.Train(batch, loss, pool);
      const auto expected = run["losses"][step].get<double>();
      EXPECT_NEAR(outcome.loss / outcome.weight, expected, 1e-5 * expected)
          << method << " " << step;
      if (step == 0) {
        graph::Graph gradients = graph;
        // Save names the values: give it the gradients in the place of the parameters.
        Network named(graph, 1);
        std::ranges::copy(network.Gradients(), named.Parameters().begin());
        named.Save(gradients);
        for (const json& parameter : record["parameters"]) {
          double squares = 0;
          for (const float g : gradients.parameters.at(parameter["name"]).Floats()) {
            squares += double{g} * g;
          }
          const auto norm = parameter["gradient_norm"].get<double>();
          EXPECT_NEAR(std::sqrt(squares), norm, 1e-6 + 1e-4 * norm) << parameter["name"];
        }
      }
      optimizer.Step(network.Parameters(), network.Gradients(), run["lr"], pool);
    }
    if (!run.contains("eval_loss")) continue;
    const auto outputs = static_cast<size_t>(network.Outputs());
    std::vector<float> y(count * outputs);
    network.Predict({std::span(rows).first(count), {}}, y, pool);
    double total = 0;
    for (size_t n = 0; n < count; ++n) {
      const float* row = y.data() + n * outputs;
      double sum = 0;
      for (size_t k = 0; k < outputs; ++k) {
        if (!labels.empty()) {
          sum += std::exp(double{row[k]});
          continue;
        }
        const double d = std::abs(double{row[k]} - wanted[n][k]);
        const bool square = std::holds_alternative<MeanSquaredError>(loss);
        sum += (square ? d * d : (d <= 1 ? d * d / 2 : d - 0.5)) / static_cast<double>(outputs);
      }
      total += labels.empty() ? sum : std::log(sum) - row[static_cast<size_t>(labels[n])];
    }
    const auto expected = run["eval_loss"].get<double>();
    EXPECT_NEAR(total / static_cast<double>(count), expected, 1e-4 * expected);
  }
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const auto& entry : Trajectories()["networks"].items()) names.push_back(entry.key());
  return names;
}
INSTANTIATE_TEST_SUITE_P(Networks, ParityTest, testing::ValuesIn(Names()),
                         [](const auto& info) { return info.param; });

TEST(ParityTest, CrossEntropyIsPyTorchs) {
  const json& records = Trajectories()["cross_entropy"];
  ASSERT_EQ(records.size(), 6u);
  for (const json& record : records) {
    const Array outputs = Generate(record["outputs"]);
    const int64_t count = outputs.shape[0];
    const int64_t classes = outputs.shape[1];
    CrossEntropy loss{record["smoothing"]};
    if (record.contains("weights")) loss.class_weights = Generate(record["weights"]).Floats();
    std::vector<int32_t> labels;
    std::vector<float> probabilities;
    std::vector<const float*> targets;
    if (record.contains("labels")) {
      for (const uint64_t draw : Draws(record["labels"]["seed"], count)) {
        labels.push_back(static_cast<int32_t>(draw % static_cast<uint64_t>(classes)));
      }
    } else {
      probabilities = Generate(record["probabilities"]).Floats();
      for (int64_t n = 0; n < count; ++n) targets.push_back(probabilities.data() + n * classes);
    }
    std::vector<float> y(static_cast<size_t>(classes * kLanes));
    std::vector<float> gradient(y.size());
    const auto at = [&](int64_t n, int64_t k) { return static_cast<size_t>(k * kLanes + n); };
    for (int64_t n = 0; n < count; ++n) {
      for (int64_t k = 0; k < classes; ++k) {
        y[at(n, k)] = outputs.Floats()[static_cast<size_t>(n * classes + k)];
      }
    }
    const double weight = TotalWeight(loss, labels, count);
    const BlockLoss block = LossAndGradient(
        loss, {y.data(), gradient.data(), classes, count, labels, targets, 1 / weight});
    const auto expected_loss = record["loss"].get<double>();  // of nine digits
    EXPECT_NEAR(block.sum / weight, expected_loss, 1e-8 * std::max(1.0, expected_loss))
        << record.dump();
    for (int64_t n = 0; n < count; ++n) {
      for (int64_t k = 0; k < classes; ++k) {
        const auto expected =
            record["gradient"][static_cast<size_t>(n * classes + k)].get<double>();
        EXPECT_NEAR(gradient[at(n, k)], expected, 1e-9 + 1e-6 * std::abs(expected))
            << record.dump();
      }
    }
  }
}

}  // namespace
}  // namespace platypus::train
