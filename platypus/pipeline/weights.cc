#include "platypus/pipeline/weights.h"

#include <algorithm>
#include <map>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/data/download.h"
#include "platypus/onnx/onnx.h"
#include "platypus/train/checkpoint.h"

namespace platypus::pipeline {
namespace fs = std::filesystem;
namespace {

using Weights = std::map<std::string, Array>;

constexpr std::string_view kCheckpoint = "PLATYPUS-CHECKPOINT";

bool IsFloat(const graph::Graph& graph) {
  return std::ranges::all_of(graph.tensors,
                             [](const graph::Tensor& t) { return t.dtype == DType::kFloat32; });
}

graph::Graph ReadOnnx(const fs::path& file, std::string_view bytes) {
  if (bytes.starts_with("PK") || bytes.starts_with("\x80\x02")) {
    throw Error(Category::kData, "this is a PyTorch file, whose pickles can run any code",
                "export the network as ONNX and name that file", {file.string()});
  }
  graph::Graph graph = onnx_io::Import(bytes, file.string());
  if (!IsFloat(graph)) {
    throw Error(Category::kModel, "an integer network cannot be trained on",
                "name the float one, training/base/model.onnx of its run", {file.string()});
  }
  return graph;
}

Weights ReadWeights(const fs::path& file) {
  const std::string bytes = ReadFile(file);
  if (!bytes.starts_with(kCheckpoint)) return ReadOnnx(file, bytes).parameters;
  std::string problem;
  const std::optional<train::Checkpoint> checkpoint = train::LoadCheckpoint(file, problem);
  if (!checkpoint) {
    throw Error(Category::kData,
                fmt::format("the checkpoint is not used: {}", problem.empty() ? "gone" : problem),
                "checkpoints of other versions are not read", {file.string()});
  }
  return train::BestWeights(*checkpoint);
}

// What most names of the file that end like one of the graph's have in front of it.
std::string CommonPrefix(const Weights& file, const Weights& graph) {
  std::map<std::string, int> votes;
  for (const auto& [name, array] : file) {
    for (const auto& [wanted, own] : graph) {
      if (!name.ends_with(wanted)) continue;
      const std::string prefix = name.substr(0, name.size() - wanted.size());
      if (prefix.empty() || prefix.back() == '.') ++votes[prefix];
    }
  }
  const auto best = std::ranges::max_element(
      votes, [](const auto& a, const auto& b) { return a.second < b.second; });
  return best == votes.end() ? "" : best->first;
}

// "a, b, c and 4 more".
std::string List(const std::vector<std::string>& names) {
  constexpr size_t kMost = 6;
  std::string text;
  for (size_t i = 0; i < std::min(kMost, names.size()); ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kMost) text += fmt::format(" and {} more", names.size() - kMost);
  return text;
}

std::vector<std::string> Names(const Weights& weights) {
  std::vector<std::string> names;
  for (const auto& [name, array] : weights) names.push_back(name);
  return names;
}

std::string Describe(const Transfer& transfer, const graph::Graph& graph, const fs::path& file) {
  std::string text = fmt::format("{} of {} tensors start from {}", transfer.loaded.size(),
                                 graph.parameters.size(), file.string());
  const auto add = [&](const char* what, const std::vector<std::string>& names) {
    if (!names.empty()) text += fmt::format("; {}: {}", what, List(names));
  };
  add("as initialised, of another shape", transfer.other_shape);
  add("as initialised, not in the file", transfer.missing);
  add("of the file, not used", transfer.unused);
  return text;
}

void LoadSavedModel(const fs::path& file, graph::Graph& graph, ProgressSink& sink) {
  const std::string bytes = ReadFile(file);
  if (bytes.starts_with(kCheckpoint)) {
    throw Error(Category::kData, "training.load_saved_model: a checkpoint holds no network",
                "name an ONNX file, or use training.pretrained_checkpoint_path", {file.string()});
  }
  graph::Graph saved = ReadOnnx(file, bytes);
  if (saved.Input().shape != graph.Input().shape || saved.Output().shape != graph.Output().shape) {
    throw Error(Category::kModel,
                fmt::format("training.load_saved_model: the network takes {} and gives {}; the "
                            "data have {} and need {}",
                            ToString(saved.Input().shape), ToString(saved.Output().shape),
                            ToString(graph.Input().shape), ToString(graph.Output().shape)),
                "for other classes, name the model and give the file to "
                "training.pretrained_checkpoint_path",
                {file.string()});
  }
  graph = std::move(saved);
  sink.OnNotice(fmt::format("the network is that of {}", file.string()));
}

}  // namespace

Transfer LoadWeights(graph::Graph& graph, const fs::path& file) {
  Weights weights = ReadWeights(file);
  const std::string prefix = CommonPrefix(weights, graph.parameters);
  Transfer transfer;
  for (auto& [name, own] : graph.parameters) {
    const auto found = weights.find(prefix + name);
    if (found == weights.end()) {
      transfer.missing.push_back(name);
      continue;
    }
    if (found->second.shape != own.shape) {
      transfer.other_shape.push_back(fmt::format(
          "{} ({}, in the file {})", name, ToString(own.shape), ToString(found->second.shape)));
    } else {
      transfer.loaded.push_back(name);
      own = std::move(found->second);
    }
    weights.erase(found);
  }
  transfer.unused = Names(weights);
  if (transfer.loaded.empty()) {
    throw Error(
        Category::kModel,
        transfer.other_shape.empty()
            ? fmt::format(
                  "no tensor of the network is in the file: it has {}, the network {} has {}",
                  List(Names(weights)), graph.name, List(Names(graph.parameters)))
            : fmt::format("every tensor has another shape: {}", List(transfer.other_shape)),
        "name the file of a network of the same kind", {file.string()});
  }
  return transfer;
}

void RequireSavedFiles(const config::Config& config, const fs::path& run) {
  struct Saved {
    const char* key;
    fs::path file;
    bool trained_on;
  };
  for (const auto& [key, file, trained_on] :
       {Saved{"training.load_saved_model", config.training.load_saved_model, true},
        {"training.pretrained_checkpoint_path", config.training.pretrained_checkpoint_path, true},
        {"testing.model_path", config.testing.model_path, false},
        {"compilation.model_path", config.compilation.model_path, false}}) {
    if (file.empty() || data::IsUrl(file.string())) continue;
    std::error_code error;
    if (!fs::is_regular_file(file, error)) {
      Fail(Category::kConfiguration, "{}: {} {}", key, file.string(),
           fs::exists(file, error) ? "is not a file" : "does not exist");
    }
    if (!trained_on) continue;
    const fs::path inside =
        fs::weakly_canonical(file, error).lexically_relative(fs::weakly_canonical(run, error));
    if (!inside.empty() && *inside.begin() != "..") {
      throw Error(Category::kConfiguration,
                  fmt::format("{}: {} is of the run of this very name, which would be overwritten",
                              key, file.string()),
                  "set another common.run_name");
    }
  }
}

fs::path FindSavedNetwork(const config::Config& config, const config::RunPaths& paths) {
  if (!config.testing.model_path.empty()) return config.testing.model_path;
  if (!config.compilation.model_path.empty()) return config.compilation.model_path;
  for (const fs::path& folder : {paths.training_quantization, paths.training_base}) {
    if (fs::is_regular_file(folder / "model.onnx")) return folder / "model.onnx";
  }
  throw Error(
      Category::kConfiguration,
      fmt::format("nothing is to be trained, and {} holds no trained network", paths.run.string()),
      "name one in testing.model_path, or the run in common.run_name");
}

graph::Graph LoadSavedNetwork(const fs::path& file, const Shape& input) {
  graph::Graph network = onnx_io::ImportFile(file);
  if (network.Input().shape != input) {
    throw Error(Category::kModel,
                fmt::format("{}: the network takes {}, the samples are {}", file.string(),
                            ToString(network.Input().shape), ToString(input)),
                "use the configuration that it was trained with");
  }
  return network;
}

void StartFromSaved(const config::Config& config, graph::Graph& graph, ProgressSink& sink) {
  const config::Training& training = config.training;
  if (!training.load_saved_model.empty()) LoadSavedModel(training.load_saved_model, graph, sink);
  if (training.pretrained_checkpoint_path.empty()) return;
  fs::path file = training.pretrained_checkpoint_path;
  if (data::IsUrl(training.pretrained_checkpoint_path)) {
    file =
        data::Download(training.pretrained_checkpoint_path,
                       config.common.download_path / "pretrained" / training.model_name, "", sink);
  }
  const Transfer transfer = LoadWeights(graph, file);
  sink.OnNotice(Describe(transfer, graph, file));
}

bool IsInteger(const graph::Graph& network) {
  return std::ranges::any_of(network.nodes, [](const graph::Node& node) {
    return std::holds_alternative<graph::QuantizeInput>(node.op);
  });
}

}  // namespace platypus::pipeline
