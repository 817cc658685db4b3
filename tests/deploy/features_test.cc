#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "platypus/base/embedded.h"
#include "platypus/base/files.h"
#include "platypus/base/process.h"
#include "platypus/base/random.h"
#include "platypus/config/load.h"
#include "platypus/config/registry.h"
#include "platypus/deploy/emit_features.h"

// The generated feature extraction, compiled for the host, beside features::Extract.
namespace platypus::deploy {
namespace {

// Plays rows.bin in portions of random length and writes every sample's features.
constexpr const char* kPlayer = R"(#include <stdio.h>
#include "net_fe.h"
#define MOST 65536
static net_fe_state state;
static tm_f32 features[NET_FE_FEATURES];
static tm_f32 rows[MOST];
static tm_i16 codes[MOST];
int main(int argc, char **argv) {
  const int integers = argc > 1 && argv[1][0] == 'i';
  unsigned long seed = 1;
  FILE *in = fopen("rows.bin", "rb");
  FILE *out = fopen("features.bin", "wb");
  size_t values;
  size_t k;
  tm_i32 count;
  tm_i32 at = 0;
  if (!in || !out) {
    return 1;
  }
  values = fread(rows, sizeof *rows, MOST, in);
  for (k = 0; k < values && integers; ++k) {
    codes[k] = (tm_i16)rows[k];
  }
  count = (tm_i32)(values / NET_FE_VARIABLES);
  net_fe_init(&state);
  while (at < count) {
    tm_i32 portion;
    seed = (seed * 1103515245UL + 12345UL) & 0x7fffffffUL;
    portion = (tm_i32)(seed >> 8) % (2 * NET_FE_FRAME_SIZE) + 1;
    portion = portion > count - at ? count - at : portion;
    at += integers ? net_fe_push_i16(&state, codes + at * NET_FE_VARIABLES, portion)
                   : net_fe_push(&state, rows + at * NET_FE_VARIABLES, portion);
    if (net_fe_ready(&state)) {
      net_fe_input(&state, features);
      fwrite(features, sizeof *features, NET_FE_FEATURES, out);
    }
  }
  fclose(in);
  return fclose(out);
}
)";

std::string Octets(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

void WritePackage(const features::Pipeline& pipeline, const std::filesystem::path& folder) {
  PackageRequest request;
  request.prefix = "net";
  request.pipeline = &pipeline;
  Package package;
  EmitFeatures(request, package);
  for (const std::string& name : FeatureRuntimeFiles(pipeline)) {
    for (const embedded::File& file : embedded::runtime_files()) {
      if (file.path == "rt/" + name) package[std::string(file.path)] = std::string(file.content);
    }
  }
  package["player.c"] = kPlayer;
  Write(package, folder);
}

void ExpectTheSameFeatures(const config::FeatureExtraction& settings, int variables,
                           double deviation, double centre) {
  if (!HasProgram("gcc")) GTEST_SKIP() << "apt-get install gcc";
  NullSink sink;
  const features::Pipeline pipeline = features::MakePipeline(settings, variables, sink);
  const TemporaryFolder folder;
  const std::filesystem::path package = folder.Path() / "net";
  WritePackage(pipeline, package);
  const ProcessResult built = RunProcess(
      {"sh", "-c",
       "gcc -std=c99 -O2 -ffp-contract=off -Wall -Wextra -Wconversion -Wshadow "
       "-Wdouble-promotion -Wundef -pedantic -Werror -I. *.c $(find rt -name '*.c') -lm -o player"},
      package, 100);
  ASSERT_EQ(built.status, 0) << built.output.substr(0, 3000);
  const int rows =
      pipeline.RowsPerSample() + 3 * pipeline.hop * pipeline.frame_skip + pipeline.hop / 2;
  for (const bool integers : {false, true}) {
    Random random(3, "rows");
    std::vector<float> values(static_cast<size_t>(rows * variables));
    for (float& v : values) {
      const double x = centre + random.Normal() * deviation;
      v = static_cast<float>(integers ? std::clamp(std::nearbyint(x), -32768.0, 32767.0) : x);
    }
    std::fill(values.begin(), values.begin() + variables * (pipeline.frame_size / 2), 1.0f);
    std::vector<float> features;
    const int64_t samples = features::Extract(pipeline, values, features);
    ASSERT_GE(samples, 3);
    EXPECT_EQ(features.size(), static_cast<size_t>(samples * NumElements(pipeline.OutputShape())));
    for (const float f : features) ASSERT_TRUE(std::isfinite(f));
    WriteFile(package / "rows.bin", Octets(values));
    const ProcessResult played =
        RunProcess({"./player", integers ? "integers" : "floats"}, package, 100);
    ASSERT_EQ(played.status, 0) << played.output;
    EXPECT_TRUE(ReadFile(package / "features.bin") == Octets(features))
        << samples << " samples differ";
  }
}

const config::Registry& Builtin() {
  static const config::Registry kRegistry = config::LoadRegistry();
  return kRegistry;
}

class PresetTest : public testing::TestWithParam<std::string> {};

TEST_P(PresetTest, GeneratedCodeComputesTheBitsOfTheHost) {
  std::vector<std::string> sets = {"data_processing_feature_extraction.feature_extraction_name=" +
                                   GetParam()};
  if (GetParam().starts_with("Custom_")) {  // those leave the sizes to the user
    for (const char* set : {"frame_size=128", "feature_size_per_frame=16"})
      sets.push_back("data_processing_feature_extraction." + std::string(set));
  }
  const config::Loaded loaded = config::LoadText(
      "common: {task_type: generic_timeseries_classification, target_device: F28P55}\n"
      "dataset: {input_data_path: ./dataset}\n"
      "training: {model_name: CLS_1k_NPU}\n",
      "c.yaml", "/nowhere", sets, Builtin());
  config::FeatureExtraction settings = loaded.config.data_processing_feature_extraction;
  if (settings.feat_ext_transform.empty()) settings.data_proc_transforms = {"SimpleWindow"};
  ExpectTheSameFeatures(settings, std::get<int>(settings.variables), 700.0, 200.0);
}

INSTANTIATE_TEST_SUITE_P(Registry, PresetTest, testing::ValuesIn(Builtin().feature_presets.Names()),
                         [](const auto& info) { return info.param; });

// What no preset has.
struct ListCase {
  const char* name;
  std::vector<std::string> transforms;
  int frame_size = 64;
  double deviation = 100.0;
  config::TransformOrder order = config::TransformOrder::kCanonical;
  friend void PrintTo(const ListCase& list, std::ostream* out) { *out << list.name; }
};

class ListTest : public testing::TestWithParam<ListCase> {};

TEST_P(ListTest, GeneratedCodeComputesTheBitsOfTheHost) {
  config::FeatureExtraction s;
  s.feat_ext_transform = GetParam().transforms;
  s.feat_ext_transform.push_back("CONCAT");
  s.transform_order = GetParam().order;
  s.frame_size = GetParam().frame_size;
  s.feature_size_per_frame = 6;
  s.num_frame_concat = 2;
  s.frame_skip = 2;
  s.scale = 1.5;
  s.q15_scale_factor = GetParam().deviation > 100 ? -2 : 3;
  s.window_count = 5;
  s.stride_size = 0.1;
  s.chunk_size = 5;
  s.fft_size = 64;
  s.sampling_rate = 44100;
  ExpectTheSameFeatures(s, 2, GetParam().deviation, 0);
}

constexpr auto kAsListed = config::TransformOrder::kAsListed;
INSTANTIATE_TEST_SUITE_P(
    Lists, ListTest,
    testing::Values(
        ListCase{"Haar", {"HAAR", "ABS", "MINMAX"}},
        ListCase{"Hadamard", {"WINDOWING", "HADAMARD", "LOG_DB", "ABS"}, 32},
        ListCase{"HaarOfSpectra", {"FFT_FE", "ABS", "HAAR", "BINNING"}, 128, 10.0, kAsListed},
        ListCase{"UnitToQ15", {"TO_Q15", "FFT_Q15", "Q15_SCALE", "Q15_MAG"}, 128, 0.3},
        ListCase{"UnitToQ15Alone", {"TO_Q15"}, 50, 0.9},
        ListCase{"LogOfQ15", {"FFT_Q15", "Q15_MAG", "DC_REMOVE", "BIN_Q15", "LOG_DB"}, 128},
        ListCase{"DcRemovedFirst", {"FFT_Q15", "DC_REMOVE", "Q15_MAG"}, 512, 3000.0, kAsListed},
        ListCase{"ShiftRight", {"FFT_Q15", "Q15_SCALE", "Q15_MAG"}, 32, 20000.0},
        ListCase{"SumsOfQ15", {"BIN_Q15"}, 100, 30000.0},
        ListCase{"BackToQ15",
                 {"RAW_FE", "FFT_Q15", "Q15_MAG", "NORMALIZE", "BIN_Q15"},
                 64,
                 9e3,
                 kAsListed},
        ListCase{"Kurtosis", {"KURT_FE"}, 70},
        ListCase{"Figures", {"KURT_FE", "ENT_FE", "ZCR_FE", "DOM_FE", "SLOPE_FE"}, 70},
        ListCase{"FiguresOfSpectra", {"FFT_FE", "ABS", "ENT_FE", "SLOPE_FE"}, 100, 10, kAsListed},
        ListCase{"SlopesTwice", {"SLOPE_FE", "ABS", "ZCR_FE", "DOM_FE"}, 60, 10, kAsListed},
        ListCase{"Pir", {"PIR_FE", "LOG_DB", "ABS"}, 80},
        ListCase{"PirQ15", {"PIR_FE_Q15"}, 80, 1000.0},
        ListCase{"PirOfUnits", {"TO_Q15", "PIR_FE_Q15", "ROUND_OFF"}, 80, 0.01},
        ListCase{"TwoSpectra",
                 {"FFT_FE", "ABS", "FFT_POS_HALF", "WINDOWING", "FFT_FE", "ABS"},
                 60,
                 10,
                 kAsListed}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(FeatureFilesTest, IntegerChainsKeepIntegers) {
  config::FeatureExtraction s;
  s.feat_ext_transform = {"FFT_Q15", "Q15_SCALE", "Q15_MAG", "DC_REMOVE", "BIN_Q15", "CONCAT"};
  s.frame_size = 256;
  s.feature_size_per_frame = 16;
  NullSink sink;
  const features::Pipeline pipeline = features::MakePipeline(s, 1, sink);
  PackageRequest request;
  request.prefix = "net";
  request.pipeline = &pipeline;
  Package package;
  EmitFeatures(request, package);
  const std::string& header = package["net_fe.h"];
  EXPECT_NE(header.find("tm_i16 rows["), std::string::npos) << header;
  EXPECT_NE(header.find("tm_i16 frames["), std::string::npos) << header;
  EXPECT_EQ(header.find("tm_f32 a["), std::string::npos) << header;
}

}  // namespace
}  // namespace platypus::deploy
