#include "platypus/deploy/package.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "platypus/base/embedded.h"
#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/hash.h"
#include "platypus/deploy/c_text.h"
#include "platypus/deploy/emit_features.h"
#include "platypus/deploy/layers.h"
#include "platypus/exec/interpreter.h"

namespace platypus::deploy {
namespace fs = std::filesystem;
namespace {

class Emitter {
 public:
  explicit Emitter(const PackageRequest& request)
      : r_(request),
        m_(request.prefix),
        upper_(Upper(request.prefix)),
        net_(LowerToC(*request.network)) {}

  Package Run() {
    EmitFeatures(r_, package_);
    package_[m_ + ".h"] = Header();
    package_[m_ + ".c"] = Source();
    package_[m_ + "_weights.h"] = WeightsHeader();
    package_[m_ + "_weights.c"] = Weights();
    package_[m_ + "_config.h"] = Config();
    package_[m_ + "_app.h"] = AppHeader();
    package_[m_ + "_app.c"] = AppSource();
    package_[m_ + "_test_vectors.h"] = VectorsHeader();
    package_[m_ + "_test_vectors.c"] = Vectors();
    package_[m_ + "_selftest.c"] = SelfTest();
    package_["main_selftest.c"] = SelfTestMain();
    std::vector<std::string> runtime = FeatureRuntimeFiles(*r_.pipeline);
    runtime.insert(runtime.end(), {"tm_kernels.h", "tm_layers.h", "tm_shape.h", "tm_moves.h",
                                   "tm_float.h", "tm_math.c", "tm_math.h"});
    for (const embedded::File& file : embedded::runtime_files()) {
      const std::string path(file.path);
      if (path.starts_with("rt/") &&
          std::count(runtime.begin(), runtime.end(), path.substr(3)) > 0) {
        package_[path] = std::string(file.content);
      }
    }
    AddBuildFiles();
    package_["LICENSE"] =
        "Permission to use, copy, modify, and/or distribute this software for any purpose with or "
        "without fee is "
        "hereby granted.\n\nTHE SOFTWARE IS PROVIDED \"AS IS\" AND THE AUTHOR DISCLAIMS ALL "
        "WARRANTIES WITH REGARD TO "
        "THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO "
        "EVENT SHALL THE AUTHOR BE "
        "LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES "
        "WHATSOEVER RESULTING FROM "
        "LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER "
        "TORTIOUS ACTION, ARISING "
        "OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.\n";
    package_["REPORT.md"] = Report();
    package_["report.json"] = ReportJson();
    package_["README.md"] = Readme();
    package_["manifest.json"] = Manifest();
    return std::move(package_);
  }

 private:
  std::string Top(const std::string& file, const std::string& what) const {
    return Banner(file, what, r_.generator_version);
  }
  static std::string Open(const std::string& guard, const std::string& includes) {
    return fmt::format(
        "#ifndef {0}\n#define {0}\n\n{1}\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n", guard,
        includes);
  }
  static std::string Close(const std::string& guard) {
    return fmt::format("\n#ifdef __cplusplus\n}}\n#endif\n\n#endif /* {} */\n", guard);
  }
  int64_t InLength() const { return net_.in_channels * net_.in_positions; }
  // Elements of the arena's own type.
  int64_t ArenaElements() const {
    const int64_t octets = std::max<int64_t>(net_.memory.arena_octets, 4);
    return net_.arena_type == "tm_u8" ? octets : (octets + 3) / 4;
  }

