#include "platypus/config/load.h"

#include <algorithm>
#include <map>
#include <set>

#include "platypus/base/files.h"
#include "platypus/base/hash.h"
#include "platypus/config/schema.h"

namespace platypus::config {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFeatures = "data_processing_feature_extraction";

// Sections of other releases that configurations in use still carry; nothing reads them.
bool IsIgnoredSection(const std::string& name) {
  return name == "download" || name == "data_processing";
}

// The file with its includes merged below its own keys.
Value ReadWithIncludes(const fs::path& file, std::vector<fs::path>& open,
                       std::vector<std::string>& duplicates);

void ResolveIncludes(Value& value, const fs::path& folder, std::vector<fs::path>& open,
                     std::vector<std::string>& duplicates) {
  constexpr size_t kDeepest = 16;
  if (value.kind != Value::Kind::kMap) return;
  for (auto& [key, entry] : value.entries) ResolveIncludes(entry, folder, open, duplicates);
  const Value* includes = value.Find("include_files");
  if (includes == nullptr) return;
  Value merged;
  merged.kind = Value::Kind::kMap;
  merged.where = value.where;
  const Value list = *includes;
  if (!IsNull(list) && list.kind != Value::Kind::kList) {
    throw Error(Category::kConfiguration,
                fmt::format("include_files: {} is not a list of files", ToYaml(list)),
                "legal: [other.yaml]", list.where);
  }
  for (const Value& item : list.items) {
    const fs::path file =
        (fs::path(item.text).is_absolute() ? fs::path(item.text) : folder / item.text)
            .lexically_normal();
    if (!fs::is_regular_file(file)) {
      throw Error(Category::kConfiguration,
                  fmt::format("include_files: {} does not exist", file.string()),
                  "included files are relative to the file that names them", item.where);
    }
    if (std::count(open.begin(), open.end(), file) > 0) {
      throw Error(Category::kConfiguration,
                  fmt::format("include_files: {} includes itself", file.string()), "", item.where);
    }
    if (open.size() > kDeepest) {
      throw Error(Category::kConfiguration,
                  fmt::format("include_files: more than {} levels deep", kDeepest), "", item.where);
    }
    Merge(merged, ReadWithIncludes(file, open, duplicates));
  }
  std::erase_if(value.entries, [](const auto& entry) { return entry.first == "include_files"; });
  Merge(merged, value);
  value = std::move(merged);
}

Value ReadWithIncludes(const fs::path& file, std::vector<fs::path>& open,
                       std::vector<std::string>& duplicates) {
  open.push_back(file);
  Value value = ParseYaml(ReadFile(file), file.string(), &duplicates);
  ResolveIncludes(value, file.parent_path(), open, duplicates);
  open.pop_back();
  return value;
}

// Keys without are accepted, and forgotten.
bool HasValue(const Key& key) {
  return key.status != KeyStatus::kIgnored && key.status != KeyStatus::kComputed;
}

Value DefaultLayer() {
  Value defaults;
  defaults.kind = Value::Kind::kMap;
  for (const std::string& section : Sections()) defaults[section].kind = Value::Kind::kMap;
  for (const Key& key : Schema()) {
    if (!HasValue(key)) continue;
    defaults[key.section][key.name] = ParseYaml(key.default_text, "default");
  }
  MarkLayer(defaults, "default");
  return defaults;
}

class Loading {
 public:
  Loading(const Registry& registry, fs::path folder)
      : registry_(registry), folder_(std::move(folder)) {}

  // Of a configuration that does not run and is wrong elsewhere too, the former is said first.
  Loaded Run(Value user) try { return Read(std::move(user)); } catch (const Error&) {
    RequireRunnable(loaded_);
    throw;
  }

 private:
  Loaded Read(Value user) {
    if (user.kind != Value::Kind::kMap) {
      throw Error(Category::kConfiguration, "a configuration maps sections to keys",
                  "legal sections: common, ...", user.where);
    }
    CheckKeys(user);
    user_ = std::move(user);
    ApplyTask();
    Value tree = DefaultLayer();
    AddLayer(tree, ModelLayer());
    const Value dataset = DatasetLayer();
    AddLayer(tree, dataset);
    AddLayer(tree, FeatureLayer(dataset));
    AddLayer(tree, CompilationLayer());
    Merge(tree, user_);
    for (const auto& [name, value] : extra_) Merge(tree[name.first][name.second], value);
    ResolvePaths(tree);
    ReadModelConfig(tree);
    Fill(tree);
    Finish(tree);
    return std::move(loaded_);
  }

