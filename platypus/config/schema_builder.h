#ifndef PLATYPUS_CONFIG_SCHEMA_BUILDER_H_
#define PLATYPUS_CONFIG_SCHEMA_BUILDER_H_

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "platypus/config/schema.h"

// How the table of keys is written down (schema.cc and schema_quantization.cc).
namespace platypus::config {

inline constexpr double kAny = std::numeric_limits<double>::infinity();
inline constexpr int64_t kMany = std::numeric_limits<int32_t>::max();

inline std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Builds the table: every method adds one key. `field` reaches the place in the Config.
class Builder {
 public:
  explicit Builder(std::vector<Key>& keys) : keys_(keys) {}

  void Section(std::string name) { section_ = std::move(name); }

  template <typename Field>
  void Flag(const char* name, const char* fallback, Field field, const char* help) {
    Add(name, fallback, "true or false", help, [field](Config& c, const Value& v, const Key& key) {
      if (const auto flag = ToBool(v)) {
        field(c) = *flag;
      } else if (const auto number = ToInteger(v); number && (*number == 0 || *number == 1)) {
        field(c) = *number == 1;
      } else {
        Refuse(key, v);
      }
    });
  }

  template <typename Field>
  void Integer(const char* name, const char* fallback, Field field, int64_t low, int64_t high,
               const char* help) {
    const std::string legal = high == std::numeric_limits<int32_t>::max()
                                  ? fmt::format("an integer of at least {}", low)
                                  : fmt::format("an integer from {} to {}", low, high);
    Add(name, fallback, legal, help, [=](Config& c, const Value& v, const Key& key) {
      const auto real = ToReal(v);
      if (!real || *real != std::floor(*real) || *real < static_cast<double>(low) ||
          *real > static_cast<double>(high)) {
        Refuse(key, v);
      }
      using Type = std::remove_reference_t<decltype(field(c))>;
      field(c) = static_cast<typename Plain<Type>::Type>(*real);
    });
  }

  template <typename Field>
  void Real(const char* name, const char* fallback, Field field, double low, double high,
            bool open_low, const char* help) {
    std::string legal = "a number";
    if (std::isfinite(low))
      legal += open_low ? fmt::format(" above {}", low) : fmt::format(" of at least {}", low);
    if (std::isfinite(high)) legal += fmt::format(", at most {}", high);
    Add(name, fallback, legal, help, [=](Config& c, const Value& v, const Key& key) {
      const auto real = ToReal(v);
      if (!real || !std::isfinite(*real) || *real < low || (open_low && *real <= low) ||
          *real > high) {
        Refuse(key, v);
      }
      field(c) = *real;
    });
  }

  template <typename Field>
  void Text(const char* name, const char* fallback, Field field, const char* help) {
    Add(name, fallback, "text", help, [field](Config& c, const Value& v, const Key& key) {
      if (v.kind != Value::Kind::kScalar) Refuse(key, v);
      field(c) = v.text;
    });
  }

  template <typename Field>
  void InputPath(const char* name, Field field, const char* help) {
    Text(name, "null", field, help);
    keys_.back().legal = "a path";
    keys_.back().is_input_path = true;
  }

  // A map, or the path of a file that holds it (load.cc reads it).
  template <typename Field>
  void Options(const char* name, Field field, const char* help) {
    Add(name, "null", "a map of options, or the path of a file with one", help,
        [field](Config& c, const Value& v, const Key& key) {
          if (v.kind == Value::Kind::kScalar && v.text.empty()) return;  // '': none
          if (v.kind != Value::Kind::kMap) Refuse(key, v);
          field(c) = v;
        });
    keys_.back().is_input_path = true;
  }

  // One of several names, any case; stored in lower case through `names` (name -> stored value).
  template <typename Field, typename T>
  void Choice(const char* name, const char* fallback, Field field,
              std::vector<std::pair<std::string, T>> names, const char* help) {
    std::vector<std::string> shown;
    shown.reserve(names.size());
    for (const auto& [text, value] : names) shown.push_back(text);
    std::string legal;
    for (const std::string& text : shown) legal += (legal.empty() ? "" : ", ") + text;
    Add(name, fallback, legal, help, [=](Config& c, const Value& v, const Key& key) {
      const std::string wanted = v.kind == Value::Kind::kScalar ? Lower(v.text) : "";
      for (const auto& [text, value] : names) {
        if (Lower(text) == wanted) {
          field(c) = value;
          return;
        }
      }
      Refuse(key, v, shown);
    });
  }

