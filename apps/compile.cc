#include "apps/command.h"

#include <cmath>

#include "apps/terminal.h"
#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/config/run_paths.h"
#include "platypus/pipeline/compile_model.h"
#include "platypus/report/report.h"

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

int CompileCommand(const pipeline::CompileModelOptions& given, const std::string& registry_folder) {
  pipeline::CompileModelOptions options = given;
  if (options.folder.empty()) {
    options.folder =
        DefaultFolder(options.name.empty() ? options.model.stem().string() : options.name);
  }
  const fs::path report = options.folder / "report.html";
  const config::Registry registry = config::LoadRegistry(registry_folder);
  pipeline::RunSummary summary;
  {
    Terminal terminal;
    summary = pipeline::CompileModel(options, registry, terminal);
  }
  WriteFile(report, report::RenderReport(summary));
  PrintCompiled(summary, report);
  for (const deploy::VerifyResult& r : summary.verify) {
    if (r.mismatches + r.recording_mismatches > 0) return 1;
  }
  return 0;
}

}  // namespace

Command AddCompile(CLI::App& program, const Globals&) {
  CLI::App* parser = program.add_subcommand(
      "compile",
      "an ONNX file to verified C, without a data set\nExample: platypus compile model.onnx -d "
      "MSPM0G3507 --inputs x.npy");
  const auto options = std::make_shared<pipeline::CompileModelOptions>();
  const auto registry = std::make_shared<std::string>();
  parser->add_option("MODEL", options->model, "ONNX file: float, QDQ, or TI-NPU integers")
      ->required();
  parser->add_option("-d,--device", options->device, "device that it is for");
  parser->add_option("-t,--task", options->task_type,
                     "task (a classification makes classes of the outputs)");
  parser->add_option("-n,--name", options->name, "name of the model (that of the file)");
  parser->add_option("--classes", options->classes, "names of the outputs of a classifier")
      ->delimiter(',');
  parser->add_option("--prefix", options->prefix, "of every name in C (the model's name)");
  parser->add_option("--core", options->cores, "cores to verify on (host, cortex-m4, the device's)")
      ->take_all();
  parser->add_option("--inputs", options->inputs,
                     ".npy file of inputs to verify with (random ones)");
  parser->add_option("--outputs", options->outputs,
                     ".npy file of outputs that another program gives for these inputs");
  parser->add_option("--samples", options->samples, "how many random inputs");
  parser->add_option("--seed", options->seed, "of the random inputs");
  parser->add_option("--to", options->folder, "folder (data/projects/default/run/<time>/<name>)");
  parser->add_option("--registry", *registry, "folder with devices of your own");
  return {parser, [options, registry] { return CompileCommand(*options, *registry); }};
}

}  // namespace platypus::apps
