#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <utility>
#include <vector>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/process.h"
#include "platypus/deploy/layers.h"
#include "tests/deploy/random_graphs.h"

// Packages where char has 16 bits, as on C28x, for which there is no open compiler: the host's
// compiles them with a tm_port.h whose codes of 8 bits are shorts. Arrays of codes then take twice
// their octets, and no store wraps at 8 bits. What each golden set makes of its rows, features and
// network, is compared with the interpreter's.
namespace platypus::deploy {
namespace {

// tm_port.h as such a core's compiler takes it.
std::string PortOf16Bits(std::string port) {
  for (const auto& [from, to] :
       {std::pair{"typedef signed char tm_i8;", "typedef short tm_i8;"},
        std::pair{"typedef unsigned char tm_u8;", "typedef unsigned short tm_u8;"},
        std::pair{"#define TM_CHAR_BITS CHAR_BIT", "#define TM_CHAR_BITS 16"}}) {
    const size_t at = port.find(from);
    Check(at != std::string::npos, "tm_port.h has no '{}'", from);
    port.replace(at, std::string(from).size(), to);
  }
  return port;
}

constexpr const char* kPlayer = R"(#include "net_app.h"
void print(const char *text);
static net_app app;
static void say(const char *what, tm_i32 count) {
  char digits[3];
  digits[0] = (char)('0' + count / 10);
  digits[1] = (char)('0' + count % 10);
  digits[2] = 0;
  print(what);
  print(digits);
}
int main(void) {
  net_selftest_result result;
  (void)net_selftest(&app, -1, &result);
  say("sets ", result.sets);
  say(", features differ in ", result.fe_mismatches);
  say(", outputs in ", result.net_mismatches);
  return 0;
}
)";

// A compiler, what its programs need beside the package, and how they run.
struct Machine {
  std::vector<std::string> tools;  // the compiler first
  const char* missing;
  std::vector<std::string> flags;
  Package files;
  std::vector<std::string> run;
};

Machine Host() {
  return {
      {"gcc"},
      "apt-get install gcc",
      {"-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover", "-lm"},
      {{"print.c", "#include <stdio.h>\nvoid print(const char *text) { fputs(text, stdout); }\n"}},
      {"./player"}};
}

// int, size_t and ptrdiff_t have 16 bits too, and the first octet is the highest: GCC's -mshort for
// the 68040 (two of whose passes do not expect it), on QEMU's board "virt" with its terminal at
// 0xff008000.
Machine M68k() {
  return {{"m68k-linux-gnu-gcc", "qemu-system-m68k"},
          "apt-get install gcc-m68k-linux-gnu qemu-system-misc",
          {"-O1", "-fno-ivopts", "-fno-tree-slsr", "-mcpu=68040", "-mshort", "-ffreestanding",
           "-fno-math-errno", "-Ilibc", "-nostdlib", "-static", "-Wl,-Ttext=0x10000",
           "-Wl,--build-id=none", "-lgcc"},
          {{"libc/limits.h", "#define CHAR_BIT 8\n#define INT_MAX __INT_MAX__\n"},
           {"libc/math.h", "#define sqrtf __builtin_sqrtf\n"},
           {"libc/string.h",
            "#include <stddef.h>\n"
            "void *memcpy(void *to, const void *from, size_t size);\n"
            "void *memmove(void *to, const void *from, size_t size);\n"
            "void *memset(void *to, int value, size_t size);\n"},
           {"board.c", R"(#include <string.h>
__asm__(".globl _start\n_start: move.l #0x4000000, %sp\n jsr board_main\n");
int main(void);
void print(const char *text);
void board_main(void);
void *memmove(void *to, const void *from, size_t size) {
  char *a = to;
  const char *b = from;
  size_t i;
  for (i = 0; a < b && i < size; ++i) a[i] = b[i];
  for (i = size; a > b && i > 0; --i) a[i - 1] = b[i - 1];
  return to;
}
void *memcpy(void *to, const void *from, size_t size) { return memmove(to, from, size); }
void *memset(void *to, int value, size_t size) {
  char *a = to;
  size_t i;
  for (i = 0; i < size; ++i) a[i] = (char)value;
  return to;
}
void print(const char *text) {
  while (*text) *(volatile long *)0xff008000L = *text++;
}
void board_main(void) {
  (void)main();
  *(volatile long *)0xff009004L = 2; /* off */
  for (;;) {
  }
}
)"}},
          {"qemu-system-m68k", "-M", "virt", "-cpu", "m68040", "-kernel", "player", "-display",
           "none", "-monitor", "none", "-serial", "stdio"}};
}

// What the compiler says, or the program.
std::string PlayWhereCharHas16Bits(const Machine& machine, const PackageRequest& request) {
  Package package = Generate(request);
  std::istringstream sources(package.at("sources.txt"));
  package["rt/tm_port.h"] = PortOf16Bits(package.at("rt/tm_port.h"));
  package["player.c"] = kPlayer;
  package.insert(machine.files.begin(), machine.files.end());
  const TemporaryFolder folder;
  const std::filesystem::path built = folder.Path() / "net";
  Write(package, built);
  std::vector<std::string> command = {machine.tools.front(),
                                      "-std=c99",
                                      "-ffp-contract=off",
                                      "-fno-delete-null-pointer-checks",
                                      "-Wall",
                                      "-Wextra",
                                      "-Wconversion",
                                      "-Werror",
                                      "-I.",
                                      "player.c",
                                      "-o",
                                      "player"};
  for (const auto& [path, content] : machine.files) {
    if (path.ends_with(".c")) command.push_back(path);
  }
  for (std::string source; std::getline(sources, source);) command.push_back(source);
  command.insert(command.end(), {"net_selftest.c", "net_test_vectors.c"});
  command.insert(command.end(), machine.flags.begin(), machine.flags.end());
  const ProcessResult compiled = RunProcess(command, built, 300);
  if (compiled.status != 0) return compiled.output.substr(0, 3000);
  return RunProcess(machine.run, built, 100).output.substr(0, 3000);
}

void ExpectTheInterpreters(const Machine& machine, const PackageRequest& request) {
  if (!std::ranges::all_of(machine.tools, HasProgram)) GTEST_SKIP() << machine.missing;
  ASSERT_FALSE(request.golden.empty());
  EXPECT_EQ(PlayWhereCharHas16Bits(machine, request),
            fmt::format("sets {:02}, features differ in 00, outputs in 00", request.golden.size()));
}

// Rows that are the features themselves, one after the other.
void MakeOf(fixtures::Model& model, graph::Graph network, uint64_t seed) {
  constexpr int64_t kSets = 8;
  model.network = std::move(network);
  const int64_t ins = NumElements(model.network.Input().shape);
  const int64_t outs = NumElements(model.network.Output().shape);
  model.pipeline = fixtures::PlainPipeline(1, static_cast<int>(ins));
  fixtures::Fill(model, kSets, seed);
  std::vector<GoldenSample>& golden = model.request.golden;
  golden.assign(kSets, {});
  for (int64_t i = 0; i < kSets; ++i) {
    GoldenSample& sample = golden[static_cast<size_t>(i)];
    const auto in = model.set.features.begin() + i * ins;
    const auto out = model.set.outputs.begin() + i * outs;
    sample.raw = sample.features = {in, in + ins};
    sample.output = {out, out + outs};
  }
}

struct Case {
  const char* name;
  void (*make)(fixtures::Model& model);
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }
};

class Char16Test : public testing::TestWithParam<Case> {};

TEST_P(Char16Test, PackagesForSuchCores) {
  fixtures::Model model;
  GetParam().make(model);
  model.request.char_bits = 16;
  ExpectTheInterpreters(Host(), model.request);
}

TEST_P(Char16Test, PackagesWhereIntHas16BitsToo) {
  fixtures::Model model;
  GetParam().make(model);
  model.request.char_bits = 16;
  ExpectTheInterpreters(M68k(), model.request);
}

INSTANTIATE_TEST_SUITE_P(
    Models, Char16Test,
    testing::Values(Case{"Cls1k", [](auto& model) { MakeOf(model, fixtures::Cls1k(256), 1); }},
                    Case{"Spectrum", [](auto& model) { fixtures::MakeSpectrumModel(model, 1); }},
                    Case{"FewBits", [](auto& model) { fixtures::MakeFewBitsModel(model, 1); }},
                    Case{"Mixed", [](auto& model) { fixtures::MakeMixedModel(model, 1); }},
                    Case{"Reconstruction",
                         [](auto& model) { fixtures::MakeReconstructionModel(model, 1); }},
                    Case{"Float", [](auto& model) { fixtures::MakeFloatModel(model, 1); }},
                    Case{"Recurrent", [](auto& model) { fixtures::MakeRecurrentModel(model, 1); }}),
    [](const auto& info) { return std::string(info.param.name); });

graph::Graph Cells(graph::Recurrent::Cell cell, int layers, fixtures::Codes out) {
  Random random(static_cast<uint64_t>(cell), "cells of 16 bits");
  graph::Graph g = graph::MakeGraph("cells", {3, 12, 1});
  const graph::TensorId t = fixtures::AddInput(g, random, fixtures::kUnsigned);
  fixtures::AddCells(g, random, "cells", t,
                     {cell, 5, layers, cell != graph::Recurrent::Cell::kGru, 12, out.lo, out.hi});
  return g;
}

TEST(Char16CellsTest, PackagesForSuchCores) {
  for (int i = 0; i < 3; ++i) {
    fixtures::Model model;
    MakeOf(model, Cells(static_cast<graph::Recurrent::Cell>(i), i + 1, fixtures::kSixteenBits), 2);
    model.request.char_bits = 16;
    ExpectTheInterpreters(Host(), model.request);
    ExpectTheInterpreters(M68k(), model.request);
  }
}

class Char16GraphTest : public testing::TestWithParam<int> {};

TEST_P(Char16GraphTest, Integers) {
  const auto seed = static_cast<uint64_t>(GetParam());
  fixtures::Model model;
  MakeOf(model, fixtures::RandomIntegerGraph(seed), seed);
  model.request.char_bits = 16;
  model.request.optimise = static_cast<config::Optimise>(seed % 3);
  ExpectTheInterpreters(Host(), model.request);
  ExpectTheInterpreters(M68k(), model.request);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Char16GraphTest, testing::Range(100, 112));

// Two octets of weights to a char there: codes of 8 bits, and elements of four codes of 2 bits.
TEST(PackedWeightsTest, TakeTheOctetsOfOtherCores) {
  for (const int bits : {8, 4, 2}) {
    const graph::Graph network = fixtures::Cls1k(64, bits);
    const CNetwork usual = LowerToC(network);
    const CNetwork packed = LowerToC(network, 16);
    ASSERT_EQ(usual.tables.size(), packed.tables.size());
    int weights = 0;
    for (size_t i = 0; i < usual.tables.size(); ++i) {
      const Table& table = packed.tables[i];
      if (!table.name.ends_with("_weight")) continue;
      EXPECT_EQ(table.octets, (usual.tables[i].octets + 1) / 2 * 2) << table.name;
      EXPECT_EQ(table.pairs.empty(), bits == 4) << table.name;
      ++weights;
    }
    EXPECT_EQ(weights, 4);
  }
  fixtures::Model model;
  MakeOf(model, fixtures::Cls1k(64), 3);
  EXPECT_EQ(Generate(model.request).at("net_weights.c").find("TM_"), std::string::npos);
  model.request.char_bits = 16;
  EXPECT_NE(Generate(model.request).at("net_weights.c").find("TM_OCTETS2("), std::string::npos);
}

// Those packages are proven where char has 8 bits.
TEST(CharOf8BitsTest, RunsWhatIsFor16) {
  for (uint64_t seed = 100; seed < 104; ++seed) {
    fixtures::Model model;
    MakeOf(model, fixtures::RandomIntegerGraph(seed), seed);
    model.request.char_bits = 16;
    const TemporaryFolder folder;
    Write(Generate(model.request), folder.Path() / "net");
    NullSink sink;
    const VerifyResult result =
        Verify(folder.Path() / "net", model.set, "host", sink, &model.network);
    if (!result.ran) GTEST_SKIP() << result.notice;
    EXPECT_EQ(result.mismatches, 0) << "seed " << seed << ": " << result.first_difference;
  }
}

// A package for other devices works too where its arena has codes of 8 bits alone; else its
// compilation ends.
TEST(PackageForCharOf8BitsTest, WorksOrIsRefused) {
  fixtures::Model narrow;
  MakeOf(narrow, fixtures::Cls1k(64), 3);
  ExpectTheInterpreters(Host(), narrow.request);
  fixtures::Model mixed;
  fixtures::MakeMixedModel(mixed, 1);
  const std::string output = PlayWhereCharHas16Bits(Host(), mixed.request);
  EXPECT_NE(output.find("tm_assert_net_char_bits"), std::string::npos) << output;
}

}  // namespace
}  // namespace platypus::deploy
