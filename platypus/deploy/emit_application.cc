#include <fmt/format.h>
#include <algorithm>

#include "platypus/base/error.h"
#include "platypus/deploy/c_text.h"
#include "platypus/deploy/emission.h"

namespace platypus::deploy {
namespace {

// What follows from an inference: a class by vote, an anomaly, or values.
enum class Answer { kClass, kAnomaly, kValues };
Answer AnswerOf(const Emission& e) {
  if (Classifies(e)) return Answer::kClass;
  return e.request.error_threshold ? Answer::kAnomaly : Answer::kValues;
}

// Members of the application behind those that every one has.
std::string Members(const Emission& e) {
  switch (AnswerOf(e)) {
    case Answer::kClass:
      return fmt::format(
          "  tm_i32 votes[{0}_VOTE_WINDOW];\n  tm_i32 vote_count;\n  tm_i32 last_class; /* of the "
          "newest result, -1 before the first */\n",
          e.upper);
    case Answer::kAnomaly:
      return fmt::format(
          "  tm_f32 features[{0}_FE_FEATURES];\n  tm_f32 values[{0}_OUT_LEN]; /* the newest "
          "sample, reconstructed */\n  tm_f32 error; "
          "/* "
          "mean of its squared differences */\n  tm_i32 results;\n",
          e.upper);
    case Answer::kValues:
      return fmt::format(
          "  tm_f32 values[{0}_OUT_LEN]; /* of the newest result, in real units */\n  tm_i32 "
          "results;\n",
          e.upper);
  }
  return "";
}

std::string Functions(const Emission& e) {
  switch (AnswerOf(e)) {
    case Answer::kClass:
      return fmt::format(R"(
/* Takes rows [row][variable] of any number, runs the network on every sample that they complete and returns the
 * class that the vote has decided, -1 while it has not. */
tm_i32 {0}_app_push({0}_app *app, const tm_f32 *rows, tm_i32 count);

/* One network input, already extracted: class with the largest output. */
tm_i32 {0}_classify({0}_app *app, const tm_f32 *features);
)",
                         e.m);
    case Answer::kAnomaly:
      return fmt::format(R"(
/* Takes rows [row][variable] of any number and runs the network on every sample that they complete. Returns 1 if the
 * newest sample is an anomaly (app->error above the threshold of {0}_config.h), 0 if not, -1 before the first. */
tm_i32 {0}_app_push({0}_app *app, const tm_f32 *rows, tm_i32 count);

/* One network input, already extracted: its reconstruction error. */
tm_f32 {0}_error({0}_app *app, const tm_f32 *features);
)",
                         e.m);
    case Answer::kValues:
      return fmt::format(R"(
/* Takes rows [row][variable] of any number and runs the network on every sample that they complete. Returns how many
 * these were; app->values holds the newest result. */
tm_i32 {0}_app_push({0}_app *app, const tm_f32 *rows, tm_i32 count);

/* One network input, already extracted: app->values holds the result. */
void {0}_values({0}_app *app, const tm_f32 *features);
)",
                         e.m);
  }
  return "";
}

std::string Header(const Emission& e) {
  const bool classifies = Classifies(e);
  std::string text =
      Top(e, e.m + "_app.h", classifies ? "from samples to decisions" : "from samples to results");
  text += Open(e.upper + "_APP_H", fmt::format("#include \"{0}.h\"\n#include \"{0}_fe.h\"\n", e.m));
  if (classifies) {
    text += fmt::format(
        R"(/* A class counts as decided when at least {0}_VOTE_NEEDED of the last {0}_VOTE_WINDOW results name it. */
#define {0}_VOTE_WINDOW 8
#define {0}_VOTE_NEEDED 5

extern const char *const {1}_class_names[{0}_NUM_CLASSES];

)",
        e.upper, e.m);
  }
  text += fmt::format(
      R"(typedef struct {{
  {1}_ctx net;
  {1}_fe_state fe;
  {1}_in_t in[{0}_IN_LEN];
  {1}_out_t out[{0}_OUT_LEN];
{2}}} {1}_app;

void {1}_app_init({1}_app *app);
{3}
/* The network alone: one input, already extracted, to app->out. */
void {1}_infer({1}_app *app, const tm_f32 *features);

typedef struct {{
  tm_i32 fe_mismatches;  /* golden sets whose features differ by more than 1e-4 relative */
  tm_i32 net_mismatches; /* golden sets with any output that differs */
{4}  tm_i32 sets;
}} {1}_selftest_result;

