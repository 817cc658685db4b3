#include "platypus/deploy/emit_features.h"

#include <algorithm>

#include "platypus/base/error.h"
#include "platypus/deploy/c_text.h"
#include "tm_fft.h"

namespace platypus::deploy {
namespace {

using features::Pipeline;
using features::Signal;
using features::Stage;

template <typename T>
bool Has(const Pipeline& pipeline) {
  return std::any_of(pipeline.stages.begin(), pipeline.stages.end(),
                     [](const Stage& stage) { return std::holds_alternative<T>(stage); });
}

// Writes the body of the function that runs the chain on one frame: buffers a (in, then current)
// and b.
class ChainWriter {
 public:
  explicit ChainWriter(const Pipeline& pipeline) : pipeline_(pipeline) {
    Signal signal{pipeline.frame_size, false};
    largest_ = Floats(signal);
    for (size_t i = 0; i < pipeline.stages.size(); ++i) {
      signal = std::visit([&](const auto& stage) { return Write(stage, i, signal); },
                          pipeline.stages[i]);
      largest_ = std::max(largest_, Floats(signal));
    }
    length_ = signal.length;
  }

  const std::string& Body() const { return body_; }
  const std::string& Current() const { return current_; }
  int Offset() const { return offset_; }
  int Length() const { return length_; }
  int BufferFloats() const { return largest_; }

 private:
  std::string In() const {
    return offset_ == 0 ? current_ : fmt::format("{} + {}", current_, offset_);
  }
  void Line(const Stage& stage, const std::string& call) {
    body_ += fmt::format("  {} /* {} */\n", call, features::Name(stage));
  }
  void Swap() {
    std::swap(current_, other_);
    offset_ = 0;
  }
  static int Floats(Signal s) { return s.is_complex ? 2 * s.length : s.length; }

  Signal Write(const features::Window& stage, size_t, Signal s) {
    Line(stage, fmt::format("tm_fe_window({0}, window, {1}, {0});", In(), s.length));
    return s;
  }
  Signal Write(const features::RawFrame& stage, size_t, Signal s) {
    if (stage.remove_mean)
      Line(stage, fmt::format("tm_fe_subtract_mean({0}, {1}, {0});", In(), s.length));
    return s;
  }
  Signal Write(const features::Fft& stage, size_t index, Signal s) {
    const int bins = features::NeededBins(pipeline_.stages, index, s.length);
    Line(stage,
         fmt::format("tm_rfft({}, {}, twiddle, s->work, {}, {});", In(), s.length, other_, bins));
    Swap();
    largest_ = std::max(largest_, 2 * bins);
    return {bins, true};
  }
  Signal Write(const features::Normalize& stage, size_t, Signal s) {
    Line(stage, fmt::format("tm_fe_divide({0}, {1}, {2}, {0});", In(), Floats(s),
                            CFloat(static_cast<float>(stage.divisor))));
    return s;
  }
  Signal Write(const features::RoundOff& stage, size_t, Signal s) {
    Line(stage, fmt::format("tm_fe_round({0}, {1}, {0});", In(), Floats(s)));
    return s;
  }
  Signal Write(const features::KeepFirst& stage, size_t, Signal s) {
    return {std::min(s.length, stage.count), s.is_complex};
  }
  Signal Write(const features::Magnitude& stage, size_t, Signal s) {
    Line(stage, fmt::format("{2}({0}, {1}, {0});", In(), s.length,
                            s.is_complex ? "tm_fe_magnitude" : "tm_fe_absolute"));
    return {s.length, false};
  }
  Signal Write(const features::DropFirst&, size_t,
               Signal s) {  // the next step starts one element later
    offset_ += s.is_complex ? 2 : 1;
    return {s.length - 1, s.is_complex};
  }
  Signal Write(const features::Bin& bin, size_t, Signal s) {
    Line(bin,
         fmt::format("tm_fe_bin({}, {}, {}, {}, {}, {}, {});", In(), s.length, bin.first, bin.width,
                     bin.count, CFloat(bin.mean ? static_cast<float>(bin.width) : 1.0f), other_));
    Swap();
    return {bin.count, false};
  }
  Signal Write(const features::LogDb& stage, size_t, Signal s) {
    Line(stage, fmt::format("tm_fe_log({0}, {1}, {2}, {3}, {0});", In(), s.length,
                            CFloat(stage.threshold), CFloat(features::LogFactor(stage))));
    return s;
  }

