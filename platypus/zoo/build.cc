#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/zoo/network.h"
#include "platypus/zoo/record.h"
#include "platypus/zoo/zoo.h"

namespace platypus::zoo {
namespace {

using config::Value;

std::vector<Record> ReadLayers(const Value& list, const Sizes& sizes) {
  std::vector<Record> layers;
  for (const auto& [id, record] : list.entries) layers.emplace_back(id, record, sizes);
  for (size_t i = 0; i < list.items.size(); ++i)
    layers.emplace_back(std::to_string(i), list.items[i], sizes);
  if (layers.size() < 2) {
    throw Error(Category::kModel, "a network needs at least two layers",
                "expected a map of layer ids to {type: ..., parameters}", list.where);
  }
  return layers;
}

// The key `paths` beside model_spec; other keys there are mistakes.
Paths ReadPaths(const Value& spec) {
  const std::vector<std::string> keys = {"model_spec", "paths"};
  for (const auto& [key, value] : spec.entries) {
    if (key != keys[0] && key != keys[1]) {
      throw Error(Category::kModel, fmt::format("unknown key '{}' beside model_spec", key),
                  Suggest(key, keys), value.where);
    }
  }
  const Value* paths = spec.Find("paths");
  if (paths == nullptr || paths->text == "features") return Paths::kFeatures;
  if (paths->text == "flat") return Paths::kFlat;
  throw Error(Category::kModel, fmt::format("paths: {} is not legal", config::ToYaml(*paths)),
              Suggest(paths->text, std::vector<std::string>{"features", "flat"}), paths->where);
}

}  // namespace

graph::Graph BuildFromSpec(const Value& spec, const std::string& name, const Shape& input,
                           int outputs, uint64_t seed) {
  const auto extent = [&](size_t axis) { return axis < input.size() ? input[axis] : 1; };
  const Sizes sizes = {extent(0), extent(1), extent(2), outputs};
  const Value* list = spec.Find("model_spec");
  const Paths paths = list == nullptr ? Paths::kFeatures : ReadPaths(spec);
  return BuildNetwork(name, ReadLayers(list == nullptr ? spec : *list, sizes), paths, input,
                      outputs, seed);
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
  // Models outside the catalogue set no class id: they are called like their class.
  const std::string& id =
      training.model_training_id.empty() ? training.model_name : training.model_training_id;
  const Value* spec = registry.networks.Find(id);
  if (spec == nullptr) {
    throw Error(Category::kModel,
                fmt::format("model {}: there is no network '{}'", training.model_name, id),
                Suggest(id, registry.networks.Names()));
  }
  return BuildFromSpec(*spec, training.model_name, input, outputs, seed);
}

}  // namespace platypus::zoo