/* Plays golden set `set`, or all of them for -1. TM_OK if everything agrees, TM_ERROR_INDEX for a bad set. */
tm_status {1}_selftest({1}_app *app, tm_i32 set, {1}_selftest_result *result);
)",
      e.upper, e.m, Members(e), Functions(e),
      classifies ? "  tm_i32 class_matches;  /* golden sets classified as the host did */\n" : "");
  return text + Close(e.upper + "_APP_H");
}

// The loop over rows: what is done with a completed sample.
std::string Push(const Emission& e, const std::string& first, const std::string& result,
                 const std::string& last) {
  return fmt::format(R"(tm_i32 {0}_app_push({0}_app *app, const tm_f32 *rows, tm_i32 count) {{
{2}  while (count > 0) {{
    const tm_i32 taken = {0}_fe_push(&app->fe, rows, count);
    rows += taken * {1}_FE_VARIABLES;
    count -= taken;
    if ({0}_fe_ready(&app->fe)) {{
{3}    }}
  }}
  return {4};
}}
)",
                     e.m, e.upper, first, result, last);
}

// Runs the network on the completed sample, whose features become its input where they are.
std::string InferSample(const Emission& e) {
  return fmt::format(R"(
static void infer_sample({0}_app *app) {{
  tm_i32 v;
  tm_i32 f;
  for (v = 0; v < {1}_FE_VARIABLES; ++v) {{
    for (f = 0; f < {1}_FE_FRAMES; ++f) {{
      {0}_quantize_part({0}_fe_part(&app->fe, v, f), (v * {1}_FE_FRAMES + f) * {1}_FE_FRAME_FEATURES,
                        {1}_FE_FRAME_FEATURES, app->in);
    }}
  }}
  {0}_fe_done(&app->fe);
  (void){0}_run(&app->net, app->in, app->out);
}}
)",
                     e.m, e.upper);
}

std::string ClassSource(const Emission& e) {
  std::string text = InferSample(e) + fmt::format(R"(
tm_i32 {0}_classify({0}_app *app, const tm_f32 *features) {{
  {0}_infer(app, features);
  app->last_class = {0}_argmax(app->out);
  return app->last_class;
}}

static tm_i32 vote({0}_app *app) {{
  tm_i32 i;
  tm_i32 c;
  const tm_i32 known = app->vote_count < {1}_VOTE_WINDOW ? app->vote_count : {1}_VOTE_WINDOW;
  for (c = 0; c < {1}_NUM_CLASSES; ++c) {{
    tm_i32 hits = 0;
    for (i = 0; i < known; ++i) {{
      hits += app->votes[i] == c ? 1 : 0;
    }}
    if (hits >= {1}_VOTE_NEEDED) {{
      return c;
    }}
  }}
  return -1;
}}

)",
                                                  e.m, e.upper);
  return text + Push(e, "",
                     fmt::format(
                         R"(      infer_sample(app);
      app->last_class = {0}_argmax(app->out);
      app->votes[app->vote_count % {1}_VOTE_WINDOW] = app->last_class;
      app->vote_count += 1;
      if (app->vote_count == 2 * {1}_VOTE_WINDOW) {{ /* stays full without ever overflowing */
        app->vote_count = {1}_VOTE_WINDOW;
      }}
)",
                         e.m, e.upper),
                     "vote(app)");
}

std::string AnomalySource(const Emission& e) {
  std::string text = fmt::format(R"(
tm_f32 {0}_error({0}_app *app, const tm_f32 *features) {{
  tm_f32 sum = 0.0f;
  tm_i32 i;
  {0}_infer(app, features);
  {0}_dequantize_output(app->out, app->values);
  for (i = 0; i < {1}_OUT_LEN; ++i) {{
    const tm_f32 difference = app->values[i] - features[i];
    sum += difference * difference;
  }}
  app->error = sum / (tm_f32){1}_OUT_LEN;
  return app->error;
}}

)",
                                 e.m, e.upper);
  return text +
         Push(e, "",
              fmt::format("      {0}_fe_input(&app->fe, app->features);\n      "
                          "(void){0}_error(app, app->features);\n      app->results = "
                          "1;\n",
                          e.m),
              "app->results == 0 ? -1 : app->error > RECONSTRUCTION_ERROR_THRESHOLD ? 1 : 0");
}

std::string ValuesSource(const Emission& e) {
  std::string text = InferSample(e) + fmt::format(R"(
void {0}_values({0}_app *app, const tm_f32 *features) {{
  {0}_infer(app, features);
  {0}_dequantize_output(app->out, app->values);
}}

)",
                                                  e.m);
  return text + Push(e, "  app->results = 0;\n",
                     fmt::format("      infer_sample(app);\n      {0}_dequantize_output(app->out, "
                                 "app->values);\n      app->results += 1;\n",
                                 e.m),
                     "app->results");
}

