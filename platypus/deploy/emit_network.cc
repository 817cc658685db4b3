#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "platypus/deploy/arena.h"
#include "platypus/deploy/c_text.h"
#include "platypus/deploy/emission.h"
#include "platypus/deploy/shared_functions.h"

namespace platypus::deploy {
namespace {

// Headers of the runtime that layers need beside the common ones.
std::set<std::string> HeadersOf(const Emission& e) {
  std::set<std::string> headers;
  for (const CLayer& layer : e.net.layers) {
    if (!layer.header.empty()) headers.insert(layer.header);
  }
  return headers;
}

const char* MacroOf(config::Optimise optimise) {
  switch (optimise) {
    case config::Optimise::kSize:
      return "TM_SIZE";
    case config::Optimise::kBalanced:
      return "TM_BALANCED";
    case config::Optimise::kSpeed:
      break;
  }
  return "TM_SPEED";
}

bool IsRecurrent(const Emission& e) {
  return std::any_of(e.net.layers.begin(), e.net.layers.end(), [](const CLayer& layer) {
    return layer.definitions.find("tm_recurrent ") != std::string::npos;
  });
}

// A plan for a char of 16 bits has room for 8, too.
std::string PlannedFor(const Emission& e) {
  if (e.net.char_bits != 8 || !e.net.arena_mixes) return "";
  return fmt::format(
      "/* Values of several types are placed in the arena as a char of 8 bits has it. */\n"
      "TM_ASSERT({}_char_bits, TM_CHAR_BITS == 8);\n",
      e.m);
}

std::string Header(const Emission& e) {
  const Shape in = e.request.network->Input().shape;
  std::string text = Top(e, e.m + ".h", "the network");
  text += Open(e.upper + "_H", "#include \"rt/tm_port.h\"\n");
  text += fmt::format(R"(#define {0}_API_VERSION 1
/* First 32 bits of the SHA-256 of the network's constants. */
#define {0}_MODEL_HASH 0x{1}UL

#define {0}_IN_C {2}
#define {0}_IN_H {3}
#define {0}_IN_W {4}
#define {0}_IN_LEN {5}
#define {0}_OUT_LEN {6}
#define {0}_NUM_LAYERS {7}

/* Memory of a context, in elements of the arena's type and in octets. */
#define {0}_ARENA_ELEMS {8}
#define {0}_ARENA_OCTETS {9}

typedef {10} {11}_in_t;
typedef {12} {11}_out_t;

/* One inference at a time. Several contexts may be in use at once. -D{0}_ARENA=name takes the memory
 * out of them: an array `tm_u32 name[]` of at least {0}_ARENA_OCTETS octets, which other models may
 * use too when this one does not run. */
typedef struct {{
  tm_i32 layer; /* next layer to run */
  const {11}_in_t *in;
  {11}_out_t *out;
#ifndef {0}_ARENA
  {13} TM_ALIGN(4) arena[{0}_ARENA_ELEMS];
#endif
}} {11}_ctx;
{14}
tm_status {11}_init({11}_ctx *ctx);

/* in: {0}_IN_LEN values, channel after channel; out: {0}_OUT_LEN values. */
tm_status {11}_run({11}_ctx *ctx, const {11}_in_t *in, {11}_out_t *out);

/* The same in slices: _start, then _step until it returns TM_OK. Each step runs one layer. */
tm_status {11}_start({11}_ctx *ctx, const {11}_in_t *in, {11}_out_t *out);
tm_status {11}_step({11}_ctx *ctx);

/* Features to the network's input and its output to real values (copies when they are floats). */
void {11}_quantize_input(const tm_f32 *features, {11}_in_t *in);
/* `count` of these features, the first of which is value `at` of the input. */
void {11}_quantize_part(const tm_f32 *features, tm_i32 at, tm_i32 count, {11}_in_t *in);
void {11}_dequantize_output(const {11}_out_t *out, tm_f32 *values);
)",
                      e.upper, ModelHash(e).substr(0, 8), in[0], in.size() > 1 ? in[1] : 1,
                      in.size() > 2 ? in[2] : 1, InLength(e), e.net.out_elements,
                      e.net.layers.size(), ArenaElements(e.net), ArenaOctets(e.net), e.net.in_type,
                      e.m, e.net.out_type, e.net.arena_type, PlannedFor(e));
  if (Classifies(e)) {
    text += fmt::format(R"(
#define {0}_NUM_CLASSES {0}_OUT_LEN

/* Index of the largest output, the lowest one on a tie. */
tm_i32 {1}_argmax(const {1}_out_t *out);
)",
                        e.upper, e.m);
  }
  return text + Close(e.upper + "_H");
}

