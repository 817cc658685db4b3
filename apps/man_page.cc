#include <fmt/format.h>

#include "apps/describe.h"

namespace platypus::apps {
namespace {

// Text as roff takes it: a backslash, a hyphen that is one, no control line by accident.
std::string Roff(const std::string& text) {
  std::string escaped;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool starts_line = i == 0 || text[i - 1] == '\n';
    if (starts_line && (text[i] == '.' || text[i] == '\'')) escaped += "\\&";
    if (text[i] == '\\') {
      escaped += "\\e";
    } else if (text[i] == '-') {
      escaped += "\\-";
    } else {
      escaped += text[i];
    }
  }
  return escaped;
}

std::string Lines(const std::vector<OptionText>& options) {
  std::string text;
  for (const OptionText& option : options) {
    std::string names;
    for (const std::string& name : option.names)
      names += (names.empty() ? "" : ", ") + fmt::format("\\fB{}\\fR", Roff(name));
    if (!option.value.empty()) names += fmt::format(" \\fI{}\\fR", Roff(option.value));
    text += fmt::format(".TP\n{}\n{}\n", names, Roff(option.help));
  }
  return text;
}

}  // namespace

std::string ManPage(const ProgramText& program) {
  std::string text =
      ".TH PLATYPUS 1 \"\" \"Platypus\" \"User Commands\"\n"
      ".SH NAME\nplatypus, mmcli \\- from sensor recordings to verified C for microcontrollers\n"
      ".SH SYNOPSIS\n.B platypus\n[\\fIOPTION\\fR]... \\fICOMMAND\\fR [\\fIARGUMENT\\fR]...\n"
      ".SH DESCRIPTION\n"
      "Reads recordings, extracts features, trains a small network, quantises it to integers, "
      "writes readable C99, and proves on emulated cores that this C computes what the accuracy "
      "was measured on.\n"
      ".SH OPTIONS\nThese may stand before the command or behind it.\n" +
      Lines(program.globals) + ".SH COMMANDS\n";
  for (const CommandText& command : program.commands) {
    text += fmt::format(".SS {}\n{}.\n", Roff(command.name), Roff(command.about));
    text += Lines(command.options);
    if (!command.example.empty())
      text += fmt::format(".PP\nExample:\n.RS\n.nf\n{}\n.fi\n.RE\n", Roff(command.example));
  }
  text += ".SH EXIT STATUS\n";
  for (const auto& [status, meaning] : ExitStatuses())
    text += fmt::format(".TP\n{}\n{}\n", status, Roff(meaning));
  text += ".SH ENVIRONMENT\n";
  for (const auto& [name, meaning] : EnvironmentVariables())
    text += fmt::format(".TP\n.B {}\n{}\n", Roff(name), Roff(meaning));
  return text;
}

}  // namespace platypus::apps
