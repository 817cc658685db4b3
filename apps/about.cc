#include "apps/command.h"
#include "platypus/pipeline/run.h"

namespace platypus::apps {

Command AddAbout(CLI::App& program, const Globals&) {
  CLI::App* parser = program.add_subcommand("about", "version, copyright, licence");
  return {parser, [] {
            fmt::print(
                "{}\nFrom sensor recordings to verified C for microcontrollers.\n"
                "Copyright (c) 2026, the Platypus authors. BSD-3-Clause; generated code is 0BSD.\n",
                pipeline::Version());
            return 0;
          }};
}

}  // namespace platypus::apps
