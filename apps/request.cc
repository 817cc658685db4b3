#include "apps/request.h"

#include <algorithm>
#include <optional>

#include "platypus/base/files.h"
#include "platypus/data/download.h"

namespace platypus::apps {
namespace {

namespace fs = std::filesystem;
using config::Value;

constexpr const char* kDefaultProject = "data/projects/default";
constexpr const char* kExample =
    "for example `platypus run -t generic_timeseries_classification -d F28P55 -n CLS_1k_NPU -i "
    "PROJECT`, or `platypus run CONFIG.yaml`";

// The tasks that mmcli searches networks for.
constexpr const char* kSearched[] = {"generic_timeseries_classification",
                                     "arc_fault",
                                     "ecg_classification",
                                     "motor_fault",
                                     "blower_imbalance",
                                     "pir_detection",
                                     "image_classification"};

bool IsSet(const Value& value, const std::string& section, const std::string& key) {
  const Value* found = value.Find(section);
  const Value* entry = found == nullptr ? nullptr : found->Find(key);
  return entry != nullptr && !config::IsNull(*entry);
}

class Making {
 public:
  Making(const Request& request, const config::Registry& registry)
      : request_(request), registry_(registry) {}

  config::Document Make() {
    if (!request_.config.empty()) {
      Try([&] { document_ = config::ReadDocument(request_.config); });
    }
    document_.value.kind = Value::Kind::kMap;
    const bool has_file = !request_.config.empty();
    ChooseStages(has_file);
    for (const Option& option : Options()) {
      if (const std::string* text = Typed(option.LongName())) Apply(option, *text);
    }
    for (const std::string& set : request_.sets) {
      Try([&] { config::ApplySet(document_.value, set); });
    }
    ApplyDevice();
    ApplySearch();
    if (!has_file) {
      RequireNames();
      if (!IsSet(document_.value, "dataset", "dataset_name"))
        Put("dataset.dataset_name", "default", "");
    }
    ApplyProject(has_file);
    if (request_.action == Action::kCompile) NameTheFile();
    if (!problems_.empty()) throw Problems(std::move(problems_));
    return std::move(document_);
  }

 private:
  const std::string* Typed(std::string_view name) const {
    const auto found = request_.typed.find(name);
    return found == request_.typed.end() ? nullptr : &found->second;
  }

  // What goes wrong is one problem more.
  template <typename Work>
  void Try(Work work) {
    try {
      work();
    } catch (const Error& error) {
      problems_.push_back(error);
    }
  }

  void Problem(const std::string& message, const std::string& hint) {
    problems_.emplace_back(Category::kUsage, message, hint);
  }

  // `typed` says which words of the command line the value comes from; "" = none, it is a default.
  void Put(const std::string& key, const std::string& text, const std::string& typed) {
    const size_t dot = key.find('.');
    Value value = config::Scalar(text);
    value.where = {typed, 0, 0};
    config::MarkLayer(value, typed.empty() ? "default" : "command line");
    Value& section = document_.value[key.substr(0, dot)];
    if (section.kind == Value::Kind::kNull) section.kind = Value::Kind::kMap;
    section[key.substr(dot + 1)] = std::move(value);
  }

  // A file says for itself what `run` does; train and compile are what they are called.
  void ChooseStages(bool has_file) {
    const bool compile = request_.action == Action::kCompile;
    const bool has_data = IsSet(document_.value, "dataset", "input_data_path");
    if (has_file && request_.action == Action::kRun) return;
    if (!compile || !has_data) Put("dataset.enable", compile ? "false" : "true", "");
    Put("training.enable", compile ? "false" : "true", "");
    Put("compilation.enable", request_.action == Action::kTrain ? "false" : "true", "");
  }

  void Apply(const Option& option, const std::string& text) {
    const std::string name(option.LongName());
    const std::string typed = text.empty() ? name : name + " " + text;
    if (text.empty() && option.argument != Argument::kNone) {
      Problem(name + ": nothing stands behind it", fmt::format("expected {}", option.shown));
      return;
    }
    const std::string key = option.key;
    if (!key.empty() && !CheckValue(option, text, typed)) return;
    if (name == "--native-amp" || name == "--no-native-amp") {
      if (Typed("--native-amp") != nullptr && Typed("--no-native-amp") != nullptr) {
        if (name == "--native-amp")
          Problem("--native-amp and --no-native-amp exclude each other", "leave one out");
        return;
      }
      Put(key, name == "--native-amp" ? "true" : "false", typed);
    } else if (name == "--nas-epochs" || name == "--nas-optimize") {
      if (Typed("--nas") != nullptr) {
        Put(key, text, typed);
      } else {
        document_.notices.push_back(name + " has no effect without --nas");
      }
    } else if (name == "--onnx") {
      if (!fs::is_regular_file(text)) Problem(typed + ": there is no such file", "");
      Put(key, fs::absolute(text).lexically_normal().string(), typed);
    } else if (name == "--input-data-path") {
      Put(key, data::IsUrl(text) ? text : fs::absolute(text).lexically_normal().string(), typed);
    } else if (!key.empty() && !(name == "--training-device" && text == "auto")) {
      Put(key, text, typed);
    }
  }