  std::string Header() const {
    const Shape in = r_.network->Input().shape;
    std::string text = Top(m_ + ".h", "the network");
    text += Open(upper_ + "_H", "#include \"rt/tm_port.h\"\n");
    text += fmt::format(R"(#define {0}_API_VERSION 1
/* First 32 bits of the SHA-256 of the network's constants. */
#define {0}_MODEL_HASH 0x{1}UL

#define {0}_IN_C {2}
#define {0}_IN_H {3}
#define {0}_IN_W {4}
#define {0}_IN_LEN {5}
#define {0}_OUT_LEN {6}
#define {0}_NUM_CLASSES {6}
#define {0}_NUM_LAYERS {7}

/* Memory of a context, in elements of the arena's type and in octets. */
#define {0}_ARENA_ELEMS {8}
#define {0}_ARENA_OCTETS {9}

typedef {10} {11}_in_t;
typedef {12} {11}_out_t;

/* One inference at a time. Several contexts may be in use at once. */
typedef struct {{
  tm_i32 layer; /* next layer to run */
  const {11}_in_t *in;
  {11}_out_t *out;
  {13} TM_ALIGN(4) arena[{0}_ARENA_ELEMS];
}} {11}_ctx;

tm_status {11}_init({11}_ctx *ctx);

/* in: {0}_IN_LEN values, channel after channel; out: {0}_OUT_LEN values. */
tm_status {11}_run({11}_ctx *ctx, const {11}_in_t *in, {11}_out_t *out);

/* The same in slices: _start, then _step until it returns TM_OK. Each step runs one layer. */
tm_status {11}_start({11}_ctx *ctx, const {11}_in_t *in, {11}_out_t *out);
tm_status {11}_step({11}_ctx *ctx);

/* Features to the network's input and its output to real values (copies when they are floats). */
void {11}_quantize_input(const tm_f32 *features, {11}_in_t *in);
void {11}_dequantize_output(const {11}_out_t *out, tm_f32 *values);

/* Index of the largest output, the lowest one on a tie. */
tm_i32 {11}_argmax(const {11}_out_t *out);
)",
                        upper_, ModelHash().substr(0, 8), in[0], in.size() > 1 ? in[1] : 1,
                        in.size() > 2 ? in[2] : 1, InLength(), net_.out_elements,
                        net_.layers.size(), ArenaElements(),
                        net_.arena_type == "tm_u8" ? ArenaElements() : ArenaElements() * 4,
                        net_.in_type, m_, net_.out_type, net_.arena_type);
    return text + Close(upper_ + "_H");
  }

  std::string ModelHash() const {
    std::string all;
    for (const Table& table : net_.tables) all += table.name + table.values;
    return HashText(all);
  }

