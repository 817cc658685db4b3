#include "platypus/deploy/verify.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <sstream>

#include "platypus/base/embedded.h"
#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/interrupted.h"
#include "platypus/base/parallel.h"
#include "platypus/base/process.h"
#include "platypus/deploy/c_text.h"
#include "platypus/deploy/link_map.h"
#include "platypus/deploy/trace.h"

namespace platypus::deploy {
namespace fs = std::filesystem;
namespace {

struct Core {
  std::string name;
  std::string compiler;
  std::string compiler_package;
  std::vector<std::string> flags;
  std::string emulator;  // empty: runs here
  std::string emulator_package;
  std::vector<std::string> machine;
  std::string script;  // linker script
};

const std::vector<Core>& Table() {
  const auto arm = [](const char* name, std::vector<std::string> flags, const char* machine,
                      const char* timer, const char* mhz, const char* script) {
    flags.insert(flags.end(), {"-mthumb", std::string("-DTIMER=") + timer,
                               std::string("-DTIMER_MHZ=") + mhz, "--specs=nano.specs"});
    return Core{name,
                "arm-none-eabi-gcc",
                "gcc-arm-none-eabi libnewlib-arm-none-eabi",
                flags,
                "qemu-system-arm",
                "qemu-system-arm",
                {"-M", machine},
                script};
  };
  static const std::vector<Core> cores = {
      {"host", "gcc", "gcc", {}, "", "", {}, ""},
      // The board has a Cortex-M3, which runs Armv6-M code.
      arm("cortex-m0plus", {"-mcpu=cortex-m0plus"}, "mps2-an385", "0x40000000u", "25", "mps2.ld"),
      arm("cortex-m4", {"-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"}, "mps2-an386",
          "0x40000000u", "25", "mps2.ld"),
      arm("cortex-m33", {"-mcpu=cortex-m33", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"}, "mps2-an505",
          "0x50000000u", "20", "an505.ld"),
      {"riscv32",
       "riscv64-unknown-elf-gcc",
       "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf",
       {"-march=rv32imac", "-mabi=ilp32", "--specs=picolibc.specs"},
       "qemu-system-riscv32",
       "qemu-system-misc",
       {"-M", "virt", "-bios", "none"},
       "virt.ld"}};
  return cores;
}

const Core& FindCore(const std::string& name) {
  for (const Core& core : Table()) {
    if (core.name == name) return core;
  }
  throw Error(Category::kUsage, fmt::format("there is no core '{}'", name), Suggest(name, Cores()));
}

// What the package says of itself.
struct Facts {
  std::string prefix;
  int64_t in_length = 0;
  int64_t out_length = 0;
  bool integer_output = false;
  bool signed_output = true;
  int64_t rows = 0;
  int64_t variables = 1;
};

Facts ReadManifest(const fs::path& folder) {
  const fs::path file = folder / "manifest.json";
  if (!fs::is_regular_file(file)) {
    Fail(Category::kData, "{} is no generated package: it has no manifest.json", folder.string());
  }
  try {
    const auto json = nlohmann::json::parse(ReadFile(file));
    Facts facts;
    facts.prefix = json.at("prefix");
    facts.in_length = 1;
    for (const int64_t extent : json.at("input").at("shape")) facts.in_length *= extent;
    facts.out_length = json.at("output").at("length");
    facts.integer_output = json.at("output").at("type") != "tm_f32";
    facts.signed_output = json.at("output").at("type") != "tm_u8";
    const auto& features = json.at("features");
    facts.variables = features.at("variables");
    facts.rows = features.at("frame_size").get<int64_t>() +
                 features.at("hop").get<int64_t>() * (features.at("frames").get<int64_t>() - 1);
    return facts;
  } catch (const nlohmann::json::exception& error) {
    throw Error(Category::kData, fmt::format("the manifest is damaged: {}", error.what()), "",
                {file.string(), 0, 0});
  }
}

void CopyFiles(const fs::path& package, const fs::path& build) {
  fs::copy(package, build, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  for (const embedded::File& file : embedded::runtime_files()) {
    if (file.path.starts_with("verify/")) WriteFile(build / file.path.substr(7), file.content);
  }
}

std::vector<std::string> PackageSources(const fs::path& package) {
  std::vector<std::string> sources;
  const fs::path file = package / "sources.txt";
  std::istringstream list(ReadFile(file));
  for (std::string line; std::getline(list, line);) {
    if (line.empty()) continue;
    const fs::path path(line);
    const bool inside = path.is_relative() && std::count(path.begin(), path.end(), "..") == 0;
    if (line[0] == '-' || path.extension() != ".c" || !inside) {
      throw Error(Category::kData, fmt::format("'{}' is no C file of the package", line), "",
                  {file.string(), 0, 0});
    }
    sources.push_back(line);
  }
  return sources;
}

ProcessResult MustRun(const std::vector<std::string>& command, const fs::path& folder,
                      int seconds) {
  ProcessResult result = RunProcess(command, folder, seconds);
  if (result.timed_out)
    Fail(Category::kToolchain, "{} did not end within {} s", command[0], seconds);
  if (result.status != 0) {
    Fail(Category::kToolchain, "{} failed with status {}:\n{}", command[0], result.status,
         result.output.substr(0, 4000));
  }
  return result;
}

void Build(const Core& core, const Facts& facts, const fs::path& package, const fs::path& build) {
  WriteFile(build / "model.h",
            fmt::format("#include \"{0}_app.h\"\n#define M(name) {0}_##name\n#define U(name) "
                        "{1}_##name\n#define GOLDEN_ROWS {2}\n",
                        facts.prefix, Upper(facts.prefix), facts.rows));
  std::vector<std::string> compile = {
      core.compiler,     "-c", "-std=gnu99", "-O2", "-ffp-contract=off", "-ffunction-sections",
      "-fdata-sections", "-I."};
  compile.insert(compile.end(), core.flags.begin(), core.flags.end());
  const bool host = core.emulator.empty();
  std::vector<std::string> link = {core.compiler};
  link.insert(link.end(), core.flags.begin(), core.flags.end());
  std::vector<std::string> sources = PackageSources(package);
  sources.insert(sources.end(), {"harness.c", host ? "host.c" : "core.c"});
  // Objects keep their names, so that the map tells them apart.
  std::vector<std::string> objects;
  for (const std::string& source : sources) {
    objects.push_back(source.substr(0, source.size() - 1) + "o");
    std::replace(objects.back().begin(), objects.back().end(), '/', '_');
  }
  const auto number = static_cast<int64_t>(sources.size());
  ThreadPool pool(0);
  pool.Run(number, [&](int64_t i) {
    std::vector<std::string> command = compile;
    command.insert(command.end(),
                   {sources[static_cast<size_t>(i)], "-o", objects[static_cast<size_t>(i)]});
    MustRun(command, build, 120);
  });
  link.insert(link.end(), objects.begin(), objects.end());
  link.insert(link.end(), {"-o", "a.elf", "-Wl,-Map=map.txt"});
  if (!host) link.insert(link.end(), {"-nostartfiles", "-T", core.script, "-Wl,--gc-sections"});
  link.push_back("-lm");
  MustRun(link, build, 120);
}

void Append(std::string& bytes, const std::vector<float>& values) {
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
}

// What the harness is to do (runtime/verify/harness.c).
enum class Mode : uint32_t { kPlay = 0, kCount = 1, kTrace = 2 };

// Samples first ... first + samples - 1 and the first recordings.
void WriteInput(const TestSet& set, Mode mode, int64_t first, int64_t samples, size_t recordings,
                int64_t in_length, const fs::path& file) {
  std::string bytes;
  const uint32_t head[3] = {static_cast<uint32_t>(samples), static_cast<uint32_t>(recordings),
                            static_cast<uint32_t>(mode)};
  bytes.append(reinterpret_cast<const char*>(head), sizeof head);
  bytes.append(reinterpret_cast<const char*>(set.features.data() + first * in_length),
               static_cast<size_t>(samples * in_length) * sizeof(float));
  for (size_t i = 0; i < recordings; ++i) Append(bytes, set.recordings[i].raw);
  WriteFile(file, bytes);
}

std::string Play(const Core& core, const fs::path& build, bool counting) {
  std::vector<std::string> command = {"./a.elf"};
  if (!core.emulator.empty()) {
    command = {core.emulator};
    command.insert(command.end(), core.machine.begin(), core.machine.end());
    command.insert(command.end(),
                   {"-display", "none", "-monitor", "none", "-serial", "null",
                    "-semihosting-config", "enable=on,target=native", "-kernel", "a.elf"});
    if (counting)
      command.insert(command.end(), {"-icount", core.name == "riscv32" ? "shift=0" : "shift=7"});
  }
  ProcessResult result = MustRun(command, build, 600);
  if (result.output.find("done\n") == std::string::npos) {
    Fail(Category::kToolchain, "the program on {} did not finish:\n{}", core.name,
         result.output.substr(0, 1000));
  }
  return result.output;
}

// "count NAME instructions stack"
std::pair<int64_t, int64_t> Count(const std::string& output, const std::string& name) {
  const std::string key = "count " + name + " ";
  const size_t at = output.find(key);
  if (at == std::string::npos) return {0, 0};
  std::istringstream numbers(output.substr(at + key.size()));
  int64_t instructions = 0;
  int64_t stack = 0;
  numbers >> std::hex >> instructions >> stack;
  return {instructions, stack};
}

struct Comparison {
  VerifyResult& result;
  const TestSet& set;
  const Facts& facts;
  int64_t first_sample = -1;  // that differs

  void Run(const std::string& bytes) {
    const size_t width = static_cast<size_t>(facts.out_length) * (facts.integer_output ? 1 : 4);
    const size_t feature_octets = static_cast<size_t>(facts.in_length) * 4;
    const size_t expected =
        static_cast<size_t>(set.samples) * width + set.recordings.size() * (feature_octets + width);
    if (bytes.size() != expected) {
      Fail(Category::kToolchain, "the program wrote {} octets, expected {}", bytes.size(),
           expected);
    }
    const char* at = bytes.data();
    int64_t correct = 0;
    for (int64_t i = 0; i < set.samples; ++i, at += width) {
      const std::vector<float> found = Outputs(at);
      const auto* wanted = set.outputs.data() + i * facts.out_length;
      if (Differ(found, wanted, fmt::format("sample {}", i))) {
        ++result.mismatches;
        if (first_sample < 0) first_sample = i;
      }
      const auto best = std::max_element(found.begin(), found.end()) - found.begin();
      if (!set.labels.empty()) correct += best == set.labels[static_cast<size_t>(i)] ? 1 : 0;
    }
    result.samples = set.samples;
    result.accuracy = set.labels.empty()
                          ? std::numeric_limits<double>::quiet_NaN()
                          : static_cast<double>(correct) / static_cast<double>(set.samples);
    for (const GoldenSample& sample : set.recordings) {
      for (int64_t k = 0; k < facts.in_length; ++k) {
        float found = 0;
        std::memcpy(&found, at + k * 4, sizeof found);
        const float wanted = sample.features[static_cast<size_t>(k)];
        if (std::isnan(found) && std::isnan(wanted)) continue;
        const double difference =
            std::abs(double{found} - wanted) / std::max(1.0, std::abs(double{wanted}));
        result.max_feature_difference = std::max(result.max_feature_difference, difference);
      }
      at += feature_octets;
      result.recording_mismatches +=
          Differ(Outputs(at), sample.output.data(), "recording " + sample.source) ? 1 : 0;
      at += width;
      ++result.recordings;
    }
  }

 private:
  std::vector<float> Outputs(const char* at) const {
    std::vector<float> values(static_cast<size_t>(facts.out_length));
    for (size_t k = 0; k < values.size(); ++k) {
      if (facts.integer_output) {
        values[k] = facts.signed_output ? static_cast<float>(static_cast<signed char>(at[k]))
                                        : static_cast<float>(static_cast<unsigned char>(at[k]));
      } else {
        std::memcpy(&values[k], at + k * 4, sizeof(float));
      }
    }
    return values;
  }

  bool Differ(const std::vector<float>& found, const float* wanted, const std::string& where) {
    bool differs = false;
    for (size_t k = 0; k < found.size(); ++k) {
      if (found[k] == wanted[k] || (std::isnan(found[k]) && std::isnan(wanted[k]))) continue;
      differs = true;
      result.max_output_difference =
          std::max(result.max_output_difference, std::abs(double{found[k]} - wanted[k]));
      if (result.first_difference.empty()) {
        result.first_difference =
            fmt::format("{}, output {}: expected {}, found {}", where, k, wanted[k], found[k]);
      }
    }
    return differs;
  }
};

// Error (data) unless every array of the set has the length that the package asks for.
void RequireFit(const TestSet& set, const Facts& facts) {
  const auto size = [](const auto& values) { return static_cast<int64_t>(values.size()); };
  bool fits = size(set.features) == set.samples * facts.in_length &&
              size(set.outputs) == set.samples * facts.out_length &&
              (set.labels.empty() || size(set.labels) == set.samples);
  for (const GoldenSample& sample : set.recordings) {
    fits = fits && size(sample.raw) == facts.rows * facts.variables &&
           size(sample.features) == facts.in_length && size(sample.output) == facts.out_length;
  }
  if (!fits) Fail(Category::kData, "the test set does not belong to this package");
}

// Instructions and stack of one sample, and what the linker put together.
void Measure(const Core& core, const Facts& facts, const TestSet& set, const fs::path& folder,
             VerifyResult& result) {
  WriteInput(set, Mode::kCount, 0, std::min<int64_t>(1, set.samples),
             std::min<size_t>(1, set.recordings.size()), facts.in_length, folder / "input.bin");
  const std::string output = Play(core, folder, true);
  const int64_t fifty = Count(output, "fifty").first;
  if (fifty != 50) {
    Fail(Category::kToolchain, "counting instructions on {} is off: 50 were counted as {}",
         core.name, fifty);
  }
  const auto network = Count(output, "network");
  const auto features = Count(output, "features");
  result.instructions = network.first;
  result.feature_instructions = features.first;
  result.stack_bytes = std::max(network.second, features.second);
  LinkMap map = ReadLinkMap(ReadFile(folder / "map.txt"), {"harness.o", "core.o"});
  result.flash_bytes = map.flash_octets;
  result.libraries = std::move(map.libraries);
}

}  // namespace

const std::vector<std::string>& Cores() {
  static const std::vector<std::string> names_of_cores = [] {
    std::vector<std::string> names;
    for (const Core& core : Table()) names.push_back(core.name);
    return names;
  }();
  return names_of_cores;
}

VerifyResult Verify(const fs::path& package_folder, const TestSet& set,
                    const std::string& core_name, ProgressSink& sink, const graph::Graph* network) {
  const Core& core = FindCore(core_name);
  const Facts facts = ReadManifest(package_folder);
  VerifyResult result;
  result.core = core.name;
  for (const auto& [program, package] : {std::pair{core.compiler, core.compiler_package},
                                         std::pair{core.emulator, core.emulator_package}}) {
    if (!program.empty() && !HasProgram(program)) {
      result.notice = fmt::format("{} is not installed: {} is not verified (apt-get install {})",
                                  program, core.name, package);
      return result;
    }
  }
  RequireFit(set, facts);
  constexpr int kSteps = 3;
  const auto progress = [&](int step) {
    if (sink.Cancelled()) throw Interrupted("interrupted while verifying on " + core.name);
    sink.OnProgress({"verify", core.name, step, kSteps, "steps", {}});
  };
  const TemporaryFolder build;
  const fs::path& folder = build.Path();
  progress(0);
  CopyFiles(package_folder, folder);
  Build(core, facts, package_folder, folder);
  progress(1);
  WriteInput(set, Mode::kPlay, 0, set.samples, set.recordings.size(), facts.in_length,
             folder / "input.bin");
  result.ram_bytes = Count(Play(core, folder, false), "memory").first;
  Comparison comparison{result, set, facts};
  comparison.Run(ReadFile(folder / "output.bin"));
  progress(2);
  if (comparison.first_sample >= 0 && network != nullptr) {
    const int64_t sample = comparison.first_sample;
    WriteInput(set, Mode::kTrace, sample, 1, 0, facts.in_length, folder / "input.bin");
    Play(core, folder, false);
    const std::span<const float> features(set.features.data() + sample * facts.in_length,
                                          static_cast<size_t>(facts.in_length));
    const std::string where = FirstDifference(*network, features, ReadFile(folder / "output.bin"));
    if (!where.empty()) result.first_difference += "; first in " + where;
  }
  if (!core.emulator.empty()) Measure(core, facts, set, folder, result);
  result.ran = true;
  progress(kSteps);
  return result;
}

}  // namespace platypus::deploy
