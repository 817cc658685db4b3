#include "platypus/deploy/package_forms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/process.h"
#include "tests/deploy/fixtures.h"

// Each form is read as its environment reads it, and what it names is built and run here.
namespace platypus::deploy {
namespace {

using testing::Contains;
using testing::HasSubstr;

const Destination kC2000 = {"net", "TMS320F2800137", "cl2000", "--abi=eabi -v28 \"-DX=<1>\""};
const Destination kMspm0 = {"net", "MSPM0G3507", "tiarmclang", "-Os -mcpu=cortex-m0plus"};

class FormTest : public testing::Test {
 protected:
  FormTest() {
    fixtures::MakeSpectrumModel(model_, 1);
    package_ = Generate(model_.request);
  }
  // The self-test of exactly these sources, which are relative to the form's folder.
  void ExpectTheyPass(const Package& form, const std::vector<std::string>& sources,
                      const std::string& options) const {
    if (!HasProgram("gcc")) GTEST_SKIP() << "apt-get install gcc";
    Package files = form;
    files["main.c"] = package_.at("main_selftest.c");
    const TemporaryFolder folder;
    Write(files, folder.Path() / "net");
    const ProcessResult result =
        RunProcess({"sh", "-c",
                    fmt::format("gcc -std=c99 -O2 {} main.c {} -lm -o selftest && ./selftest",
                                options, fmt::join(sources, " "))},
                   folder.Path() / "net", 100);
    EXPECT_EQ(result.status, 0) << result.output;
  }
  // All matches of the first group.
  static std::vector<std::string> All(const std::string& text, const std::string& pattern) {
    const std::regex regex(pattern);
    std::vector<std::string> found;
    for (std::sregex_iterator i(text.begin(), text.end(), regex), end; i != end; ++i)
      found.push_back((*i)[1]);
    return found;
  }
  static std::vector<std::string> OnlyC(std::vector<std::string> paths) {
    std::erase_if(paths, [](const std::string& path) { return !path.ends_with(".c"); });
    return paths;
  }
  fixtures::Model model_;
  Package package_;
};

// Well-formed: every element is closed, in order.
void ExpectXml(const std::string& text) {
  if (!HasProgram("xmllint")) return;
  const TemporaryFolder folder;
  WriteFile(folder.Path() / "a.xml", text);
  const ProcessResult result = RunProcess({"xmllint", "--noout", "a.xml"}, folder.Path(), 20);
  EXPECT_EQ(result.status, 0) << result.output;
}

TEST_F(FormTest, PackagesAreTheSameEveryTimeAndKeepTheirOwnFiles) {
  for (const std::string& form : Forms()) {
    const Package files = InForm(package_, form, kMspm0);
    EXPECT_EQ(files, InForm(package_, form, kMspm0)) << form;
    EXPECT_NE(files, package_) << form;
    if (form == "arduino") continue;
    for (const auto& [path, content] : package_) EXPECT_EQ(files.at(path), content) << path;
  }
}

TEST_F(FormTest, ArduinoLibrary) {
  const Package form = InForm(package_, "arduino", {});
  std::map<std::string, std::string> properties;
  std::istringstream lines(form.at("library.properties"));
  for (std::string line; std::getline(lines, line);) {
    const size_t equals = line.find('=');
    ASSERT_NE(equals, std::string::npos) << line;
    properties[line.substr(0, equals)] = line.substr(equals + 1);
  }
  for (const char* key : {"name", "version", "author", "maintainer", "sentence", "paragraph",
                          "category", "url", "architectures"}) {
    EXPECT_TRUE(properties.contains(key)) << key;
  }
  EXPECT_EQ(properties["name"], "net");
  EXPECT_EQ(properties["category"], "Data Processing");
  EXPECT_TRUE(form.contains("src/" + properties["includes"]));
  // Everything below src/ is compiled, with src/ as include path; a sketch is beside nothing else.
  std::vector<std::string> sources;
  for (const auto& [path, content] : form) {
    const std::string top = path.substr(0, path.find('/'));
    EXPECT_TRUE(top == "src" || top == "examples" || top == "extras" || top == path) << path;
    if (path.ends_with(".c")) sources.push_back(path);
    EXPECT_EQ(content.find(" main("), std::string::npos) << path;
  }
  ExpectTheyPass(form, sources, "-Isrc");
}

// The sketch as C++, on a board that a few lines stand in for.
TEST_F(FormTest, ArduinoSketchRuns) {
  if (!HasProgram("g++")) GTEST_SKIP() << "apt-get install g++";
  Package files = InForm(package_, "arduino", {});
  files["board.cc"] =
      "#include <cstdio>\nstruct Port {\n  void begin(long) {}\n  operator bool() const { return "
      "true; }\n  void println(const char* text) { std::puts(text); }\n} Serial;\n#include "
      "\"examples/net_selftest/net_selftest.ino\"\nint main() { setup(); loop(); }\n";
  const TemporaryFolder folder;
  Write(files, folder.Path() / "net");
  const ProcessResult result = RunProcess(
      {"sh", "-c",
       "gcc -O2 -c -Isrc src/*.c src/rt/*.c && g++ -O2 -Isrc board.cc *.o -lm -o board && ./board"},
      folder.Path() / "net", 100);
  EXPECT_EQ(result.output, "self-test passed\n");
}

TEST_F(FormTest, PlatformIoLibrary) {
  const Package form = InForm(package_, "platformio", {});
  const auto json = nlohmann::json::parse(form.at("library.json"));
  EXPECT_EQ(json.at("name"), "net");
  EXPECT_TRUE(form.contains(json.at("headers")));
  const auto& build = json.at("build");
  const std::vector<std::string> filter = build.at("srcFilter");
  EXPECT_EQ(filter.at(0), "-<*>");
  std::vector<std::string> sources;
  for (size_t i = 1; i < filter.size(); ++i) {
    ASSERT_TRUE(filter[i].starts_with("+<") && filter[i].ends_with(">")) << filter[i];
    sources.push_back(filter[i].substr(2, filter[i].size() - 3));
  }
  EXPECT_THAT(sources, testing::Not(Contains("main_selftest.c")));
  const std::vector<std::string> flags = build.at("flags");
  ExpectTheyPass(form, sources, fmt::format("-I. {}", fmt::join(flags, " ")));
}

// The module in a build that defines what Zephyr's does.
TEST_F(FormTest, ZephyrModule) {
  const Package form = InForm(package_, "zephyr", {});
  EXPECT_EQ(form.at("zephyr/module.yml"),
            "name: net\nbuild:\n  cmake: zephyr\n  kconfig: zephyr/Kconfig\n");
  EXPECT_THAT(form.at("zephyr/Kconfig"), HasSubstr("config PLATYPUS_NET\n\tbool "));
  EXPECT_THAT(form.at("zephyr/Kconfig"), HasSubstr("config PLATYPUS_NET_SELFTEST\n\tbool "));
  if (!HasProgram("cmake") || !HasProgram("gcc")) GTEST_SKIP() << "apt-get install cmake gcc";
  const TemporaryFolder folder;
  Write(form, folder.Path() / "net");
  WriteFile(folder.Path() / "CMakeLists.txt", R"(cmake_minimum_required(VERSION 3.20)
project(firmware C)
set(CONFIG_PLATYPUS_NET y)
set(CONFIG_PLATYPUS_NET_SELFTEST y)
macro(zephyr_include_directories)
  include_directories(${ARGN})
endmacro()
macro(zephyr_library_named name)
  set(current ${name})
  add_library(${name} STATIC)
endmacro()
macro(zephyr_library_sources)
  target_sources(${current} PRIVATE ${ARGN})
endmacro()
macro(zephyr_library_sources_ifdef feature)
  if(${feature})
    zephyr_library_sources(${ARGN})
  endif()
endmacro()
macro(zephyr_library_compile_options)
  target_compile_options(${current} PRIVATE ${ARGN})
endmacro()
add_subdirectory(net/zephyr)
add_executable(firmware net/main_selftest.c)
target_include_directories(firmware PRIVATE net)
target_link_libraries(firmware platypus_net m)
)");
  const ProcessResult result = RunProcess(
      {"sh", "-c",
       "cmake -S . -B build -DCMAKE_C_COMPILER=gcc && cmake --build build && build/firmware"},
      folder.Path(), 100);
  EXPECT_EQ(result.status, 0) << result.output;
}

TEST_F(FormTest, CodeComposerProject) {
  struct Case {
    Destination destination;
    const char *toolchain, *options;
  };
  for (const Case& c :
       {Case{kC2000, "TI",
             "--abi=eabi -v28 &quot;-DX=&lt;1>&quot; --fp_mode=strict -I${PROJECT_ROOT}"},
        Case{kMspm0, "TICLANG", "-Os -mcpu=cortex-m0plus -ffp-contract=off -I${PROJECT_ROOT}"},
        Case{{"net", "F29H850TU9", "c29clang", "-O3 -ffast-math"},
             "TICLANG",
             "-O3 -ffast-math -fno-fast-math -ffp-contract=off -I${PROJECT_ROOT}"}}) {
    const Package form = InForm(package_, "ccs", c.destination);
    const std::string& spec = form.at("net.projectspec");
    ExpectXml(spec);
    EXPECT_THAT(spec, HasSubstr("device=\"" + c.destination.part + "\""));
    EXPECT_THAT(spec, HasSubstr(std::string("toolChain=\"") + c.toolchain + "\""));
    EXPECT_THAT(spec, HasSubstr(std::string("compilerBuildOptions=\"") + c.options + "\""));
    // The project as it is copied: files below their targets.
    Package project;
    const std::regex file("<file path=\"([^\"]+)\" action=\"copy\".* targetDirectory=\"([^\"]*)\"");
    for (std::sregex_iterator i(spec.begin(), spec.end(), file), end; i != end; ++i) {
      const std::filesystem::path from((*i)[1].str());
      project[(std::filesystem::path((*i)[2].str()) / from.filename()).string()] = form.at(from);
    }
    EXPECT_TRUE(project.contains("main_selftest.c"));
    std::vector<std::string> sources;
    for (const auto& [path, content] : project) {
      if (path.ends_with(".c") && path != "main_selftest.c") sources.push_back(path);
    }
    ExpectTheyPass(project, sources, "-I.");
  }
}

TEST_F(FormTest, CodeComposerNeedsAPartThatItKnows) {
  for (const Destination& d :
       {Destination{"net", "", "", ""}, Destination{"net", "STM32F411", "", "-O3"}}) {
    try {
      InForm(package_, "ccs", d);
      ADD_FAILURE() << d.part;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("sources.txt"));
    }
  }
}

TEST_F(FormTest, IarConnection) {
  const Package form = InForm(package_, "iar", {"net", "", "", ""});
  const std::string& text = form.at("net.ipcf");
  ExpectXml(text);
  const std::vector<std::string> paths = All(text, "<path>\\$PROJ_DIR\\$/net(/[^<]*)?</path>");
  ASSERT_GT(paths.size(), 5u);
  EXPECT_EQ(paths[0], "");  // the include path
  std::vector<std::string> sources;
  for (size_t i = 1; i < paths.size(); ++i) sources.push_back(paths[i].substr(1));
  ExpectTheyPass(form, sources, "-I.");
}

TEST_F(FormTest, KeilLayer) {
  const Package form = InForm(package_, "keil", {});
  const std::string& text = form.at("net.clayer.yml");
  EXPECT_THAT(text, HasSubstr("layer:\n  type: Network\n"));
  EXPECT_THAT(text, HasSubstr("  add-path:\n    - .\n"));
  EXPECT_THAT(text,
              HasSubstr("    - for-compiler: GCC\n      C:\n        - -ffp-contract=off\n        - "
                        "-fno-delete-null-pointer-checks\n"));
  ExpectTheyPass(form, OnlyC(All(text, "- file: (\\S+)")), "-I.");
}

TEST_F(FormTest, AnUnknownFormIsAnErrorThatNamesTheNearest) {
  try {
    InForm(package_, "zephir", {});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("zephyr"));
  }
}

}  // namespace
}  // namespace platypus::deploy