  std::string User(const char* section, const char* key) const {
    const Value* found = user_.Find(section);
    return found == nullptr ? std::string() : found->Text(key);
  }
  Location WhereUser(const char* section, const char* key) const {
    const Value* found = user_.Find(section);
    const Value* value = found == nullptr ? nullptr : found->Find(key);
    return value == nullptr ? Location{} : value->where;
  }
  bool UserFlag(const char* section, const char* key, bool fallback) const {
    const Value* found = user_.Find(section);
    const Value* value = found == nullptr ? nullptr : found->Find(key);
    return value == nullptr ? fallback : ToBool(*value).value_or(fallback);
  }
  [[noreturn]] void Fail(const char* section, const char* key, const std::string& message,
                         const std::string& hint) const {
    throw Error(Category::kConfiguration, fmt::format("{}.{}: {}", section, key, message), hint,
                WhereUser(section, key));
  }
  // The same for what is legal, but does not run in this version.
  void NotYet(const char* section, const char* key, const std::string& message,
              const std::string& hint) {
    loaded_.not_yet.emplace_back(
        Category::kConfiguration,
        fmt::format("{}.{}: {} does not run in this version", section, key, message), hint,
        WhereUser(section, key));
  }
  void Notice(std::string text) { loaded_.notices.push_back(std::move(text)); }

  // Unknown sections and keys are errors; keys that nothing reads make one notice.
  void CheckKeys(const Value& user) {
    std::map<std::string, std::string> ignored;  // why -> sections and keys
    const auto ignore = [&](const std::string& why, const std::string& name) {
      std::string& names = ignored[why];
      names += (names.empty() ? "" : ", ") + name;
    };
    for (const auto& [section, value] : user.entries) {
      if (IsIgnoredSection(section)) {
        ignore("nothing reads it", section);
        continue;
      }
      if (std::count(Sections().begin(), Sections().end(), section) == 0) {
        throw Error(Category::kConfiguration, fmt::format("unknown section '{}'", section),
                    Suggest(section, Sections()), value.where);
      }
      if (value.kind == Value::Kind::kNull) continue;
      if (value.kind != Value::Kind::kMap) {
        throw Error(Category::kConfiguration,
                    fmt::format("section '{}' must map keys to values", section), "", value.where);
      }
      for (const auto& [name, entry] : value.entries) {
        const Key* key = FindKey(section, name);
        if (key == nullptr) UnknownKey(section, name, entry);
        if (key->status == KeyStatus::kIgnored) {
          ignore(key->help, fmt::format("{}.{}", section, name));
        }
      }
    }
    for (const auto& [why, names] : ignored) {
      Notice(fmt::format("accepted without effect: {} ({})", names, why));
    }
  }

  [[noreturn]] static void UnknownKey(const std::string& section, const std::string& name,
                                      const Value& entry) {
    std::string hint;
    for (const std::string& other : Sections()) {
      if (FindKey(other, name) != nullptr) hint = fmt::format("it belongs to section '{}'", other);
    }
    if (hint.empty()) {
      const std::string nearest = Nearest(name, KeysOf(section));
      hint = nearest.empty() ? "`platypus config` lists the legal keys"
                             : fmt::format("did you mean '{}'?", nearest);
    }
    throw Error(Category::kConfiguration,
                fmt::format("unknown key '{}' in section '{}'", name, section), hint, entry.where);
  }

