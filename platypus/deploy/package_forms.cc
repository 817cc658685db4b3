#include "platypus/deploy/package_forms.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "platypus/base/error.h"
#include "platypus/deploy/c_text.h"

namespace platypus::deploy {
namespace {

// Features have the host's bits without fused multiply-add; GCC 12 and its neighbours lose stores
// and calls without the second (docs/deployment.md).
const std::vector<std::string> kOptions = {"-ffp-contract=off", "-fno-delete-null-pointer-checks"};

// What a form is made of.
struct Parts {
  const Package& package;
  const Destination& destination;
  std::string m;
  std::vector<std::string> sources;  // of the library
  std::vector<std::string> proof;    // golden vectors and what plays them
  std::vector<std::string> headers;

  std::vector<std::string> Compiled() const {
    std::vector<std::string> all = sources;
    all.insert(all.end(), proof.begin(), proof.end());
    return all;
  }
};

Parts Take(const Package& package, const Destination& destination) {
  Parts parts{package, destination, "", {}, {}, {}};
  parts.m = nlohmann::json::parse(package.at("manifest.json")).at("prefix");
  std::istringstream list(package.at("sources.txt"));
  for (std::string line; std::getline(list, line);) {
    if (!line.empty()) parts.sources.push_back(line);
  }
  parts.proof = {parts.m + "_selftest.c", parts.m + "_test_vectors.c"};
  for (const auto& [path, content] : package) {
    const bool ours = path.find('/') == std::string::npos || path.starts_with("rt/");
    if (ours && path.ends_with(".h")) parts.headers.push_back(path);
  }
  return parts;
}

std::string Lines(const std::vector<std::string>& items, const std::string& before,
                  const std::string& after) {
  std::string text;
  for (const std::string& item : items) text += before + item + after + "\n";
  return text;
}

std::string Sketch(const std::string& m) {
  return fmt::format(R"(// The golden vectors on this board: open the serial monitor.
#include <{0}_app.h>

static {0}_app app;

void setup() {{
  Serial.begin(115200);
  while (!Serial) {{
  }}
  {0}_selftest_result result;
  const tm_status status = {0}_selftest(&app, -1, &result);
  Serial.println(status == TM_OK ? "self-test passed" : "self-test failed");
}}

void loop() {{}}
)",
                     m);
}

// https://arduino.github.io/arduino-cli/latest/library-specification
Package Arduino(const Parts& p) {
  Package form;
  for (const auto& list : {p.Compiled(), p.headers}) {
    for (const std::string& path : list) form["src/" + path] = p.package.at(path);
  }
  for (const char* path : {"LICENSE", "README.md"}) form[path] = p.package.at(path);
  for (const char* path : {"manifest.json", "report.json", "REPORT.md"}) {
    form[std::string("extras/") + path] = p.package.at(path);
  }
  form[fmt::format("examples/{0}_selftest/{0}_selftest.ino", p.m)] = Sketch(p.m);
  form["library.properties"] = fmt::format(R"(name={0}
version=1.0.0
author=Platypus
maintainer=Platypus
sentence=A trained network: from samples to results.
paragraph=Generated C99 without heap and without libraries. README.md shows the calls.
category=Data Processing
url=
architectures=*
includes={0}_app.h
)",
                                           p.m);
  return form;
}

// https://docs.platformio.org/en/latest/manifests/library-json
Package PlatformIo(const Parts& p) {
  nlohmann::ordered_json json;
  json["name"] = p.m;
  json["version"] = "1.0.0";
  json["description"] = "A trained network: from samples to results";
  json["license"] = "0BSD";
  json["frameworks"] = "*";
  json["platforms"] = "*";
  json["headers"] = p.m + "_app.h";
  std::vector<std::string> filter = {"-<*>"};
  for (const std::string& source : p.Compiled()) filter.push_back("+<" + source + ">");
  json["build"] = {
      {"srcDir", "."}, {"includeDir", "."}, {"srcFilter", filter}, {"flags", kOptions}};
  return {{"library.json", json.dump(2) + "\n"}};
}

// https://docs.zephyrproject.org/latest/develop/modules.html
Package Zephyr(const Parts& p) {
  const std::string upper = Upper(p.m);
  Package form;
  form["zephyr/module.yml"] =
      fmt::format("name: {}\nbuild:\n  cmake: zephyr\n  kconfig: zephyr/Kconfig\n", p.m);
  form["zephyr/Kconfig"] = fmt::format(R"(config PLATYPUS_{1}
	bool "{0}: generated network"
	help
	  From samples to results; see README.md of the package.

config PLATYPUS_{1}_SELFTEST
	bool "golden vectors of {0} and what plays them"
	depends on PLATYPUS_{1}
)",
                                       p.m, upper);
  form["zephyr/CMakeLists.txt"] =
      fmt::format(R"(if(CONFIG_PLATYPUS_{0})
  zephyr_include_directories(..)
  zephyr_library_named(platypus_{1})
  zephyr_library_compile_options({2})
  zephyr_library_sources(
{3}  )
  zephyr_library_sources_ifdef(CONFIG_PLATYPUS_{0}_SELFTEST
{4}  )
endif()
)",
                  upper, p.m, fmt::join(kOptions, " "), Lines(p.sources, "    ../", ""),
                  Lines(p.proof, "    ../", ""));
  return form;
}

