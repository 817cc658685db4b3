// Where a package's memory stands: contexts with or without the arena, tables in flash or RAM.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platypus/base/files.h"
#include "platypus/base/process.h"
#include "tests/deploy/fixtures.h"

namespace platypus::deploy {
namespace {

using testing::HasSubstr;
using testing::Not;

// Two models of different numbers in one program: both self-tests in turn, twice.
constexpr const char* kMain = R"(
#include <stdio.h>
#include "one/one_app.h"
#include "two/two_app.h"

static one_app first;
static two_app second;
#ifdef ONE_ARENA
tm_u32 shared[(ONE_ARENA_OCTETS > TWO_ARENA_OCTETS ? ONE_ARENA_OCTETS : TWO_ARENA_OCTETS) / 4 + 1];
#endif

int main(void) {
  int round;
  printf("one %s\n", sizeof(one_ctx) < ONE_ARENA_OCTETS ? "outside" : "inside");
  printf("two %s\n", sizeof(two_ctx) < TWO_ARENA_OCTETS ? "outside" : "inside");
  for (round = 0; round < 2; ++round) {
    one_selftest_result a;
    two_selftest_result b;
    if (one_selftest(&first, -1, &a) != TM_OK || two_selftest(&second, -1, &b) != TM_OK) {
      return 1;
    }
  }
  return 0;
}
)";

class PlacementTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasProgram("gcc") || !HasProgram("nm")) GTEST_SKIP() << "apt-get install gcc binutils";
    fixtures::Model one;
    fixtures::MakeCls1k(one, 64, 2);
    one.request.prefix = "one";
    Write(Generate(one.request), folder_.Path() / "one");
    fixtures::Model two;
    fixtures::MakeFloatModel(two, 2);
    two.request.prefix = "two";
    Write(Generate(two.request), folder_.Path() / "two");
    WriteFile(folder_.Path() / "main.c", kMain);
  }

  // What the program prints; the symbols of `one`'s tables afterwards.
  std::string Run(const std::vector<std::string>& defines) {
    const std::string flags = fmt::format("{}", fmt::join(defines, " "));
    const std::string files =
        "$(sed 's|^|one/|' one/sources.txt) $(sed 's|^|two/|' two/sources.txt | grep -v /rt/) "
        "one/one_selftest.c one/one_test_vectors.c two/two_selftest.c two/two_test_vectors.c";
    // The runtime's files of both, once each.
    const std::string runtime =
        "$(cat one/sources.txt two/sources.txt | tr ' ' '\\n' | grep ^rt/ | sort -u | grep -v -F "
        "-f one/sources.txt | sed 's|^|two/|')";
    const ProcessResult built = RunProcess(
        {"sh", "-c",
         fmt::format("gcc -std=c99 -O2 -ffp-contract=off -fno-delete-null-pointer-checks -Wall "
                     "-Wextra -Werror -pedantic {} -I. -Ione -Itwo main.c {} {} -lm -o program && "
                     "./program && nm program",
                     flags, files, runtime)},
        folder_.Path(), 100);
    EXPECT_EQ(built.status, 0) << built.output.substr(0, 3000);
    return built.output;
  }

  TemporaryFolder folder_;
};

TEST_F(PlacementTest, ContextsHoldTheirArenaAndFlashTheTables) {
  const std::string output = Run({});
  EXPECT_THAT(output, HasSubstr("one inside\ntwo inside\n"));
  EXPECT_THAT(output, HasSubstr(" R one_w0\n"));
}

TEST_F(PlacementTest, ModelsShareAnArenaThatTheApplicationHas) {
  const std::string output = Run({"-DONE_ARENA=shared", "-DTWO_ARENA=shared"});
  EXPECT_THAT(output, HasSubstr("one outside\ntwo outside\n"));
}

TEST_F(PlacementTest, TablesMayStandInRam) {
  const std::string output = Run({"-DONE_WEIGHTS_IN_RAM"});
  EXPECT_THAT(output, HasSubstr(" D one_w0\n"));
  EXPECT_THAT(output, HasSubstr(" R two_w0\n"));
  EXPECT_THAT(output, Not(HasSubstr(" R one_w")));
}

}  // namespace
}  // namespace platypus::deploy
