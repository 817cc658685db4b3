#include "platypus/data/synthetic.h"

#include <charconv>
#include <cmath>
#include <numbers>

#include "platypus/base/error.h"
#include "platypus/base/random.h"
#include "platypus/data/generated_folder.h"

namespace platypus::data {
namespace fs = std::filesystem;
namespace {

constexpr double kTurn = 2.0 * std::numbers::pi;

struct Set {
  std::vector<std::string> classes;
  std::string header;
  int files = 0;  // of each class
  int rows = 0;
  // Fills rows x columns values of one recording.
  void (*fill)(int label, Random& random, int rows, std::vector<int>& values);
  std::string story;
};

int Adc(double value) {
  return static_cast<int>(std::lround(std::min(4095.0, std::max(0.0, value))));
}

double Waveform(int label, double phase) {  // phase in turns
  const double t = phase - std::floor(phase);
  switch (label) {
    case 0:
      return 2.0 * t - 1.0;  // sawtooth
    case 1:
      return std::sin(kTurn * t);
    default:
      return t < 0.5 ? 1.0 : -1.0;  // square
  }
}

void FillWaves(int label, Random& random, int rows, std::vector<int>& values) {
  // Overlapping periods in every class: only the shape, that is the harmonics, tells them apart.
  const double frequency = 1.0 / random.Uniform(20.0, 28.0);
  const double amplitude = random.Uniform(300.0, 1200.0);
  const double noise = amplitude * std::pow(10.0, -random.Uniform(28.0, 40.0) / 20.0);
  const double middle = random.Uniform(1700.0, 2400.0);
  const double drift = random.Uniform(-100.0, 100.0);
  const double wobble = random.Uniform(0.0, 0.002);  // slow change of frequency
  double phase = random.Uniform();
  for (int i = 0; i < rows; ++i) {
    const double share = static_cast<double>(i) / rows;
    const double value = middle + drift * share + amplitude * Waveform(label, phase);
    values.push_back(Adc(value + noise * random.Normal()));
    phase += frequency * (1.0 + wobble * std::sin(kTurn * share * 3.0));
  }
}

void FillMotor(int label, Random& random, int rows, std::vector<int>& values) {
  const double turn = 1.0 / random.Uniform(28.0, 36.0);  // shaft turns per sample
  const double size = random.Uniform(200.0, 300.0);
  const double imbalance = label == 1 ? random.Uniform(2.0, 3.0) : 1.0;
  const double knock = label == 2 ? random.Uniform(0.8, 1.4) : 0.0;
  double phase = random.Uniform();
  for (int i = 0; i < rows; ++i, phase += turn) {
    const double shaft = imbalance * std::sin(kTurn * phase);
    const double defect = phase * 3.57 - std::floor(phase * 3.57);  // outer race passes per turn
    const double ring = knock * std::exp(-12.0 * defect) * std::sin(kTurn * 11.0 * phase);
    const double axes[3] = {shaft + ring, imbalance * std::cos(kTurn * phase) + 0.7 * ring,
                            0.3 * std::sin(kTurn * 2.0 * phase) + 0.5 * ring};
    for (const double axis : axes)
      values.push_back(Adc(2048.0 + size * (axis + 0.25 * random.Normal())));
  }
}

const Set& Find(const std::string& name) {
  static const Set waves = {{"sawtooth", "sine", "square"},
                            "signal\n",
                            90,
                            30000,
                            FillWaves,
                            "Sawtooth, sine and square waves as a 12-bit converter would record "
                            "them: periods of 20 to 28 samples, "
                            "amplitudes of 300 to 1200 codes, noise 28 to 40 dB below the amplitude"
                            ", drift and a slow wobble.\n"};
  static const Set motor = {{"bearing", "imbalance", "normal"},
                            "acc_x,acc_y,acc_z\n",
                            8,
                            2000,
                            [](int label, Random& random, int rows, std::vector<int>& values) {
                              FillMotor(label == 0 ? 2 : label == 1 ? 1 : 0, random, rows, values);
                            },
                            "Three axes of vibration of a motor: normal, with imbalance, with a "
                            "worn outer bearing race.\n"};
  const std::vector<std::string>& names = SyntheticNames();
  if (name == names[0]) return waves;
  if (name == names[1]) return motor;
  throw Error(Category::kUsage, fmt::format("there is no generated data set '{}'", name),
              Suggest(name, names));
}

std::string ToCsv(const Set& set, const std::vector<int>& values) {
  const auto columns = values.size() / static_cast<size_t>(set.rows);
  std::string text = set.header;
  text.reserve(values.size() * 5 + text.size());
  char digits[12];
  for (size_t i = 0; i < values.size(); ++i) {
    const auto end = std::to_chars(digits, digits + sizeof digits, values[i]).ptr;
    text.append(digits, end);
    text += (i + 1) % columns == 0 ? '\n' : ',';
  }
  return text;
}

}  // namespace

const std::vector<std::string>& SyntheticNames() {
  static const std::vector<std::string> names = {"generic_timeseries_classification",
                                                 "motor_vibration_small"};
  return names;
}

void WriteSynthetic(const std::string& name, const fs::path& folder, uint64_t seed,
                    ThreadPool& pool, ProgressSink& sink) {
  const Set& set = Find(name);
  const std::string readme = fmt::format(
      "# {}\n\n{}\n{} recordings of {} rows in each of {} classes. Computed by `platypus init {}` "
      "with seed {}.\n",
      name, set.story, set.files, set.rows, set.classes.size(), name, seed);
  const auto count = static_cast<int64_t>(set.classes.size()) * set.files;
  const auto file = [&](int64_t i) -> GeneratedFile {
    const auto label = static_cast<int>(i / set.files);
    const std::string& label_name = set.classes[static_cast<size_t>(label)];
    Random random(seed, fmt::format("{} {}", name, i));
    std::vector<int> values;
    values.reserve(static_cast<size_t>(set.rows) * 3);
    set.fill(label, random, set.rows, values);
    return {
        fs::path("classes") / label_name / fmt::format("{}_{:02}.csv", label_name, i % set.files),
        ToCsv(set, values)};
  };
  WriteGenerated(name, folder, readme, count, file, pool, sink);
}

}  // namespace platypus::data
