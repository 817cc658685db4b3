#include "apps/options.h"

#include <fmt/format.h>

#include <algorithm>

#include "platypus/base/error.h"

namespace platypus::apps {
namespace {

using config::Standing;

constexpr const char* kAll = "run train compile";
constexpr const char* kTraining = "run train";
constexpr const char* kCompiling = "run compile";
constexpr const char* kQuantizing = "run train quantize";

// clang-format off
constexpr Option kOptions[] = {
    {"-m,--module", "", Argument::kModule, "MODULE", "", "common.target_module",
     "timeseries, vision, audio or radar; found from the task",
     kAll, Standing::kBetter, "may be left out"},
    {"-t,--task", "--task_type", Argument::kTask, "TASK", "", "common.task_type",
     "what is learned",
     kAll, Standing::kBetter, "unknown names get the nearest"},
    {"-d,--device", "--target_device", Argument::kDevice, "DEVICE", "", "common.target_device",
     "the part that it is for",
     kAll, Standing::kBetter, "unknown names get the nearest"},
    {"-n,--model", "--model_name,--name", Argument::kModel, "MODEL", "", "training.model_name",
     "the network; of compile: what the file's is called (as the file)",
     kAll, Standing::kBetter, "unknown names get the nearest; compile finds what is quantised in the file"},
    {"--run-name", "--run_name", Argument::kText, "NAME", "", "common.run_name",
     "folder of the run; {date-time} and {model_name} are replaced",
     kAll, Standing::kSame, ""},
    {"--report", "", Argument::kNone, "", "", "",
     "keep report.html up to date while the run goes on; in the end it is always written",
     kAll, Standing::kBetter, "one file that needs no network; says when a run failed"},
    {"-i,--project", "", Argument::kFolder, "PROJECT", "", "",
     "recordings in PROJECT/dataset, the run in PROJECT/run (data/projects/default)",
     kTraining, Standing::kBetter, "a configuration's own paths hold unless it is given; annotations may be missing"},
    {"--input-data-path", "--input_data_path", Argument::kFolder, "PATH", "", "dataset.input_data_path",
     "folder, archive or URL of the recordings",
     kTraining, Standing::kSame, ""},
    {"--feature-extraction", "", Argument::kFeaturePreset, "PRESET", "",
     "data_processing_feature_extraction.feature_extraction_name",
     "feature preset (`platypus info -t TASK` lists them)",
     kTraining, Standing::kBetter, "unknown names get the nearest"},
    {"--epochs", "--training_epochs,--training-epochs", Argument::kText, "N", "", "training.training_epochs",
     "epochs of the float phase",
     kTraining, Standing::kSame, ""},
    {"--batch-size", "--batch_size", Argument::kText, "N", "", "training.batch_size",
     "samples of a step",
     kTraining, Standing::kSame, ""},
    {"--lr", "--learning_rate,--learning-rate", Argument::kText, "RATE", "", "training.learning_rate",
     "learning rate of the float phase",
     kTraining, Standing::kBetter, "the model maker's spelling too, which it has no option for"},
    {"--gpus", "--num_gpus,--num-gpus", Argument::kNumber, "N", "", "training.num_gpus",
     "accepted; training runs on this processor",
     kTraining, Standing::kNotice, "never ends a run"},
    {"--quantization", "--quantize", Argument::kChoice, "Q",
     "NO_QUANTIZATION,QUANTIZATION_GENERIC,QUANTIZATION_TINPU,0,1,2", "training.quantization",
     "what the network becomes",
     kQuantizing, Standing::kBetter, "numbers too, and generic; names no longer break the run"},
    {"--quantization-method", "--quantization_method", Argument::kChoice, "METHOD", "QAT,PTQ", "training.quantization_method",
     "train the integers, or only measure ranges",
     kTraining, Standing::kOurs, ""},
    {"--weight-bitwidth", "--weight-bits,--weight_bitwidth", Argument::kChoice, "BITS", "8,4,2", "training.quantization_weight_bitwidth",
     "bits of a weight",
     kQuantizing, Standing::kOurs, ""},
    {"--activation-bitwidth", "--activation-bits,--activation_bitwidth", Argument::kChoice, "BITS", "16,8,4,2", "training.quantization_activation_bitwidth",
     "bits of an activation",
     kQuantizing, Standing::kOurs, ""},
    {"--output-int", "--output_int", Argument::kChoice, "WHETHER", "true,false", "training.output_int",
     "integer outputs of the network; by task",
     kQuantizing, Standing::kOurs, ""},
    {"--partial-quantization", "--partial_quantization", Argument::kChoice, "WHETHER", "true,false", "training.partial_quantization",
     "input batch norm, first and last layer in float",
     kQuantizing, Standing::kOurs, ""},
    {"--auto-quantization", "--auto_quantization", Argument::kChoice, "WHETHER", "true,false", "training.auto_quantization",
     "bits of each layer's weights by its sensitivity",
     kQuantizing, Standing::kOurs, ""},
    {"--quantization-error-logging", "--quantization_error_logging", Argument::kChoice, "WHETHER", "true,false", "training.quantization_error_logging",
     "every layer's error in run.log",
     kTraining, Standing::kOurs, ""},
    {"--compile-model", "", Argument::kChoice, "WHETHER", "0,1", "training.compile_model",
     "accepted; training is always compiled",
     kTraining, Standing::kNotice, ""},
    {"--native-amp", "", Argument::kNone, "", "", "training.native_amp",
     "accepted; training computes in float32",
     kTraining, Standing::kNotice, ""},
    {"--no-native-amp", "", Argument::kNone, "", "", "training.native_amp",
     "the contrary",
     kTraining, Standing::kNotice, ""},
    {"--nas", "", Argument::kChoice, "SIZE", "s,m,l,xl", "training.nas_model_size",
     "search the network; the model is then called NAS_SIZE",
     kTraining, Standing::kNotice, "does not run in this version"},
    {"--nas-epochs", "", Argument::kNumber, "N", "", "training.nas_epochs",
     "epochs of the search, with --nas",
     kTraining, Standing::kNotice, "does not run in this version"},
    {"--nas-optimize", "", Argument::kChoice, "FOR", "Memory,Compute", "training.nas_optimization_mode",
     "what the search saves, with --nas",
     kTraining, Standing::kNotice, "does not run in this version"},
    {"--training-device", "", Argument::kChoice, "DEVICE", "auto,mps,cuda,cpu", "training.training_device",
     "accepted; training runs on this processor",
     kTraining, Standing::kNotice, "changes num_gpus only if --gpus is not given"},
    {"-o,--onnx", "", Argument::kFile, "FILE", "", "compilation.model_path",
     "the ONNX file to compile",
     kCompiling, Standing::kBetter, "its quantisation is found in the file"},
    {"--preset", "", Argument::kCompilePreset, "PRESET", "", "compilation.compile_preset_name",
     "preset of the vendor's compiler",
     kCompiling, Standing::kBetter, "unknown names get the nearest"},
};
// clang-format on

std::vector<std::string> Split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    std::string_view part = text.substr(0, comma);
    part.remove_prefix(std::min(part.find_first_not_of(' '), part.size()));
    parts.emplace_back(part);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

std::string HelpOf(const Option& option) {
  std::string help = option.help;
  if (option.argument == Argument::kChoice)
    help += fmt::format(": {}", fmt::join(Split(option.choices), ", "));
  if (*option.aliases != '\0') help += fmt::format(" (also {})", fmt::join(option.Aliases(), ", "));
  return help;
}

bool IsAbout(const config::Value& entry, const std::string& task) {
  const config::Value* tasks = entry.Find("tasks");
  return tasks == nullptr || tasks->items.empty() ||
         std::ranges::any_of(tasks->items, [&](const config::Value& t) { return t.text == task; });
}

}  // namespace

const char* Name(Action action) {
  switch (action) {
    case Action::kRun:
      return "run";
    case Action::kTrain:
      return "train";
    case Action::kCompile:
      return "compile";
    case Action::kQuantize:
      return "quantize";
  }
  return "";
}

std::string_view Option::LongName() const {
  const std::string_view all = names;
  return all.substr(all.find("--"));
}

bool Option::IsOf(Action action) const {
  return std::string_view(commands).find(Name(action)) != std::string_view::npos;
}

std::vector<std::string> Option::Aliases() const { return Split(aliases); }

std::span<const Option> Options() { return kOptions; }

const Option& FindOption(std::string_view long_name) {
  const auto found = std::ranges::find_if(
      kOptions, [&](const Option& option) { return option.LongName() == long_name; });
  Check(found != std::end(kOptions), "no option {}", long_name);
  return *found;
}

std::vector<std::string> NamesFor(Argument argument, const char* choices,
                                  const config::Registry& registry, const std::string& task) {
  const config::Value* task_entry = registry.tasks.Find(task);
  std::vector<std::string> names;
  switch (argument) {
    case Argument::kModule:
      for (const auto& [name, entry] : registry.tasks.entries.entries) {
        if (std::count(names.begin(), names.end(), entry.Text("module")) == 0)
          names.push_back(entry.Text("module"));
      }
      return names;
    case Argument::kTask:
      return registry.tasks.Names();
    case Argument::kDevice:
      return registry.devices.Names();
    case Argument::kModel:
      for (const auto& [name, entry] : registry.models.entries.entries) {
        if (task_entry == nullptr || entry.Text("task_category") == task_entry->Text("category")) {
          names.push_back(name);
        }
      }
      return names;
    case Argument::kFeaturePreset:
      for (const auto& [name, entry] : registry.feature_presets.entries.entries) {
        if (task_entry == nullptr || IsAbout(entry, task)) names.push_back(name);
      }
      return names;
    case Argument::kCompilePreset:
      return Split(config::FindKey("compilation", "compile_preset_name")->legal);
    case Argument::kChoice:
      return Split(choices);
    case Argument::kNone:
    case Argument::kText:
    case Argument::kNumber:
    case Argument::kFile:
    case Argument::kFolder:
      return {};
  }
  return {};
}

Argument ArgumentOf(std::string_view long_name) {
  for (const Option& option : kOptions) {
    if (option.LongName() == long_name) return option.argument;
  }
  if (long_name == "--config" || long_name == "CONFIG") return Argument::kFile;
  if (long_name == "--registry" || long_name == "--to" || long_name == "--data" ||
      long_name == "--analyze") {
    return Argument::kFolder;
  }
  return Argument::kText;
}

void AddOptions(CLI::App& parser, Action action, TypedOptions& typed) {
  for (const Option& option : kOptions) {
    if (!option.IsOf(action)) continue;
    const std::string name(option.LongName());
    if (option.argument == Argument::kNone) {
      parser.add_flag_callback(
          option.names, [&typed, name] { typed[name] = ""; }, HelpOf(option));
    } else {
      parser
          .add_option_function<std::string>(
              option.names, [&typed, name](const std::string& text) { typed[name] = text; },
              HelpOf(option))
          ->type_name(option.shown);
    }
  }
}

void CompleteNames(const CLI::App& program, std::vector<std::string>& arguments) {
  const CLI::App* command = nullptr;
  const auto is_named = [&](const CLI::App* app) {
    return std::ranges::find(arguments, app->get_name()) != arguments.end();
  };
  if (const auto named = program.get_subcommands(is_named); !named.empty()) command = named.front();
  std::vector<std::string> names;
  for (const CLI::App* app : {&program, command}) {
    if (app == nullptr) continue;
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  std::map<std::string, std::string> meant;  // spelling -> name
  for (const std::string& name : names) meant[name] = name;
  for (const Option& option : kOptions) {
    if (command == nullptr || meant.count(std::string(option.LongName())) == 0) continue;
    for (const std::string& alias : option.Aliases()) meant[alias] = option.LongName();
  }
  for (std::string& argument : arguments) {
    if (!argument.starts_with("--") || argument == "--") continue;
    const size_t end = std::min(argument.find('='), argument.size());
    const std::string typed = argument.substr(0, end);
    std::string name;
    if (const auto exact = meant.find(typed); exact != meant.end()) {
      name = exact->second;
    } else {
      size_t fits = 0;
      for (auto at = meant.lower_bound(typed); at != meant.end() && at->first.starts_with(typed);
           ++at) {
        if (at->second != name) ++fits;
        name = at->second;
      }
      if (fits != 1) continue;
    }
    argument = name + argument.substr(end);
  }
}

}  // namespace platypus::apps
