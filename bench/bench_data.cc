// Reading text recordings on one thread, the file in the page cache: bytes/s.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "platypus/base/files.h"
#include "platypus/base/random.h"
#include "platypus/data/dataset.h"

namespace platypus::data {
namespace {

constexpr int kRows = 200000;

// What a 12-bit converter gives: one column of integers under a header.
std::string Integers() {
  Random random(1, "bench integers");
  std::string text = "signal\n";
  for (int r = 0; r < kRows; ++r) text += fmt::format("{}\n", random.Below(4096));
  return text;
}

// Three columns with `decimals` decimals, negative values too.
std::string Decimals(int decimals) {
  Random random(2, "bench decimals");
  std::string text = "acc_x,acc_y,acc_z\n";
  for (int r = 0; r < kRows; ++r) {
    const double x = 3.0 * random.Normal();
    const double y = 3.0 * random.Normal();
    const double z = 9.81 + random.Normal();
    text += fmt::format("{:.{}f},{:.{}f},{:.{}f}\n", x, decimals, y, decimals, z, decimals);
  }
  return text;
}

// As the standard libraries of other languages print floats: shortest digits, exponents.
std::string Shortest() {
  Random random(3, "bench shortest");
  std::string text = "a,b,c\n";
  for (int r = 0; r < kRows; ++r) {
    text +=
        fmt::format("{},{},{}\n", random.Normal(), 1e-3 * random.Normal(), 1e-7 * random.Normal());
  }
  return text;
}

void ReadCsv(benchmark::State& state, const std::string& text, int columns) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.Path() / "recording.csv";
  WriteFile(path, text);
  for (auto _ : state) {
    const Recording recording = Read(path, columns);
    benchmark::DoNotOptimize(recording.values.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK_CAPTURE(ReadCsv, integers, Integers(), 1);
BENCHMARK_CAPTURE(ReadCsv, three_decimals, Decimals(3), 3);
BENCHMARK_CAPTURE(ReadCsv, six_decimals, Decimals(6), 3);
BENCHMARK_CAPTURE(ReadCsv, shortest_double, Shortest(), 3);

}  // namespace
}  // namespace platypus::data