  void ApplyTask() {
    const std::string task = User("common", "task_type");
    if (task.empty()) {
      Fail("common", "task_type", "is missing", Suggest("", registry_.tasks.Names()));
    }
    const Value* entry = registry_.tasks.Find(task);
    if (entry == nullptr) {
      Fail("common", "task_type", fmt::format("'{}' is not a task", task),
           Suggest(task, registry_.tasks.Names()));
    }
    if (!ToBool(*entry->Find("runs")).value_or(false)) {
      std::string runs;
      for (const auto& [name, value] : registry_.tasks.entries.entries) {
        if (ToBool(*value.Find("runs")).value_or(false)) runs += (runs.empty() ? "" : ", ") + name;
      }
      NotYet("common", "task_type", fmt::format("'{}'", task), "these do: " + runs);
    }
    category_ = entry->Text("category");
    const std::string module = User("common", "target_module");
    if (!module.empty() && module != entry->Text("module")) {
      Fail("common", "target_module", fmt::format("'{}' has no task '{}'", module, task),
           fmt::format("legal: {} (or leave it out)", entry->Text("module")));
    }
    const std::string device = User("common", "target_device");
    if (device.empty())
      Fail("common", "target_device", "is missing", Suggest("", registry_.devices.Names()));
    if (registry_.devices.Find(device) == nullptr) {
      Fail("common", "target_device", fmt::format("'{}' is not a known device", device),
           Suggest(device, registry_.devices.Names()));
    }
    Set("dataset", "data_dir", entry->Text("data_dir"), "task " + task);
  }

  // A value for a key that no later layer may undo but the user's.
  void Set(const char* section, const char* key, const std::string& text,
           const std::string& layer) {
    if (!User(section, key).empty()) return;
    Value value = Scalar(text);
    MarkLayer(value, layer);
    extra_.push_back({{section, key}, value});
  }

  Value ModelLayer() {
    const std::string model = User("training", "model_name");
    // A search finds its network, and a file that is compiled has one: their names are free. So
    // are those of tasks to come.
    const bool compiles_a_file =
        !UserFlag("training", "enable", true) && !User("compilation", "model_path").empty();
    const bool own = !User("training", "model_spec").empty() || compiles_a_file ||
                     UserFlag("training", "nas_enabled", false) || !loaded_.not_yet.empty();
    if (model.empty()) {
      if (!UserFlag("training", "enable", true) || own) return {};
      Fail("training", "model_name", "is missing", "`platypus info` lists the models");
    }
    const Value* entry = registry_.models.Find(model);
    if (entry == nullptr) {
      if (own) return {};
      Fail("training", "model_name", fmt::format("'{}' is not a known model", model),
           Suggest(model, Catalogue()));
    }
    if (entry->Text("task_category") != category_) {
      Fail("training", "model_name",
           fmt::format("'{}' is a model for {}, the task is {}", model,
                       entry->Text("task_category"), User("common", "task_type")),
           "`platypus info` lists the models of each task");
    }
    if (!entry->Text("notice").empty()) Notice(fmt::format("{}: {}", model, entry->Text("notice")));
    Value layer = entry->Find("defaults") == nullptr ? Value{} : *entry->Find("defaults");
    MarkLayer(layer, "model " + model);
    return layer;
  }

  std::vector<std::string> Catalogue() const {
    std::vector<std::string> names;
    for (const auto& [name, entry] : registry_.models.entries.entries) {
      if (entry.Text("task_category") == category_) names.push_back(name);
    }
    return names;
  }

  Value DatasetLayer() {
    const std::string name = User("dataset", "dataset_name");
    const Value* entry = name.empty() ? nullptr : registry_.dataset_presets.Find(name);
    if (entry == nullptr || !UserFlag("dataset", "enable", true)) return {};
    Value layer = *entry;
    MarkLayer(layer, "data set preset " + name);
    return layer;
  }

  Value FeatureLayer(const Value& dataset) {
    std::string name = User(kFeatures, "feature_extraction_name");
    if (name.empty()) {
      if (const Value* section = dataset.Find(kFeatures))
        name = section->Text("feature_extraction_name");
    }
    if (name.empty() || name == "default") return {};
    const Value* entry = registry_.feature_presets.Find(name);
    if (entry == nullptr) {
      Fail(kFeatures, "feature_extraction_name", fmt::format("'{}' is not a known preset", name),
           Suggest(name, registry_.feature_presets.Names()));
    }
    Value layer;
    layer.kind = Value::Kind::kMap;
    layer[kFeatures] = *entry->Find("values");
    MarkLayer(layer, "feature preset " + name);
    return layer;
  }

