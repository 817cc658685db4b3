#include <fmt/format.h>

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

}  // namespace

void EmitBuildFiles(const Emission& e, Package& package) {
  std::string list;
  std::string indented;
  for (const std::string& source : LibrarySources(e, package)) {
    list += source + "\n";
    indented += "  " + source + "\n";
  }
  package["sources.txt"] = list;
  package["CMakeLists.txt"] = fmt::format(R"(# {0}: the generated library and its self-test.
cmake_minimum_required(VERSION 3.16)
project({0} C)
set(CMAKE_C_STANDARD 99)
add_library({0} STATIC
{1})
target_include_directories({0} PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})
# Feature extraction gives the host's bits only without fused multiply-add.
target_compile_options({0} PUBLIC -ffp-contract=off)
target_link_libraries({0} PUBLIC m)
add_executable(selftest main_selftest.c {0}_selftest.c {0}_test_vectors.c)
target_link_libraries(selftest {0})
add_executable(play_csv host/play_csv.c)
target_link_libraries(play_csv {0})
)",
                                          e.m, indented);
  package["Makefile"] = fmt::format(
      R"(# make: the library; make check: the self-test on this machine; CROSS=arm-none-eabi- for another compiler.
CC = $(CROSS)gcc
AR = $(CROSS)ar
CFLAGS ?= -O2
CFLAGS += -std=c99 -Wall -Wextra -ffp-contract=off -I.
OBJECTS = $(patsubst %.c,%.o,$(shell cat sources.txt))

lib{0}.a: $(OBJECTS)
	$(AR) rcs $@ $^

check: lib{0}.a main_selftest.o {0}_selftest.o {0}_test_vectors.o
	$(CC) $(CFLAGS) main_selftest.o {0}_selftest.o {0}_test_vectors.o lib{0}.a -lm -o selftest
	./selftest && echo "self-test passed"

play_csv: lib{0}.a host/play_csv.c
	$(CC) $(CFLAGS) host/play_csv.c lib{0}.a -lm -o play_csv

clean:
	rm -f $(OBJECTS) *.o lib{0}.a selftest play_csv
)",
      e.m);
}

}  // namespace platypus::deploy
