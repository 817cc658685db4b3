#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "platypus/base/embedded.h"
#include "platypus/deploy/c_text.h"
#include "platypus/deploy/core_program.h"
#include "platypus/deploy/emission.h"

namespace platypus::deploy {
namespace {

std::vector<std::string> LibrarySources(const Emission& e, const Package& package) {
  std::vector<std::string> sources = {e.m + ".c", e.m + "_weights.c", e.m + "_fe.c",
                                      e.m + "_app.c"};
  for (const auto& [path, content] : package) {
    if (path.starts_with("rt/") && path.ends_with(".c")) sources.push_back(path);
  }
  return sources;
}

// CMSIS-NN's sources as they are, wherever they lie.
std::string LibraryInCMake(const Emission& e) {
  if (!CallsCmsisNn(e)) return "";
  return fmt::format(
      R"(# CMSIS-NN computes layers: -DCMSIS_NN_DIR=FOLDER, or the environment variable.
set(CMSIS_NN_DIR "$ENV{{CMSIS_NN_DIR}}" CACHE PATH "folder of CMSIS-NN's sources")
if(NOT EXISTS "${{CMSIS_NN_DIR}}/Include/arm_nnfunctions.h")
  message(FATAL_ERROR "{0} calls CMSIS-NN: set CMSIS_NN_DIR to the folder of its sources "
                      "(github.com/ARM-software/CMSIS-NN, 7.0 or later); '${{CMSIS_NN_DIR}}' has none")
endif()
set({0}_cmsis_nn)
foreach(part {1})
  file(GLOB files "${{CMSIS_NN_DIR}}/Source/${{part}}Functions/*_s8*.c" "${{CMSIS_NN_DIR}}/Source/${{part}}Functions/*_q7*.c")
  list(APPEND {0}_cmsis_nn ${{files}})
endforeach()
list(FILTER {0}_cmsis_nn EXCLUDE REGEX "_lstm_")
add_library({0}_cmsis_nn STATIC ${{{0}_cmsis_nn}})
target_compile_definitions({0}_cmsis_nn PUBLIC CMSIS_NN_USE_SINGLE_ROUNDING)
target_include_directories({0}_cmsis_nn SYSTEM PUBLIC "${{CMSIS_NN_DIR}}/Include")
target_link_libraries({0} PUBLIC {0}_cmsis_nn)
if(CMAKE_C_COMPILER_ID MATCHES "GNU|Clang")
  target_compile_options({0}_cmsis_nn PRIVATE -O3 -w)
endif()
)",
      e.m, fmt::join(kCmsisNnParts, " "));
}

// For both Makefiles; `objects`: folder of the library's.
std::string LibraryInMake(const Emission& e, const std::string& objects,
                          const std::string& compile) {
  if (!CallsCmsisNn(e)) return "";
  return fmt::format(
      R"(
# CMSIS-NN computes layers: make CMSIS_NN_DIR=FOLDER, or the environment variable.
ifneq ($(MAKECMDGOALS),clean)
ifeq ($(wildcard $(CMSIS_NN_DIR)/Include/arm_nnfunctions.h),)
$(error {0} calls CMSIS-NN: set CMSIS_NN_DIR to the folder of its sources (github.com/ARM-software/CMSIS-NN, 7.0 or later); '$(CMSIS_NN_DIR)' has none)
endif
endif
CMSIS_NN_FILES = $(foreach part,{1},$(wildcard $(CMSIS_NN_DIR)/Source/$(part)Functions/*_s8*.c $(CMSIS_NN_DIR)/Source/$(part)Functions/*_q7*.c))
CMSIS_NN_OBJECTS = $(patsubst %.c,{2}/%.o,$(filter-out arm_nn_lstm_%,$(notdir $(CMSIS_NN_FILES))))
CFLAGS += -DCMSIS_NN_USE_SINGLE_ROUNDING -isystem $(CMSIS_NN_DIR)/Include
vpath arm_%.c $(sort $(dir $(CMSIS_NN_FILES)))

{2}/%.o: %.c
	@mkdir -p {2}
	{3} $(CFLAGS) -O3 -w -c $< -o $@)",
      e.m, fmt::join(kCmsisNnParts, " "), objects, compile);
}

std::string CMakeLists(const Emission& e, const std::string& indented_sources) {
  return fmt::format(
      R"(# {0}: the generated library and, where this is no part of another project, its self-test.
# Other compilers: -DCMAKE_TOOLCHAIN_FILE=cmake/....cmake
cmake_minimum_required(VERSION 3.16)
project({0} C)
set(CMAKE_C_STANDARD 99)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
add_library({0} STATIC
{1})
target_include_directories({0} PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})
if(CMAKE_C_COMPILER_ID MATCHES "GNU|Clang")
  # Feature extraction gives the host's bits only without fused multiply-add; README.md says what the other is for.
  target_compile_options({0} PUBLIC -ffp-contract=off PRIVATE -fno-delete-null-pointer-checks)
  target_link_libraries({0} PUBLIC m)
endif()
{2}if(CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR AND NOT CMAKE_CROSSCOMPILING)
  add_executable(selftest main_selftest.c {0}_selftest.c {0}_test_vectors.c)
  target_link_libraries(selftest {0})
  add_executable(play_csv host/play_csv.c)
  target_link_libraries(play_csv {0})
  enable_testing()
  add_test(NAME selftest COMMAND selftest)
endif()
)",
      e.m, indented_sources, LibraryInCMake(e));
}

std::string Makefile(const Emission& e) {
  return fmt::format(
      R"(# make: the library; make check: the self-test on this machine; CROSS=arm-none-eabi- for another compiler.
CC = $(CROSS)gcc
AR = $(CROSS)ar
CFLAGS ?= -O2
CFLAGS += -std=c99 -Wall -Wextra -ffp-contract=off -fno-delete-null-pointer-checks -I.
OBJECTS = $(patsubst %.c,%.o,$(shell cat sources.txt)){1}

lib{0}.a: $(OBJECTS){2}
	$(AR) rcs $@ $^

check: lib{0}.a main_selftest.o {0}_selftest.o {0}_test_vectors.o
	$(CC) $(CFLAGS) main_selftest.o {0}_selftest.o {0}_test_vectors.o lib{0}.a -lm -o selftest
	./selftest && echo "self-test passed"

play_csv: lib{0}.a host/play_csv.c
	$(CC) $(CFLAGS) host/play_csv.c lib{0}.a -lm -o play_csv

clean:
	rm -f $(OBJECTS) *.o lib{0}.a selftest play_csv
{3})",
      e.m, LibraryInMake(e, "cmsis_nn", "$(CC)"), CallsCmsisNn(e) ? " $(CMSIS_NN_OBJECTS)" : "",
      CallsCmsisNn(e) ? "\trm -rf cmsis_nn\n" : "");
}

std::string Joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

// The cores that an emulator runs.
std::vector<const Core*> EmulatedCores() {
  std::vector<const Core*> cores;
  for (const std::string& name : Cores()) {
    const Core& core = FindCore(name);
    if (!core.emulator.empty()) cores.push_back(&core);
  }
  return cores;
}

// The emulator's arguments in a recipe whose prerequisite is the program.
std::string RunCommand(const Core& core) {
  std::string text = Joined(core.machine);
  const std::string program = "a.elf";
  text.replace(text.find(program), program.size(), "$<");
  return text;
}

std::string BareMetalMakefile(const Emission& e) {
  std::string cores;
  std::string text =
      "# make CORE=cortex-m4: builds the self-test for a board that QEMU emulates and runs it "
      "there; "
      "what it finds is\n# printed over semihosting. make all-cores: on every one.\nCORE ?= "
      "cortex-m4\n\n";
  for (const Core* core : EmulatedCores()) {
    cores += " " + core->name;
    text += fmt::format(
        "CC_{0} = {1}\nFLAGS_{0} = {2}\nSCRIPT_{0} = {3}\nRUN_{0} = {4} {5} -icount "
        "{6}\n\n",
        core->name, core->compiler, Joined(core->flags), core->script, core->emulator,
        RunCommand(*core), core->instruction_clock);
  }
  text += fmt::format(
      R"(CFLAGS = -std=gnu99 -O2 -ffp-contract=off -fno-delete-null-pointer-checks -ffunction-sections -fdata-sections
SOURCES = main.c core.c ../{0}_selftest.c ../{0}_test_vectors.c $(addprefix ../,$(shell cat ../sources.txt))
{2}
run: {0}-$(CORE).elf
	$(RUN_$(CORE)) -display none -monitor none -serial null -semihosting-config enable=on,target=native

{0}-%.elf: $(SOURCES){3}
	$(CC_$*) $(FLAGS_$*) $(CFLAGS) -I.. $(SOURCES){3} -nostartfiles -L. -T $(SCRIPT_$*) -Wl,--gc-sections -lm -o $@

all-cores:
	@for core in{1}; do echo "$$core:"; $(MAKE) --no-print-directory -s CORE=$$core run || exit 1; done

clean:
	rm -f *.elf
{4})",
      e.m, cores, LibraryInMake(e, "cmsis_nn/$(CORE)", "$(CC_$(CORE)) $(FLAGS_$(CORE))"),
      CallsCmsisNn(e) ? " $(CMSIS_NN_OBJECTS)" : "", CallsCmsisNn(e) ? "\trm -rf cmsis_nn\n" : "");
  return text;
}

std::string BareMetalMain(const Emission& e) {
  return Top(e, "main.c", "the self-test on an emulated core, printed over semihosting") +
         fmt::format(R"(#include "../{0}_app.h"
#include "harness.h"

static {0}_app app;

static void print(const char *what, tm_u32 value) {{
  char text[16];
  int at = 15;
  text[at] = '\0';
  do {{
    at -= 1;
    text[at] = (char)('0' + value % 10u);
    value /= 10u;
  }} while (value != 0u);
  io_print(what);
  io_print(": ");
  io_print(text + at);
  io_print("\n");
}}

int main(void) {{
  {0}_selftest_result result;
  const tm_status status = {0}_selftest(&app, -1, &result);
  print("golden sets", (tm_u32)result.sets);
  print("sets with other features", (tm_u32)result.fe_mismatches);
  print("sets with other outputs", (tm_u32)result.net_mismatches);
  count_start();
  (void){0}_run(&app.net, app.in, app.out);
  print("instructions of one inference", (tm_u32)count_stop());
  stack_start();
  (void){0}_run(&app.net, app.in, app.out);
  print("octets of stack below it", (tm_u32)stack_stop());
  io_print(status == TM_OK ? "self-test passed\n" : "self-test failed\n");
  return status == TM_OK ? 0 : 1;
}}
)",
                     e.m);
}

void EmitBareMetal(const Emission& e, Package& package) {
  package["bare_metal/main.c"] = BareMetalMain(e);
  package["bare_metal/Makefile"] = BareMetalMakefile(e);
  std::set<std::string> shared = {"verify/core.c", "verify/harness.h", "verify/sections.ld"};
  for (const Core* core : EmulatedCores()) shared.insert("verify/" + core->script);
  for (const embedded::File& file : embedded::runtime_files()) {
    const std::string path(file.path);
    if (shared.contains(path)) {
      package["bare_metal/" + path.substr(std::string("verify/").size())] =
          std::string(file.content);
    }
  }
}

void AddToolchains(Package& package) {
  const std::string from = "project/cmake/";
  for (const embedded::File& file : embedded::runtime_files()) {
    if (file.path.starts_with(from)) {
      package["cmake/" + std::string(file.path.substr(from.size()))] = std::string(file.content);
    }
  }
}

}  // namespace

void EmitBuildFiles(const Emission& e, Package& package) {
  std::string list;
  std::string indented;
  for (const std::string& source : LibrarySources(e, package)) {
    list += source + "\n";
    indented += "  " + source + "\n";
  }
  package["sources.txt"] = list;
  package["CMakeLists.txt"] = CMakeLists(e, indented);
  package["Makefile"] = Makefile(e);
  AddToolchains(package);
  EmitBareMetal(e, package);
}

}  // namespace platypus::deploy
