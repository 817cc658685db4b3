#include <fmt/format.h>

#include <cmath>

#include "platypus/base/error.h"
#include "platypus/deploy/c_text.h"
#include "platypus/deploy/emission.h"

// compat_ti/: the names that applications for TI's compiler (tvmgen_default_...) and its library of
// feature extraction (FE_...) call, on top of the package. They link these sources instead of
// mod.a.
namespace platypus::deploy {
namespace {

std::string ModelHeader(const Emission& e) {
  std::string text = Top(e, "tvmgen_default.h", "the network under the names of TI's compiler");
  text += Open("TVMGEN_DEFAULT_H_", "#include <stdint.h>\n");
  text += fmt::format(
      R"(/* Computed by the processor; run() is done when it returns. */
#define TVMGEN_DEFAULT_TI_NPU_SOFT

/* input: {0} values of {1}, channel after channel. output: {2} values of {3}.
 * TI's compiler takes the members' names from the model: define them if an application uses others. */
#ifndef TVMGEN_DEFAULT_INPUT
#define TVMGEN_DEFAULT_INPUT input
#endif
#ifndef TVMGEN_DEFAULT_OUTPUT
#define TVMGEN_DEFAULT_OUTPUT output
#endif
struct tvmgen_default_inputs {{
  void *TVMGEN_DEFAULT_INPUT;
}};
struct tvmgen_default_outputs {{
  void *TVMGEN_DEFAULT_OUTPUT;
}};

/* 0: done. */
int32_t tvmgen_default_run(struct tvmgen_default_inputs *inputs, struct tvmgen_default_outputs *outputs);
/* 1 behind every run. */
extern volatile int32_t tvmgen_default_finished;
)",
      InLength(e), e.net.in_type, e.net.out_elements, e.net.out_type);
  if (e.net.TakesCodes()) {
    text += fmt::format(R"(
/* Features to the network's input: clamp((int32_t)floorf((x + bias) * scale) >> shift, {1:.0f}, {2:.0f}). */
#define TVMGEN_DEFAULT_BIAS_LEN {0}
#define TVMGEN_DEFAULT_SCALE_LEN {0}
#define TVMGEN_DEFAULT_SHIFT_LEN {0}
extern const float tvmgen_default_bias_data[TVMGEN_DEFAULT_BIAS_LEN];
extern const float tvmgen_default_scale_data[TVMGEN_DEFAULT_SCALE_LEN];
extern const int32_t tvmgen_default_shift_data[TVMGEN_DEFAULT_SHIFT_LEN];
)",
                        e.net.in_offset.size(), e.net.in_lo, e.net.in_hi);
  }
  return text + Close("TVMGEN_DEFAULT_H_");
}

std::string ModelSource(const Emission& e) {
  std::string text = Top(e, "tvmgen_default.c", "the network under the names of TI's compiler");
  text += fmt::format("#include \"tvmgen_default.h\"\n\n#include \"../{}.h\"\n", e.m);
  if (e.net.TakesCodes()) {
    std::vector<int32_t> shifts;
    for (const float power : e.net.in_power) {
      shifts.push_back(static_cast<int32_t>(-std::lround(std::log2(power))));
    }
    text += fmt::format(R"(
const float tvmgen_default_bias_data[TVMGEN_DEFAULT_BIAS_LEN] = {{
{}}};
const float tvmgen_default_scale_data[TVMGEN_DEFAULT_SCALE_LEN] = {{
{}}};
const int32_t tvmgen_default_shift_data[TVMGEN_DEFAULT_SHIFT_LEN] = {{
{}}};
)",
                        CList(e.net.in_offset), CList(e.net.in_multiplier), CList(shifts));
  }
  return text + fmt::format(R"(
volatile int32_t tvmgen_default_finished = 0;

#if defined(__TI_COMPILER_VERSION__) && !defined(__clang__)
#pragma DATA_SECTION(context, ".bss.noinit.tvm")
#endif
static {0}_ctx context TM_SECTION(".bss.noinit.tvm");

int32_t tvmgen_default_run(struct tvmgen_default_inputs *inputs, struct tvmgen_default_outputs *outputs) {{
  tm_status status = TM_ERROR_NULL;
  tvmgen_default_finished = 0;
  if (inputs != NULL && outputs != NULL) {{
    status = {0}_run(&context, (const {0}_in_t *)inputs->TVMGEN_DEFAULT_INPUT,
                    ({0}_out_t *)outputs->TVMGEN_DEFAULT_OUTPUT);
  }}
  tvmgen_default_finished = 1;
  return (int32_t)status;
}}
)",
                            e.m);
}

