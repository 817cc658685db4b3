#include "platypus/config/write.h"

#include <algorithm>

namespace platypus::config {
namespace {

// Everything but the defaults: a default may be a value (null) that only stands for "not given".
bool IsWritten(const Value& value) { return !IsNull(value) || value.quoted; }

}  // namespace

std::string ToYamlFile(const Loaded& loaded) {
  std::string text;
  for (const auto& [section, map] : loaded.effective.entries) {
    text += section + ":\n";
    for (const auto& [key, value] : map.entries) {
      if (IsWritten(value)) text += fmt::format("  {}: {}\n", key, ToYaml(value));
    }
  }
  return text;
}

std::string ToJsonFile(const Loaded& loaded) { return ToJson(loaded.effective) + "\n"; }

std::string Describe(const Loaded& loaded) {
  std::string text;
  for (const auto& [section, map] : loaded.effective.entries) {
    size_t key_width = 0;
    size_t value_width = 0;
    for (const auto& [key, value] : map.entries) {
      key_width = std::max(key_width, key.size());
      value_width = std::max(value_width, std::min<size_t>(48, ToYaml(value).size()));
    }
    text += section + "\n";
    for (const auto& [key, value] : map.entries) {
      text += fmt::format("  {:<{}}  {:<{}}  {}", key, key_width, ToYaml(value), value_width,
                          value.layer);
      if (value.layer == "file" && value.where.line > 0) {
        text += fmt::format(" {}:{}", value.where.file, value.where.line);
      }
      text += "\n";
    }
  }
  return text;
}

}  // namespace platypus::config