std::string InXml(const std::string& text) {
  std::string result;
  for (const char c : text) {
    result += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '"' ? "&quot;" : std::string(1, c);
  }
  return result;
}

// Code Composer Studio: a project whose program is the self-test.
Package Ccs(const Parts& p) {
  const Destination& d = p.destination;
  // What keeps floats as they are verified.
  const std::map<std::string, const char*> exact = {
      {"cl2000", " --fp_mode=strict"},
      {"tiarmclang", " -ffp-contract=off"},
      {"c29clang", " -fno-fast-math -ffp-contract=off"}};
  if (d.part.empty() || !exact.contains(d.compiler)) {
    throw Error(Category::kUsage,
                fmt::format("no project of Code Composer Studio for {}",
                            d.part.empty() ? "a package without a device of its own" : d.part),
                "add the files of sources.txt to your project, and the folder as include path");
  }
  const std::string options = d.options + exact.at(d.compiler) + " -I${PROJECT_ROOT}";
  std::string files;
  std::vector<std::string> all = p.Compiled();
  all.push_back("main_selftest.c");
  all.insert(all.end(), p.headers.begin(), p.headers.end());
  for (const std::string& path : all) {
    files += fmt::format(
        "    <file path=\"{}\" action=\"copy\" openOnCreation=\"{}\" targetDirectory=\"{}\"/>\n",
        path, path == "main_selftest.c" ? "true" : "false", path.starts_with("rt/") ? "rt" : "");
  }
  return {{p.m + ".projectspec",
           fmt::format(R"(<?xml version="1.0" encoding="UTF-8"?>
<projectSpec>
  <project
      name="{0}_selftest"
      title="{0}: a generated network and its self-test"
      device="{1}"
      toolChain="{2}"
      configurations="Release"
      compilerBuildOptions="{3}">
{4}  </project>
</projectSpec>
)",
                       p.m, InXml(d.part), d.compiler == "cl2000" ? "TI" : "TICLANG",
                       InXml(options), files)}};
}

// IAR Embedded Workbench: a project connection file.
Package Iar(const Parts& p) {
  const std::string root = "$PROJ_DIR$/" + InXml(p.destination.folder);
  return {{p.m + ".ipcf",
           fmt::format(R"(<?xml version="1.0" encoding="UTF-8"?>
<iarProjectConnection version="1.2" name="{0}" oneShot="false">
  <includePath>
    <path>{1}</path>
  </includePath>
  <files>
    <group name="{0}">
{2}    </group>
  </files>
</iarProjectConnection>
)",
                       p.m, root, Lines(p.Compiled(), "      <path>" + root + "/", "</path>"))}};
}

// Keil MDK and every other tool of the CMSIS-Toolbox: a layer.
Package Keil(const Parts& p) {
  return {{p.m + ".clayer.yml", fmt::format(R"(layer:
  type: Network
  description: {0}, a generated network
  add-path:
    - .
  misc:
    - for-compiler: AC6
      C:
        - -ffp-contract=off
    - for-compiler: CLANG
      C:
        - -ffp-contract=off
    - for-compiler: GCC
      C:
{1}  groups:
    - group: {0}
      files:
{2})",
                                            p.m, Lines(kOptions, "        - ", ""),
                                            Lines(p.Compiled(), "        - file: ", ""))}};
}

struct Form {
  const char* name;
  Package (*files)(const Parts&);
  bool whole;  // all there is; else what is added
};
constexpr Form kForms[] = {{"arduino", Arduino, true},
                           {"ccs", Ccs, false},
                           {"iar", Iar, false},
                           {"keil", Keil, false},
                           {"platformio", PlatformIo, false},
                           {"zephyr", Zephyr, false}};

}  // namespace

std::vector<std::string> Forms() {
  std::vector<std::string> names;
  for (const Form& form : kForms) names.emplace_back(form.name);
  return names;
}

Package InForm(const Package& package, const std::string& form, const Destination& destination) {
  for (const Form& candidate : kForms) {
    if (candidate.name != form) continue;
    if (nlohmann::json::parse(package.at("manifest.json")).value("kernels", "") == "cmsis_nn") {
      throw Error(Category::kUsage,
                  fmt::format("a package that calls CMSIS-NN has no form '{}'", form),
                  "README.md of the package says what to add to a project; or make it with "
                  "compilation.kernels=platypus");
    }
    Package files = candidate.files(Take(package, destination));
    if (!candidate.whole) files.insert(package.begin(), package.end());
    return files;
  }
  throw Error(Category::kUsage, fmt::format("there is no form '{}'", form), Suggest(form, Forms()));
}

}  // namespace platypus::deploy