std::string Source(const Emission& e) {
  const bool classifies = Classifies(e);
  std::string text =
      Top(e, e.m + "_app.c", classifies ? "from samples to decisions" : "from samples to results");
  text += fmt::format("#include \"{0}_app.h\"\n", e.m);
  if (e.request.error_threshold) text += fmt::format("\n#include \"{}_config.h\"\n", e.m);
  if (classifies) {
    text += fmt::format("\nconst char *const {}_class_names[{}_NUM_CLASSES] = {{\n", e.m, e.upper);
    for (size_t i = 0; i < e.request.classes.size(); ++i) {
      text += fmt::format("  \"{}\"{}\n", CString(e.request.classes[i]),
                          i + 1 < e.request.classes.size() ? "," : "");
    }
    text += "};\n";
  }
  text += fmt::format(
      R"(
void {0}_app_init({0}_app *app) {{
  (void){0}_init(&app->net);
  {0}_fe_init(&app->fe);
{1}}}

void {0}_infer({0}_app *app, const tm_f32 *features) {{
  {0}_quantize_input(features, app->in);
  (void){0}_run(&app->net, app->in, app->out);
}}
)",
      e.m,
      classifies ? "  app->vote_count = 0;\n  app->last_class = -1;\n" : "  app->results = 0;\n");
  switch (AnswerOf(e)) {
    case Answer::kClass:
      return text + ClassSource(e);
    case Answer::kAnomaly:
      return text + AnomalySource(e);
    case Answer::kValues:
      return text + ValuesSource(e);
  }
  return text;
}

// What play_csv prints of a row: declarations, the call, the output.
struct Printing {
  std::string what, before, push;
};
Printing PrintingOf(const Emission& e) {
  switch (AnswerOf(e)) {
    case Answer::kClass:
      return {"the class,\n * and the class that the vote has decided",
              "    const tm_i32 before = app.vote_count;\n    tm_i32 decided;\n",
              fmt::format(R"(    decided = {0}_app_push(&app, values, 1);
    if (app.vote_count != before) {{
      printf("%ld,%s,%s\n", row, {0}_class_names[app.last_class], decided < 0 ? "" : {0}_class_names[decided]);
    }}
)",
                          e.m)};
    case Answer::kAnomaly:
      return {"the\n * reconstruction error, and 1 for an anomaly", "    tm_i32 anomaly;\n",
              fmt::format(R"(    app.results = 0;
    anomaly = {0}_app_push(&app, values, 1);
    if (anomaly >= 0) {{
      printf("%ld,%.9g,%d\n", row, (double)app.error, (int)anomaly);
    }}
)",
                          e.m)};
    case Answer::kValues:
      return {"and\n * the values", "",
              fmt::format(R"(    if ({0}_app_push(&app, values, 1) > 0) {{
      printf("%ld", row);
      for (v = 0; v < {1}_OUT_LEN; ++v) {{
        printf(",%.9g", (double)app.values[v]);
      }}
      printf("\n");
    }}
)",
                          e.m, e.upper)};
  }
  return {};
}

std::string PlayCsv(const Emission& e) {
  const Printing printing = PrintingOf(e);
  return Top(e, "play_csv.c", "rows of a text file to results, on a development machine") +
         fmt::format(
             R"(/* Standard input: one row a line, {1}_FE_VARIABLES numbers separated by commas, semicolons or blanks; lines that do
 * not begin with a number are passed over. Standard output, for each result: the row that completed it, {2}. */
#include <stdio.h>
#include <stdlib.h>

#include "../{0}_app.h"

static {0}_app app;

int main(void) {{
  static char line[4096];
  long row = 0;
  {0}_app_init(&app);
  while (fgets(line, (int)sizeof line, stdin) != NULL) {{
    tm_f32 values[{1}_FE_VARIABLES];
{3}    const char *at = line;
    tm_i32 v;
    for (v = 0; v < {1}_FE_VARIABLES; ++v) {{
      char *end;
      values[v] = strtof(at, &end);
      if (end == at) {{
        break;
      }}
      at = end + strspn(end, ",; \t");
    }}
    if (v == 0) {{
      continue;
    }}
    row += 1;
    if (v < {1}_FE_VARIABLES) {{
      fprintf(stderr, "row %ld: %d numbers are missing\n", row, (int)({1}_FE_VARIABLES - v));
      return 1;
    }}
{4}  }}
  return 0;
}}
)",
             e.m, e.upper, printing.what, printing.before, printing.push);
}

}  // namespace

void EmitApplication(const Emission& e, Package& package) {
  package[e.m + "_app.h"] = Header(e);
  package[e.m + "_app.c"] = Source(e);
  package["host/play_csv.c"] = PlayCsv(e);
}

}  // namespace platypus::deploy
