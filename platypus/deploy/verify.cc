#include "platypus/deploy/verify.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/interrupted.h"
#include "platypus/deploy/core_program.h"
#include "platypus/deploy/layer_sources.h"
#include "platypus/deploy/link_map.h"
#include "platypus/deploy/linked_parts.h"
#include "platypus/deploy/stack_usage.h"
#include "platypus/deploy/trace.h"

namespace platypus::deploy {
namespace fs = std::filesystem;
namespace {

size_t OctetsOf(const std::string& type) { return type == "tm_f32" ? 4 : type == "tm_i16" ? 2 : 1; }

// Element k of an array of T.
template <typename T>
float Element(const char* array, size_t k) {
  T value{};
  std::memcpy(&value, array + k * sizeof value, sizeof value);
  return static_cast<float>(value);
}

struct Comparison {
  VerifyResult& result;
  const TestSet& set;
  const Facts& facts;
  int64_t first_sample = -1;  // that differs

  void Run(const std::string& bytes) {
    const size_t width = static_cast<size_t>(facts.out_length) * OctetsOf(facts.out_type);
    const size_t feature_octets = static_cast<size_t>(facts.in_length) * 4;
    const size_t expected =
        static_cast<size_t>(set.samples) * width + set.recordings.size() * (feature_octets + width);
    if (bytes.size() != expected) {
      Fail(Category::kToolchain, "the program wrote {} octets, expected {}", bytes.size(),
           expected);
    }
    const char* at = bytes.data();
    int64_t correct = 0;
    for (int64_t i = 0; i < set.samples; ++i, at += width) {
      const std::vector<float> found = Outputs(at);
      const auto* wanted = set.outputs.data() + i * facts.out_length;
      if (Differ(found, wanted, fmt::format("sample {}", i))) {
        ++result.mismatches;
        if (first_sample < 0) first_sample = i;
      }
      const auto best = std::max_element(found.begin(), found.end()) - found.begin();
      if (!set.labels.empty()) correct += best == set.labels[static_cast<size_t>(i)] ? 1 : 0;
    }
    result.samples = set.samples;
    result.accuracy = set.labels.empty()
                          ? std::numeric_limits<double>::quiet_NaN()
                          : static_cast<double>(correct) / static_cast<double>(set.samples);
    for (const GoldenSample& sample : set.recordings) {
      for (int64_t k = 0; k < facts.in_length; ++k) {
        float found = 0;
        std::memcpy(&found, at + k * 4, sizeof found);
        const float wanted = sample.features[static_cast<size_t>(k)];
        if (std::isnan(found) && std::isnan(wanted)) continue;
        const double difference =
            std::abs(double{found} - wanted) / std::max(1.0, std::abs(double{wanted}));
        result.max_feature_difference = std::max(result.max_feature_difference, difference);
      }
      at += feature_octets;
      result.recording_mismatches +=
          Differ(Outputs(at), sample.output.data(), "recording " + sample.source) ? 1 : 0;
      at += width;
      ++result.recordings;
    }
  }

 private:
  std::vector<float> Outputs(const char* at) const {
    std::vector<float> values(static_cast<size_t>(facts.out_length));
    for (size_t k = 0; k < values.size(); ++k) {
      if (facts.out_type == "tm_i8") {
        values[k] = Element<int8_t>(at, k);
      } else if (facts.out_type == "tm_u8") {
        values[k] = Element<uint8_t>(at, k);
      } else if (facts.out_type == "tm_i16") {
        values[k] = Element<int16_t>(at, k);
      } else {
        values[k] = Element<float>(at, k);
      }
    }
    return values;
  }

