#ifndef PLATYPUS_CONFIG_LOAD_H_
#define PLATYPUS_CONFIG_LOAD_H_

#include <filesystem>
#include <string>
#include <vector>

#include "platypus/base/error.h"
#include "platypus/config/config.h"
#include "platypus/config/registry.h"
#include "platypus/config/value.h"

// From a file to the configuration in effect. Layers, later ones win: defaults, model, data set
// preset, feature preset, compilation preset, the user's file, --set.
namespace platypus::config {

struct Loaded {
  Config config;
  Value effective;  // section -> key -> value; every Value says its layer and, for user values, its
                    // place
  std::vector<std::string> notices;
  std::vector<Error> not_yet;  // what is legal but does not run in this version
  std::string hash;  // of the effective configuration, independent of where the file stands
};

// What the user wrote.
struct Document {
  Value value;                       // section -> key -> value, each with its layer
  std::filesystem::path file;        // empty: there is none
  std::filesystem::path folder;      // relative input paths are looked up here first
  std::vector<std::string> notices;  // about its reading
};

// Reads a .yaml, .yml or .json file with its include_files (relative to the including file, merged
// below the file's own keys). Error (configuration or usage) with file, line and column.
Document ReadDocument(const std::filesystem::path& file);

// Lays "section.key=value" over the rest. Error (usage) for a text of another form.
void ApplySet(Value& user, const std::string& set);

// Checks a document and lays it over the other layers. Error (configuration or usage) with file,
// line, key, the value found, what is legal and the nearest spelling.
Loaded Load(Document document, const Registry& registry);

// Reads a file, lays `sets` over it, and loads the document.
Loaded Load(const std::filesystem::path& file, const std::vector<std::string>& sets,
            const Registry& registry);

// The Error of the first thing that does not run in this version.
void RequireRunnable(const Loaded& loaded);

// The same from text; relative paths are looked up below `folder`.
Loaded LoadText(const std::string& yaml, const std::string& shown_name,
                const std::filesystem::path& folder, const std::vector<std::string>& sets,
                const Registry& registry);

}  // namespace platypus::config

#endif  // PLATYPUS_CONFIG_LOAD_H_
