#include "apps/compile.h"

#include "apps/print_summary.h"
#include "apps/request.h"
#include "platypus/config/run_paths.h"
#include "platypus/config/schema.h"
#include "platypus/report/live.h"

namespace platypus::apps {
namespace {

namespace fs = std::filesystem;

// Where nothing is said: as the run of a project called "default".
fs::path DefaultFolder(const config::Document& document, const std::string& name) {
  config::Config config;
  config.dataset.dataset_name = TextOf(document.value, "dataset", "dataset_name");
  if (config.dataset.dataset_name.empty()) config.dataset.dataset_name = "default";
  config.training.model_name = name;
  if (const std::string run = TextOf(document.value, "common", "run_name"); !run.empty())
    config.common.run_name = run;
  return config::MakeRunPaths(config,
                              config::ResolveRunName(config, std::chrono::system_clock::now()))
      .run;
}

void PrintCompiled(const pipeline::RunSummary& s, const fs::path& report) {
  const auto line = [](const char* what, const std::string& text) {
    fmt::print("{:<11} {}\n", what, text);
  };
  line("model", fmt::format("{}{} ({} parameters, {} multiply-accumulates, input {})", s.model,
                            s.device.empty() ? "" : " for " + s.device, s.parameters, s.macs,
                            ToString(s.input_shape)));
  line("numbers", s.quantized_network.present
                      ? "integers, as the file has them"
                      : "float, as the file has them (to quantise, train here: `platypus run`)");
  for (const deploy::VerifyResult& r : s.verify) {
    if (!r.ran) continue;
    std::string text =
        fmt::format("{} of {} samples differ from the host", r.mismatches, r.samples);
    if (r.instructions > 0) {
      text += fmt::format("; linked: {} octets flash, {} RAM; emulated: {} stack, {} instructions",
                          r.flash_bytes, r.ram_bytes, r.stack_bytes, r.instructions);
    }
    line(r.core.c_str(), text);
  }
  PrintNpu(s);
  line("package", s.package_path);
  line("report", report.string());
  line("run", s.run_folder);
}

}  // namespace

void FileCompilation::AddTo(CLI::App& parser) {
  parser
      .add_option("--classes", options_.classes,
                  "without recordings: names of the outputs of a classifier")
      ->delimiter(',');
  parser.add_option("--prefix", options_.prefix, "of every name in C (the model's name)");
  parser
      .add_option("--core", options_.cores,
                  "without recordings: cores to verify on (host, cortex-m4, the device's)")
      ->take_all();
  parser.add_option("--inputs", options_.inputs,
                    "without recordings: .npy file of inputs to verify with (random ones)");
  parser.add_option("--outputs", options_.outputs,
                    ".npy file of outputs that another program gives for these inputs");
  parser.add_option("--samples", options_.samples, "how many random inputs");
  parser.add_option("--seed", options_.seed, "of the random inputs");
  parser.add_option("--to", options_.folder, "folder (data/projects/default/run/<time>/<name>)");
}

int FileCompilation::Call(const config::Document& document, const config::Registry& registry,
                          const Globals& globals) const {
  pipeline::CompileModelOptions options = options_;
  options.model = TextOf(document.value, "compilation", "model_path");
  options.name = TextOf(document.value, "training", "model_name");
  options.device = TextOf(document.value, "common", "target_device");
  options.task_type = TextOf(document.value, "common", "task_type");
  if (const std::string backend = TextOf(document.value, "compilation", "backend");
      !backend.empty())
    options.backend = backend;
  if (const config::Value* section = document.value.Find("compilation")) {
    config::Config checked;
    for (const char* name : {"optimise", "kernels"}) {
      if (const config::Value* value = section->Find(name))
        config::FindKey("compilation", name)->set(checked, *value);
    }
    options.optimise = checked.compilation.optimise;
    options.kernels = checked.compilation.kernels;
  }
  options.preset = TextOf(document.value, "compilation", "compile_preset_name");
  options.command = globals.command_line;
  if (options.folder.empty()) options.folder = DefaultFolder(document, options.name);
  report::LiveReport page(false);
  options.observe = [&page](const pipeline::RunSummary& summary) { page.Show(summary); };
  const pipeline::RunSummary summary = pipeline::CompileModel(options, registry, *OpenLog(globals));
  const fs::path report = options.folder / "report.html";
  if (globals.json_log) LogSummaryAsJson(summary, report);
  PrintCompiled(summary, report);
  return StatusOf(summary);
}

}  // namespace platypus::apps
