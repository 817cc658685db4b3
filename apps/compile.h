#ifndef PLATYPUS_APPS_COMPILE_H_
#define PLATYPUS_APPS_COMPILE_H_

#include <CLI/CLI.hpp>

#include "apps/command.h"
#include "platypus/config/load.h"
#include "platypus/pipeline/compile_model.h"

// `platypus compile MODEL.onnx`: a file that no data set belongs to.
namespace platypus::apps {

// What only such a file has; the rest are values of the configuration.
struct FileArguments {
  std::vector<std::string> classes;
  std::vector<std::string> cores;
  std::string prefix;
  std::string inputs, outputs;
  int samples = pipeline::CompileModelOptions{}.samples;
  std::string folder;

  void AddTo(CLI::App& parser);
};

// Returns the exit status.
int CompileFile(const config::Document& document, const FileArguments& a,
                const config::Registry& registry, const Globals& globals);

}  // namespace platypus::apps

#endif  // PLATYPUS_APPS_COMPILE_H_
