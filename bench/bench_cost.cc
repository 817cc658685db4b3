// Fits the cost model's rates (platypus/pipeline/fitted_rates.cc): networks of the registry as C on
// every emulated core, the instructions of each layer counted, their code linked.
//   bench_cost [--write FILE] [CORE ...]
// prints how far the estimates of each network are off that the others give.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "bench/least_squares.h"
#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/random.h"
#include "platypus/deploy/verify.h"
#include "platypus/exec/interpreter.h"
#include "platypus/pipeline/layer_work.h"
#include "platypus/pipeline/model_cost.h"
#include "platypus/quantize/quantize.h"
#include "platypus/zoo/zoo.h"

namespace platypus::bench {
namespace {

// Of all categories, with integers of 8 bits where they have an integer form.
constexpr const char* kModels[] = {"CLS_100_NPU",
                                   "CLS_1k_NPU",
                                   "CLS_4k_NPU",
                                   "CLS_6k_NPU",
                                   "CLS_13k_NPU",
                                   "CLS_ResAdd_3k",
                                   "CLS_ResCat_3k",
                                   "ArcFault_model_300_t",
                                   "ArcFault_model_1400_t",
                                   "MotorFault_model_1_t",
                                   "MotorFault_model_3_t",
                                   "AD_4k",
                                   "AD_Linear",
                                   "REGR_1k",
                                   "REGR_10k",
                                   "FCST_3k",
                                   "FCST_LSTM8",
                                   "PIRDetection_model_1_t"};
// Those in floats too.
constexpr const char* kFloats[] = {"CLS_1k_NPU", "CLS_6k_NPU",           "CLS_ResAdd_3k",
                                   "AD_4k",      "MotorFault_model_3_t", "REGR_1k"};
// Those with weights of fewer bits too.
constexpr const char* kFewBits[] = {"CLS_1k_NPU", "CLS_13k_NPU", "AD_4k"};

struct Measured {
  std::string model, variant;
  bool integers = false;
  std::vector<pipeline::LayerWork> works;
  std::vector<double> instructions;  // of each
  double total = 0;
  double code = 0;
  double kinds = 0;
};

graph::Graph Build(const std::string& model, const config::Registry& registry) {
  const config::Value& entry = *registry.models.Find(model);
  const config::Value& reference = *entry.Find("reference");
  Shape input;
  for (const config::Value& item : reference.Find("input")->items)
    input.push_back(*config::ToInteger(item));
  config::Training training;
  training.model_name = model;
  training.model_training_id = entry.Text("network");
  return zoo::Build(training, registry, input,
                    static_cast<int>(*config::ToInteger(*reference.Find("outputs"))), 1);
}

std::vector<float> Noise(Random& random, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(random.Normal());
  return values;
}

// The package and a test set of one sample.
deploy::VerifyResult Run(const graph::Graph& network, const std::string& core) {
  const Shape& shape = network.Input().shape;
  features::Pipeline pipeline;
  pipeline.variables = static_cast<int>(shape[0]);
  pipeline.frame_size = pipeline.hop = static_cast<int>(NumElements(shape) / shape[0]);
  Random random(1, "sample");
  ThreadPool pool(1);
  deploy::GoldenSample sample;
  sample.raw = Noise(random, NumElements(shape));
  features::Extract(pipeline, sample.raw, sample.features);
  sample.output = exec::Interpreter(network).Run(sample.features, 1, pool);
  sample.source = "noise";
  deploy::PackageRequest request;
  request.prefix = "net";
  request.network = &network;
  request.pipeline = &pipeline;
  request.golden = {sample};
  request.generator_version = "bench";
  deploy::TestSet set;
  set.samples = 1;
  set.features = sample.features;
  set.outputs = sample.output;
  set.recordings = {sample};
  const TemporaryFolder folder;
  deploy::Write(deploy::Generate(request), folder.Path() / "net");
  NullSink sink;
  deploy::VerifyResult result = deploy::Verify(folder.Path() / "net", set, core, sink);
  Check(result.ran, "{}", result.notice);
  Check(result.mismatches == 0, "{}: {}", core, result.first_difference);
  return result;
}

Measured Measure(const std::string& model, const std::string& variant, const graph::Graph& network,
                 const std::string& core) {
  const deploy::CNetwork lowered = deploy::LowerToC(network);
  const deploy::VerifyResult result = Run(network, core);
  Measured measured;
  measured.model = model;
  measured.variant = variant;
  measured.integers = lowered.is_integer;
  measured.works = pipeline::WorkOf(network, lowered);
  measured.total = static_cast<double>(result.instructions);
  measured.code = static_cast<double>(result.flash_bytes);
  std::set<std::string> kinds;
  for (size_t i = 0; i < result.layers.size(); ++i) {
    measured.instructions.push_back(static_cast<double>(result.layers[i].instructions));
    for (const deploy::LinkedPart& table : result.layers[i].tables)
      measured.code -= static_cast<double>(table.octets);
    kinds.insert(measured.works[i].kind);
  }
  measured.kinds = static_cast<double>(kinds.size());
  return measured;
}

std::vector<Measured> MeasureAll(const std::string& core, const config::Registry& registry) {
  std::vector<Measured> all;
  const auto add = [&](const std::string& model, const std::string& variant,
                       const graph::Graph& network) {
    all.push_back(Measure(model, variant, network, core));
    fmt::print(stderr, "{} {} {}: {:.0f} instructions\n", core, model, variant, all.back().total);
  };
  for (const char* model : kModels) {
    const graph::Graph network = Build(model, registry);
    const auto is_in = [&](const auto& list) {
      return std::ranges::find(list, std::string_view(model)) != std::end(list);
    };
    const bool integers = quantize::FloatLayers(network, {}).empty();
    if (!integers || is_in(kFloats)) add(model, "float", graph::FoldBatchNorm(network));
    if (!integers) continue;
    add(model, "8 bits", pipeline::IntegersOf(network, 8));
    if (!is_in(kFewBits)) continue;
    for (const int bits : {4, 2})
      add(model, fmt::format("{} bits", bits), pipeline::IntegersOf(network, bits));
  }
  return all;
}

struct Fit {
  std::map<std::string, std::array<double, 3>> kinds;
  std::array<double, 3> integer_code{}, float_code{};
};

// Of all but one model (empty: of all).
Fit FitTo(const std::vector<Measured>& all, const std::string& without) {
  std::map<std::string, std::vector<Observation>> layers;
  std::vector<Observation> codes[2];
  for (const Measured& m : all) {
    if (m.model == without) continue;
    for (size_t i = 0; i < m.works.size(); ++i) {
      if (!m.works[i].within.empty()) continue;  // counted together
      layers[m.works[i].kind].push_back(
          {{m.works[i].work, m.works[i].outputs, 1}, m.instructions[i]});
    }
    codes[m.integers ? 1 : 0].push_back(
        {{1, static_cast<double>(m.works.size()), m.kinds}, m.code});
  }
  Fit fit;
  for (const auto& [kind, observations] : layers) fit.kinds[kind] = FitFactors(observations);
  fit.float_code = FitFactors(codes[0]);
  fit.integer_code = FitFactors(codes[1]);
  return fit;
}

// As the cost model reads it, so that kinds that are missing are replaced as there.
struct AsRates {
  explicit AsRates(const Fit& fit, const char* core) {
    for (const auto& [kind, f] : fit.kinds) kinds.push_back({kind.c_str(), f[0], f[1], f[2]});
    const auto code = [](const std::array<double, 3>& f) {
      return pipeline::CodeRates{f[0], f[1], f[2]};
    };
    rates = {core, kinds, code(fit.integer_code), code(fit.float_code), {}, {}};
  }
  std::vector<pipeline::KindRates> kinds;
  pipeline::CoreRates rates;
};

pipeline::FitError ErrorOf(std::vector<double> errors) {
  std::ranges::sort(errors);
  return {errors[errors.size() / 2], errors[(errors.size() - 1) * 9 / 10], errors.back()};
}

struct CoreFit {
  std::string core;
  Fit fit;
  pipeline::FitError instructions, code;
};

CoreFit FitCore(const std::string& core, const std::vector<Measured>& all) {
  std::vector<double> instruction_errors;
  std::vector<double> code_errors;
  for (const Measured& m : all) {
    const Fit others = FitTo(all, m.model);
    const AsRates as(others, core.c_str());
    double estimate = 0;
    for (const pipeline::LayerWork& work : m.works) {
      estimate += Instructions(as.rates, work);
      for (const pipeline::LayerWork& pool : work.within) estimate += Instructions(as.rates, pool);
    }
    const std::array<double, 3>& code = m.integers ? others.integer_code : others.float_code;
    const double code_estimate =
        code[0] + code[1] * static_cast<double>(m.works.size()) + code[2] * m.kinds;
    instruction_errors.push_back(std::abs(estimate / m.total - 1));
    code_errors.push_back(std::abs(code_estimate / m.code - 1));
    fmt::print(
        "{:<17} {:<24} {:<7} {:>10.0f} counted {:>10.0f} estimated {:>+6.1f} %   code {:>6.0f} "
        "{:>6.0f} {:>+6.1f} %\n",
        core, m.model, m.variant, m.total, estimate, 100 * (estimate / m.total - 1), m.code,
        code_estimate, 100 * (code_estimate / m.code - 1));
  }
  CoreFit fit{core, FitTo(all, ""), ErrorOf(instruction_errors), ErrorOf(code_errors)};
  const auto tell = [](const pipeline::FitError& error) {
    return fmt::format("{:.1f} % (median), {:.1f} % (nine of ten), {:.1f} % at most",
                       100 * error.median, 100 * error.nine_of_ten, 100 * error.most);
  };
  fmt::print("{}: instructions off by {}; code by {}\n", core, tell(fit.instructions),
             tell(fit.code));
  return fit;
}

std::string AsSource(const std::vector<CoreFit>& fits) {
  std::string text =
      "// Written by `bench_cost --write` (bench/bench_cost.cc): measured, not chosen.\n"
      "#include <array>\n\n#include \"platypus/pipeline/cost_rates.h\"\n\n"
      "namespace platypus::pipeline {\nnamespace {\n\n// clang-format off\n";
  const auto rate = [](double value) { return value < 1e-6 ? "0" : fmt::format("{:.4g}", value); };
  for (size_t i = 0; i < fits.size(); ++i) {
    text += fmt::format("constexpr std::array kKinds{} = {{  // {}\n", i, fits[i].core);
    for (const auto& [kind, f] : fits[i].fit.kinds) {
      text += fmt::format("    KindRates{{\"{}\", {}, {}, {}}},\n", kind, rate(f[0]), rate(f[1]),
                          rate(f[2]));
    }
    text += "};\n";
  }
  text += "\nconstexpr std::array kFitted = {\n";
  const auto code = [](const std::array<double, 3>& f) {
    return fmt::format("{{{:.0f}, {:.1f}, {:.1f}}}", f[0], f[1], f[2]);
  };
  const auto error = [](const pipeline::FitError& e) {
    return fmt::format("{{{:.3f}, {:.3f}, {:.3f}}}", e.median, e.nine_of_ten, e.most);
  };
  for (size_t i = 0; i < fits.size(); ++i) {
    const CoreFit& f = fits[i];
    text += fmt::format("    CoreRates{{\"{}\", kKinds{}, {}, {}, {}, {}}},\n", f.core, i,
                        code(f.fit.integer_code), code(f.fit.float_code), error(f.instructions),
                        error(f.code));
  }
  return text +
         "};\n// clang-format on\n\n}  // namespace\n\n"
         "std::span<const CoreRates> FittedRates() { return kFitted; }\n\n"
         "}  // namespace platypus::pipeline\n";
}

int Main(int argc, char** argv) {
  std::string file;
  std::vector<std::string> cores;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--write" && i + 1 < argc) {
      file = argv[++i];
    } else {
      cores.emplace_back(argv[i]);
    }
  }
  if (cores.empty()) cores.assign(deploy::Cores().begin() + 1, deploy::Cores().end());
  const config::Registry registry = config::LoadRegistry();
  std::vector<CoreFit> fits;
  for (const std::string& core : cores) fits.push_back(FitCore(core, MeasureAll(core, registry)));
  if (!file.empty()) WriteFile(file, AsSource(fits));
  return 0;
}

}  // namespace
}  // namespace platypus::bench

int main(int argc, char** argv) {
  try {
    return platypus::bench::Main(argc, argv);
  } catch (const platypus::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