  std::string Source() const {
    std::string text = Top(m_ + ".c", "the network, layer by layer");
    text += fmt::format(
        "#include \"{0}.h\"\n\n#include \"{0}_weights.h\"\n#include \"rt/tm_float.h\"\n#include "
        "\"rt/tm_kernels.h\"\n\n",
        m_);
    text +=
        fmt::format("/* Activations share one arena of {} octets (at least {} would be needed).\n",
                    net_.memory.arena_octets, net_.memory.lower_bound_octets);
    for (const MemoryPlan::Buffer& b : net_.memory.buffers) {
      text +=
          fmt::format(" *   octets {:>6} to {:>6}: written by layer {}, last read by layer {}\n",
                      b.offset, b.offset + b.size - 1, b.first_layer, b.last_layer);
    }
    text += " */\n";
    for (size_t i = 0; i < net_.layers.size(); ++i) {
      const CLayer& layer = net_.layers[i];
      text += fmt::format("\n/* {}. {} */\n{}static void layer_{}({}_ctx *ctx) {{\n", i,
                          CString(layer.comment), layer.shape, i, m_);
      if (layer.uses_arena) text += fmt::format("  {} *arena = ctx->arena;\n", net_.arena_type);
      if (layer.uses_in) text += fmt::format("  const {}_in_t *in = ctx->in;\n", m_);
      if (layer.uses_out) text += fmt::format("  {}_out_t *out = ctx->out;\n", m_);
      text += fmt::format("  {}\n}}\n", layer.code);
    }
    text += fmt::format(R"(
tm_status {0}_init({0}_ctx *ctx) {{
  if (ctx == NULL) {{
    return TM_ERROR_NULL;
  }}
  ctx->layer = {1}_NUM_LAYERS;
  ctx->in = NULL;
  ctx->out = NULL;
  return TM_OK;
}}

tm_status {0}_start({0}_ctx *ctx, const {0}_in_t *in, {0}_out_t *out) {{
  if (ctx == NULL || in == NULL || out == NULL) {{
    return TM_ERROR_NULL;
  }}
  ctx->layer = 0;
  ctx->in = in;
  ctx->out = out;
  return TM_OK;
}}

tm_status {0}_step({0}_ctx *ctx) {{
  switch (ctx->layer) {{
)",
                        m_, upper_);
    for (size_t i = 0; i < net_.layers.size(); ++i) {
      text += fmt::format("    case {0}:\n      layer_{0}(ctx);\n      break;\n", i);
    }
    text += fmt::format(R"(    default:
      return TM_OK;
  }}
  ctx->layer += 1;
  return ctx->layer == {1}_NUM_LAYERS ? TM_OK : TM_BUSY;
}}

tm_status {0}_run({0}_ctx *ctx, const {0}_in_t *in, {0}_out_t *out) {{
  tm_status status = {0}_start(ctx, in, out);
  if (status != TM_OK) {{
    return status;
  }}
  do {{
    status = {0}_step(ctx);
  }} while (status == TM_BUSY);
  return status;
}}

)",
                        m_, upper_);
    if (net_.is_integer) {
      text += fmt::format(
          "static const tm_f32 in_offset[{0}] = {{\n{1}}};\nstatic const tm_f32 in_multiplier[{0}] "
          "= "
          "{{\n{2}}};\nstatic const tm_f32 in_power[{0}] = {{\n{3}}}; /* 2^-shift */\n\n",
          net_.in_offset.size(), CList(net_.in_offset), CList(net_.in_multiplier),
          CList(net_.in_power));
      text += fmt::format(
          "void {0}_quantize_input(const tm_f32 *features, {0}_in_t *in) {{\n  "
          "tm_quantize_{1}(features, "
          "{2}, {3}, in_offset, in_multiplier, in_power, {4}, {5}, in);\n}}\n\n",
          m_, net_.in_type.substr(3), net_.in_channels, net_.in_positions, CFloat(net_.in_lo),
          CFloat(net_.in_hi));
    } else {
      text += fmt::format(
          "void {0}_quantize_input(const tm_f32 *features, {0}_in_t *in) {{\n  memcpy(in, "
          "features, "
          "{1}_IN_LEN * sizeof *in);\n}}\n\n",
          m_, upper_);
    }
    const std::string value = net_.out_type == "tm_f32"
                                  ? "out[i]"
                                  : fmt::format("(tm_f32)out[i] * {}", CFloat(net_.out_scale));
    text += fmt::format(R"(void {0}_dequantize_output(const {0}_out_t *out, tm_f32 *values) {{
  tm_i32 i;
  for (i = 0; i < {1}_OUT_LEN; ++i) {{
    values[i] = {2};
  }}
}}

