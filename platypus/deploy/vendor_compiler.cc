#include "platypus/deploy/vendor_compiler.h"

#include <regex>

namespace platypus::deploy {
namespace {

using config::Quantization;
using config::TaskCategory;

const char* Text(bool value) { return value ? "true" : "false"; }

}  // namespace

std::string VendorTarget(const std::string& target, const config::Training& training,
                         TaskCategory category) {
  const bool integer = training.quantization != Quantization::kNone;
  const bool classifies = category == TaskCategory::kTimeseriesClassification;
  // Layers that stay float have a float input before them.
  const bool float_layers = training.partial_quantization || training.auto_quantization;
  const bool skip_normalize =
      integer && !(category == TaskCategory::kTimeseriesRegression && float_layers);
  const bool output_int = training.output_int.value_or(integer && classifies);
  static const std::regex skip("skip_normalize=\\w+");
  static const std::regex output("output_int=\\w+");
  static const std::regex hard("ti-npu type=hard");
  static const std::regex bare("ti-npu(?! type=)");
  std::string result =
      std::regex_replace(target, skip, std::string("skip_normalize=") + Text(skip_normalize));
  result = std::regex_replace(result, output, std::string("output_int=") + Text(output_int));
  if (training.quantization != Quantization::kTinpu) {
    result = std::regex_replace(result, hard, "ti-npu type=soft");
    result = std::regex_replace(result, bare, "ti-npu type=soft");
  }
  return result;
}

std::vector<std::string> VendorCommand(const std::string& program, const VendorJob& job) {
  return {program,
          "compile",
          "--output-format=a",
          "--opt-level=3",
          "--runtime=crt",
          "--executor=aot",
          "--executor-aot-interface-api=c",
          "--executor-aot-unpacked-api=1",
          "--pass-config",
          "tir.disable_vectorize=1",
          "--pass-config",
          "tir.usmp.algorithm=hill_climb",
          "--module-name=default",
          "--target=" + job.target,
          "--target-c-mcpu=" + job.cpu,
          "--cross-compiler=" + job.cross_compiler,
          "--cross-compiler-options=" + job.cross_compiler_options,
          "-o",
          job.library.string(),
          job.model.string()};
}

std::string AsTyped(const std::vector<std::string>& command) {
  static const std::regex plain("[A-Za-z0-9_./=:,+-]+");
  std::string typed;
  for (const std::string& word : command) {
    if (!typed.empty()) typed += ' ';
    typed += std::regex_match(word, plain)
                 ? word
                 : "'" + std::regex_replace(word, std::regex("'"), "'\\''") + "'";
  }
  return typed;
}

}  // namespace platypus::deploy
