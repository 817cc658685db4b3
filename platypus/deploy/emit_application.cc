#include <fmt/format.h>
#include <algorithm>

#include "platypus/base/error.h"
#include "platypus/deploy/c_text.h"
#include "platypus/deploy/emission.h"

namespace platypus::deploy {
namespace {

std::string Header(const Emission& e) {
  const std::string guard = e.upper + "_APP_H";
  std::string text = Top(e, e.m + "_app.h", "from samples to decisions");
  text += Open(guard, fmt::format("#include \"{0}.h\"\n#include \"{0}_fe.h\"\n", e.m));
  text += fmt::format(
      R"(/* A class counts as decided when at least {0}_VOTE_NEEDED of the last {0}_VOTE_WINDOW results name it. */
#define {0}_VOTE_WINDOW 8
#define {0}_VOTE_NEEDED 5

extern const char *const {1}_class_names[{0}_NUM_CLASSES];

typedef struct {{
  {1}_ctx net;
  {1}_fe_state fe;
  tm_f32 features[{0}_FE_FEATURES];
  {1}_in_t in[{0}_IN_LEN];
  {1}_out_t out[{0}_OUT_LEN];
  tm_i32 votes[{0}_VOTE_WINDOW];
  tm_i32 vote_count;
  tm_i32 last_class; /* of the newest result, -1 before the first */
}} {1}_app;

void {1}_app_init({1}_app *app);

/* Takes rows [row][variable] of any number, runs the network on every sample that they complete and returns the
 * class that the vote has decided, -1 while it has not. */
tm_i32 {1}_app_push({1}_app *app, const tm_f32 *rows, tm_i32 count);

/* One network input, already extracted: class with the largest output. */
tm_i32 {1}_classify({1}_app *app, const tm_f32 *features);

typedef struct {{
  tm_i32 fe_mismatches;  /* golden sets whose features differ by more than 1e-4 relative */
  tm_i32 net_mismatches; /* golden sets with any output that differs */
  tm_i32 class_matches;  /* golden sets classified as the host did */
  tm_i32 sets;
}} {1}_selftest_result;

/* Plays golden set `set`, or all of them for -1. TM_OK if everything agrees, TM_ERROR_INDEX for a bad set. */
tm_status {1}_selftest({1}_app *app, tm_i32 set, {1}_selftest_result *result);
)",
      e.upper, e.m);
  return text + Close(guard);
}

std::string Source(const Emission& e) {
  std::string text = Top(e, e.m + "_app.c", "from samples to decisions");
  text += fmt::format(
      "#include \"{0}_app.h\"\n\nconst char *const {0}_class_names[{1}_NUM_CLASSES] = {{\n", e.m,
      e.upper);
  for (size_t i = 0; i < e.request.classes.size(); ++i) {
    text += fmt::format("  \"{}\"{}\n", CString(e.request.classes[i]),
                        i + 1 < e.request.classes.size() ? "," : "");
  }
  text += fmt::format(R"(}};

void {0}_app_init({0}_app *app) {{
  (void){0}_init(&app->net);
  {0}_fe_init(&app->fe);
  app->vote_count = 0;
  app->last_class = -1;
}}

tm_i32 {0}_classify({0}_app *app, const tm_f32 *features) {{
  {0}_quantize_input(features, app->in);
  (void){0}_run(&app->net, app->in, app->out);
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

tm_i32 {0}_app_push({0}_app *app, const tm_f32 *rows, tm_i32 count) {{
  while (count > 0) {{
    const tm_i32 taken = {0}_fe_push(&app->fe, rows, count);
    rows += taken * {1}_FE_VARIABLES;
    count -= taken;
    if ({0}_fe_ready(&app->fe)) {{
      {0}_fe_input(&app->fe, app->features);
      app->votes[app->vote_count % {1}_VOTE_WINDOW] = {0}_classify(app, app->features);
      app->vote_count += 1;
      if (app->vote_count == 2 * {1}_VOTE_WINDOW) {{ /* stays full without ever overflowing */
        app->vote_count = {1}_VOTE_WINDOW;
      }}
    }}
  }}
  return vote(app);
}}
)",
                      e.m, e.upper);
  return text;
}

std::string PlayCsv(const Emission& e) {
  return Top(e, "play_csv.c", "rows of a text file to classes, on a development machine") +
         fmt::format(
             R"(/* Standard input: one row a line, {1}_FE_VARIABLES numbers separated by commas, semicolons or blanks; lines that do
 * not begin with a number are passed over. Standard output, for each result: the row that completed it, the class,
 * and the class that the vote has decided. */
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
    const tm_i32 before = app.vote_count;
    const char *at = line;
    tm_i32 decided;
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
    decided = {0}_app_push(&app, values, 1);
    if (app.vote_count != before) {{
      printf("%ld,%s,%s\n", row, {0}_class_names[app.last_class], decided < 0 ? "" : {0}_class_names[decided]);
    }}
  }}
  return 0;
}}
)",
             e.m, e.upper);
}

}  // namespace

void EmitApplication(const Emission& e, Package& package) {
  package[e.m + "_app.h"] = Header(e);
  package[e.m + "_app.c"] = Source(e);
  package["host/play_csv.c"] = PlayCsv(e);
}

}  // namespace platypus::deploy