std::string FeatureHeader(const Emission& e) {
  std::string text = Top(e, "feature_extract.h", "the features under the names of TI's library");
  text += Open("FEATURE_EXTRACT_H_", fmt::format("#include <stdbool.h>\n#include <stdint.h>\n\n"
                                                 "#include \"../{}_fe.h\"\n#include \"../{}.h\"\n"
                                                 "#include \"user_input_config.h\"\n",
                                                 e.m, e.m));
  text += fmt::format(R"(typedef {0}_in_t model_input_t;
typedef {0}_out_t model_output_t;

typedef struct {{
  void *input_buffer;   /* float: FE_FRAME_SIZE samples of each variable, variable after variable */
  void *output_buffer;  /* model_input_t: the network's input, which moves on by a frame with each run */
  void *history_buffer; /* float: features that FE_initFeatureExtract begins with */
  void *scratch_buffer; /* not needed */
  bool test_feature_extraction;
  int32_t size_required_by_library; /* of scratch_buffer, in units of sizeof */
}} feature_extraction;
typedef feature_extraction *feature_extraction_handle;

void FE_allocFeatureExtract(feature_extraction_handle fe);
/* Output from history_buffer. In test mode all of it: the expected input of the network; else one frame
 * later, so that the next run completes it. */
void FE_initFeatureExtract(feature_extraction_handle fe);
/* One frame of every variable: output_buffer drops its oldest frame and takes the new one. */
void FE_runFeatureExtract(feature_extraction_handle fe);
/* How many elements differ: codes of the input by more than 1, codes of the output at all, floats by more
 * than 1e-4 of max(1, value). */
int FE_compareModelInput(const model_input_t *expected_array, const model_input_t *obtained_array);
int FE_compareModelOutput(const model_output_t *expected_array, const model_output_t *obtained_array);

/* Applications for MSPM0: codes of one frame of variable varIndex. */
void FE_init(void);
void FE_process(const tm_i16 *rawInput, model_input_t *extractedFeatures, tm_u8 varIndex);
)",
                      e.m);
  return text + Close("FEATURE_EXTRACT_H_");
}

// The body of as_input(): feature x at place `at` of the network's input.
std::string AsInput(const Emission& e) {
  if (!e.net.TakesCodes()) return "  (void)at;\n  return x;\n";
  return fmt::format(R"(  const tm_i32 c = at / ({0}_IN_LEN / TVMGEN_DEFAULT_BIAS_LEN);
  const tm_f32 sum = x + tvmgen_default_bias_data[c];
  const tm_f32 product = sum * tvmgen_default_scale_data[c];
  const tm_f32 code = product / (tm_f32)((tm_i32)1 << tvmgen_default_shift_data[c]);
  return ({1}_in_t)(code > {2} ? (code < {3} ? tm_floorf(code) : {3}) : {2});
)",
                     e.upper, e.m, CFloat(e.net.in_lo), CFloat(e.net.in_hi));
}

