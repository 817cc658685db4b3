#include <fmt/ranges.h>

#include <algorithm>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/config/value.h"
#include "platypus/data/augment.h"

// Augmenters as a configuration names them.
namespace platypus::data {
namespace {

using config::Value;

// What an augmenter may be told.
struct Parameter {
  const char* name;
  std::vector<double> fallback;  // empty: it must be given
  double low;
  double high;
};

struct Description {
  const char* name;
  AugmenterKind kind;
  std::vector<Parameter> numbers;
  const char* word;                // the parameter that chooses a name, or null
  std::vector<std::string> words;  // the first is the default
  bool per_channel;                // default
};

constexpr double kMost = 1e9;

const std::vector<Description>& Descriptions() {
  static const std::vector<Description> kAll = {
      {"AddNoise",
       AugmenterKind::kAddNoise,
       {{"loc", {0.0}, -kMost, kMost}, {"scale", {0.1}, 0, kMost}},
       "distr",
       {"gaussian", "laplace", "uniform"},
       true},
      {"Convolve",
       AugmenterKind::kConvolve,
       {{"size", {7}, 1, 1e5}},
       "window",
       {"hann", "hamming", "blackman", "bartlett", "boxcar", "triang", "flattop"},
       false},
      {"Crop",
       AugmenterKind::kCrop,
       {{"size", {}, 1, kMost}, {"resize", {0}, 0, kMost}},
       nullptr,
       {},
       false},
      {"Drift",
       AugmenterKind::kDrift,
       {{"max_drift", {0.5}, 0, kMost}, {"n_drift_points", {3}, 1, 64}},
       nullptr,
       {},
       true},
      {"Dropout",
       AugmenterKind::kDropout,
       {{"p", {0.05}, 0, 1}, {"size", {1}, 1, kMost}, {"value", {0}, -kMost, kMost}},
       "fill",
       {"ffill", "bfill", "mean", "value"},
       false},
      {"Pool",
       AugmenterKind::kPool,
       {{"size", {2}, 1, kMost}},
       "kind",
       {"ave", "max", "min"},
       false},
      {"Quantize",
       AugmenterKind::kQuantize,
       {{"n_levels", {10}, 1, 1e6}},
       "how",
       {"uniform", "quantile", "kmeans"},
       false},
      {"Resize", AugmenterKind::kResize, {{"size", {}, 1, kMost}}, nullptr, {}, false},
      {"Reverse", AugmenterKind::kReverse, {}, nullptr, {}, false},
      {"TimeWarp",
       AugmenterKind::kTimeWarp,
       {{"n_speed_change", {3}, 1, 1000}, {"max_speed_ratio", {3.0}, 1.0 + 1e-9, 1e6}},
       nullptr,
       {},
       false},
  };
  return kAll;
}

[[noreturn]] void Refuse(const std::string& name, const Value& value, const std::string& legal) {
  throw Error(Category::kConfiguration,
              fmt::format("{}: {} is not legal", name, config::ToYaml(value)), "legal: " + legal,
              value.where);
}

Choice ReadChoice(const std::string& name, const Value& value, const Parameter& parameter) {
  const std::string legal = fmt::format("a number from {} to {}, a list of them, {{min: , max: }}",
                                        parameter.low, parameter.high);
  const auto number = [&](const Value& item) {
    const auto read = config::ToReal(item);
    if (!read || !(*read >= parameter.low) || !(*read <= parameter.high))
      Refuse(name, value, legal);
    return *read;
  };
  Choice choice;
  if (value.kind == Value::Kind::kMap) {
    const Value* low = value.Find("min");
    const Value* high = value.Find("max");
    if (low == nullptr || high == nullptr || value.entries.size() != 2) Refuse(name, value, legal);
    choice.low = number(*low);
    choice.high = number(*high);
    if (choice.low > choice.high) Refuse(name, value, legal);
  } else if (value.kind == Value::Kind::kList) {
    for (const Value& item : value.items) choice.values.push_back(number(item));
    if (choice.values.empty()) Refuse(name, value, legal);
  } else {
    choice.values = {number(value)};
  }
  return choice;
}

void ReadParameter(const Description& what, const std::string& key, const Value& value,
                   Augmenter& augmenter) {
  const std::string name = fmt::format("{}.{}", what.name, key);
  const auto flag = [&] {
    const auto read = config::ToBool(value);
    if (!read) Refuse(name, value, "true, false");
    return *read;
  };
  const auto single = [&](double low, double high) {
    return ReadChoice(name, value, {key.c_str(), {}, low, high}).values.at(0);
  };
  for (const Parameter& parameter : what.numbers) {
    if (key == parameter.name) {
      augmenter.sizes[key] = ReadChoice(name, value, parameter);
      return;
    }
  }
  const bool additive = what.kind == AugmenterKind::kAddNoise || what.kind == AugmenterKind::kDrift;
  if (what.word != nullptr && key == what.word) {
    const std::vector<Value> one = {value};
    augmenter.words.clear();
    for (const Value& item : value.kind == Value::Kind::kList ? value.items : one) {
      if (what.kind == AugmenterKind::kDropout && config::ToReal(item)) {  // fill with a number
        augmenter.sizes["value"] = {{*config::ToReal(item)}, 0, 0};
        augmenter.words.emplace_back("value");
      } else if (std::count(what.words.begin(), what.words.end(), item.text) > 0) {
        augmenter.words.push_back(item.text);
      } else {
        Refuse(name, value, fmt::format("{}", fmt::join(what.words, ", ")));
      }
    }
    if (augmenter.words.empty())
      Refuse(name, value, fmt::format("{}", fmt::join(what.words, ", ")));
  } else if (key == "repeats" || key == "seed") {
    const auto number = config::ToInteger(value);
    if (!number || *number < (key == "seed" ? 0 : 1) || *number > 1000000000)
      Refuse(name, value, "a whole number");
    if (key == "seed") {
      augmenter.seed = static_cast<uint64_t>(*number);
    } else {
      augmenter.repeats = static_cast<int>(*number);
    }
  } else if (key == "prob") {
    const auto share = config::ToReal(value);
    if (!share || !(*share > 0) || *share > 1) Refuse(name, value, "above 0, at most 1");
    augmenter.prob = single(0, 1);
  } else if (key == "per_channel") {
    augmenter.per_channel = flag();
  } else if (key == "normalize" && additive) {
    augmenter.normalize = flag();
  } else if (key == "kind" && additive) {
    if (value.text != "additive" && value.text != "multiplicative")
      Refuse(name, value, "additive, multiplicative");
    augmenter.multiplicative = value.text == "multiplicative";
  } else {
    throw Error(Category::kConfiguration, fmt::format("{} has no parameter '{}'", what.name, key),
                "", value.where);
  }
}

Augmenter ReadOne(const std::string& name, const Value& parameters) {
  std::vector<std::string> names;
  for (const Description& what : Descriptions()) names.emplace_back(what.name);
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    throw Error(Category::kConfiguration, fmt::format("'{}' is not an augmenter", name),
                Suggest(name, names), parameters.where);
  }
  const Description& what = Descriptions()[static_cast<size_t>(found - names.begin())];
  Augmenter augmenter;
  augmenter.kind = what.kind;
  augmenter.per_channel = what.per_channel;
  if (!what.words.empty()) augmenter.words = {what.words[0]};
  for (const auto& [key, value] : parameters.entries) ReadParameter(what, key, value, augmenter);
  for (const Parameter& parameter : what.numbers) {
    if (augmenter.sizes.contains(parameter.name)) continue;
    if (parameter.fallback.empty()) {
      throw Error(Category::kConfiguration, fmt::format("{}.{} is missing", name, parameter.name),
                  "", parameters.where);
    }
    augmenter.sizes[parameter.name] = {parameter.fallback, 0, 0};
  }
  const bool resizes = what.kind == AugmenterKind::kResize || what.kind == AugmenterKind::kCrop;
  if (resizes && augmenter.prob < 1) {
    throw Error(Category::kConfiguration, fmt::format("{}.prob must be 1", name),
                "windows of different lengths do not train together", parameters.where);
  }
  return augmenter;
}

}  // namespace

const char* Name(AugmenterKind kind) { return Descriptions()[static_cast<size_t>(kind)].name; }

std::vector<Augmenter> ReadAugmenters(const std::filesystem::path& file) {
  std::vector<std::string> duplicates;
  const Value root = config::ParseYaml(ReadFile(file), file.string(), &duplicates);
  const std::vector<Value> one = {root};
  std::vector<Augmenter> augmenters;
  for (const Value& map : root.kind == Value::Kind::kList ? root.items : one) {
    if (map.kind != Value::Kind::kMap) {
      throw Error(Category::kConfiguration, "the file does not map augmenters to parameters",
                  "for example AddNoise: {scale: 0.1}", map.where);
    }
    for (const auto& [name, parameters] : map.entries)
      augmenters.push_back(ReadOne(name, parameters));
  }
  if (!duplicates.empty()) {
    throw Error(Category::kConfiguration, duplicates[0] + " stands twice",
                "a list of maps may repeat an augmenter");
  }
  return augmenters;
}

}  // namespace platypus::data
