#include <fmt/format.h>
#include <algorithm>

#include "platypus/base/error.h"
#include "platypus/deploy/c_text.h"
#include "platypus/deploy/emission.h"
#include "platypus/exec/interpreter.h"

namespace platypus::deploy {
namespace {

std::string VectorsHeader(const Emission& e) {
  const std::string guard = e.upper + "_TEST_VECTORS_H";
  std::string text = Top(e, e.m + "_test_vectors.h", "golden vectors");
  text += Open(guard, fmt::format("#include \"{0}.h\"\n#include \"{0}_fe.h\"\n", e.m));
  text += fmt::format(R"(/* Define {0}_TEST_SETS to a smaller number to save flash. */
#ifndef {0}_TEST_SETS
#define {0}_TEST_SETS {1}
#endif

typedef struct {{
  const tm_f32 *raw;      /* [{2}][{0}_FE_VARIABLES] */
  const tm_f32 *features; /* {0}_FE_FEATURES */
  const {3}_in_t *in;     /* {0}_IN_LEN */
  const {3}_out_t *out;   /* {0}_OUT_LEN */
  tm_i32 label;
  const char *source;
}} {3}_golden;

#define {0}_GOLDEN_ROWS {2}
extern const {3}_golden {3}_golden_sets[{0}_TEST_SETS];
)",
                      e.upper, std::max<size_t>(1, e.request.golden.size()),
                      e.request.pipeline->RowsPerSample(), e.m);
  return text + Close(guard);
}

std::string Codes(const std::vector<float>& values, bool integer) {
  if (!integer) return CList(values);
  const std::vector<int32_t> codes(values.begin(), values.end());
  return CList(codes);
}

std::string Vectors(const Emission& e) {
  Check(!e.request.golden.empty(), "package without golden vectors");
  std::string text = Top(e, e.m + "_test_vectors.c", "golden vectors");
  text += fmt::format("#include \"{}_test_vectors.h\"\n", e.m);
  const exec::Interpreter interpreter(*e.request.network);
  for (size_t i = 0; i < e.request.golden.size(); ++i) {
    const GoldenSample& g = e.request.golden[i];
    const std::vector<std::vector<float>> tensors = interpreter.RunAll(g.features);
    const std::vector<float>& in = tensors[static_cast<size_t>(e.net.input)];
    text += fmt::format("\n#if {}_TEST_SETS > {}\nstatic const tm_f32 raw_{}[] = {{\n{}}};\n",
                        e.upper, i, i, CList(g.raw));
    text += fmt::format("static const tm_f32 features_{}[] = {{\n{}}};\n", i, CList(g.features));
    text += fmt::format("static const {}_in_t in_{}[] = {{\n{}}};\n", e.m, i,
                        Codes(in, e.net.TakesCodes()));
    text += fmt::format("static const {}_out_t out_{}[] = {{\n{}}};\n#endif\n", e.m, i,
                        Codes(g.output, e.net.GivesCodes()));
  }
  text += fmt::format("\nconst {}_golden {}_golden_sets[{}_TEST_SETS] = {{\n", e.m, e.m, e.upper);
  for (size_t i = 0; i < e.request.golden.size(); ++i) {
    text += fmt::format(
        "#if {4}_TEST_SETS > {0}\n  {5}{{raw_{0}, features_{0}, in_{0}, out_{0}, {1}, "
        "\"{2}\"}}{3}\n#endif\n",
        i, e.request.golden[i].label, CString(e.request.golden[i].source), "", e.upper,
        i == 0 ? "" : ", ");
  }
  return text + "};\n";
}

std::string SelfTest(const Emission& e) {
  std::string text = Top(e, e.m + "_selftest.c", "plays the golden vectors");
  text += fmt::format(R"(#include "{0}_app.h"
#include "{0}_test_vectors.h"

static tm_f32 features[{1}_FE_FEATURES];

static tm_f32 difference(tm_f32 a, tm_f32 b) {{
  const tm_f32 size = b < 0.0f ? -b : b;
  const tm_f32 gap = a > b ? a - b : b - a;
  return gap / (size > 1.0f ? size : 1.0f);
}}

static void play({0}_app *app, const {0}_golden *g, {0}_selftest_result *result) {{
  tm_i32 taken = 0;
  tm_i32 i;
  int differs = 0;
  {0}_fe_init(&app->fe);
  app->fe.wait = {1}_FE_FRAMES;
)",
                      e.m, e.upper);
  text += fmt::format(R"(  while (taken < {1}_GOLDEN_ROWS && !{0}_fe_ready(&app->fe)) {{
    taken += {0}_fe_push(&app->fe, g->raw + taken * {1}_FE_VARIABLES, {1}_GOLDEN_ROWS - taken);
  }}
  {0}_fe_input(&app->fe, features);
  for (i = 0; i < {1}_FE_FEATURES; ++i) {{
    if (!(difference(features[i], g->features[i]) <= 1e-4f)) {{
      differs = 1;
    }}
  }}
  result->fe_mismatches += differs;
  {0}_infer(app, g->features);
  differs = 0;
  for (i = 0; i < {1}_OUT_LEN; ++i) {{
    if (app->out[i] > g->out[i] || app->out[i] < g->out[i]) {{
      differs = 1;
    }}
  }}
  result->net_mismatches += differs;
{2}  result->sets += 1;
}}

tm_status {0}_selftest({0}_app *app, tm_i32 set, {0}_selftest_result *result) {{
  tm_i32 i;
  if (app == NULL || result == NULL) {{
    return TM_ERROR_NULL;
  }}
  if (set < -1 || set >= {1}_TEST_SETS) {{
    return TM_ERROR_INDEX;
  }}
  memset(result, 0, sizeof *result);
  {0}_app_init(app);
  for (i = set < 0 ? 0 : set; i < (set < 0 ? {1}_TEST_SETS : set + 1); ++i) {{
    play(app, &{0}_golden_sets[i], result);
  }}
  return result->fe_mismatches == 0 && result->net_mismatches == 0 ? TM_OK : TM_BUSY;
}}
)",
                      e.m, e.upper,
                      Classifies(e) ? fmt::format("  result->class_matches += {0}_argmax(app->out) "
                                                  "== {0}_argmax(g->out) ? 1 : 0;\n",
                                                  e.m)
                                    : "");
  return text;
}

std::string SelfTestMain(const Emission& e) {
  return Top(e, "main_selftest.c", "smallest program that proves the port: look at test_result") +
         fmt::format(R"(#include "{0}_app.h"

static {0}_app app;
/* 1: this build computes what the host computed; 0: it does not; -1: still running. */
volatile int test_result = -1;

int main(void) {{
  {0}_selftest_result result;
  test_result = {0}_selftest(&app, -1, &result) == TM_OK ? 1 : 0;
  return test_result == 1 ? 0 : 1;
}}
)",
                     e.m);
}

}  // namespace

void EmitSelfTest(const Emission& e, Package& package) {
  package[e.m + "_test_vectors.h"] = VectorsHeader(e);
  package[e.m + "_test_vectors.c"] = Vectors(e);
  package[e.m + "_selftest.c"] = SelfTest(e);
  package["main_selftest.c"] = SelfTestMain(e);
}

}  // namespace platypus::deploy
