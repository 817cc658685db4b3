#include <fmt/format.h>

#include "apps/describe.h"
#include "apps/options.h"
#include "platypus/config/schema.h"

namespace platypus::apps {
namespace {

using config::Standing;

struct OtherOption {
  const char* command;
  const char* names;
  Standing standing;
  const char* what;
};

// What mmcli has beside the options of run, train and compile.
constexpr OtherOption kOthers[] = {
    {"", "--version", Standing::kSame, "names mmcli when the program is called mmcli"},
    {"", "-v, --verbose", Standing::kBetter,
     "every value in effect and its origin; behind the command too"},
    {"", "--dry-run", Standing::kBetter,
     "behind the command too; names are checked, unsupported pairs are notices"},
    {"run, train, compile", "-c, --config", Standing::kBetter,
     "also as first argument; JSON too; its values hold unless an option is given"},
    {"init", "-l, --list", Standing::kSame, ""},
    {"init", "-t, --task", Standing::kBetter, "may be left out"},
    {"init", "-m, --module", Standing::kSame, "filter of --list"},
    {"init", "-p, --project", Standing::kBetter,
     "nothing is left behind on an error; the project gets a config.yaml"},
    {"init", "--dataset", Standing::kBetter,
     "a URL too; recordings are generated where no archive is"},
    {"info", "-m, --module", Standing::kBetter, "may be left out"},
    {"info", "-t, --task", Standing::kBetter, "anomaly detection too"},
    {"info", "-d, --device", Standing::kSame, ""},
    {"about", "", Standing::kSame, ""},
    {"help", "", Standing::kBetter, "of one command; --all prints every command"},
};

std::string Cell(std::string text) {
  for (size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2))
    text.replace(at, 1, "\\|");
  return text;
}

std::string Remarks(const std::string& what, const std::string& remark) {
  return what + (what.empty() || remark.empty() ? "" : "; ") + remark;
}

std::string OptionRows() {
  std::string text;
  for (const Option& option : Options()) {
    if (option.standing == Standing::kOurs) continue;
    std::string names = option.names;
    for (size_t at = names.find(','); at != std::string::npos; at = names.find(',', at + 2))
      names.insert(at + 1, " ");
    for (const std::string& alias : option.Aliases()) names += ", " + alias;
    text += fmt::format("| `{}` | {} | {} | {} | {} |\n", names, option.commands,
                        *option.key == '\0' ? "" : fmt::format("`{}`", option.key),
                        config::Name(option.standing), Cell(Remarks(option.help, option.remark)));
  }
  return text;
}

}  // namespace

std::string CompatibilityTable() {
  std::string text =
      "# Compatibility\n\n"
      "Made by `platypus help --compatibility` from the program's own tables.\n\n"
      "same: does the same. better: does more, or does it where the reference fails. notice: is "
      "accepted, and a notice says why it has no effect, or that\nits feature does not run in this "
      "version.\n\n"
      "## Options of mmcli and of the model maker\n\n"
      "| option | commands | key | status | what |\n|---|---|---|---|---|\n" +
      OptionRows() + "\n| other option | command | status | what |\n|---|---|---|---|\n";
  for (const OtherOption& option : kOthers) {
    text += fmt::format("| {} | {} | {} | {} |\n",
                        *option.names == '\0' ? "" : fmt::format("`{}`", option.names),
                        option.command, config::Name(option.standing), Cell(option.what));
  }
  text += "\n## Keys of the model maker\n\n| key | status | default | what |\n|---|---|---|---|\n";
  for (const config::Key& key : config::Schema()) {
    if (key.standing == Standing::kOurs) continue;
    const bool has_default = key.status == config::KeyStatus::kUsed && key.default_text != "null";
    text += fmt::format("| `{}.{}` | {} | {} | {} |\n", key.section, key.name,
                        config::Name(key.standing),
                        has_default ? fmt::format("`{}`", key.default_text) : "",
                        Cell(Remarks(key.help, key.remark)));
  }
  return text;
}

}  // namespace platypus::apps
