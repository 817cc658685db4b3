#include "platypus/deploy/core_program.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "platypus/base/embedded.h"
#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/parallel.h"
#include "platypus/base/process.h"
#include "platypus/deploy/c_text.h"

namespace platypus::deploy {
namespace fs = std::filesystem;
namespace {

const std::vector<Core>& Table() {
  const auto arm = [](const char* name, std::vector<std::string> flags, const char* board,
                      const char* timer, const char* mhz, const char* script) {
    flags.insert(flags.end(), {"-mthumb", std::string("-DTIMER=") + timer,
                               std::string("-DTIMER_MHZ=") + mhz, "--specs=nano.specs"});
    return Core{name,
                "arm-none-eabi-gcc",
                "gcc-arm-none-eabi libnewlib-arm-none-eabi",
                flags,
                "qemu-system-arm",
                "qemu-system-arm",
                {"-M", board, "-kernel", "a.elf"},
                "shift=7",
                script};
  };
  const auto mps2 = [&](const char* name, std::vector<std::string> flags, const char* board) {
    return arm(name, std::move(flags), board, "0x40000000u", "25", "mps2.ld");
  };
  const auto m33 = [&](const char* name, const char* cpu) {
    return arm(name, {cpu, "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"}, "mps2-an505", "0x50000000u",
               "20", "an505.ld");
  };
  static const std::vector<Core> cores = {
      {"host", "gcc", "gcc", {}, "", "", {}, "", ""},
      // The board has a Cortex-M3, which runs Armv6-M code.
      mps2("cortex-m0plus", {"-mcpu=cortex-m0plus"}, "mps2-an385"),
      mps2("cortex-m3", {"-mcpu=cortex-m3"}, "mps2-an385"),
      mps2("cortex-m4", {"-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"}, "mps2-an386"),
      mps2("cortex-m7", {"-mcpu=cortex-m7", "-mfpu=fpv5-d16", "-mfloat-abi=hard"}, "mps2-an500"),
      m33("cortex-m33", "-mcpu=cortex-m33"),
      m33("cortex-m33-nodsp", "-mcpu=cortex-m33+nodsp"),
      arm("cortex-m55", {"-mcpu=cortex-m55", "-mfloat-abi=hard", "-DTIMER_ENABLE=0x58100000u"},
          "mps3-an547", "0x58101000u", "32", "an547.ld"),
      // No board with this core is emulated alone: a bare core with memory.
      {"cortex-r5f",
       "arm-none-eabi-gcc",
       "gcc-arm-none-eabi libnewlib-arm-none-eabi",
       {"-mcpu=cortex-r5", "-mfpu=vfpv3-d16", "-mfloat-abi=hard", "-mthumb", "--specs=nano.specs"},
       "qemu-system-arm",
       "qemu-system-arm",
       {"-M", "none", "-cpu", "cortex-r5f", "-m", "16M", "-device", "loader,file=a.elf,cpu-num=0"},
       "shift=7",
       "r5.ld"},
      {"riscv32",
       "riscv64-unknown-elf-gcc",
       "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf",
       {"-march=rv32imac", "-mabi=ilp32", "--specs=picolibc.specs"},
       "qemu-system-riscv32",
       "qemu-system-misc",
       {"-M", "virt", "-bios", "none", "-kernel", "a.elf"},
       "shift=0",
       "virt.ld"}};
  return cores;
}

void CopyFiles(const fs::path& package, const fs::path& build) {
  fs::copy(package, build, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  for (const embedded::File& file : embedded::runtime_files()) {
    if (file.path.starts_with("verify/")) WriteFile(build / file.path, file.content);
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

constexpr const char* kCmsisNnVariable = "CMSIS_NN_DIR";

// Empty: not said.
fs::path CmsisNnFolder() {
  const char* value = std::getenv(kCmsisNnVariable);
  return value == nullptr || *value == '\0' ? fs::path() : fs::absolute(value);
}

// The files of CMSIS-NN's integer functions that a package calls, and of what these call.
std::vector<std::string> CmsisNnSources(const fs::path& folder) {
  std::vector<std::string> sources;
  for (const char* part : kCmsisNnParts) {
    const fs::path functions = folder / "Source" / fmt::format("{}Functions", part);
    if (!fs::is_directory(functions)) continue;
    for (const fs::directory_entry& entry : fs::directory_iterator(functions)) {
      const std::string name = entry.path().stem().string();
      const bool codes =
          name.find("_s8") != std::string::npos || name.find("_q7") != std::string::npos;
      const bool cells = name.find("_lstm_") != std::string::npos;  // whose functions lie elsewhere
      if (entry.path().extension() == ".c" && codes && !cells)
        sources.push_back(entry.path().string());
    }
  }
  std::ranges::sort(sources);
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

void Append(std::string& bytes, const std::vector<float>& values) {
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
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

const Core& FindCore(const std::string& name) {
  for (const Core& core : Table()) {
    if (core.name == name) return core;
  }
  throw Error(Category::kUsage, fmt::format("there is no core '{}'", name), Suggest(name, Cores()));
}

std::string MissingTool(const Core& core) {
  for (const auto& [program, package] : {std::pair{core.compiler, core.compiler_package},
                                         std::pair{core.emulator, core.emulator_package}}) {
    if (!program.empty() && !HasProgram(program)) {
      return fmt::format("{} is not installed (apt-get install {})", program, package);
    }
  }
  return {};
}

Facts ReadManifest(const fs::path& folder) {
  const fs::path file = folder / "manifest.json";
  if (!fs::is_regular_file(file)) {
    Fail(Category::kData, "{} is no generated package: it has no manifest.json", folder.string());
  }
  try {
    const auto json = nlohmann::json::parse(ReadFile(file));
    Facts facts;
    facts.prefix = json.at("prefix");
    facts.char_bits = json.value("char_bits", 8);
    if (json.value("kernels", "") == "cmsis_nn") facts.kernels = config::Kernels::kCmsisNn;
    facts.in_length = 1;
    for (const int64_t extent : json.at("input").at("shape")) facts.in_length *= extent;
    facts.out_length = json.at("output").at("length");
    facts.out_type = json.at("output").at("type");
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

std::string MissingLibrary(const Facts& facts) {
  if (facts.kernels != config::Kernels::kCmsisNn) return {};
  const fs::path folder = CmsisNnFolder();
  if (folder.empty()) {
    return fmt::format(
        "the package calls CMSIS-NN: set the environment variable {} to the folder "
        "of its sources (github.com/ARM-software/CMSIS-NN)",
        kCmsisNnVariable);
  }
  if (!fs::is_regular_file(folder / "Include" / "arm_nnfunctions.h")) {
    throw Error(
        Category::kConfiguration,
        fmt::format("{}: {} has no Include/arm_nnfunctions.h", kCmsisNnVariable, folder.string()),
        "name the folder of CMSIS-NN's sources");
  }
  return {};
}

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

void Build(const Core& core, const Facts& facts, const fs::path& package, const fs::path& build) {
  CopyFiles(package, build);
  WriteFile(build / "verify" / "model.h",
            fmt::format("#include \"{0}_app.h\"\n#define M(name) {0}_##name\n#define U(name) "
                        "{1}_##name\n#define GOLDEN_ROWS {2}\n",
                        facts.prefix, Upper(facts.prefix), facts.rows));
  std::vector<std::string> compile = {
      core.compiler,     "-c", "-std=gnu99", "-O2", "-ffp-contract=off", "-ffunction-sections",
      "-fdata-sections", "-I."};
  compile.insert(compile.end(), core.flags.begin(), core.flags.end());
  const bool host = core.emulator.empty();
  // Which code is a layer's, and what stack functions use (linked_parts.h, stack_usage.h).
  if (!host) compile.insert(compile.end(), {"-g", "-fcallgraph-info=su"});
  std::vector<std::string> link = {core.compiler};
  link.insert(link.end(), core.flags.begin(), core.flags.end());
  std::vector<std::string> sources = PackageSources(package);
  // In a folder of their own: a package may have a file of any of these names.
  sources.insert(sources.end(), {"verify/harness.c", host ? "verify/host.c" : "verify/core.c"});
  std::vector<std::string> library;
  if (facts.kernels == config::Kernels::kCmsisNn) {
    const fs::path folder = CmsisNnFolder();
    compile.insert(compile.end(),
                   {"-DCMSIS_NN_USE_SINGLE_ROUNDING", "-isystem", (folder / "Include").string()});
    library = CmsisNnSources(folder);
  }
  // Objects keep their names, so that the map tells them apart.
  std::vector<std::string> objects;
  for (const std::string& source : sources) {
    objects.push_back(source.substr(0, source.size() - 1) + "o");
    std::replace(objects.back().begin(), objects.back().end(), '/', '_');
  }
  const size_t own = sources.size();
  for (const std::string& source : library) {
    sources.push_back(source);
    objects.push_back(kCmsisNnObjects + fs::path(source).stem().string() + ".o");
  }
  const auto number = static_cast<int64_t>(sources.size());
  ThreadPool pool(0);
  pool.Run(number, [&](int64_t i) {
    std::vector<std::string> command = compile;
    const auto at = static_cast<size_t>(i);
    if (at >= own) command.insert(command.end(), {"-O3", "-w"});  // as the package's build files
    command.insert(command.end(), {sources[at], "-o", objects[at]});
    MustRun(command, build, 120);
  });
  link.insert(link.end(), objects.begin(), objects.end());
  link.insert(link.end(), {"-o", "a.elf", "-Wl,-Map=map.txt"});
  if (!host)
    link.insert(link.end(),
                {"-nostartfiles", "-Lverify", "-T", "verify/" + core.script, "-Wl,--gc-sections"});
  link.push_back("-lm");
  MustRun(link, build, 120);
}

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
    command.insert(command.end(), {"-display", "none", "-monitor", "none", "-serial", "null",
                                   "-semihosting-config", "enable=on,target=native"});
    if (counting) command.insert(command.end(), {"-icount", core.instruction_clock});
  }
  ProcessResult result = MustRun(command, build, 600);
  if (result.output.find("done\n") == std::string::npos) {
    Fail(Category::kToolchain, "the program on {} did not finish:\n{}", core.name,
         result.output.substr(0, 1000));
  }
  return result.output;
}

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

std::string PlayCounting(const Core& core, const Facts& facts, const TestSet& set,
                         const fs::path& build) {
  WriteInput(set, Mode::kCount, 0, std::min<int64_t>(1, set.samples),
             std::min<size_t>(1, set.recordings.size()), facts.in_length, build / "input.bin");
  const bool emulated = !core.emulator.empty();
  std::string output = Play(core, build, emulated);
  const int64_t fifty = Count(output, "fifty").first;
  if (emulated && fifty != 50) {
    Fail(Category::kToolchain, "counting instructions on {} is off: 50 were counted as {}",
         core.name, fifty);
  }
  return output;
}

std::vector<LayerCost> LayerCosts(const std::string& output, const fs::path& package) {
  const fs::path file = package / "report.json";
  std::vector<LayerCost> costs;
  try {
    const auto json = nlohmann::json::parse(ReadFile(file));
    std::map<std::string, std::string> names;  // of tables, by symbol
    for (const auto& table : json.value("tables", nlohmann::json::array()))
      names[table.at("symbol")] = table.at("name");
    for (const auto& layer : json.at("layers")) {
      LayerCost cost;
      cost.name = layer.at("name");
      cost.what = layer.at("what");
      cost.macs = layer.at("macs");
      for (const std::string symbol : layer.value("tables", nlohmann::json::array()))
        cost.tables.push_back({names[symbol], symbol, 0});
      costs.push_back(std::move(cost));
    }
  } catch (const nlohmann::json::exception& error) {
    throw Error(Category::kData, fmt::format("the report is damaged: {}", error.what()), "",
                {file.string(), 0, 0});
  }
  size_t i = 0;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("count layer ")) continue;
    if (i == costs.size())
      Fail(Category::kToolchain, "the program has more layers than report.json");
    std::istringstream numbers(line.substr(line.find("0x")));
    int64_t nanoseconds = 0;
    numbers >> std::hex >> costs[i].instructions >> nanoseconds >> costs[i].stack_octets;
    costs[i++].seconds = static_cast<double>(nanoseconds) * 1e-9;
  }
  if (i != costs.size()) {
    Fail(Category::kToolchain, "the program has {} layers, its report.json {}", i, costs.size());
  }
  return costs;
}

}  // namespace platypus::deploy