std::string FeatureSource(const Emission& e) {
  const auto differ = [](bool codes, int tolerance) {
    if (codes && tolerance == 0) return std::string("a[i] != b[i]");
    if (codes) return fmt::format("a[i] - b[i] > {0} || b[i] - a[i] > {0}", tolerance);
    return std::string("!(difference(a[i], b[i]) <= 1e-4f)");
  };
  std::string text = Top(e, "feature_extract.c", "the features under the names of TI's library");
  text +=
      "#include \"feature_extract.h\"\n\n#include \"../rt/tm_math.h\"\n#include "
      "\"tvmgen_default.h\"\n";
  if (!e.net.TakesCodes() || !e.net.GivesCodes()) {
    text += R"(
static tm_f32 difference(tm_f32 a, tm_f32 b) {
  const tm_f32 size = a < 0.0f ? -a : a;
  const tm_f32 gap = a > b ? a - b : b - a;
  return gap / (size > 1.0f ? size : 1.0f);
}
)";
  }
  return text + fmt::format(R"(
/* Features of a variable in the network's input: all its frames, the oldest first. */
#define OF_VARIABLE ({1}_FE_FRAME_FEATURES * {1}_FE_FRAMES)

static {0}_fe_state state;

/* Feature x at place `at` of the network's input. */
static model_input_t as_input(tm_f32 x, tm_i32 at) {{
{2}}}

void FE_allocFeatureExtract(feature_extraction_handle fe) {{
  if (fe != NULL) {{
    fe->size_required_by_library = 0;
  }}
}}

void FE_initFeatureExtract(feature_extraction_handle fe) {{
  tm_i32 v;
  tm_i32 i;
  {0}_fe_init(&state);
  if (fe == NULL || fe->history_buffer == NULL || fe->output_buffer == NULL) {{
    return;
  }}
  for (v = 0; v < {1}_FE_VARIABLES; ++v) {{
    const tm_f32 *history = (const tm_f32 *)fe->history_buffer + v * OF_VARIABLE;
    model_input_t *out = (model_input_t *)fe->output_buffer + v * OF_VARIABLE;
    const tm_i32 later = fe->test_feature_extraction ? 0 : {1}_FE_FRAME_FEATURES;
    for (i = 0; i < OF_VARIABLE - later; ++i) {{
      out[later + i] = as_input(history[i], v * OF_VARIABLE + i);
    }}
  }}
}}

/* Codes of one frame of a variable. */
static void run_frame(const tm_f32 *samples, tm_i32 v, model_input_t *out) {{
  static tm_f32 features[{1}_FE_FRAME_FEATURES];
  tm_i32 i;
  {0}_fe_frame(&state, samples, features);
  for (i = 0; i < {1}_FE_FRAME_FEATURES; ++i) {{
    out[i] = as_input(features[i], v * OF_VARIABLE + i);
  }}
}}

void FE_runFeatureExtract(feature_extraction_handle fe) {{
  tm_i32 v;
  if (fe == NULL || fe->input_buffer == NULL || fe->output_buffer == NULL) {{
    return;
  }}
  for (v = 0; v < {1}_FE_VARIABLES; ++v) {{
    model_input_t *out = (model_input_t *)fe->output_buffer + v * OF_VARIABLE;
    memmove(out, out + {1}_FE_FRAME_FEATURES, (OF_VARIABLE - {1}_FE_FRAME_FEATURES) * sizeof *out);
    run_frame((const tm_f32 *)fe->input_buffer + v * {1}_FE_FRAME_SIZE, v,
              out + (OF_VARIABLE - {1}_FE_FRAME_FEATURES));
  }}
}}

int FE_compareModelInput(const model_input_t *a, const model_input_t *b) {{
  int differing = 0;
  tm_i32 i;
  for (i = 0; i < {1}_IN_LEN; ++i) {{
    if ({3}) {{
      differing += 1;
    }}
  }}
  return differing;
}}

int FE_compareModelOutput(const model_output_t *a, const model_output_t *b) {{
  int differing = 0;
  tm_i32 i;
  for (i = 0; i < {1}_OUT_LEN; ++i) {{
    if ({4}) {{
      differing += 1;
    }}
  }}
  return differing;
}}

void FE_init(void) {{ {0}_fe_init(&state); }}

void FE_process(const tm_i16 *rawInput, model_input_t *extractedFeatures, tm_u8 varIndex) {{
  static tm_f32 samples[{1}_FE_FRAME_SIZE];
  tm_i32 i;
  for (i = 0; i < {1}_FE_FRAME_SIZE; ++i) {{
    samples[i] = (tm_f32)rawInput[i];
  }}
  run_frame(samples, varIndex, extractedFeatures);
}}
)",
                            e.m, e.upper, AsInput(e), differ(e.net.TakesCodes(), 1),
                            differ(e.net.GivesCodes(), 0));
}

}  // namespace

void EmitCompatTi(const Emission& e, Package& package) {
  package["compat_ti/tvmgen_default.h"] = ModelHeader(e);
  package["compat_ti/tvmgen_default.c"] = ModelSource(e);
  package["compat_ti/feature_extract.h"] = FeatureHeader(e);
  package["compat_ti/feature_extract.c"] = FeatureSource(e);
  package["compat_ti/user_input_config.h"] = UserInputConfig(e);
}

}  // namespace platypus::deploy