std::string Source(const Emission& e) {
  std::string text = Top(e, e.m + ".c", "the network, layer by layer");
  text += fmt::format("#define TM_OPTIMISE {}\n", MacroOf(e.request.optimise));
  text += fmt::format("#include \"{0}.h\"\n\n#include \"{0}_weights.h\"\n", e.m);
  if (NeedsFloatKernels(e)) text += "#include \"rt/tm_float.h\"\n";
  if (IsRecurrent(e)) text += "#include \"rt/tm_recurrent.h\"\n";
  if (e.net.is_integer) text += "#include \"rt/tm_kernels.h\"\n";
  for (const std::string& header : HeadersOf(e))
    text += fmt::format("#include \"rt/{}\"\n", header);
  text += fmt::format(R"(
#ifdef {0}_ARENA
extern tm_u32 {0}_ARENA[];
#define ARENA_OF(ctx) ((void)(ctx), ({1} *){0}_ARENA)
#else
#define ARENA_OF(ctx) ((ctx)->arena)
#endif

)",
                      e.upper, e.net.arena_type);
  text +=
      fmt::format("/* Activations share one arena of {} octets (at least {} would be needed).\n",
                  e.net.memory.arena_octets, e.net.memory.lower_bound_octets);
  for (const MemoryPlan::Buffer& b : e.net.memory.buffers) {
    text += fmt::format(" *   octets {:>6} to {:>6}: written by layer {}, last read by layer {}\n",
                        b.offset, b.offset + b.size - 1, b.first_layer, b.last_layer);
  }
  text += " */\n" + e.functions;
  for (size_t i = 0; i < e.net.layers.size(); ++i) {
    const CLayer& layer = e.net.layers[i];
    // Floats and codes of 16 bits in one place must not meet in one function, where a compiler may
    // take them for different places; and tm_port.h says what GCC does to layers that it knows. And
    // GCC finds fewer registers for loops of many layers in one function.
    text += fmt::format("\n/* {}. {} */\n", i, CString(layer.comment));
    for (const Constant& constant : layer.constants) text += Definition(constant);
    text += fmt::format("{}TM_NOINLINE static {} layer_{}({}_ctx *ctx) {{\n", layer.definitions,
                        layer.library.empty() ? "void" : "tm_status", i, e.m);
    if (layer.uses_arena) text += fmt::format("  {} *arena = ARENA_OF(ctx);\n", e.net.arena_type);
    if (layer.uses_in) text += fmt::format("  const {}_in_t *in = ctx->in;\n", e.m);
    if (layer.uses_out) text += fmt::format("  {}_out_t *out = ctx->out;\n", e.m);
    text += fmt::format("  {}\n}}\n", layer.call ? Statement(*layer.call) : layer.code);
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
{2}  switch (ctx->layer) {{
)",
                      e.m, e.upper, CallsCmsisNn(e) ? "  tm_status status = TM_OK;\n" : "");
  for (size_t i = 0; i < e.net.layers.size(); ++i) {
    text += fmt::format("    case {0}:\n      {1}layer_{0}(ctx);\n      break;\n", i,
                        e.net.layers[i].library.empty() ? "" : "status = ");
  }
  text += fmt::format(R"(    default:
      return TM_OK;
  }}
{2}  ctx->layer += 1;
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
                      e.m, e.upper,
                      CallsCmsisNn(e) ? "  if (status != TM_OK) {\n    return status;\n  }\n" : "");
  if (e.net.TakesCodes()) {
    text += fmt::format(
        "static const tm_f32 in_offset[{0}] = {{\n{1}}};\nstatic const tm_f32 in_multiplier[{0}] "
        "= "
        "{{\n{2}}};\nstatic const tm_f32 in_power[{0}] = {{\n{3}}}; /* 2^-shift */\n\n",
        e.net.in_offset.size(), CList(e.net.in_offset), CList(e.net.in_multiplier),
        CList(e.net.in_power));
  }
  text += fmt::format(
      "TM_NOINLINE void {0}_quantize_part(const tm_f32 *features, tm_i32 at, tm_i32 count, "
      "{0}_in_t "
      "*in) {{\n",
      e.m);
  const auto channels = static_cast<int64_t>(e.net.in_offset.size());
  const std::string quantize =
      fmt::format("tm_quantize_{}(features, 1, 1, ", e.net.in_type.substr(3));
  const std::string bounds = fmt::format("{}, {}", CFloat(e.net.in_lo), CFloat(e.net.in_hi));
  if (!e.net.TakesCodes()) {
    text += "  memcpy(in + at, features, (size_t)count * sizeof *in);\n";
  } else if (channels == 1) {
    text += fmt::format("  {}count, in_offset, in_multiplier, in_power, {}, in + at);\n", quantize,
                        bounds);
  } else {
    text += fmt::format(R"(  while (count > 0) {{
    const tm_i32 channel = at / {0};
    const tm_i32 rest = (channel + 1) * {0} - at;
    const tm_i32 part = count < rest ? count : rest;
    {1}part, in_offset + channel, in_multiplier + channel, in_power + channel,
                   {2}, in + at);
    features += part;
    at += part;
    count -= part;
  }}
)",
                        InLength(e) / channels, quantize, bounds);
  }
  text += fmt::format(R"(}}

void {0}_quantize_input(const tm_f32 *features, {0}_in_t *in) {{
  {0}_quantize_part(features, 0, {1}_IN_LEN, in);
}}

)",
                      e.m, e.upper);
  const std::string code =
      e.net.out_zero_point == 0 ? "out[i]" : fmt::format("(out[i] - {})", e.net.out_zero_point);
  const std::string value =
      e.net.GivesCodes() ? fmt::format("(tm_f32){} * {}", code, CFloat(e.net.out_scale)) : "out[i]";
  text += fmt::format(R"(void {0}_dequantize_output(const {0}_out_t *out, tm_f32 *values) {{
  tm_i32 i;
  for (i = 0; i < {1}_OUT_LEN; ++i) {{
    values[i] = {2};
  }}
}}
)",
                      e.m, e.upper, value);
  if (Classifies(e)) {
    text += fmt::format(R"(
tm_i32 {0}_argmax(const {0}_out_t *out) {{
  tm_i32 best = 0;
  tm_i32 i;
  for (i = 1; i < {1}_OUT_LEN; ++i) {{
    best = out[i] > out[best] ? i : best;
  }}
  return best;
}}
)",
                        e.m, e.upper);
  }
  return text;
}

