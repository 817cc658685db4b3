#include "platypus/pipeline/environment.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <sstream>

#include "platypus/base/error.h"
#include "platypus/base/parallel.h"
#include "platypus/base/process.h"
#include "platypus/deploy/core_program.h"
#include "platypus/pipeline/run.h"
#include "platypus/train/kernels.h"

namespace platypus::pipeline {
namespace fs = std::filesystem;
namespace {

using Variable = std::function<std::string(const char*)>;

// A program of a Debian package.
struct Program {
  const char* name;
  const char* group;
  const char* purpose;
  const char* package;
};

// Programs that come beside those of the cores (deploy/core_program.h has their packages).
constexpr std::array kPrograms = {
    Program{"make", "C on the host", "`make check` in a package", "make"},
    Program{"cmake", "C on the host", "a package's CMakeLists.txt", "cmake"},
    Program{"node", "tests", "comparison with ONNX Runtime, tests of the report", "nodejs npm"},
    Program{"chromium", "tests", "tests of the report in a browser", "chromium"},
    Program{"dot", "pictures", "`platypus info --dot` as a picture", "graphviz"},
};

// A library that is loaded when it is first needed.
struct Library {
  const char* name;
  const char* purpose;
  const char* package;
};

constexpr std::array kLibraries = {
    Library{"libcurl.so.4", "data sets and weights from URLs", "libcurl4"},
    Library{"libcairo.so.2", "pictures as PNG beside SVG", "libcairo2"},
};

// A compiler or kit of the vendor of the devices, which has no Debian package.
struct Kit {
  const char* name;
  const char* purpose;
  const char* variable;  // environment variable that names its folder
  const char* pattern;   // its folder below a tools folder begins so
  const char* program;   // below the folder; empty: the folder itself
  const char* source = "from ti.com";
};

constexpr std::array kKits = {
    Kit{"Neural network compiler of TI (tvmc of ti_mcu_nnc)", "`compile --backend ti_nnc`",
        "TI_NNC_ROOT", "ti-mcu-nnc", "bin/tvmc",
        "the Python package ti_mcu_nnc, from "
        "https://software-dl.ti.com/mctools/nnc/mcu/users_guide"},
    Kit{"C2000 compiler (cl2000)", "C28x devices", "C2000_CG_ROOT", "ti-cgt-c2000", "bin/cl2000"},
    Kit{"C29 compiler (c29clang)", "F29 devices", "CG_TOOL_ROOT", "ti-cgt-c29", "bin/c29clang"},
    Kit{"Arm compiler of TI (tiarmclang)", "MSPM0, MSPM33, AM13, AM26x, CC devices",
        "ARM_LLVM_CGT_PATH", "ti-cgt-armllvm", "bin/tiarmclang"},
    Kit{"C2000Ware", "projects for C28x devices", "C2000WARE_ROOT", "C2000Ware", ""},
    Kit{"MSPM0 SDK", "projects for MSPM0 devices", "MSPM0_SDK_ROOT", "mspm0_sdk", ""},
    Kit{"MSPM33 SDK", "projects for MSPM33 devices", "MSPM33_SDK_ROOT", "mspm33_sdk", ""},
    Kit{"F29 SDK", "projects for F29 devices", "F29_SDK_ROOT", "f29h85x-sdk", ""},
    Kit{"MCU+ SDK", "projects for AM26x devices", "MCU_PLUS_SDK_ROOT", "mcu_plus_sdk", ""},
    Kit{"Code Composer Studio", "building and flashing vendor projects", "CCS_ROOT", "ccs", ""},
};

// The first line that is no complaint of a start script ("/usr/bin/chromium: 9: ...").
std::string FirstLine(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t\r") != std::string::npos && line[0] != '/') return line;
  }
  return {};
}

std::string VersionOf(const std::string& program) {
  try {
    const ProcessResult result = RunProcess({program, "--version"}, fs::temp_directory_path(), 10);
    return result.status == 0 ? FirstLine(result.output) : "";
  } catch (const Error&) {
    return {};
  }
}

// Where PATH has a program; empty if nowhere.
std::string InPath(const std::string& program, const Variable& variable) {
  std::istringstream folders(variable("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path file = fs::path(folder) / program;
    std::error_code error;
    if (!folder.empty() && fs::is_regular_file(file, error)) return file.string();
  }
  return {};
}

Tool LookFor(const std::string& name, const std::string& group, const std::string& purpose,
             const std::string& package, const Variable& variable) {
  Tool tool{.name = name, .group = group, .purpose = purpose};
  tool.where = InPath(name, variable);
  tool.found = !tool.where.empty();
  if (tool.found) {
    tool.version = VersionOf(name);
  } else {
    tool.install = "apt-get install " + package;
  }
  return tool;
}

// Below the usual folders, the newest by name.
std::optional<fs::path> InToolFolders(const std::string& pattern, const Variable& variable) {
  const std::string home = variable("HOME");
  std::vector<fs::path> folders = {"/opt/ti", "/opt"};
  if (!home.empty())
    folders.insert(folders.begin(), {fs::path(home) / "ti", fs::path(home) / "bin"});
  if (const std::string tools = variable("TOOLS_PATH"); !tools.empty())
    folders.insert(folders.begin(), tools);
  for (const fs::path& folder : folders) {
    std::vector<fs::path> found;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
         entry.increment(error)) {
      if (entry->path().filename().string().starts_with(pattern) && entry->is_directory(error))
        found.push_back(entry->path());
    }
    if (!found.empty()) return *std::ranges::max_element(found);
  }
  return std::nullopt;
}

Tool LookFor(const Library& library) {
  Tool tool{.name = library.name, .group = "libraries", .purpose = library.purpose};
  if (void* handle = dlopen(library.name, RTLD_LAZY | RTLD_LOCAL)) {
    tool.found = true;
    dlclose(handle);
  } else {
    tool.install = std::string("apt-get install ") + library.package;
  }
  return tool;
}

Tool LookFor(const Kit& kit, const Variable& variable) {
  Tool tool{.name = kit.name, .group = "vendor", .purpose = kit.purpose};
  std::optional<fs::path> folder;
  std::error_code error;
  if (const std::string named = variable(kit.variable); !named.empty()) folder = named;
  if (!folder) folder = InToolFolders(kit.pattern, variable);
  if (folder) {
    const fs::path file = *kit.program == '\0' ? *folder : *folder / kit.program;
    tool.found = fs::exists(file, error);
    tool.where = file.string();
    if (tool.found && *kit.program != '\0') tool.version = VersionOf(file.string());
  }
  if (!tool.found) {
    tool.install =
        fmt::format("{}; then set {} to its folder{}", kit.source, kit.variable,
                    tool.where.empty() ? "" : fmt::format(" ({} is not there)", tool.where));
    tool.where.clear();
  }
  return tool;
}

}  // namespace