  // Whether the value may stand there.
  bool CheckValue(const Option& option, const std::string& text, const std::string& typed) {
    const std::string name(option.LongName());
    const size_t before = problems_.size();
    if (name == "--model" && (Typed("--nas") != nullptr || request_.action == Action::kCompile))
      return true;
    const std::string* task = Typed("--task");
    const std::vector<std::string> names =
        NamesFor(option.argument, option.choices, registry_,
                 task == nullptr ? TextOf(document_.value, "common", "task_type") : *task);
    const std::string key_text = option.key;
    const size_t dot = key_text.find('.');
    const config::Key* key = config::FindKey(key_text.substr(0, dot), key_text.substr(dot + 1));
    if (option.argument == Argument::kNone) return true;
    if (option.argument == Argument::kNumber) {
      const auto number = config::ToInteger(config::Scalar(text));
      if (!number || *number < 0)
        Problem(typed + " is not legal", "legal: an integer of at least 0");
    } else if (key->status == config::KeyStatus::kUsed && option.argument != Argument::kModel &&
               (names.empty() || option.argument == Argument::kChoice)) {
      config::Config scratch;
      Value value = config::Scalar(text);
      value.where = {typed, 0, 0};
      Try([&] { key->set(scratch, value); });
    } else if (!names.empty() && std::count(names.begin(), names.end(), text) == 0 &&
               !(option.argument == Argument::kFeaturePreset && IsPreset(text))) {
      Problem(fmt::format("{}: there is no {} '{}'", name, ShownKind(option), text),
              Suggest(text, names));
    }
    return problems_.size() == before;
  }

  // Presets of another task may be meant for this one too.
  bool IsPreset(const std::string& name) const {
    return name == "default" || registry_.feature_presets.Find(name) != nullptr;
  }

