#include "platypus/deploy/bench.h"

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/deploy/core_program.h"

namespace platypus::deploy {

BenchResult Bench(const std::filesystem::path& package, const TestSet& set,
                  const std::string& core_name, ProgressSink& sink) {
  const Core& core = FindCore(core_name);
  const Facts facts = ReadManifest(package);
  BenchResult result;
  result.core = core.name;
  if (const std::string missing = MissingTool(core); !missing.empty()) {
    result.notice = fmt::format("{} is not measured: {}", core.name, missing);
    return result;
  }
  if (const std::string missing = MissingLibrary(facts); !missing.empty()) {
    result.notice = fmt::format("{} is not measured: {}", core.name, missing);
    return result;
  }
  RequireFit(set, facts);
  if (set.samples == 0) Fail(Category::kData, "the test set has no sample to run");
  constexpr int kSteps = 2;
  const auto progress = [&](int step) {
    if (sink.Cancelled()) Fail(Category::kUsage, "measuring on {} was cancelled", core.name);
    sink.OnProgress({"bench", core.name, step, kSteps, "steps", {}});
  };
  const TemporaryFolder build;
  progress(0);
  Build(core, facts, package, build.Path());
  progress(1);
  const std::string output = PlayCounting(core, facts, set, build.Path());
  result.layers = LayerCosts(output, build.Path());
  result.instructions = Count(output, "network").first;
  result.feature_instructions = Count(output, "features").first;
  for (const LayerCost& layer : result.layers) result.seconds += layer.seconds;
  result.ran = true;
  progress(kSteps);
  return result;
}

}  // namespace platypus::deploy
