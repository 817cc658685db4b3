#include "platypus/zoo/options.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "platypus/base/error.h"

namespace platypus::zoo {
namespace {

using config::Value;

constexpr int64_t kMost = 4096;  // channels, kernels

struct Option {
  std::string name;
  int64_t value = 0;
  int64_t least = 1;
  int64_t most = kMost;
  bool is_switch = false;
};

// Numbers, and switches as 0 and 1.
std::optional<int64_t> ToNumber(const Value& value) {
  if (value.kind != Value::Kind::kScalar) return std::nullopt;
  if (const auto flag = config::ToBool(value)) return *flag ? 1 : 0;
  return config::ToInteger(value);
}

Option Declare(const std::string& name, const Value& declared) {
  if (Evaluate(name, Sizes{})) {
    throw Error(Category::kModel,
                fmt::format("options: '{}' has a meaning in expressions already", name),
                "call it otherwise", declared.where);
  }
  std::vector<std::optional<int64_t>> numbers;
  for (const Value& item : declared.items) numbers.push_back(ToNumber(item));
  if (declared.items.empty()) numbers.push_back(ToNumber(declared));
  const bool whole = (numbers.size() == 1 || numbers.size() == 3) &&
                     std::ranges::all_of(numbers, [](const auto& n) { return n.has_value(); });
  if (!whole) {
    throw Error(Category::kModel,
                fmt::format("options: {}: {} is not legal", name, config::ToYaml(declared)),
                "legal: a default, or [default, least, most]", declared.where);
  }
  Option option = {name, *numbers[0]};
  option.is_switch = declared.items.empty() && config::ToBool(declared).has_value();
  if (option.is_switch) option.least = 0, option.most = 1;
  if (numbers.size() == 3) option.least = *numbers[1], option.most = *numbers[2];
  return option;
}

std::string Legal(const Option& option) {
  return option.is_switch ? "true or false"
                          : fmt::format("an integer from {} to {}", option.least, option.most);
}

// Whether the key is of those that the data decide; Error if they decide otherwise.
bool IsOfTheData(const std::string& key, const Value& value, const Sizes& sizes) {
  struct Known {
    const char* key;
    int64_t size;
  };
  const std::array<Known, 4> known = {{{"variables", sizes.variables},
                                       {"input_features", sizes.height},
                                       {"num_classes", sizes.outputs},
                                       {"num_outputs", sizes.outputs}}};
  for (const Known& one : known) {
    if (key != one.key) continue;
    if (ToNumber(value) != one.size) {
      throw Error(Category::kModel,
                  fmt::format("training.model_config: {}: {}, but the data give {}", key,
                              config::ToYaml(value), one.size),
                  "leave it out", value.where);
    }
    return true;
  }
  return false;
}

}  // namespace

std::map<std::string, int64_t> ReadOptions(const std::string& network, const Value* declared,
                                           const Value& given, const Sizes& sizes) {
  std::vector<Option> options;
  std::vector<std::string> names;
  if (declared != nullptr) {
    for (const auto& [name, value] : declared->entries) {
      options.push_back(Declare(name, value));
      names.push_back(name);
    }
  }
  for (const auto& [key, value] : given.entries) {
    const auto option = std::ranges::find(options, key, &Option::name);
    if (option == options.end()) {
      if (IsOfTheData(key, value, sizes)) continue;
      throw Error(Category::kModel,
                  fmt::format("training.model_config: {} has no option '{}'", network, key),
                  names.empty() ? "it has none at all" : Suggest(key, names), value.where);
    }
    if (config::IsNull(value)) continue;
    const auto number = ToNumber(value);
    if (!number || *number < option->least || *number > option->most) {
      throw Error(
          Category::kModel,
          fmt::format("training.model_config: {}: {} is not legal", key, config::ToYaml(value)),
          "legal: " + Legal(*option), value.where);
    }
    option->value = *number;
  }
  std::map<std::string, int64_t> result;
  for (const Option& option : options) result[option.name] = option.value;
  return result;
}

}  // namespace platypus::zoo
