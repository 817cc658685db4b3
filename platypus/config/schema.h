#ifndef PLATYPUS_CONFIG_SCHEMA_H_
#define PLATYPUS_CONFIG_SCHEMA_H_

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "platypus/config/config.h"
#include "platypus/config/value.h"

// Every key that a configuration may hold, in one table: its default, its legal values, where it
// goes.
namespace platypus::config {

enum class KeyStatus {
  kUsed,      // read by a stage
  kIgnored,   // accepted because the reference documents it; nothing reads it
  kComputed,  // the same without a notice: the reference's runs write it and overwrite what is
              // given
  kLater,     // its feature does not run in this version: only the values in `legal` are accepted
};

// How a key or an option stands to the reference's of the same name.
enum class Standing {
  kSame,    // does the same
  kBetter,  // does more, or does it where the reference fails
  kNotice,  // is accepted; a notice says why it has no effect, or that it does not run yet
  kOurs,    // the reference has none of this name
};

// "same", "better", "notice", "ours".
const char* Name(Standing standing);

struct Key {
  std::string section;
  std::string name;
  std::string default_text;  // YAML
  std::string legal;         // for people: "an integer from 1 to 1000000", "adam, adamw, sgd"
  std::string help;
  KeyStatus status = KeyStatus::kUsed;
  Standing standing = Standing::kSame;
  std::string remark;  // on the standing; may be empty
  bool is_input_path =
      false;  // looked up beside the configuration file, then in the working directory
  // Checks the value and stores it. Error (configuration) with section.key, value and what is
  // legal.
  std::function<void(Config&, const Value&)> set;
};

// In the order of sections and of documentation.
const std::vector<Key>& Schema();
const Key* FindKey(const std::string& section, const std::string& name);
const std::vector<std::string>& Sections();
std::vector<std::string> KeysOf(const std::string& section);

}  // namespace platypus::config

#endif  // PLATYPUS_CONFIG_SCHEMA_H_
