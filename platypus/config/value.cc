#include "platypus/config/value.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace platypus::config {
namespace {

constexpr int kDeepest = 64;

Value Convert(const YAML::Node& node, const std::string& file, std::vector<std::string>* duplicates,
              int depth) {
  Value value;
  value.where = {file, node.Mark().line + 1, node.Mark().column + 1};
  if (depth > kDeepest) {
    throw Error(Category::kConfiguration, fmt::format("nested deeper than {} levels", kDeepest), "",
                value.where);
  }
  switch (node.Type()) {
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null:
      break;
    case YAML::NodeType::Scalar:
      value.kind = Value::Kind::kScalar;
      value.text = node.Scalar();
      value.quoted = node.Tag() == "!";
      break;
    case YAML::NodeType::Sequence:
      value.kind = Value::Kind::kList;
      for (const YAML::Node& item : node) {
        value.items.push_back(Convert(item, file, duplicates, depth + 1));
      }
      break;
    case YAML::NodeType::Map:
      value.kind = Value::Kind::kMap;
      for (const auto& entry : node) {
        const std::string key =
            entry.first.IsScalar() ? entry.first.Scalar() : YAML::Dump(entry.first);
        Value converted = Convert(entry.second, file, duplicates, depth + 1);
        converted.where.line = entry.first.Mark().line + 1;
        converted.where.column = entry.first.Mark().column + 1;
        if (Value* earlier = value.Find(key)) {
          if (duplicates != nullptr) {
            duplicates->push_back(fmt::format("{}:{}: {}", file, converted.where.line, key));
          }
          *earlier = std::move(converted);
        } else {
          value.entries.emplace_back(key, std::move(converted));
        }
      }
      break;
  }
  return value;
}

std::string WithoutUnderscores(std::string_view text) {
  std::string result(text);
  std::erase(result, '_');
  return result;
}

std::optional<int64_t> ParseDigits(std::string_view digits, int base) {
  int64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size())
    return std::nullopt;
  return value;
}

bool OneOf(const std::string& text, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* name) { return text == name; });
}

bool NeedsQuotes(const Value& value) {
  if (value.quoted || value.text.empty()) return true;
  if (value.text.front() == ' ' || value.text.back() == ' ') return true;
  return value.text.find_first_of(":#{}[],&*!|>'\"%@`\n\t\\?") != std::string::npos ||
         value.text.front() == '-';
}

nlohmann::ordered_json Json(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull:
      return nullptr;
    case Value::Kind::kScalar:
      if (value.quoted) return value.text;
      if (const auto flag = ToBool(value)) return *flag;
      if (const auto integer = ToInteger(value)) return *integer;
      if (const auto real = ToReal(value); real && std::isfinite(*real)) return *real;
      if (OneOf(value.text, {"null", "Null", "NULL", "~"})) return nullptr;
      return value.text;
    case Value::Kind::kList: {
      auto list = nlohmann::ordered_json::array();
      for (const Value& item : value.items) list.push_back(Json(item));
      return list;
    }
    case Value::Kind::kMap: {
      auto map = nlohmann::ordered_json::object();
      for (const auto& [key, entry] : value.entries) map[key] = Json(entry);
      return map;
    }
  }
  return nullptr;
}

}  // namespace

const Value* Value::Find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name == key) return &value;
  }
  return nullptr;
}

Value* Value::Find(std::string_view key) {
  return const_cast<Value*>(static_cast<const Value*>(this)->Find(key));
}

std::string Value::Text(std::string_view key) const {
  const Value* value = Find(key);
  return value == nullptr || IsNull(*value) ? std::string() : value->text;
}

Value& Value::operator[](const std::string& key) {
  if (Value* found = Find(key)) return *found;
  kind = Kind::kMap;
  entries.emplace_back(key, Value{});
  return entries.back().second;
}

Value Scalar(std::string text, bool quoted) {
  Value value;
  value.kind = Value::Kind::kScalar;
  value.text = std::move(text);
  value.quoted = quoted;
  return value;
}

Value ParseYaml(const std::string& text, const std::string& file,
                std::vector<std::string>* duplicates) {
  try {
    return Convert(YAML::Load(text), file, duplicates, 0);
  } catch (const YAML::Exception& error) {
    throw Error(Category::kConfiguration, fmt::format("this is not YAML: {}", error.msg), "",
                {file, error.mark.line + 1, error.mark.column + 1});
  }
}

