#ifndef PLATYPUS_CONFIG_VALUE_H_
#define PLATYPUS_CONFIG_VALUE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platypus/base/error.h"

// A YAML or JSON document as a tree that remembers where each value stands.
namespace platypus::config {

struct Entry;

struct Value {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  std::string text;            // of a scalar
  bool quoted = false;         // a quoted scalar is text, whatever it looks like
  std::vector<Value> items;    // of a list
  std::vector<Entry> entries;  // of a map, in document order
  Location where;
  std::string layer;  // which layer of the configuration it came from

  const Value* Find(std::string_view key) const;
  Value* Find(std::string_view key);
  // The text of entry `key`, or an empty text (also for null, lists and maps).
  std::string Text(std::string_view key) const;
  // The entry, made if missing.
  Value& operator[](const std::string& key);
};

// One key of a map.
struct Entry {
  Entry(std::string key, Value value) : first(std::move(key)), second(std::move(value)) {}
  std::string first;
  Value second;
};

Value Scalar(std::string text, bool quoted = false);

// Parses YAML (or JSON). Of duplicate keys the last counts; `duplicates` (may be null) gets
// "file:line: key". Error (configuration) with file, line and column.
Value ParseYaml(const std::string& text, const std::string& file,
                std::vector<std::string>* duplicates = nullptr);

// Maps merge key by key; anything else (lists, null) replaces.
void Merge(Value& base, const Value& over);

// Sets `layer` on the whole tree.
void MarkLayer(Value& value, const std::string& layer);

// Scalars by the rules of YAML 1.1 (yes/no/on/off, 0x1F, 010 = 8, 1_000, 12:30 = 750, .inf), and in
// addition every text that is a number where a number is wanted (1e-5). nullopt: not of that kind.
std::optional<bool> ToBool(const Value& value);
std::optional<int64_t> ToInteger(const Value& value);
std::optional<double> ToReal(const Value& value);
// null, ~ or an empty plain scalar, and the texts None and '' that configurations use for "not
// given".
bool IsNull(const Value& value);

// One line of YAML in flow style; reads back as the same value.
std::string ToYaml(const Value& value);
// JSON with YAML 1.1 types.
std::string ToJson(const Value& value);

}  // namespace platypus::config

#endif  // PLATYPUS_CONFIG_VALUE_H_