  Value CompilationLayer() {
    const Value& device = *registry_.devices.Find(User("common", "target_device"));
    const std::string task = User("common", "task_type");
    const Value* tasks = device.Find("tasks");
    const bool supported =
        tasks != nullptr && std::any_of(tasks->items.begin(), tasks->items.end(),
                                        [&](const Value& v) { return v.text == task; });
    if (!supported && UserFlag("compilation", "enable", true)) {
      Notice(fmt::format(
          "the reference lists no profile for {} on {}; portable C is generated all the same", task,
          User("common", "target_device")));
    }
    Value layer;
    layer.kind = Value::Kind::kMap;
    layer["compilation"] = *device.Find("compilation");
    std::string preset = User("compilation", "compile_preset_name");
    const Value* targets = device.Find("targets");
    std::string target = targets->Text(preset);
    if (target.empty()) {
      if (!preset.empty() && preset != "default_preset") {
        Notice(
            fmt::format("compilation.compile_preset_name: {} has no '{}'; default_preset is used",
                        User("common", "target_device"), preset));
      }
      preset = "default_preset";
      target = targets->Text(category_);
    } else {
      Notice(fmt::format(
          "compilation.compile_preset_name: '{}' sets the vendor's target; the generated C is "
          "the same for all presets",
          preset));
    }
    layer["compilation"]["target"] = Scalar(target);
    MarkLayer(layer, "compilation preset " + preset);
    return layer;
  }

  static void AddLayer(Value& tree, const Value& layer) {
    if (layer.kind == Value::Kind::kMap) Merge(tree, layer);
  }

  // Input paths that are not absolute and no URL: beside the file first, then in the working
  // directory.
  void ResolvePaths(Value& tree) {
    for (const Key& key : Schema()) {
      if (!key.is_input_path) continue;
      Value* value = tree[key.section].Find(key.name);
      if (value == nullptr || IsNull(*value) || value->kind != Value::Kind::kScalar) continue;
      const bool is_url = value->text.find("://") != std::string::npos;
      if (is_url || fs::path(value->text).is_absolute()) continue;
      const fs::path beside = fs::absolute(folder_ / value->text).lexically_normal();
      const fs::path working = fs::absolute(value->text).lexically_normal();
      std::error_code ignored;
      fs::path found = beside;
      if (!fs::exists(beside, ignored) && fs::exists(working, ignored)) {
        found = working;
        Notice(fmt::format("{}.{}: {} is taken from the working directory", key.section, key.name,
                           value->text));
      }
      // A trailing slash would change the name that the project is called after.
      std::string text = found.string();
      while (text.size() > 1 && text.back() == '/') text.pop_back();
      value->text = text;
    }
  }

  // The options themselves take the place of their file: the run's own configuration needs none.
  static void ReadModelConfig(Value& tree) {
    Value* value = tree["training"].Find("model_config");
    if (value == nullptr || IsNull(*value) || value->kind != Value::Kind::kScalar) return;
    if (!fs::is_regular_file(value->text)) {
      throw Error(Category::kConfiguration,
                  fmt::format("training.model_config: the file {} does not exist", value->text), "",
                  value->where);
    }
    Value options = ParseYaml(ReadFile(value->text), value->text);
    if (options.kind == Value::Kind::kNull) options.kind = Value::Kind::kMap;
    if (options.kind != Value::Kind::kMap) {
      throw Error(Category::kConfiguration, "training.model_config: expected a map of options", "",
                  options.where);
    }
    MarkLayer(options, value->layer);
    *value = std::move(options);
  }

