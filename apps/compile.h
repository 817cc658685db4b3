#ifndef PLATYPUS_APPS_COMPILE_H_
#define PLATYPUS_APPS_COMPILE_H_

#include <CLI/CLI.hpp>

#include "apps/command.h"
#include "platypus/config/load.h"
#include "platypus/pipeline/compile_model.h"

namespace platypus::apps {

// What `compile` does where there are no recordings: an ONNX file of any origin to verified C.
class FileCompilation {
 public:
  // The options that have a meaning only here.
  void AddTo(CLI::App& parser);

  // Of a document that IsForAFileAlone; returns the exit status.
  int Call(const config::Document& document, const config::Registry& registry,
           const Globals& globals) const;

 private:
  pipeline::CompileModelOptions options_;
};

}  // namespace platypus::apps

#endif  // PLATYPUS_APPS_COMPILE_H_
