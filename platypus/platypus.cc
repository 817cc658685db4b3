#include "platypus/platypus.h"

#include <nlohmann/json.hpp>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/interrupted.h"
#include "platypus/config/load.h"
#include "platypus/config/write.h"
#include "platypus/pipeline/run.h"
#include "platypus/report/live.h"

namespace platypus::api {
namespace fs = std::filesystem;

struct Config::Impl {
  config::Loaded loaded;
};

const Config::Impl& ImplOf(const Config& config) { return *config.impl_; }

namespace {

// Calls, and turns what the rooms throw into this interface's Error.
template <typename Call>
auto Guarded(Call call) {
  try {
    return call();
  } catch (const Interrupted& interrupted) {
    throw Error(interrupted.what(), Interrupted::kExitCode);
  } catch (const platypus::Error& error) {
    throw Error(error.what(), ExitCode(error.category()));
  } catch (const std::exception& error) {
    throw Error(error.what(), ExitCode(Category::kInternal));
  }
}

class Sink : public ProgressSink {
 public:
  explicit Sink(const RunOptions& options) : options_(options) {}
  void OnProgress(const ProgressEvent& e) override {
    if (options_.progress)
      options_.progress({e.stage, e.message, e.step, e.total, e.unit, e.metrics});
  }
  void OnNotice(const std::string& text) override {
    if (options_.notice) options_.notice(text);
  }
  bool Cancelled() override { return options_.cancelled && options_.cancelled(); }

 private:
  const RunOptions& options_;
};

std::map<std::string, double> Figures(const nlohmann::json& network) {
  std::map<std::string, double> figures;
  if (!network.is_object()) return figures;
  for (const auto& [name, value] : network.items()) {
    if (value.is_number()) figures[name] = value;
  }
  const auto anomaly = network.find("anomaly");
  if (anomaly == network.end()) return figures;
  if (anomaly->at("auroc").is_number()) figures["auroc"] = anomaly->at("auroc");
  for (const auto& [name, value] : anomaly->at("chosen").items()) {
    if (value.is_number()) figures[name] = value;
  }
  return figures;
}

Results FromSummary(const std::string& text) {
  const auto json = nlohmann::json::parse(text);
  Results results;
  results.run_folder = json.at("run_folder").get<std::string>();
  results.package = json.at("package").get<std::string>();
  json.at("task_type").get_to(results.task_type);
  json.at("model").get_to(results.model);
  json.at("device").get_to(results.device);
  json.at("dataset").get_to(results.dataset);
  json.at("classes").get_to(results.classes);
  json.at("targets").get_to(results.targets);
  json.at("parameters").get_to(results.parameters);
  json.at("macs").get_to(results.macs);
  results.float_metrics = Figures(json.at("float"));
  results.quantized_metrics = Figures(json.at("quantized"));
  for (const auto& [core, r] : json.at("verify").items()) {
    CoreResult result;
    result.core = core;
    result.ran = r.at("ran");
    if (result.ran) {
      r.at("samples").get_to(result.samples);
      r.at("mismatches").get_to(result.mismatches);
      r.at("flash_bytes").get_to(result.flash_bytes);
      r.at("ram_bytes").get_to(result.ram_bytes);
      r.at("stack_bytes").get_to(result.stack_bytes);
      r.at("instructions").get_to(result.instructions);
      r.at("feature_instructions").get_to(result.feature_instructions);
    } else {
      r.at("notice").get_to(result.notice);
    }
    results.cores.push_back(std::move(result));
  }
  json.at("notices").get_to(results.notices);
  results.summary_json = text;
  return results;
}

}  // namespace

Config::Config(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Config Config::FromFile(const fs::path& file, const std::vector<std::string>& overrides) {
  return Guarded([&] {
    return Config(
        std::make_shared<const Impl>(Impl{config::Load(file, overrides, config::LoadRegistry())}));
  });
}

Config Config::FromText(const std::string& text, const fs::path& folder,
                        const std::vector<std::string>& overrides) {
  return Guarded([&] {
    return Config(std::make_shared<const Impl>(
        Impl{config::LoadText(text, "configuration", folder, overrides, config::LoadRegistry())}));
  });
}

std::string Config::ToYaml() const {
  return Guarded([&] { return config::ToYamlFile(impl_->loaded); });
}

const std::vector<std::string>& Config::Notices() const { return impl_->loaded.notices; }

Results Run(const Config& config, const RunOptions& options) {
  return Guarded([&] {
    Sink sink(options);
    pipeline::RunOptions run;
    run.resume = options.resume;
    report::LiveReport page(false);
    run.observe = [&page](const pipeline::RunSummary& summary) { page.Show(summary); };
    const pipeline::RunSummary summary = pipeline::Run(ImplOf(config).loaded, run, sink);
    return FromSummary(pipeline::ToJson(summary));
  });
}

Results ReadResults(const fs::path& run_folder) {
  return Guarded([&] {
    const fs::path file = run_folder / "summary.json";
    try {
      return FromSummary(ReadFile(file));
    } catch (const nlohmann::json::exception& error) {
      throw platypus::Error(Category::kData,
                            fmt::format("the summary is damaged: {}", error.what()), "run again",
                            {file.string()});
    }
  });
}

const char* Version() { return pipeline::Version(); }

}  // namespace platypus::api