void Merge(Value& base, const Value& over) {
  if (base.kind != Value::Kind::kMap || over.kind != Value::Kind::kMap) {
    base = over;
    return;
  }
  for (const auto& [key, value] : over.entries) {
    if (Value* found = base.Find(key)) {
      Merge(*found, value);
    } else {
      base.entries.emplace_back(key, value);
    }
  }
}

void MarkLayer(Value& value, const std::string& layer) {
  value.layer = layer;
  for (Value& item : value.items) MarkLayer(item, layer);
  for (auto& [key, entry] : value.entries) MarkLayer(entry, layer);
}

std::optional<bool> ToBool(const Value& value) {
  if (value.kind != Value::Kind::kScalar) return std::nullopt;
  if (OneOf(value.text, {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"}))
    return true;
  if (OneOf(value.text, {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"}))
    return false;
  return std::nullopt;
}

std::optional<int64_t> ToInteger(const Value& value) {
  if (value.kind != Value::Kind::kScalar) return std::nullopt;
  const std::string text = WithoutUnderscores(value.text);
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.empty() || digits[0] < '0' || digits[0] > '9') return std::nullopt;
  std::optional<int64_t> result;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    result = ParseDigits(digits.substr(2), 16);
  } else if (digits.starts_with("0b")) {
    result = ParseDigits(digits.substr(2), 2);
  } else if (digits.find(':') != std::string_view::npos) {  // sexagesimal, 12:30 = 12 * 60 + 30
    int64_t total = 0;
    while (!digits.empty()) {
      const size_t end = std::min(digits.find(':'), digits.size());
      const auto part = ParseDigits(digits.substr(0, end), 10);
      if (!part || *part > 1000000 || total > 1000000000) return std::nullopt;
      total = total * 60 + *part;
      digits.remove_prefix(std::min(end + 1, digits.size()));
    }
    result = total;
  } else if (digits.size() > 1 && digits[0] == '0') {
    result = ParseDigits(digits.substr(1), 8);
  } else {
    result = ParseDigits(digits, 10);
  }
  if (result && negative) result = -*result;
  return result;
}

std::optional<double> ToReal(const Value& value) {
  if (const auto integer = ToInteger(value)) return static_cast<double>(*integer);
  if (value.kind != Value::Kind::kScalar) return std::nullopt;
  std::string text = WithoutUnderscores(value.text);
  if (OneOf(text, {".inf", "+.inf", ".Inf", ".INF"}))
    return std::numeric_limits<double>::infinity();
  if (OneOf(text, {"-.inf", "-.Inf", "-.INF"})) return -std::numeric_limits<double>::infinity();
  if (OneOf(text, {".nan", ".NaN", ".NAN"})) return std::numeric_limits<double>::quiet_NaN();
  std::string_view digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  double result = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), result);
  if (digits.empty() || end != digits.data() + digits.size() || !std::isfinite(result))
    return std::nullopt;
  if (error == std::errc::result_out_of_range) return 0.0;  // 1e-400
  return error == std::errc() ? std::optional(result) : std::nullopt;
}

bool IsNull(const Value& value) {
  if (value.kind == Value::Kind::kNull) return true;
  return value.kind == Value::Kind::kScalar &&
         (value.text.empty() || OneOf(value.text, {"None", "null", "Null", "NULL", "~"}));
}

std::string ToYaml(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kScalar:
      return NeedsQuotes(value) && !ToReal(value)
                 ? nlohmann::json(value.text)
                       .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace)
             : value.quoted ? "\"" + value.text + "\""
                            : value.text;
    case Value::Kind::kList: {
      std::string text = "[";
      for (const Value& item : value.items) text += (text.size() > 1 ? ", " : "") + ToYaml(item);
      return text + "]";
    }
    case Value::Kind::kMap: {
      std::string text = "{";
      for (const auto& [key, entry] : value.entries) {
        text += (text.size() > 1 ? ", " : "") + ToYaml(Scalar(key)) + ": " + ToYaml(entry);
      }
      return text + "}";
    }
  }
  return "null";
}

std::string ToJson(const Value& value) {
  return Json(value).dump(2, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace platypus::config