Tool FindVendorProgram(const std::string& program, const Variable& variable) {
  const auto kit = std::ranges::find_if(
      kKits, [&](const Kit& k) { return fs::path(k.program).filename() == program; });
  Tool tool{.name = program, .group = "vendor"};
  if (kit != kKits.end()) tool = LookFor(*kit, variable);
  if (tool.found) return tool;
  tool.where = InPath(program, variable);
  tool.found = !tool.where.empty();
  if (tool.install.empty()) tool.install = "install it so that PATH has it";
  return tool;
}

Environment LookAround(const Variable& variable) {
  Environment environment;
  environment.version = Version();
  environment.instruction_set = train::TargetName();
  environment.threads = ThreadPool(0).Threads();
  for (const std::string& name : deploy::Cores()) {
    const deploy::Core& core = deploy::FindCore(name);
    const bool host = core.emulator.empty();
    const std::string group = host ? "C on the host" : "cores";
    const auto add = [&](const std::string& program, const std::string& package) {
      const auto known = std::ranges::find(environment.tools, program, &Tool::name);
      if (known != environment.tools.end()) {
        known->purpose += ", " + name;
        return;
      }
      environment.tools.push_back(
          LookFor(program, group, "verification on " + name, package, variable));
      environment.tools.back().essential = host;
    };
    add(core.compiler, core.compiler_package);
    if (!host) add(core.emulator, core.emulator_package);
  }
  for (const Program& p : kPrograms)
    environment.tools.push_back(LookFor(p.name, p.group, p.purpose, p.package, variable));
  for (const Library& library : kLibraries) environment.tools.push_back(LookFor(library));
  for (const Kit& kit : kKits) environment.tools.push_back(LookFor(kit, variable));
  return environment;
}

bool IsUsable(const Environment& environment) {
  return std::ranges::none_of(environment.tools,
                              [](const Tool& tool) { return tool.essential && !tool.found; });
}

}  // namespace platypus::pipeline