  const Pipeline& pipeline_;
  std::string body_;
  std::string current_ = "s->a";
  std::string other_ = "s->b";
  int offset_ = 0;
  int length_ = 0;
  int largest_ = 0;
};

std::string ChainText(const Pipeline& pipeline) {
  std::string text;
  for (const Stage& stage : pipeline.stages)
    text += fmt::format("{}{}", text.empty() ? "" : ", ", features::Name(stage));
  return text.empty() ? "none (the window itself)" : text;
}

// First frame index that completes a sample: at least n - 1 and a multiple of frame_skip.
int FirstSample(const Pipeline& pipeline) {
  if (pipeline.frame_concat < 2) return 0;
  int index = pipeline.frame_concat - 1;
  while (index % pipeline.frame_skip != 0) ++index;
  return index;
}

std::string Header(const PackageRequest& request, const ChainWriter& chain) {
  const Pipeline& p = *request.pipeline;
  const std::string& m = request.prefix;
  const std::string upper = Upper(m);
  const bool has_fft = Has<features::Fft>(p);
  std::string text =
      Banner(m + "_fe.h", "feature extraction, streaming", request.generator_version);
  text += fmt::format(R"(#ifndef {0}_FE_H
#define {0}_FE_H

#include "rt/tm_port.h"

#ifdef __cplusplus
extern "C" {{
#endif

/* Steps of every frame of every variable: {1}. */
#define {0}_FE_VARIABLES {2}
#define {0}_FE_FRAME_SIZE {3}
/* Rows between the starts of neighbouring frames. */
#define {0}_FE_HOP {4}
/* Frames of one sample, and features of a frame and variable. */
#define {0}_FE_FRAMES {5}
#define {0}_FE_FRAME_FEATURES {6}
#define {0}_FE_FEATURES {7}
/* Rows must arrive at 1 / {8} of the rate of the recordings (Downsample). */
#define {0}_FE_DECIMATION {8}

/* Everything that is remembered between calls, and the room to compute in. */
typedef struct {{
  tm_f32 rows[{0}_FE_FRAME_SIZE * {0}_FE_VARIABLES]; /* [row][variable] */
  tm_f32 frames[{0}_FE_FRAMES * {0}_FE_VARIABLES * {0}_FE_FRAME_FEATURES]; /* [frame][variable][feature] */
  tm_f32 a[{9}];
  tm_f32 b[{9}];
)",
                      upper, ChainText(p), p.variables, p.frame_size, p.hop, p.frame_concat,
                      chain.Length(), chain.Length() * p.variables * p.frame_concat, p.decimation,
                      chain.BufferFloats());
  if (has_fft) text += fmt::format("  tm_f32 work[{}];\n", TM_RFFT_WORK(p.frame_size));
  text += fmt::format(R"(  tm_i32 filled;  /* rows of the frame that is being collected */
  tm_i32 skip;    /* rows to pass over before the next frame */
  tm_i32 next;    /* slot of the next frame's features */
  tm_i32 wait;    /* frames until the next sample; set it to {1}_FE_FRAMES for a sample at once */
  int ready;
}} {0}_fe_state;

#define {1}_FE_STATE_OCTETS (sizeof({0}_fe_state) * CHAR_BIT / 8)

void {0}_fe_init({0}_fe_state *s);

/* Takes rows [row][variable] in any portions until a sample is ready; returns how many rows it took. Take the
 * sample with {0}_fe_input before pushing the rest. */
tm_i32 {0}_fe_push({0}_fe_state *s, const tm_f32 *rows, tm_i32 count);
/* The same from converter codes. */
tm_i32 {0}_fe_push_i16({0}_fe_state *s, const tm_i16 *rows, tm_i32 count);

int {0}_fe_ready(const {0}_fe_state *s);

/* The network's input, {1}_FE_FEATURES values: variables follow each other, oldest frame first. */
void {0}_fe_input({0}_fe_state *s, tm_f32 *features);

#ifdef __cplusplus
}}
#endif

#endif /* {1}_FE_H */
)",
                      m, upper);
  return text;
}

