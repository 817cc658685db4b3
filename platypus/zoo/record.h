#ifndef PLATYPUS_ZOO_RECORD_H_
#define PLATYPUS_ZOO_RECORD_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platypus/config/value.h"
#include "platypus/graph/op.h"

namespace platypus::zoo {

// What a layer list may call by name: variables, height (= time), width, inputs (their product),
// outputs.
struct Sizes {
  int64_t variables = 1;
  int64_t height = 1;
  int64_t width = 1;
  int64_t outputs = 1;
  std::map<std::string, int64_t> options = {};  // of the network, by name (options.h)
};

// The value of an expression of integers, the names of Sizes and + - * / % ^, e.g. "inputs / 4" or
// "height % 2 + 4": usual precedence, left to right, division rounds down. nullopt: not an
// expression, or it divides by zero.
std::optional<int64_t> Evaluate(std::string_view expression, const Sizes& sizes);

// One record {type: ..., from: ..., if: ..., key: value, ...} with checked access. Errors (model)
// name file, line, layer, key, value and what is legal.
class Record {
 public:
  Record(std::string id, const config::Value& record, const Sizes& sizes);

  const std::string& Id() const { return id_; }
  const std::string& Type() const { return type_; }  // without a module prefix
  const Location& Where() const { return record_->where; }

  // Whether the record counts at all: `if` is not there, or an expression above 0.
  bool IsPresent() const;

  // Unknown keys are errors; type, from and if are always known.
  void AllowKeys(std::vector<std::string> names) const;
  // Whether the key is there and not null.
  bool Has(const char* key) const;

  int Int(const char* key, std::optional<int> fallback = std::nullopt) const;
  bool Flag(const char* key, bool fallback) const;
  double Real(const char* key, double fallback, double low, double high) const;
  // [h, w]; a single number n stands for [n, rest].
  graph::Size2 Pair(const char* key, std::optional<graph::Size2> fallback, int rest,
                    int least) const;
  std::vector<int64_t> List(const char* key) const;
  // The index of the value in `legal`, whatever the case; 0 if it is not given.
  size_t Choice(const char* key, std::span<const std::string> legal) const;
  // A text, or a list of texts: ids of layers.
  std::vector<std::string> Ids(const char* key) const;

  // An Error about the value of `key`.
  [[noreturn]] void Bad(const char* key, const std::string& legal) const;

 private:
  const config::Value& Required(const char* key) const;
  [[noreturn]] void Bad(const char* key, const config::Value& value,
                        const std::string& legal) const;
  int Size(const char* key, const config::Value& value, int least) const;

  std::string id_;
  std::string type_;
  const config::Value* record_;
  Sizes sizes_;
};

}  // namespace platypus::zoo

#endif  // PLATYPUS_ZOO_RECORD_H_