  void Fill(const Value& tree) {
    Config& config = loaded_.config;
    for (const Key& key : Schema()) {
      const Value* value = tree.Find(key.section)->Find(key.name);
      if (value == nullptr) continue;
      try {
        key.set(config, *value);
      } catch (const Error& error) {
        if (key.status != KeyStatus::kLater) throw;
        loaded_.not_yet.push_back(error);
      }
    }
    config.common.task_category =
        CategoryNamed(category_).value_or(TaskCategory::kTimeseriesClassification);
    if (config.common.target_module.empty()) config.common.target_module = "timeseries";
    if (config.training.lambda_reg != 0 &&
        config.common.task_category != TaskCategory::kTimeseriesRegression) {
      Notice("training.lambda_reg acts on regression; nothing is added to the loss of this task");
      config.training.lambda_reg = 0;
    }
    if (config.training.ondevice_training) {
      Notice(
          "training.ondevice_training: the files for training on the device are not written in "
          "this "
          "version; the network is deployed as any other");
    }
    if (config.training.training_epochs == 0 && !config.training.ondevice_training) {
      NotYet("training", "training_epochs", "0", "legal: an integer from 1 to 100000");
    }
    CheckVariations(config);
    bool& learned = config.data_processing_feature_extraction.nn_for_feature_extraction;
    if (learned && config.common.task_category != TaskCategory::kTimeseriesClassification) {
      Notice(
          "data_processing_feature_extraction.nn_for_feature_extraction has no effect: it is for "
          "classification");
      learned = false;
    }
    if (config.training.run_quant_train_only &&
        config.training.quantization == Quantization::kNone) {
      Fail("training", "run_quant_train_only", "true, but training.quantization is 0",
           "legal with training.quantization: 1 or 2");
    }
    CheckQuantization(config.training);
    if (config.training.run_quant_train_only && config.training.load_saved_model.empty() &&
        config.training.pretrained_checkpoint_path.empty()) {
      Fail("training", "run_quant_train_only", "true, but there are no weights to quantise",
           "name them in training.pretrained_checkpoint_path or training.load_saved_model");
    }
    if (!TrainsNothing(config)) {
      for (const auto& [section, file] : {std::pair{"testing", &config.testing.model_path},
                                          {"compilation", &config.compilation.model_path}}) {
        if (!file->empty())
          Notice(fmt::format("{}.model_path has no effect: the run trains its network", section));
      }
    }
    if (TrainsNothing(config) && !config.testing.model_path.empty() &&
        !config.compilation.model_path.empty() &&
        config.testing.model_path != config.compilation.model_path) {
      Fail("compilation", "model_path", "is not testing.model_path",
           "what is compiled is what was tested: name one of them");
    }
    const bool needs_no_data = !config.training.enable && !config.compilation.model_path.empty();
    if (!config.dataset.enable && !needs_no_data) {
      NotYet("dataset", "enable", "false",
             "the data set is opened in every run that does not just compile a file");
    }
    if (config.dataset.dataset_name.empty() && config.dataset.input_data_path.empty()) {
      Fail("dataset", "input_data_path",
           "neither dataset.dataset_name nor dataset.input_data_path is set",
           "name a folder, an archive or a URL");
    }
    if (config.dataset.dataset_name.empty()) {
      config.dataset.dataset_name = fs::path(config.dataset.input_data_path).stem().string();
    }
    if (config.dataset.dataset_name.find('/') != std::string::npos ||
        config.dataset.dataset_name == "..") {
      Fail("dataset", "dataset_name",
           fmt::format("'{}' is not a folder name", config.dataset.dataset_name), "");
    }
  }

  void CheckQuantization(const Training& training) const {
    if (!training.quantization_affine) return;
    if (training.quantization == Quantization::kTinpu) {
      Fail("training", "quantization_affine", "true, but the TI-NPU's integers have no zero points",
           "legal with training.quantization: 1");
    }
    if (training.quantization_activation_bitwidth > 8) {
      Fail("training", "quantization_affine",
           fmt::format("true, but activations of {} bits have no zero points",
                       training.quantization_activation_bitwidth),
           "legal with training.quantization_activation_bitwidth: 8, 4 or 2");
    }
  }

  // Copies of training recordings that the task has no use for.
  void CheckVariations(Config& config) {
    const TaskCategory task = config.common.task_category;
    if (!config.training.augment_config.empty() && task == TaskCategory::kTimeseriesForecasting) {
      Notice(
          "training.augment_config has no effect on forecasting: what is predicted would have "
          "to change with the window");
      config.training.augment_config.clear();
    }
    auto& gains = config.data_processing_feature_extraction.gain_variations;
    const bool classes = task == TaskCategory::kTimeseriesClassification ||
                         task == TaskCategory::kTimeseriesAnomalyDetection;
    if (!gains.empty() && !classes) {
      Notice(
          "data_processing_feature_extraction.gain_variations has no effect: gains belong to "
          "classes, which this task has not");
      gains.clear();
    }
  }

