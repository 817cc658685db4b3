// Quantisation outside of a run.
#include <algorithm>

#include "apps/command.h"
#include "apps/options.h"
#include "platypus/config/load.h"
#include "platypus/config/schema.h"
#include "platypus/pipeline/quantize_model.h"
#include "platypus/pipeline/summary.h"

namespace platypus::apps {
namespace {

namespace fs = std::filesystem;
using config::Value;

struct Arguments {
  std::string model;
  std::string data;
  std::string to;
  std::string run;  // --analyze
  std::string config;
  std::vector<std::string> sets;
  TypedOptions typed;
  bool no_compare = false;
  bool json = false;
};

// Keys of section training, from the file, the options and --set. Other sections of a file belong
// to its run.
config::Training ReadSettings(const Arguments& a) {
  config::Document document;
  if (!a.config.empty()) document = config::ReadDocument(a.config);
  document.value.kind = Value::Kind::kMap;
  for (const auto& [name, text] : a.typed)
    config::ApplySet(document.value, fmt::format("{}={}", FindOption(name).key, text));
  for (const std::string& set : a.sets) config::ApplySet(document.value, set);
  config::Config config;
  config.training.quantization = config::Quantization::kGeneric;
  if (const Value* training = document.value.Find("training")) {
    for (const auto& [name, value] : training->entries) {
      const config::Key* key = config::FindKey("training", name);
      if (key == nullptr) {
        throw Error(Category::kConfiguration,
                    fmt::format("unknown key '{}' in section 'training'", name),
                    Suggest(name, config::KeysOf("training")), value.where);
      }
      key->set(config, value);
    }
  }
  if (config.training.quantization == config::Quantization::kNone) {
    throw Error(Category::kUsage, "training.quantization is 0: there is nothing to do",
                "legal here: 1 (QDQ), 2 (TI-NPU)");
  }
  return config.training;
}

int AnalyzeCommand(const Arguments& a, const Globals& globals) {
  const pipeline::QuantizationInsight insight = pipeline::AnalyzeRun(a.run, *OpenLog(globals));
  fmt::print("{}", a.json ? pipeline::ToJson(insight) : pipeline::TableOf(insight));
  return 0;
}

int QuantizeCommand(const Arguments& a, const Globals& globals) {
  if (a.model.empty() == a.run.empty()) {
    throw Error(
        Category::kUsage,
        a.model.empty() ? "nothing to quantise" : "a model and --analyze exclude each other",
        "`platypus quantize MODEL.onnx --data DIR`, or `platypus quantize --analyze RUN`");
  }
  if (!a.run.empty()) return AnalyzeCommand(a, globals);
  if (a.data.empty()) {
    throw Error(Category::kUsage, "--data is missing: ranges are measured on samples",
                "a folder of .npy, .npz, .csv or .txt files (docs/tools.md)");
  }
  pipeline::QuantizeModelOptions options;
  options.model = a.model;
  options.data = a.data;
  const fs::path model(a.model);
  options.folder =
      a.to.empty() ? model.parent_path() / (model.stem().string() + "_quantized") : fs::path(a.to);
  options.training = ReadSettings(a);
  const pipeline::QuantizedModel result = pipeline::QuantizeModel(options, *OpenLog(globals));
  if (a.json) {
    fmt::print("{}", pipeline::ToJson(result.insight));
    return 0;
  }
  fmt::print("{}", pipeline::TableOf(result.insight));
  if (!a.no_compare) {
    fmt::print("agreement   {} samples: outputs {:.1f} dB above the error{}\n", result.samples,
               result.signal_to_noise,
               result.agreement
                   ? fmt::format(", {:.2f} % with the same largest output", 100 * *result.agreement)
                   : "");
  }
  fmt::print("model       {}\n", result.file.string());
  return 0;
}

}  // namespace

Command AddQuantize(CLI::App& program, const Globals& globals) {
  CLI::App* parser = program.add_subcommand(
      "quantize",
      "a float ONNX file to integers, with samples to calibrate; or what a run's quantisation did "
      "to "
      "each layer\nExample: platypus quantize model.onnx --data samples -o integers");
  const auto a = std::make_shared<Arguments>();
  parser->add_option("MODEL", a->model, "float ONNX file of any origin");
  parser
      ->add_option("--data", a->data,
                   "folder of samples: .npy, .npz arrays, .csv, .txt rows or recordings")
      ->type_name("DIR");
  parser->add_option("-o,--to", a->to, "folder for the result (MODEL_quantized)")->type_name("DIR");
  parser->add_option("--analyze", a->run, "folder of a run that quantised its network")
      ->type_name("RUN");
  parser->add_option("-c,--config", a->config,
                     "configuration whose section training says how (.yaml, .yml, .json)");
  AddOptions(*parser, Action::kQuantize, a->typed);
  parser->add_option("--set", a->sets, "training.key=value, over the file (repeatable)")
      ->take_all();
  parser->add_flag("--no-compare", a->no_compare, "do not tell how the integers agree with floats");
  parser->add_flag("--json", a->json, "for programs");
  return {parser, [a, &globals] { return QuantizeCommand(*a, globals); }};
}

}  // namespace platypus::apps
