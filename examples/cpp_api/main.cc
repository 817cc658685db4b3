// Trains, quantises and verifies one network, and prints what came of it.
//
//   cpp_api CONFIG.yaml [section.key=value ...]
#include <platypus/platypus.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: cpp_api CONFIG.yaml [section.key=value ...]\n");
    return 2;
  }
  try {
    const auto config = platypus::api::Config::FromFile(argv[1], {argv + 2, argv + argc});
    platypus::api::RunOptions options;
    options.progress = [](const platypus::api::Progress& p) {
      if (p.unit != "epochs" || p.step == 0) return;
      std::printf("%s: epoch %d of %d", p.stage.c_str(), static_cast<int>(p.step),
                  static_cast<int>(p.total));
      for (const auto& [name, value] : p.metrics) std::printf("  %s %.4f", name.c_str(), value);
      std::printf("\n");
    };
    options.notice = [](const std::string& text) { std::printf("note: %s\n", text.c_str()); };
    const platypus::api::Results results = platypus::api::Run(config, options);
    for (const auto& [name, value] : results.quantized_metrics)
      std::printf("quantised %s: %.4f\n", name.c_str(), value);
    for (const platypus::api::CoreResult& core : results.cores) {
      if (core.ran) {
        std::printf("%s: %d of %d samples differ, %d instructions\n", core.core.c_str(),
                    static_cast<int>(core.mismatches), static_cast<int>(core.samples),
                    static_cast<int>(core.instructions));
      }
    }
    std::printf("C package: %s\n", results.package.c_str());
    return 0;
  } catch (const platypus::api::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return error.exit_status();
  }
}