  bool Differ(const std::vector<float>& found, const float* wanted, const std::string& where) {
    bool differs = false;
    for (size_t k = 0; k < found.size(); ++k) {
      if (found[k] == wanted[k] || (std::isnan(found[k]) && std::isnan(wanted[k]))) continue;
      differs = true;
      result.max_output_difference =
          std::max(result.max_output_difference, std::abs(double{found[k]} - wanted[k]));
      if (result.first_difference.empty()) {
        result.first_difference =
            fmt::format("{}, output {}: expected {}, found {}", where, k, wanted[k], found[k]);
      }
    }
    return differs;
  }
};

// Of one inference and of each layer, from the call graphs that the compiler has left beside the
// objects.
void AddStackBounds(const Facts& facts, const fs::path& folder, VerifyResult& result) {
  StackUsage usage;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".ci") usage.Add(ReadFile(entry.path()));
  }
  result.stack_bound_bytes = usage.Bound(facts.prefix + "_run");
  const std::string file = facts.prefix + ".c";
  const std::vector<LayerSource> sources = ReadLayerSources(ReadFile(folder / file));
  const std::string step = facts.prefix + "_step";
  for (size_t i = 0; i < std::min(sources.size(), result.layers.size()); ++i) {
    // Where it was not inlined, its call stands in the lines of the step, not in its own.
    const int64_t alone = usage.Bound(fmt::format("{}:layer_{}", file, i));
    const int64_t inlined = usage.Bound(step, file, sources[i].first_line, sources[i].last_line);
    const int64_t frame = usage.Bound(step, file, 0, 0);
    result.layers[i].stack_bound_octets = alone >= 0 && frame >= 0 ? frame + alone : inlined;
  }
}

// Instructions and stack of one sample, and what the linker put together.
void Measure(const Core& core, const Facts& facts, const TestSet& set, const fs::path& folder,
             VerifyResult& result) {
  const std::string output = PlayCounting(core, facts, set, folder);
  const auto network = Count(output, "network");
  const auto features = Count(output, "features");
  result.instructions = network.first;
  result.feature_instructions = features.first;
  result.stack_bytes = std::max(network.second, features.second);
  result.layers = LayerCosts(output, folder);
  AddStackBounds(facts, folder, result);
  const LinkMap map =
      ReadLinkMap(ReadFile(folder / "map.txt"), {"verify_harness.o", "verify_core.o"});
  result.flash_bytes = map.FlashOctets();
  result.libraries = map.Libraries();
  AddLinkedParts(map, core, facts, folder, result);
}

}  // namespace

VerifyResult Verify(const fs::path& package_folder, const TestSet& set,
                    const std::string& core_name, ProgressSink& sink, const graph::Graph* network) {
  const Core& core = FindCore(core_name);
  const Facts facts = ReadManifest(package_folder);
  VerifyResult result;
  result.core = core.name;
  if (const std::string missing = MissingTool(core); !missing.empty()) {
    result.notice = fmt::format("{} is not verified: {}", core.name, missing);
    return result;
  }
  if (const std::string missing = MissingLibrary(facts); !missing.empty()) {
    result.notice = fmt::format("{} is not verified: {}", core.name, missing);
    return result;
  }
  RequireFit(set, facts);
  constexpr int kSteps = 3;
  const auto progress = [&](int step) {
    if (sink.Cancelled()) throw Interrupted("interrupted while verifying on " + core.name);
    sink.OnProgress({"verify", core.name, step, kSteps, "steps", {}});
  };
  const TemporaryFolder build;
  const fs::path& folder = build.Path();
  progress(0);
  Build(core, facts, package_folder, folder);
  progress(1);
  WriteInput(set, Mode::kPlay, 0, set.samples, set.recordings.size(), facts.in_length,
             folder / "input.bin");
  result.ram_bytes = Count(Play(core, folder, false), "memory").first;
  Comparison comparison{result, set, facts};
  comparison.Run(ReadFile(folder / "output.bin"));
  progress(2);
  if (comparison.first_sample >= 0 && network != nullptr) {
    const int64_t sample = comparison.first_sample;
    WriteInput(set, Mode::kTrace, sample, 1, 0, facts.in_length, folder / "input.bin");
    Play(core, folder, false);
    const std::span<const float> features(set.features.data() + sample * facts.in_length,
                                          static_cast<size_t>(facts.in_length));
    const std::string where = FirstDifference(*network, facts.char_bits, facts.kernels, features,
                                              ReadFile(folder / "output.bin"));
    if (!where.empty()) result.first_difference += "; first in " + where;
  }
  if (!core.emulator.empty()) Measure(core, facts, set, folder, result);
  result.ran = true;
  progress(kSteps);
  return result;
}

}  // namespace platypus::deploy
