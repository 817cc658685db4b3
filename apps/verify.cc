#include "apps/command.h"

#include "platypus/pipeline/finished_run.h"

namespace platypus::apps {
namespace {

struct Arguments {
  std::string where;
  std::vector<std::string> cores;
};

int VerifyCommand(const Arguments& a, const Globals& globals) {
  const std::vector<deploy::VerifyResult> results =
      pipeline::VerifyAgain(a.where, a.cores, *OpenLog(globals));
  bool differs = false;
  fmt::print("{:<14} {:>9} {:>9} {:>10} {:>9} {:>8} {:>8} {:>7} {:>12} {:>12}\n", "core", "samples",
             "differ", "recordings", "differ", "flash", "RAM", "stack", "instructions", "features");
  for (const deploy::VerifyResult& r : results) {
    if (!r.ran) {
      fmt::print("{:<14} {}\n", r.core, r.notice);
      continue;
    }
    fmt::print("{:<14} {:>9} {:>9} {:>10} {:>9} {:>8} {:>8} {:>7} {:>12} {:>12}\n", r.core,
               r.samples, r.mismatches, r.recordings, r.recording_mismatches, r.flash_bytes,
               r.ram_bytes, r.stack_bytes, r.instructions, r.feature_instructions);
    if (!r.first_difference.empty()) fmt::print("  first difference: {}\n", r.first_difference);
    differs = differs || r.mismatches + r.recording_mismatches > 0;
  }
  return differs ? 1 : 0;
}

}  // namespace

Command AddVerify(CLI::App& program, const Globals& globals) {
  CLI::App* parser = program.add_subcommand(
      "verify",
      "repeat the proof of a run's C package\nExample: platypus verify RUN --core cortex-m4 --core "
      "riscv32");
  const auto a = std::make_shared<Arguments>();
  parser->add_option("RUN", a->where, "run folder, or its package")->required();
  parser
      ->add_option("--core", a->cores,
                   fmt::format("{} (repeatable; all)", fmt::join(deploy::Cores(), ", ")))
      ->take_all();
  return {parser, [a, &globals] { return VerifyCommand(*a, globals); }};
}

}  // namespace platypus::apps
