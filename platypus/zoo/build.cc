#include <algorithm>
#include <functional>
#include <optional>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/zoo/network.h"
#include "platypus/zoo/options.h"
#include "platypus/zoo/record.h"
#include "platypus/zoo/zoo.h"

namespace platypus::zoo {
namespace {

using config::Value;

std::vector<Record> ReadLayers(const Value& list, const Sizes& sizes) {
  std::vector<Record> layers;
  const auto add = [&](const std::string& id, const Value& value) {
    Record record(id, value, sizes);
    if (record.IsPresent()) layers.push_back(std::move(record));
  };
  for (const auto& [id, record] : list.entries) add(id, record);
  for (size_t i = 0; i < list.items.size(); ++i) add(std::to_string(i), list.items[i]);
  if (layers.size() < 2) {
    throw Error(Category::kModel, "a network needs at least two layers",
                "expected a map of layer ids to {type: ..., parameters}", list.where);
  }
  return layers;
}

// The key `paths` beside model_spec; keys that nobody knows there are mistakes.
Paths ReadPaths(const Value& spec) {
  const std::vector<std::string> keys = {"model_spec", "paths", "options"};
  for (const auto& [key, value] : spec.entries) {
    if (std::ranges::count(keys, key) == 0) {
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

graph::Graph BuildFor(const Value& spec, const std::string& name, const Shape& input, int outputs,
                      uint64_t seed, const Value& options) {
  const auto extent = [&](size_t axis) { return axis < input.size() ? input[axis] : 1; };
  Sizes sizes = {extent(0), extent(1), extent(2), outputs};
  const Value* list = spec.Find("model_spec");
  const Paths paths = list == nullptr ? Paths::kFeatures : ReadPaths(spec);
  sizes.options =
      ReadOptions(name, list == nullptr ? nullptr : spec.Find("options"), options, sizes);
  return BuildNetwork(name, ReadLayers(list == nullptr ? spec : *list, sizes), paths, input,
                      outputs, seed);
}

// The shortest length above that of `input` that the network takes; nullopt if length is not what
// is wrong.
std::optional<int64_t> ShortestLength(const std::function<void(const Shape&)>& build, Shape input) {
  constexpr int64_t kReach = 512;
  if (input.size() != 3) return std::nullopt;
  const auto builds = [&](int64_t length) {
    input[1] = length;
    try {
      build(input);
      return true;
    } catch (const Error&) {
      return false;
    }
  };
  int64_t low = input[1];
  int64_t high = low + kReach;
  if (!builds(high)) return std::nullopt;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    (builds(middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace

graph::Graph BuildFromSpec(const Value& spec, const std::string& name, const Shape& input,
                           int outputs, uint64_t seed, const Value& options) {
  const auto build = [&](const Shape& shape) {
    return BuildFor(spec, name, shape, outputs, seed, options);
  };
  try {
    return build(input);
  } catch (const Error& error) {
    const std::optional<int64_t> length = ShortestLength(build, input);
    if (!length) throw;
    throw Error(error.category(),
                fmt::format("samples of {} are too short: {}", ToString(input), error.message()),
                fmt::format("the network takes {} time steps and more (frame_size, "
                            "feature_size_per_frame, num_frame_concat)",
                            *length),
                error.location());
  }
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
        input, outputs, seed, training.model_config);
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
  return BuildFromSpec(*spec, training.model_name, input, outputs, seed, training.model_config);
}

}  // namespace platypus::zoo
