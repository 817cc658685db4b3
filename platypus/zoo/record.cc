#include "platypus/zoo/record.h"

#include <algorithm>
#include <cctype>

#include "platypus/base/error.h"

namespace platypus::zoo {

using config::Value;

namespace {

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

}  // namespace

Record::Record(std::string id, const Value& record, const Sizes& sizes)
    : id_(std::move(id)), record_(&record), sizes_(sizes) {
  if (record.kind != Value::Kind::kMap || record.Text("type").empty()) {
    throw Error(Category::kModel, fmt::format("layer '{}' has no type", id_),
                "expected {type: ConvLayer, ...}", record.where);
  }
  type_ = record.Text("type");
  type_ = type_.substr(type_.rfind('.') + 1);
}

bool Record::IsPresent() const {
  if (!Has("if")) return true;
  const Value& value = Required("if");
  const auto number = Evaluate(value.text, sizes_);
  if (!number) Bad("if", value, "an expression that is above 0 where the layer is wanted");
  return *number > 0;
}

void Record::AllowKeys(std::vector<std::string> names) const {
  names.insert(names.end(), {"type", "from", "if"});
  for (const auto& [key, value] : record_->entries) {
    if (std::ranges::count(names, key) == 0) {
      throw Error(Category::kModel,
                  fmt::format("layer '{}' ({}): unknown parameter '{}'", id_, type_, key),
                  Suggest(key, names), value.where);
    }
  }
}

bool Record::Has(const char* key) const {
  const Value* value = record_->Find(key);
  return value != nullptr && !config::IsNull(*value);
}

const Value& Record::Required(const char* key) const {
  if (!Has(key)) {
    throw Error(Category::kModel,
                fmt::format("layer '{}' ({}): parameter '{}' is missing", id_, type_, key), "",
                record_->where);
  }
  return *record_->Find(key);
}

int Record::Int(const char* key, std::optional<int> fallback) const {
  if (!Has(key) && fallback) return *fallback;
  return Size(key, Required(key), 1);
}

bool Record::Flag(const char* key, bool fallback) const {
  if (!Has(key)) return fallback;
  const auto flag = config::ToBool(Required(key));
  if (!flag) Bad(key, "true or false");
  return *flag;
}

double Record::Real(const char* key, double fallback, double low, double high) const {
  if (!Has(key)) return fallback;
  const auto number = config::ToReal(Required(key));
  if (!number || !(*number >= low && *number < high)) {
    Bad(key, fmt::format("a number from {}, less than {}", low, high));
  }
  return *number;
}

graph::Size2 Record::Pair(const char* key, std::optional<graph::Size2> fallback, int rest,
                          int least) const {
  if (!Has(key) && fallback) return *fallback;
  const Value& value = Required(key);
  if (value.kind == Value::Kind::kScalar) return {Size(key, value, least), rest};
  if (value.items.size() != 2) Bad(key, value, "[height, width]");
  return {Size(key, value.items[0], least), Size(key, value.items[1], least)};
}

std::vector<int64_t> Record::List(const char* key) const {
  const Value& value = Required(key);
  if (value.kind != Value::Kind::kList) Bad(key, value, "a list of sizes");
  std::vector<int64_t> sizes;
  for (const Value& item : value.items) sizes.push_back(Size(key, item, 1));
  return sizes;
}

size_t Record::Choice(const char* key, std::span<const std::string> legal) const {
  if (!Has(key)) return 0;
  const Value& value = Required(key);
  for (size_t i = 0; i < legal.size(); ++i) {
    if (value.kind == Value::Kind::kScalar && Lower(value.text) == Lower(legal[i])) return i;
  }
  throw Error(
      Category::kModel,
      fmt::format("layer '{}' ({}): {}: {} is not legal", id_, type_, key, config::ToYaml(value)),
      Suggest(value.text, legal), value.where);
}

std::vector<std::string> Record::Ids(const char* key) const {
  const Value& value = Required(key);
  if (value.kind == Value::Kind::kScalar) return {value.text};
  if (value.items.empty()) Bad(key, value, "the id of a layer, or [id, ...]");
  std::vector<std::string> ids;
  for (const Value& item : value.items) {
    if (item.kind != Value::Kind::kScalar) Bad(key, value, "the id of a layer, or [id, ...]");
    ids.push_back(item.text);
  }
  return ids;
}

void Record::Bad(const char* key, const std::string& legal) const {
  Bad(key, Required(key), legal);
}

void Record::Bad(const char* key, const Value& value, const std::string& legal) const {
  throw Error(
      Category::kModel,
      fmt::format("layer '{}' ({}): {}: {} is not legal", id_, type_, key, config::ToYaml(value)),
      "legal: " + legal, value.where);
}

int Record::Size(const char* key, const Value& value, int least) const {
  auto number = config::ToInteger(value);
  const bool scalar = value.kind == Value::Kind::kScalar;
  const bool expression = !number && scalar;
  if (expression) number = Evaluate(value.text, sizes_);
  if (!number) {
    Bad(key, value,
        fmt::format("an integer of at least {}, or an expression of integers, variables, height, "
                    "width, inputs, outputs, options and + - * / % ^, e.g. inputs / 4",
                    least));
  }
  if (*number < least || *number > 1000000) {
    if (!expression) Bad(key, value, fmt::format("an integer of at least {}", least));
    throw Error(Category::kModel,
                fmt::format("layer '{}' ({}): {}: {} is {} for {} variables of {}x{} and {} "
                            "outputs",
                            id_, type_, key, value.text, *number, sizes_.variables, sizes_.height,
                            sizes_.width, sizes_.outputs),
                fmt::format("legal: {} to 1000000", least), value.where);
  }
  return static_cast<int>(*number);
}

}  // namespace platypus::zoo
