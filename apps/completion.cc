#include <fmt/format.h>

#include <algorithm>

#include "apps/command.h"
#include "apps/describe.h"
#include "platypus/base/error.h"

namespace platypus::apps {
namespace {

const std::vector<std::string> kShells = {"bash", "zsh", "fish"};

std::string Joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

std::string NamesOf(const std::vector<OptionText>& options) {
  std::string names;
  for (const OptionText& option : options) {
    if (!option.positional) names += (names.empty() ? "" : " ") + Joined(option.names);
  }
  return names;
}

std::vector<std::string> CommandNames(const ProgramText& program) {
  std::vector<std::string> names;
  for (const CommandText& command : program.commands) names.push_back(command.name);
  return names;
}

// Text inside single quotes of a shell.
std::string Quoted(const std::string& text) {
  std::string quoted;
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted;
}

std::string Bash(const ProgramText& program) {
  const std::string names = Joined(CommandNames(program));
  std::string text =
      "# bash completion of platypus and mmcli\n"
      "_platypus() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \" " +
      names +
      " \" in *\" ${COMP_WORDS[i]} \"*) command=${COMP_WORDS[i]}; break ;; esac\n"
      "  done\n"
      "  COMPREPLY=()\n"
      "  case \"$command $prev\" in\n";
  const auto value_case = [&](const std::string& command, const OptionText& option) {
    std::string pattern;
    for (const std::string& name : option.names)
      pattern += (pattern.empty() ? "" : "|") + fmt::format("\"{} {}\"", command, name);
    const std::string reply =
        option.values.empty()
            ? std::string(option.takes_path ? "COMPREPLY=($(compgen -f -- \"$cur\"))" : ":")
            : fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$cur\"))",
                          Quoted(Joined(option.values)));
    text += fmt::format("    {}) {}; return ;;\n", pattern, reply);
  };
  for (const CommandText& command : program.commands) {
    for (const OptionText& option : command.options) {
      if (!option.positional && !option.value.empty()) value_case(command.name, option);
    }
    for (const OptionText& option : program.globals) {
      if (!option.value.empty()) value_case(command.name, option);
    }
  }
  text += "  esac\n  case \"$command\" in\n";
  text += fmt::format("    '') COMPREPLY=($(compgen -W '{} {}' -- \"$cur\")) ;;\n", names,
                      NamesOf(program.globals));
  for (const CommandText& command : program.commands) {
    std::string words = NamesOf(command.options) + " " + NamesOf(program.globals);
    std::string places;
    for (const OptionText& option : command.options) {
      if (option.positional) places += " " + Joined(option.values);
    }
    text += fmt::format(
        "    {})\n"
        "      if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W '{}' -- \"$cur\"))\n"
        "      else COMPREPLY=($(compgen -W '{}' -- \"$cur\") $(compgen -f -- \"$cur\")); fi ;;\n",
        command.name, words, Quoted(places));
  }
  return text + "  esac\n}\ncomplete -o filenames -F _platypus platypus mmcli\n";
}

// A word of zsh's _arguments: brackets and colons have a meaning there.
std::string Specification(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':') escaped += '\\';
    escaped += c;
  }
  return Quoted(escaped);
}

std::string Zsh(const ProgramText& program) {
  std::string text = "#compdef platypus mmcli\n# zsh completion of platypus and mmcli\n\n";
  const auto argument = [](const OptionText& option) {
    if (option.value.empty() && !option.positional) return std::string();
    const std::string what = option.values.empty()
                                 ? (option.takes_path ? "_files" : "")
                                 : fmt::format("({})", Specification(Joined(option.values)));
    return fmt::format(":{}:{}", option.positional ? option.names[0] : "value", what);
  };
  const auto lines = [&](const std::vector<OptionText>& options, const char* indent) {
    std::string list;
    for (const OptionText& option : options) {
      if (option.positional) {
        list += fmt::format(" \\\n{}'{}'", indent, argument(option));
        continue;
      }
      for (const std::string& name : option.names) {
        list += fmt::format(" \\\n{}'{}[{}]{}'", indent, name, Specification(option.help),
                            argument(option));
      }
    }
    return list;
  };
  text += "_platypus() {\n  local context state state_descr line\n  typeset -A opt_args\n";
  text += "  _arguments -C" + lines(program.globals, "    ") +
          " \\\n    '1:command:->command' \\\n    '*::argument:->argument'\n";
  text += "  case $state in\n    command)\n      local -a commands=(\n";
  for (const CommandText& command : program.commands)
    text += fmt::format("        '{}:{}'\n", command.name, Specification(command.about));
  text += "      )\n      _describe command commands ;;\n    argument)\n      case $words[1] in\n";
  for (const CommandText& command : program.commands) {
    text +=
        fmt::format("        {})\n          _arguments{}{} ;;\n", command.name,
                    lines(command.options, "            "), lines(program.globals, "            "));
  }
  return text + "      esac ;;\n  esac\n}\n\n_platypus \"$@\"\n";
}

std::string Fish(const ProgramText& program) {
  std::string text = "# fish completion of platypus and mmcli\n";
  const std::string names = Joined(CommandNames(program));
  for (const char* called : {"platypus", "mmcli"}) {
    const auto option_line = [&](const OptionText& option, const std::string& condition) {
      std::string line = fmt::format("complete -c {} -n '{}'", called, condition);
      if (option.positional) {
        if (option.values.empty()) return;
        line += fmt::format(" -f -a '{}'", Quoted(Joined(option.values)));
      } else {
        for (const std::string& name : option.names)
          line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
        if (!option.value.empty()) line += option.takes_path ? " -r -F" : " -x";
        if (!option.values.empty()) line += fmt::format(" -a '{}'", Quoted(Joined(option.values)));
      }
      text += line + fmt::format(" -d '{}'\n", Quoted(option.help));
    };
    for (const CommandText& command : program.commands) {
      text +=
          fmt::format("complete -c {} -f -n 'not __fish_seen_subcommand_from {}' -a {} -d '{}'\n",
                      called, names, command.name, Quoted(command.about));
    }
    for (const OptionText& option : program.globals) option_line(option, "true");
    for (const CommandText& command : program.commands) {
      for (const OptionText& option : command.options)
        option_line(option, "__fish_seen_subcommand_from " + command.name);
    }
  }
  return text;
}

}  // namespace

std::string CompletionScript(const ProgramText& program, const std::string& shell) {
  if (shell == "bash") return Bash(program);
  if (shell == "zsh") return Zsh(program);
  if (shell == "fish") return Fish(program);
  throw Error(Category::kUsage, fmt::format("there is no completion for '{}'", shell),
              Suggest(shell, kShells));
}

Command AddCompletion(CLI::App& program, const Globals&) {
  CLI::App* parser = program.add_subcommand(
      "completion",
      "what a shell completes\nExample: source <(platypus completion bash); platypus completion "
      "fish > ~/.config/fish/completions/platypus.fish");
  const auto shell = std::make_shared<std::string>();
  parser->add_option("SHELL", *shell, "bash, zsh or fish")->required();
  return {parser, [&program, shell] {
            fmt::print("{}",
                       CompletionScript(DescribeProgram(program, config::LoadRegistry()), *shell));
            return 0;
          }};
}

}  // namespace platypus::apps
