#include "apps/compile.h"

#include "apps/json_log.h"
#include "apps/request.h"
#include "platypus/config/run_paths.h"
#include "platypus/pipeline/compile_model.h"
#include "platypus/report/live.h"

namespace platypus::apps {
namespace {

namespace fs = std::filesystem;

// Where nothing is said: as the run of a project called "default".
fs::path DefaultFolder(const std::string& name) {
  config::Config config;
  config.dataset.dataset_name = "default";
  config.training.model_name = name;
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
      text += fmt::format("; {} octets flash, {} RAM, {} stack, {} instructions", r.flash_bytes,
                          r.ram_bytes, r.stack_bytes, r.instructions);
    }
    line(r.core.c_str(), text);
  }
  line("package", s.package_path);
  line("report", report.string());
  line("run", s.run_folder);
}

}  // namespace

void FileArguments::AddTo(CLI::App& parser) {
  parser
      .add_option("--classes", classes,
                  "of a file without data set: names of the outputs of a classifier")
      ->delimiter(',');
  parser.add_option("--prefix", prefix, "likewise: of every name in C (the model's name)");
  parser
      .add_option("--core", cores, "likewise: cores to verify on (host, cortex-m4, the device's)")
      ->take_all();
  parser.add_option("--inputs", inputs, "likewise: .npy file of inputs to verify with (random)");
  parser.add_option("--outputs", outputs,
                    "likewise: .npy file of outputs that another program gives for these inputs");
  parser.add_option("--samples", samples, "likewise: how many random inputs");
  parser.add_option("--to", folder, "likewise: folder (data/projects/default/run/<time>/<name>)");
}

int CompileFile(const config::Document& document, const FileArguments& a,
                const config::Registry& registry, const Globals& globals) {
  const auto text = [&](const char* section, const char* key) {
    return TextOf(document.value, section, key);
  };
  pipeline::CompileModelOptions options;
  options.model = text("compilation", "model_path");
  options.name = text("training", "model_name");
  options.device = text("common", "target_device");
  options.task_type = text("common", "task_type");
  options.prefix = a.prefix;
  options.classes = a.classes;
  options.cores = a.cores;
  options.inputs = a.inputs;
  options.outputs = a.outputs;
  options.samples = a.samples;
  options.folder = !a.folder.empty() ? a.folder : text("compilation", "compile_output_path");
  if (options.folder.empty()) options.folder = DefaultFolder(options.name);
  options.command = globals.command_line;
  report::LiveReport page(false);
  options.observe = [&page](const pipeline::RunSummary& summary) { page.Show(summary); };
  const pipeline::RunSummary summary = pipeline::CompileModel(options, registry, *OpenLog(globals));
  const fs::path report = options.folder / "report.html";
  int status = 0;
  for (const deploy::VerifyResult& r : summary.verify) {
    if (r.mismatches + r.recording_mismatches > 0) status = 1;
  }
  if (globals.json_log) {
    LogResultAsJson({{"run", summary.run_folder},
                     {"report", report.string()},
                     {"package", summary.package_path},
                     {"exit_status", std::to_string(status)}});
  }
  PrintCompiled(summary, report);
  return status;
}

}  // namespace platypus::apps