  void Finish(Value& tree) {
    for (auto& [section, value] : tree.entries) {
      std::erase_if(value.entries, [&, name = section](const auto& entry) {
        const Key* key = FindKey(name, entry.first);
        return key == nullptr || !HasValue(*key);
      });
    }
    std::erase_if(tree.entries, [](const auto& entry) { return IsIgnoredSection(entry.first); });
    // Where files stand and how many threads there are does not change what a run computes.
    Value hashed = tree;
    for (const auto& [section, name] : {std::pair{"dataset", "input_data_path"},
                                        {"common", "projects_path"},
                                        {"common", "download_path"},
                                        {"common", "threads"},
                                        {"common", "data_memory_mb"},
                                        {kFeatures, "feat_ext_store_dir"},
                                        {"training", "train_output_path"},
                                        {"compilation", "compile_output_path"}}) {
      Value* map = hashed.Find(section);
      std::erase_if(map->entries,
                    [name = std::string(name)](const auto& entry) { return entry.first == name; });
    }
    loaded_.hash = HashText(ToYaml(hashed));
    loaded_.effective = std::move(tree);
  }

  const Registry& registry_;
  fs::path folder_;
  Value user_;
  std::string category_;
  std::vector<std::pair<std::pair<std::string, std::string>, Value>> extra_;
  Loaded loaded_;
};

Document MakeDocument(Value value, const fs::path& file, const fs::path& folder,
                      const std::vector<std::string>& duplicates) {
  if (value.kind == Value::Kind::kNull) value.kind = Value::Kind::kMap;
  MarkLayer(value, "file");
  Document document{std::move(value), file, folder, {}};
  for (const std::string& duplicate : duplicates)
    document.notices.push_back(duplicate + " stands twice; the later one counts");
  return document;
}

}  // namespace

void RequireRunnable(const Loaded& loaded) {
  if (!loaded.not_yet.empty()) throw Error(loaded.not_yet.front());
}

void ApplySet(Value& user, const std::string& set) {
  const size_t equals = set.find('=');
  const size_t dot = set.find('.');
  if (equals == std::string::npos || dot == std::string::npos || dot > equals) {
    throw Error(Category::kUsage, fmt::format("--set {}: expected section.key=value", set),
                "for example --set training.training_epochs=5");
  }
  Value& section = user[set.substr(0, dot)];
  if (section.kind == Value::Kind::kNull) section.kind = Value::Kind::kMap;
  Value value = ParseYaml(set.substr(equals + 1), "--set " + set);
  value.where = {"--set " + set, 0, 0};
  MarkLayer(value, "--set");
  section[set.substr(dot + 1, equals - dot - 1)] = std::move(value);
}

Document ReadDocument(const fs::path& file) {
  const std::string extension = file.extension().string();
  if (extension != ".yaml" && extension != ".yml" && extension != ".json") {
    throw Error(Category::kUsage, fmt::format("{} is not a configuration file", file.string()),
                "legal endings: .yaml, .yml, .json");
  }
  if (!fs::is_regular_file(file)) {
    throw Error(Category::kUsage,
                fmt::format("the configuration file {} does not exist", file.string()));
  }
  std::vector<fs::path> open;
  std::vector<std::string> duplicates;
  Value user = ReadWithIncludes(file.lexically_normal(), open, duplicates);
  return MakeDocument(std::move(user), file, file.parent_path(), duplicates);
}

Loaded Load(Document document, const Registry& registry) {
  Loaded loaded = Loading(registry, document.folder).Run(std::move(document.value));
  loaded.config.file = document.file;
  loaded.notices.insert(loaded.notices.end(), document.notices.begin(), document.notices.end());
  return loaded;
}

Loaded Load(const fs::path& file, const std::vector<std::string>& sets, const Registry& registry) {
  Document document = ReadDocument(file);
  for (const std::string& set : sets) ApplySet(document.value, set);
  return Load(std::move(document), registry);
}

Loaded LoadText(const std::string& yaml, const std::string& shown_name, const fs::path& folder,
                const std::vector<std::string>& sets, const Registry& registry) {
  std::vector<std::string> duplicates;
  std::vector<fs::path> open;
  Value user = ParseYaml(yaml, shown_name, &duplicates);
  ResolveIncludes(user, folder, open, duplicates);
  Document document = MakeDocument(std::move(user), "", folder, duplicates);
  for (const std::string& set : sets) ApplySet(document.value, set);
  return Load(std::move(document), registry);
}

}  // namespace platypus::config
