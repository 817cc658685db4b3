#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platypus/base/files.h"
#include "platypus/base/process.h"
#include "tests/deploy/fixtures.h"

// compat_ti/: the documented flow of an application for TI's compiler and library, with nothing
// else of theirs (the board's start is left out).
namespace platypus::deploy {
namespace {

using testing::HasSubstr;

constexpr const char* kApplication = R"(#include <stdint.h>
#include <stdio.h>

#include "feature_extract.h"
#include "tvmgen_default.h"
#include "user_input_config.h"

float scratch[FE_FRAME_SIZE * 4];
extern float raw_input_test[];
extern float model_test_input[];
extern model_output_t golden_output[];

int test_result = 0;
model_input_t model_input[FE_STACKING_CHANNELS * FE_STACKING_FRAME_WIDTH];
model_input_t expected_input[FE_STACKING_CHANNELS * FE_STACKING_FRAME_WIDTH];
model_output_t model_output[FE_NN_OUT_SIZE];

int main(void) {
  int error;
  feature_extraction fe;
  feature_extraction_handle handle = &fe;
  struct tvmgen_default_inputs inputs = {(void *)&model_input};
  struct tvmgen_default_outputs outputs = {(void *)&model_output};

  handle->scratch_buffer = &scratch[0];
  FE_allocFeatureExtract(handle);
  if (sizeof scratch < (size_t)handle->size_required_by_library) return 2;
  handle->input_buffer = &raw_input_test[0];
  handle->history_buffer = &model_test_input[0];

  handle->output_buffer = &expected_input[0];
  handle->test_feature_extraction = true;
  FE_initFeatureExtract(handle);
  handle->output_buffer = &model_input[0];
  handle->test_feature_extraction = false;
  FE_initFeatureExtract(handle);
  FE_runFeatureExtract(handle);
  error = FE_compareModelInput(expected_input, model_input);
  printf("features: %d differ\n", error);

#ifdef TVMGEN_DEFAULT_TI_NPU
  TI_NPU_init();
#endif
  if (tvmgen_default_run(&inputs, &outputs) != 0) return 3;
  while (!tvmgen_default_finished) {
  }
  error += FE_compareModelOutput(golden_output, model_output);
  printf("all: %d differ\n", error);
  test_result = error == 0;
  return test_result ? 0 : 1;
}
)";

void MakeAnomalyDetector(fixtures::Model& model, int64_t samples) {
  fixtures::MakeReconstructionModel(model, samples);
  model.request.classes.clear();
  model.request.error_threshold = 0.125f;
}

struct Kind {
  const char* name;
  void (*make)(fixtures::Model&, int64_t);
  friend void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }
};

class CompatTiTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (!HasProgram("gcc")) GTEST_SKIP() << "apt-get install gcc";
    GetParam().make(model_, 2);
    package_ = Generate(model_.request);
    package_["application.c"] = kApplication;
    package_["test_vector.c"] = GoldenVectors(model_.request).at("golden_vectors/test_vector.c");
  }
  ProcessResult BuildAndRun() const {
    const TemporaryFolder folder;
    Write(package_, folder.Path() / "project");
    return RunProcess({"sh", "-c",
                       "gcc -std=c99 -O2 -Wall -Wextra -Wpedantic -Werror "
                       "-ffp-contract=off -I. -Icompat_ti application.c test_vector.c "
                       "compat_ti/*.c $(cat sources.txt) -lm -o application && ./application"},
                      folder.Path() / "project", 100);
  }
  fixtures::Model model_;
  Package package_;
};

INSTANTIATE_TEST_SUITE_P(
    Models, CompatTiTest,
    testing::Values(Kind{"Codes",
                         [](fixtures::Model& m, int64_t n) { fixtures::MakeCls1k(m, 64, n); }},
                    Kind{"TwoFramesOfTwoVariables", fixtures::MakeSpectrumModel},
                    Kind{"CodesOf16Bits", fixtures::MakeMixedModel},
                    Kind{"Floats", fixtures::MakeFloatModel},
                    Kind{"AnomalyDetection", MakeAnomalyDetector}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_P(CompatTiTest, TheReferencesApplicationPasses) {
  const ProcessResult result = BuildAndRun();
  EXPECT_EQ(result.status, 0) << result.output.substr(0, 3000);
  EXPECT_THAT(result.output, HasSubstr("features: 0 differ\nall: 0 differ\n"));
}

// In test_vector.c: value `index` of the first array of that name.
void SetValue(std::string& text, const std::string& array, int index, const std::string& value) {
  size_t begin = text.find("{ ", text.find(array)) + 2;
  for (int i = 0; i < index; ++i) begin = text.find(", ", begin) + 2;
  text.replace(begin, text.find(',', begin) - begin, value);
}

TEST_P(CompatTiTest, TheReferencesApplicationSeesAnotherAnswer) {
  SetValue(package_["test_vector.c"], "golden_output", 0, "77");
  const ProcessResult result = BuildAndRun();
  EXPECT_EQ(result.status, 1) << result.output.substr(0, 3000);
  EXPECT_THAT(result.output, HasSubstr("features: 0 differ\nall: 1 differ\n"));
}

TEST_P(CompatTiTest, TheReferencesApplicationSeesOtherRows) {
  // Not at the border of the frame, where a window takes everything.
  SetValue(package_["test_vector.c"], "raw_input_test", 20, "30000");
  const ProcessResult result = BuildAndRun();
  EXPECT_EQ(result.status, 1) << result.output.substr(0, 3000);
  EXPECT_THAT(result.output, testing::Not(HasSubstr("features: 0 differ")));
}

// One variable's frame of converter codes, as applications for MSPM0 take them.
TEST_P(CompatTiTest, FramesOfCodesGiveTheNewestFeatures) {
  const features::Pipeline& p = model_.pipeline;
  package_["application.c"] = fmt::format(R"(#include <stdio.h>
#include "feature_extract.h"
#include "tvmgen_default.h"
static tm_f32 rows[{0}];
static tm_i16 frame[FE_FRAME_SIZE];
static tm_f32 features[NET_FE_FEATURES];
static model_input_t expected[NET_IN_LEN];
static model_input_t got[NET_FE_FRAME_FEATURES];
static net_fe_state state;
int main(void) {{
  int i, v, different = 0;
  for (i = 0; i < {0}; ++i) rows[i] = (float)(i * 7919 % 401 - 200);
  net_fe_init(&state);
  state.wait = NET_FE_FRAMES;
  for (i = 0; !net_fe_ready(&state);) i += net_fe_push(&state, rows + i * FE_VARIABLES, {1} - i);
  net_fe_input(&state, features);
  net_quantize_input(features, expected);
  FE_init();
  for (v = 0; v < FE_VARIABLES; ++v) {{
    for (i = 0; i < FE_FRAME_SIZE; ++i)
      frame[i] = (tm_i16)rows[({1} - FE_FRAME_SIZE + i) * FE_VARIABLES + v];
    FE_process(frame, got, (tm_u8)v);
    for (i = 0; i < NET_FE_FRAME_FEATURES; ++i)
      different += got[i] != expected[((v + 1) * NET_FE_FRAMES - 1) * NET_FE_FRAME_FEATURES + i];
  }}
  printf("%d differ\n", different);
  return different != 0;
}}
)",
                                          p.RowsPerSample() * p.variables, p.RowsPerSample());
  const ProcessResult result = BuildAndRun();
  EXPECT_EQ(result.status, 0) << result.output.substr(0, 3000);
  EXPECT_EQ(result.output, "0 differ\n");
}

}  // namespace
}  // namespace platypus::deploy