  static std::string ShownKind(const Option& option) {
    std::string kind = option.shown;
    std::transform(kind.begin(), kind.end(), kind.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return option.argument == Argument::kChoice ? "choice" : kind;
  }

  // How many devices there are follows from the device only where nobody said it.
  void ApplyDevice() {
    const std::string* device = Typed("--training-device");
    if (device == nullptr || *device == "auto" || Typed("--gpus") != nullptr) return;
    if (*device == "cpu") {
      Put("training.num_gpus", "0", "--training-device cpu");
    } else if (!IsSet(document_.value, "training", "num_gpus")) {
      Put("training.num_gpus", "1", "--training-device " + *device);
    }
  }

  void ApplySearch() {
    const std::string* size = Typed("--nas");
    if (size == nullptr) return;
    const std::string typed = "--nas " + *size;
    Put("training.nas_enabled", "true", typed);
    if (!IsSet(document_.value, "training", "model_name"))
      Put("training.model_name", "NAS_" + *size, typed);
    const std::string* task = Typed("--task");
    if (task != nullptr && std::ranges::find(kSearched, *task) == std::end(kSearched)) {
      Problem(fmt::format("{}: no network is searched for task {}", typed, *task),
              fmt::format("legal: {}", fmt::join(kSearched, ", ")));
    }
  }

  void RequireNames() {
    const auto require = [&](const char* option, const char* section, const char* key) {
      if (!IsSet(document_.value, section, key) && Typed(option) == nullptr)
        Problem(fmt::format("{} is missing", option), kExample);
    };
    if (request_.action == Action::kCompile) {
      require("--onnx", "compilation", "model_path");
      return;
    }
    require("--task", "common", "task_type");
    require("--device", "common", "target_device");
    require("--model", "training", "model_name");
  }

  void ApplyProject(bool has_file) {
    if (request_.action == Action::kCompile) return;
    const std::string* typed = Typed("--project");
    const bool has_data = IsSet(document_.value, "dataset", "input_data_path");
    if (typed == nullptr && (has_file || has_data || request_.synthetic_data)) return;
    const fs::path project =
        fs::absolute(typed == nullptr ? fs::path(kDefaultProject) : fs::path(*typed))
            .lexically_normal();
    const fs::path folder = project.has_filename() ? project : project.parent_path();
    const std::string where = typed == nullptr ? "" : "--project " + *typed;
    const std::string create =
        "`platypus init -t TASK -p PROJECT --dataset NAME` creates a project";
    const fs::path data = folder / "dataset";
    if (!fs::is_directory(folder)) {
      Problem(fmt::format("the project {} does not exist", folder.string()),
              (typed == nullptr ? "name it with -i PROJECT; " : "") + create);
    } else if (!fs::is_directory(data)) {
      Problem(fmt::format("the project {} has no folder 'dataset'", folder.string()), create);
    } else if (std::ranges::none_of(std::vector<std::string>{"classes", "files", "images"},
                                    [&](const auto& n) { return fs::is_directory(data / n); })) {
      Problem(fmt::format("{} has none of the folders 'classes', 'files', 'images'", data.string()),
              "recordings stand in classes/<label>/ or in files/ (docs/data.md)");
    }
    if (!has_data || Typed("--input-data-path") == nullptr)
      Put("dataset.input_data_path", data.string(), where);
    Put("dataset.dataset_name", folder.filename().string(), where);
    Put("training.train_output_path", (folder / "run").string(), where);
  }

  // A run needs a name; that of the file is the best there is.
  void NameTheFile() {
    if (IsSet(document_.value, "training", "model_name")) return;
    const std::string file = TextOf(document_.value, "compilation", "model_path");
    if (!file.empty()) Put("training.model_name", fs::path(file).stem().string(), "");
  }

  const Request& request_;
  const config::Registry& registry_;
  config::Document document_;
  std::vector<Error> problems_;
};

// What mmcli starts from, in its order.
constexpr const char* kSkeleton = R"(
common: {target_module: null, task_type: null, target_device: null, run_name: '{date-time}/{model_name}', verbose_mode: true}
dataset: {enable: false, dataset_name: default}
data_processing_feature_extraction: {feature_extraction_name: default}
training: {enable: false, model_name: null}
testing: {enable: true}
compilation: {enable: false, model_path: null, compile_preset_name: default_preset}
)";

}  // namespace

std::string TextOf(const Value& value, const char* section, const char* key) {
  const Value* found = value.Find(section);
  return found == nullptr ? "" : found->Text(key);
}

config::Document MakeDocument(const Request& request, const config::Registry& registry) {
  Request plain = request;
  if (request.action == Action::kCompile && fs::path(request.config).extension() == ".onnx") {
    plain.typed.emplace("--onnx", request.config);
    plain.config.clear();
  }
  return Making(plain, registry).Make();
}

bool IsForAFileAlone(const config::Document& document) {
  return TextOf(document.value, "training", "enable") == "false" &&
         TextOf(document.value, "dataset", "enable") == "false" &&
         IsSet(document.value, "compilation", "model_path");
}

std::string ShowDocument(const config::Document& document, const config::Registry& registry) {
  Value shown = config::ParseYaml(kSkeleton, "");
  // A model maker's file leaves out what is on anyway.
  if (!document.file.empty()) {
    for (const char* section : {"dataset", "training", "compilation"})
      shown[section]["enable"] = config::Scalar("true");
    std::erase_if(shown["dataset"].entries,
                  [](const auto& e) { return e.first == "dataset_name"; });
  }
  config::Merge(shown, document.value);
  if (!IsSet(shown, "common", "target_module")) {
    if (const Value* task = registry.tasks.Find(TextOf(shown, "common", "task_type")))
      shown["common"]["target_module"] = config::Scalar(task->Text("module"));
  }
  if (TextOf(shown, "training", "enable") == "true" &&
      !IsSet(shown, "training", "training_device") && !IsSet(shown, "training", "num_gpus")) {
    shown["training"]["training_device"] = config::Scalar("cpu");
    shown["training"]["num_gpus"] = config::Scalar("0");
  }
  std::string text;
  for (const auto& [section, map] : shown.entries) {
    if (map.kind != Value::Kind::kMap) {
      text += fmt::format("{}: {}\n", section, config::ToYaml(map));
      continue;
    }
    text += section + ":\n";
    for (const auto& [key, value] : map.entries)
      text += fmt::format("  {}: {}\n", key, config::ToYaml(value));
  }
  return text;
}

}  // namespace platypus::apps