  template <typename Field>
  void Names(const char* name, const char* fallback, Field field, const char* help) {
    Add(name, fallback, "a list of names", help,
        [field](Config& c, const Value& v, const Key& key) {
          // [[A, B]] is accepted for [A, B], as configurations in use have it.
          const bool nested = v.items.size() == 1 && v.items[0].kind == Value::Kind::kList;
          const Value& list = nested ? v.items[0] : v;
          if (list.kind != Value::Kind::kList) Refuse(key, v);
          std::vector<std::string> names;
          for (const Value& item : list.items) {
            if (item.kind != Value::Kind::kScalar) Refuse(key, v);
            names.push_back(item.text);
          }
          field(c) = std::move(names);
        });
  }

  // Anything goes, nothing is stored.
  // `why`: what the notice says about them.
  void Ignored(std::initializer_list<const char*> names, const char* why = "nothing reads it") {
    for (const char* name : names) {
      Add(name, "null", "anything", why, [](Config&, const Value&, const Key&) {});
      keys_.back().status = KeyStatus::kIgnored;
      Notice("");
    }
  }

  // What a run finds out for itself, whatever the configuration says.
  void Computed(std::initializer_list<const char*> names) {
    for (const char* name : names) {
      Add(name, "null", "anything", "computed by the run",
          [](Config&, const Value&, const Key&) {});
      keys_.back().status = KeyStatus::kComputed;
    }
  }

  // A feature of a later release: only values that leave it off.
  void Later(const char* name, const char* fallback, const std::vector<std::string>& off,
             const char* what) {
    std::string legal = "only ";
    for (const std::string& text : off) legal += (legal == "only " ? "" : " or ") + text;
    const std::string feature = what;
    Add(name, fallback, legal, what, [=](Config&, const Value& v, const Key& key) {
      if (IsNull(v)) return;
      for (const std::string& text : off) {
        const Value wanted = Scalar(text);
        if (v.kind == Value::Kind::kScalar && Lower(v.text) == Lower(text)) return;
        if (ToBool(v) && ToBool(wanted) == ToBool(v)) return;
        if (ToReal(v) && ToReal(wanted) == ToReal(v)) return;
      }
      throw Error(Category::kConfiguration,
                  fmt::format("{}.{}: {} ({}) does not run in this version", key.section, key.name,
                              ToYaml(v), feature),
                  "legal: " + key.legal, v.where);
    });
    keys_.back().status = KeyStatus::kLater;
    Notice("does not run in this version");
  }

  // How the key that was added last stands to the reference's; kSame where nothing is said.
  void Better(const char* remark) { Stands(Standing::kBetter, remark); }
  void Notice(const char* remark) { Stands(Standing::kNotice, remark); }
  void Ours() { Stands(Standing::kOurs, ""); }

  using Setter = std::function<void(Config&, const Value&, const Key&)>;
  void Add(const char* name, const char* fallback, std::string legal, const char* help,
           Setter set) {
    Key key;
    key.section = section_;
    key.name = name;
    key.default_text = fallback;
    key.legal = std::move(legal);
    key.help = help;
    const Key shown = key;
    // A null leaves the field as it is: the struct's own default, or "no value" for an optional.
    key.set = [set = std::move(set), shown](Config& c, const Value& v) {
      if (!IsNull(v) || v.quoted) set(c, v, shown);
    };
    keys_.push_back(std::move(key));
  }

  [[noreturn]] static void Refuse(const Key& key, const Value& value,
                                  const std::vector<std::string>& names = {}) {
    throw Error(Category::kConfiguration,
                fmt::format("{}.{}: {} is not legal", key.section, key.name, ToYaml(value)),
                names.empty() ? "legal: " + key.legal : Suggest(value.text, names), value.where);
  }

 private:
  void Stands(Standing standing, const char* remark) {
    keys_.back().standing = standing;
    keys_.back().remark = remark;
  }

  template <typename T>
  struct Plain {
    using Type = T;
  };
  template <typename T>
  struct Plain<std::optional<T>> {
    using Type = T;
  };

  std::vector<Key>& keys_;
  std::string section_;
};

// The keys of quantisation, of section training.
void AddQuantization(Builder& b);

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage,bugprone-macro-parentheses)
#define PLATYPUS_FIELD(path) \
  [](Config & c) -> auto& { return c.path; }

}  // namespace platypus::config

#endif  // PLATYPUS_CONFIG_SCHEMA_BUILDER_H_