// What the headers of tables need of the runtime.
const char* TableIncludes(const Emission& e) {
  const auto any = [&](std::string Table::*form) {
    return std::ranges::any_of(e.net.tables, [&](const Table& t) { return !(t.*form).empty(); });
  };
  if (any(&Table::pairs)) return "#define TM_PACKED 1\n#include \"rt/tm_weights.h\"\n";
  if (any(&Table::fours)) return "#include \"rt/tm_weights.h\"\n";
  // CMSIS-NN has types of its own for what the runtime calls a tm_i32.
  return CallsCmsisNn(e) ? "#include <stdint.h>\n\n#include \"rt/tm_port.h\"\n"
                         : "#include \"rt/tm_port.h\"\n";
}

std::string Declaration(const Emission& e, const Table& t) {
  if (!t.pairs.empty())
    return fmt::format("{}_TABLE tm_octets w_{}[TM_PACKED_LENGTH({})]", e.upper, t.name, t.octets);
  const char* type = t.fours.empty() ? t.type.c_str() : "TM_CODES";
  return fmt::format("{}_TABLE {} w_{}[{}]", e.upper, type, t.name, t.count);
}

const std::string& Initializer(const Table& t) {
  return !t.pairs.empty() ? t.pairs : !t.fours.empty() ? t.fours : t.values;
}

std::string WeightsHeader(const Emission& e) {
  const std::string guard = e.upper + "_WEIGHTS_H";
  std::string text = Top(e, e.m + "_weights.h", "constant tables") + Open(guard, TableIncludes(e));
  text +=
      "/* The tables' real names begin with the model's and are short: several models fit into "
      "one firmware, and\n"
      " * linkers that look at 31 characters can tell them apart. */\n";
  for (size_t i = 0; i < e.net.tables.size(); ++i) {
    text += fmt::format("#define w_{} {}\n", e.net.tables[i].name, TableSymbol(e, i));
  }
  text += fmt::format(R"(
/* Tables stay in flash, or with -D{0}_WEIGHTS_IN_RAM are copied to RAM before main. */
#ifdef {0}_WEIGHTS_IN_RAM
#define {0}_TABLE
#else
#define {0}_TABLE const
#endif

)",
                      e.upper);
  for (const Table& t : e.net.tables) text += fmt::format("extern {};\n", Declaration(e, t));
  return text + Close(guard);
}

std::string Weights(const Emission& e) {
  std::string text = Top(e, e.m + "_weights.c", "constant tables");
  text += fmt::format("#include \"{}_weights.h\"\n", e.m);
  for (const Table& t : e.net.tables) {
    text += fmt::format("\n{} = {{\n{}}};\n", Declaration(e, t), Initializer(t));
  }
  return text;
}

}  // namespace

std::string TableSymbol(const Emission& e, size_t table) {
  return fmt::format("{}_w{}", e.m, table);
}

std::vector<std::string> NetworkRuntimeFiles(const Emission& e) {
  std::vector<std::string> files = {"tm_dsp.h",   "tm_math.c",   "tm_math.h",
                                    "tm_moves.h", "tm_resize.h", "tm_shape.h"};
  if (e.net.is_integer)
    files.insert(files.end(),
                 {"tm_armv6m.h", "tm_dsp_layers.h", "tm_helium.h", "tm_helium_layers.h",
                  "tm_kernels.h", "tm_layers.h", "tm_sums.h", "tm_weights.h"});
  if (NeedsFloatKernels(e)) files.insert(files.end(), {"tm_float.h", "tm_functions.h"});
  if (IsRecurrent(e)) files.push_back("tm_recurrent.h");
  for (const std::string& header : HeadersOf(e)) {
    files.push_back(header);
    if (header == "tm_integer_recurrent.h") files.push_back("tm_gates.h");
    if (header == "tm_spread.h") files.push_back("tm_cells.h");
  }
  return files;
}

void EmitNetwork(const Emission& e, Package& package) {
  package[e.m + ".h"] = Header(e);
  package[e.m + ".c"] = Source(e);
  package[e.m + "_weights.h"] = WeightsHeader(e);
  package[e.m + "_weights.c"] = Weights(e);
}

}  // namespace platypus::deploy