tm_i32 {0}_argmax(const {0}_out_t *out) {{
  tm_i32 best = 0;
  tm_i32 i;
  for (i = 1; i < {1}_OUT_LEN; ++i) {{
    best = out[i] > out[best] ? i : best;
  }}
  return best;
}}
)",
                        m_, upper_, value);
    return text;
  }

  std::string WeightsHeader() const {
    const std::string guard = upper_ + "_WEIGHTS_H";
    std::string text =
        Top(m_ + "_weights.h", "constant tables") + Open(guard, "#include \"rt/tm_port.h\"\n");
    text +=
        "/* The tables' real names begin with the model's and are short: several models fit into "
        "one firmware, and\n"
        " * linkers that look at 31 characters can tell them apart. */\n";
    for (size_t i = 0; i < net_.tables.size(); ++i) {
      text += fmt::format("#define w_{} {}_w{}\n", net_.tables[i].name, m_, i);
    }
    text += "\n";
    for (const Table& t : net_.tables)
      text += fmt::format("extern const {} w_{}[{}];\n", t.type, t.name, t.count);
    return text + Close(guard);
  }

  std::string Weights() const {
    std::string text = Top(m_ + "_weights.c", "constant tables");
    text += fmt::format("#include \"{}_weights.h\"\n", m_);
    for (const Table& t : net_.tables) {
      text += fmt::format("\nconst {} w_{}[{}] = {{\n{}}};\n", t.type, t.name, t.count, t.values);
    }
    return text;
  }

  std::string Config() const {
    const features::Pipeline& p = *r_.pipeline;
    const std::string guard = upper_ + "_CONFIG_H";
    std::string text = Top(m_ + "_config.h", "what the network and its features were made with");
    text += fmt::format("#ifndef {0}\n#define {0}\n\n", guard);
    const auto define = [&](const std::string& name, const std::string& value) {
      text += fmt::format("#define {}_{} {}\n", upper_, name, value);
    };
    const auto has = [&](auto stage) {
      using T = decltype(stage);
      return std::any_of(p.stages.begin(), p.stages.end(),
                         [](const auto& s) { return std::holds_alternative<T>(s); });
    };
    define("NUM_VARIABLES", std::to_string(p.variables));
    define("FRAME_SIZE_SAMPLES", std::to_string(p.frame_size));
    define("HOP_SAMPLES", std::to_string(p.hop));
    define("NUM_FRAMES_CONCAT", std::to_string(p.frame_concat));
    define("FRAME_SKIP", std::to_string(p.frame_skip));
    define("DECIMATION", std::to_string(p.decimation));
    define("SAMPLE_DIVISOR", CFloat(p.scale));
    define("USES_WINDOW", has(features::Window{}) ? "1" : "0");
    define("USES_FFT", has(features::Fft{}) ? "1" : "0");
    define("USES_BINNING", has(features::Bin{}) ? "1" : "0");
    define("USES_LOG", has(features::LogDb{}) ? "1" : "0");
    define("INPUT_IS_INTEGER", net_.is_integer ? "1" : "0");
    define("INPUT_SCALE", CFloat(net_.in_scale));
    define("OUTPUT_IS_INTEGER", net_.out_type == "tm_f32" ? "0" : "1");
    define("OUTPUT_SCALE", CFloat(net_.out_scale));
    define("OUTPUT_ZERO_POINT", "0");
    text += fmt::format(
        "\n/* Names that existing projects use. */\n#define FE_VARIABLES {}\n#define FE_FRAME_SIZE "
        "{}\n#define "
        "FE_NUM_FRAME_CONCAT {}\n#define FE_FEATURE_SIZE_PER_FRAME {}\n#define "
        "FE_STACKING_CHANNELS {}\n"
        "#define FE_STACKING_FRAME_WIDTH {}\n#define FE_NN_OUT_SIZE {}\n",
        p.variables, p.frame_size, p.frame_concat, p.FrameFeatures(), p.OutputShape()[0],
        p.OutputShape()[1], net_.out_elements);
    if (net_.is_integer) text += "#define SKIP_NORMALIZE\n";
    if (net_.out_type != "tm_f32") text += "#define OUTPUT_INT\n";
    return text + fmt::format("\n#endif /* {} */\n", guard);
  }

  std::string AppHeader() const {
    const std::string guard = upper_ + "_APP_H";
    std::string text = Top(m_ + "_app.h", "from samples to decisions");
    text += Open(guard, fmt::format("#include \"{0}.h\"\n#include \"{0}_fe.h\"\n", m_));
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
        upper_, m_);
    return text + Close(guard);
  }

  std::string AppSource() const {
    std::string text = Top(m_ + "_app.c", "from samples to decisions");
    text += fmt::format(
        "#include \"{0}_app.h\"\n\nconst char *const {0}_class_names[{1}_NUM_CLASSES] = {{\n", m_,
        upper_);
    for (size_t i = 0; i < r_.classes.size(); ++i) {
      text +=
          fmt::format("  \"{}\"{}\n", CString(r_.classes[i]), i + 1 < r_.classes.size() ? "," : "");
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
                        m_, upper_);
    return text;
  }

  std::string VectorsHeader() const {
    const std::string guard = upper_ + "_TEST_VECTORS_H";
    std::string text = Top(m_ + "_test_vectors.h", "golden vectors");
    text += Open(guard, fmt::format("#include \"{0}.h\"\n#include \"{0}_fe.h\"\n", m_));
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
                        upper_, std::max<size_t>(1, r_.golden.size()), r_.pipeline->RowsPerSample(),
                        m_);
    return text + Close(guard);
  }

  std::string Vectors() const {
    Check(!r_.golden.empty(), "package without golden vectors");
    std::string text = Top(m_ + "_test_vectors.c", "golden vectors");
    text += fmt::format("#include \"{}_test_vectors.h\"\n", m_);
    const exec::Interpreter interpreter(*r_.network);
    for (size_t i = 0; i < r_.golden.size(); ++i) {
      const GoldenSample& g = r_.golden[i];
      const std::vector<std::vector<float>> tensors = interpreter.RunAll(g.features);
      std::vector<float> in = g.features;
      for (const graph::Node& node : r_.network->nodes) {
        if (std::holds_alternative<graph::QuantizeInput>(node.op))
          in = tensors[static_cast<size_t>(node.output)];
      }
      text += fmt::format("\n#if {}_TEST_SETS > {}\nstatic const tm_f32 raw_{}[] = {{\n{}}};\n",
                          upper_, i, i, CList(g.raw));
      text += fmt::format("static const tm_f32 features_{}[] = {{\n{}}};\n", i, CList(g.features));
      text += fmt::format("static const {}_in_t in_{}[] = {{\n{}}};\n", m_, i,
                          Codes(in, net_.is_integer));
      text += fmt::format("static const {}_out_t out_{}[] = {{\n{}}};\n#endif\n", m_, i,
                          Codes(g.output, net_.out_type != "tm_f32"));
    }
    text += fmt::format("\nconst {}_golden {}_golden_sets[{}_TEST_SETS] = {{\n", m_, m_, upper_);
    for (size_t i = 0; i < r_.golden.size(); ++i) {
      text += fmt::format(
          "#if {4}_TEST_SETS > {0}\n  {5}{{raw_{0}, features_{0}, in_{0}, out_{0}, {1}, "
          "\"{2}\"}}{3}\n#endif\n",
          i, r_.golden[i].label, CString(r_.golden[i].source), "", upper_, i == 0 ? "" : ", ");
    }
    return text + "};\n";
  }

  static std::string Codes(const std::vector<float>& values, bool integer) {
    if (!integer) return CList(values);
    const std::vector<int32_t> codes(values.begin(), values.end());
    return CList(codes);
  }

  std::string SelfTest() const {
    std::string text = Top(m_ + "_selftest.c", "plays the golden vectors");
    text += fmt::format(R"(#include "{0}_app.h"
#include "{0}_test_vectors.h"

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
                        m_, upper_);
    text += fmt::format(R"(  while (taken < {1}_GOLDEN_ROWS && !{0}_fe_ready(&app->fe)) {{
    taken += {0}_fe_push(&app->fe, g->raw + taken * {1}_FE_VARIABLES, {1}_GOLDEN_ROWS - taken);
  }}
  {0}_fe_input(&app->fe, app->features);
  for (i = 0; i < {1}_FE_FEATURES; ++i) {{
    if (!(difference(app->features[i], g->features[i]) <= 1e-4f)) {{
      differs = 1;
    }}
  }}
  result->fe_mismatches += differs;
  (void){0}_classify(app, g->features);
  differs = 0;
  for (i = 0; i < {1}_OUT_LEN; ++i) {{
    if (app->out[i] > g->out[i] || app->out[i] < g->out[i]) {{
      differs = 1;
    }}
  }}
  result->net_mismatches += differs;
  result->class_matches += {0}_argmax(app->out) == {0}_argmax(g->out) ? 1 : 0;
  result->sets += 1;
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
                        m_, upper_);
    return text;
  }

  std::string SelfTestMain() const {
    return Top("main_selftest.c", "smallest program that proves the port: look at test_result") +
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
                       m_);
  }

  std::vector<std::string> LibrarySources() const {
    std::vector<std::string> sources = {m_ + ".c", m_ + "_weights.c", m_ + "_fe.c", m_ + "_app.c"};
    for (const auto& [path, content] : package_) {
      if (path.starts_with("rt/") && path.ends_with(".c")) sources.push_back(path);
    }
    return sources;
  }

  void AddBuildFiles() {
    std::string list;
    std::string indented;
    for (const std::string& source : LibrarySources()) {
      list += source + "\n";
      indented += "  " + source + "\n";
    }
    package_["sources.txt"] = list;
    package_["CMakeLists.txt"] = fmt::format(R"(# {0}: the generated library and its self-test.
cmake_minimum_required(VERSION 3.16)
project({0} C)
set(CMAKE_C_STANDARD 99)
add_library({0} STATIC
{1})
target_include_directories({0} PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})
# Feature extraction gives the host's bits only without fused multiply-add.
target_compile_options({0} PUBLIC -ffp-contract=off)
target_link_libraries({0} PUBLIC m)
add_executable(selftest main_selftest.c {0}_selftest.c {0}_test_vectors.c)
target_link_libraries(selftest {0})
)",
                                             m_, indented);
    std::string joined;
    for (const std::string& source : LibrarySources()) joined += " " + source;
    package_["Makefile"] = fmt::format(
        R"(# make: the library; make check: the self-test on this machine; CROSS=arm-none-eabi- for another compiler.
CC = $(CROSS)gcc
AR = $(CROSS)ar
CFLAGS ?= -O2
CFLAGS += -std=c99 -Wall -Wextra -ffp-contract=off -I.
OBJECTS = $(patsubst %.c,%.o,$(shell cat sources.txt))

lib{0}.a: $(OBJECTS)
	$(AR) rcs $@ $^

check: lib{0}.a main_selftest.o {0}_selftest.o {0}_test_vectors.o
	$(CC) $(CFLAGS) main_selftest.o {0}_selftest.o {0}_test_vectors.o lib{0}.a -lm -o selftest
	./selftest && echo "self-test passed"

clean:
	rm -f $(OBJECTS) *.o lib{0}.a selftest
)",
        m_);
  }

  nlohmann::ordered_json LayersJson() const {
    auto layers = nlohmann::ordered_json::array();
    for (const CLayer& layer : net_.layers) {
      layers.push_back({{"name", layer.name},
                        {"what", layer.comment},
                        {"macs", layer.macs},
                        {"weight_octets", layer.table_octets},
                        {"activation_octets", layer.activation_octets}});
    }
    return layers;
  }

  int64_t TableOctets() const {
    int64_t octets = 0;
    for (const Table& table : net_.tables) octets += table.octets;
    return octets;
  }

  std::string ReportJson() const {
    nlohmann::ordered_json json;
    json["evidence"] = "estimated";
    json["layers"] = LayersJson();
    json["constants_octets"] = TableOctets();
    json["arena_octets"] = net_.memory.arena_octets;
    json["arena_lower_bound_octets"] = net_.memory.lower_bound_octets;
    return json.dump(2) + "\n";
  }

  std::string Report() const {
    std::string text = fmt::format(
        "# {}: layers and memory\n\n| # | layer | MACs | weights, octets | activations, octets "
        "|\n|--:|---|--:|--:|--:|\n",
        m_);
    for (size_t i = 0; i < net_.layers.size(); ++i) {
      const CLayer& layer = net_.layers[i];
      text += fmt::format("| {} | {} | {} | {} | {} |\n", i, CString(layer.comment), layer.macs,
                          layer.table_octets, layer.activation_octets);
    }
    return text +
           fmt::format(
               "\nConstants: {} octets. Arena: {} octets; no plan can do with less than {}.\n"
               "Exact by construction. Code size, stack and instructions are measured by `platypus "
               "verify`.\n",
               TableOctets(), net_.memory.arena_octets, net_.memory.lower_bound_octets);
  }

  std::string Readme() const {
    std::string facts;
    for (const auto& [name, value] : r_.facts)
      facts += fmt::format("| {} | {} |\n", CString(name), CString(value));
    return fmt::format(R"(# {0}

C99 source of one trained classifier, from samples to classes: no heap, no recursion, no double, no library but `sqrtf`.

| | |
|---|---|
{2}
Use it:

    #include "{0}_app.h"
    static {0}_app app;
    {0}_app_init(&app);
    /* whenever rows have arrived, in portions of any size: */
    tm_i32 decided = {0}_app_push(&app, rows, count);   /* -1: not yet */
    if (decided >= 0) puts({0}_class_names[decided]);

- `{0}.h` the network alone; `{0}_fe.h` feature extraction alone; `{0}_config.h` every constant.
- Build with the files of `sources.txt`, the CMakeLists.txt or the Makefile (`make check` runs the self-test here).
  Compile with `-ffp-contract=off` (or your compiler's name for it): features then have the host's bits.
- `main_selftest.c` on your board: `test_result` becomes 1 when it computes what the host computed.
- Memory: {1} octets for the activations, inside the context; see REPORT.md.
)",
                       m_, net_.memory.arena_octets, facts);
  }

  std::string Manifest() const {
    nlohmann::ordered_json json;
    json["schema"] = 1;
    json["generator"] = r_.generator_version;
    json["prefix"] = m_;
    json["model_hash"] = ModelHash();
    json["task_type"] = r_.task_type;
    json["device"] = r_.device;
    json["classes"] = r_.classes;
    json["input"] = {{"shape", r_.network->Input().shape},
                     {"order", "channel, height, width"},
                     {"type", net_.in_type},
                     {"scale", net_.in_scale},
                     {"zero_point", 0}};
    json["output"] = {{"length", net_.out_elements},
                      {"type", net_.out_type},
                      {"scale", net_.out_scale},
                      {"zero_point", 0}};
    auto chain = nlohmann::ordered_json::array();
    for (const features::Stage& stage : r_.pipeline->stages) chain.push_back(features::Name(stage));
    const features::Pipeline& p = *r_.pipeline;
    json["features"] = {{"variables", p.variables},
                        {"frame_size", p.frame_size},
                        {"hop", p.hop},
                        {"frames", p.frame_concat},
                        {"frame_skip", p.frame_skip},
                        {"decimation", p.decimation},
                        {"sample_divisor", p.scale},
                        {"chain", chain}};
    auto facts = nlohmann::ordered_json::object();
    for (const auto& [name, value] : r_.facts) facts[name] = value;
    json["facts"] = facts;
    json["golden_sets"] = r_.golden.size();
    json["arena_octets"] = net_.memory.arena_octets;
    json["licence"] = "0BSD";
    auto files = nlohmann::ordered_json::object();
    for (const auto& [path, content] : package_) files[path] = HashText(content);
    json["files"] = files;
    return json.dump(2, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
  }

  const PackageRequest& r_;
  std::string m_;
  std::string upper_;
  CNetwork net_;
  Package package_;
};

}  // namespace

Package Generate(const PackageRequest& request) {
  Check(!request.prefix.empty() && request.network != nullptr && request.pipeline != nullptr,
        "incomplete request");
  for (const char c : request.prefix) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') {
      Fail(Category::kConfiguration, "compilation.prefix: '{}' is not a C identifier",
           request.prefix);
    }
  }
  if (std::isdigit(static_cast<unsigned char>(request.prefix[0])) != 0 ||
      request.prefix.size() > 24) {
    Fail(Category::kConfiguration,
         "compilation.prefix: '{}' must begin with a letter and have at most 24 characters "
         "(external names of 31 "
         "characters are all that C99 promises to tell apart)",
         request.prefix);
  }
  return Emitter(request).Run();
}

void Write(const Package& package, const fs::path& folder) {
  const fs::path temporary = folder.lexically_normal().string() + ".writing";
  fs::remove_all(temporary);
  for (const auto& [path, content] : package) WriteFile(temporary / path, content);
  fs::remove_all(folder);
  fs::rename(temporary, folder);
}

}  // namespace platypus::deploy