std::string Source(const PackageRequest& request, const ChainWriter& chain) {
  const Pipeline& p = *request.pipeline;
  const std::string& m = request.prefix;
  const std::string upper = Upper(m);
  std::string text =
      Banner(m + "_fe.c", "feature extraction, streaming", request.generator_version);
  text += fmt::format("#include \"{}_fe.h\"\n\n", m);
  if (!p.stages.empty()) text += "#include \"rt/tm_fe.h\"\n";
  if (Has<features::Fft>(p)) text += "#include \"rt/tm_fft.h\"\n";
  if (Has<features::Window>(p)) {
    text += fmt::format("\n/* Hann window. */\nstatic const tm_f32 window[{}] = {{\n{}}};\n",
                        p.frame_size, CList(features::HannWindow(p.frame_size)));
  }
  if (Has<features::Fft>(p)) {
    const std::vector<float> table = features::TwiddleTable(p.frame_size);
    text += fmt::format(
        "\n/* cos(2 pi k / {0}), -sin(2 pi k / {0}). */\nstatic const tm_f32 twiddle[{1}] = "
        "{{\n{2}}};\n",
        p.frame_size, table.size(), CList(table));
  }
  const std::string divide =
      p.scale == 1.0f ? std::string() : fmt::format(" / {}", CFloat(p.scale));
  const std::string from = chain.Offset() == 0
                               ? chain.Current()
                               : fmt::format("{} + {}", chain.Current(), chain.Offset());
  text += fmt::format(R"(
/* Features of the variable whose frame stands in s->a. */
static void frame_features({0}_fe_state *s, tm_f32 *out) {{
{2}  memcpy(out, {3}, {1}_FE_FRAME_FEATURES * sizeof *out);
}}

/* The collected frame is complete. */
static void finish_frame({0}_fe_state *s) {{
  tm_f32 *out = s->frames + s->next * ({1}_FE_VARIABLES * {1}_FE_FRAME_FEATURES);
  tm_i32 v;
  tm_i32 t;
  for (v = 0; v < {1}_FE_VARIABLES; ++v) {{
    for (t = 0; t < {1}_FE_FRAME_SIZE; ++t) {{
      s->a[t] = s->rows[t * {1}_FE_VARIABLES + v];
    }}
    frame_features(s, out + v * {1}_FE_FRAME_FEATURES);
  }}
  s->next = s->next + 1 == {1}_FE_FRAMES ? 0 : s->next + 1;
  s->wait -= 1;
  if (s->wait == 0) {{
    s->ready = 1;
    s->wait = {4};
  }}
#if {1}_FE_HOP < {1}_FE_FRAME_SIZE
  memmove(s->rows, s->rows + {1}_FE_HOP * {1}_FE_VARIABLES,
          (({1}_FE_FRAME_SIZE - {1}_FE_HOP) * {1}_FE_VARIABLES) * sizeof *s->rows);
  s->filled = {1}_FE_FRAME_SIZE - {1}_FE_HOP;
#else
  s->filled = 0;
  s->skip = {1}_FE_HOP - {1}_FE_FRAME_SIZE;
#endif
}}

void {0}_fe_init({0}_fe_state *s) {{
  memset(s, 0, sizeof *s);
  s->wait = {5};
}}

/* One row; `value` writes a variable's sample. */
#define TAKE_ROW(value)                                                  \
  if (s->skip > 0) {{                                                     \
    s->skip -= 1;                                                        \
  }} else {{                                                              \
    tm_i32 v;                                                            \
    for (v = 0; v < {1}_FE_VARIABLES; ++v) {{                             \
      s->rows[s->filled * {1}_FE_VARIABLES + v] = (value){6};            \
    }}                                                                    \
    s->filled += 1;                                                      \
    if (s->filled == {1}_FE_FRAME_SIZE) {{                                \
      finish_frame(s);                                                   \
    }}                                                                    \
  }}

tm_i32 {0}_fe_push({0}_fe_state *s, const tm_f32 *rows, tm_i32 count) {{
  tm_i32 i;
  for (i = 0; i < count && !s->ready; ++i) {{
    TAKE_ROW(rows[i * {1}_FE_VARIABLES + v])
  }}
  return i;
}}

tm_i32 {0}_fe_push_i16({0}_fe_state *s, const tm_i16 *rows, tm_i32 count) {{
  tm_i32 i;
  for (i = 0; i < count && !s->ready; ++i) {{
    TAKE_ROW((tm_f32)rows[i * {1}_FE_VARIABLES + v])
  }}
  return i;
}}

int {0}_fe_ready(const {0}_fe_state *s) {{ return s->ready; }}

void {0}_fe_input({0}_fe_state *s, tm_f32 *features) {{
  tm_i32 v;
  tm_i32 f;
  for (v = 0; v < {1}_FE_VARIABLES; ++v) {{
    tm_i32 slot = s->next; /* the oldest frame */
    for (f = 0; f < {1}_FE_FRAMES; ++f) {{
      memcpy(features, s->frames + (slot * {1}_FE_VARIABLES + v) * {1}_FE_FRAME_FEATURES,
             {1}_FE_FRAME_FEATURES * sizeof *features);
      features += {1}_FE_FRAME_FEATURES;
      slot = slot + 1 == {1}_FE_FRAMES ? 0 : slot + 1;
    }}
  }}
  s->ready = 0;
}}
)",
                      m, upper, chain.Body(), from, p.frame_concat > 1 ? p.frame_skip : 1,
                      FirstSample(p) + 1, divide);
  return text;
}

}  // namespace

void EmitFeatures(const PackageRequest& request, Package& package) {
  const ChainWriter chain(*request.pipeline);
  package[request.prefix + "_fe.h"] = Header(request, chain);
  package[request.prefix + "_fe.c"] = Source(request, chain);
}

std::vector<std::string> FeatureRuntimeFiles(const features::Pipeline& pipeline) {
  std::vector<std::string> files = {"tm_port.h"};
  if (!pipeline.stages.empty())
    files.insert(files.end(), {"tm_fe.c", "tm_fe.h", "tm_math.c", "tm_math.h"});
  if (Has<features::Fft>(pipeline)) files.insert(files.end(), {"tm_fft.c", "tm_fft.h"});
  return files;
}

}  // namespace platypus::deploy
