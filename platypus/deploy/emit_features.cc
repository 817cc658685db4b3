#include "platypus/deploy/emit_features.h"

#include <algorithm>
#include <map>
#include <set>

#include "platypus/base/error.h"
#include "platypus/deploy/c_text.h"
#include "tm_fft.h"
#include "tm_pir.h"

namespace platypus::deploy {
namespace {

using features::Pipeline;
using features::Signal;
using features::Stage;

using features::Windows;

// One of two kinds of numbers that a chain computes with, and its two buffers in the state.
struct Buffers {
  std::string current;
  std::string other;
  int offset = 0;  // where the values begin in `current`
  int size = 0;    // of each, 0 if the chain has no such values
  bool swapped = false;

  std::string In() const { return offset == 0 ? current : fmt::format("{} + {}", current, offset); }
  void Swap() {
    std::swap(current, other);
    offset = 0;
    swapped = true;
  }
};

// Writes the body of the function that runs the chain on one frame. Floats stand in the buffers a
// (the frame at first) and b, 16-bit values in qa and qb.
class ChainWriter {
 public:
  explicit ChainWriter(const Pipeline& pipeline) : pipeline_(pipeline) {
    Signal signal{pipeline.frame_size, false};
    // A chain that begins or ends with 16-bit values keeps rows or features so.
    rows_q15_ = !pipeline.stages.empty() &&
                std::holds_alternative<features::Truncate>(pipeline.stages.front());
    frames_q15_ =
        !pipeline.stages.empty() && std::holds_alternative<features::Widen>(pipeline.stages.back());
    if (!rows_q15_) Keep(signal);
    for (size_t i = 0; i < pipeline.stages.size(); ++i) {
      const bool first = i == 0 && rows_q15_;
      const bool last = i + 1 == pipeline.stages.size() && frames_q15_;
      const Stage& stage = pipeline.stages[i];
      if (first) {
        signal.is_q15 = true;
      } else if (!last) {
        signal = std::visit([&](const auto& s) { return Write(s, i, signal); }, stage);
      }
      if (!last) Keep(signal);
    }
    length_ = signal.length;
  }

  const std::string& Body() const { return body_; }
  // The features, behind the body.
  std::string Out() const { return frames_q15_ ? codes_.In() : floats_.In(); }
  int Length() const { return length_; }
  const char* RowType() const { return rows_q15_ ? "tm_i16" : "tm_f32"; }
  const char* FrameType() const { return frames_q15_ ? "tm_i16" : "tm_f32"; }
  bool RowsAreCodes() const { return rows_q15_; }
  bool FramesAreCodes() const { return frames_q15_; }
  const char* FrameBuffer() const { return rows_q15_ ? "s->qa" : "s->a"; }

  std::string StateMembers() const {
    std::string text;
    const auto add = [&](const char* type, const char* name, int size) {
      if (size > 0) text += fmt::format("  {} {}[{}];\n", type, name, size);
    };
    add("tm_f32", "a", floats_.size);
    add("tm_f32", "b", floats_.swapped ? floats_.size : 0);
    add("tm_f32", "work", work_);
    add("tm_i16", "qa", codes_.size);
    add("tm_i16", "qb", codes_.swapped ? codes_.size : 0);
    add("tm_i16", "qwork", work_codes_);
    return text;
  }
  // Each table once.
  std::string Tables() const {
    std::string text;
    for (const auto& [name, table] : tables_) text += table;
    return text;
  }
  const std::set<std::string>& Headers() const { return headers_; }

 private:
  void Line(const Stage& stage, const std::string& call) {
    body_ += fmt::format("  {} /* {} */\n", call, features::Name(stage));
  }
  static int Values(Signal s) { return s.is_complex ? 2 * s.length : s.length; }
  void Keep(Signal s) {
    Buffers& buffers = s.is_q15 ? codes_ : floats_;
    buffers.size = std::max(buffers.size, Values(s) + buffers.offset);
  }
  std::string AddWindow(int n) {
    const std::string name = fmt::format("window_{}", n);
    tables_[name] = fmt::format("\n/* Hann window. */\nstatic const tm_f32 {}[{}] = {{\n{}}};\n",
                                name, n, CList(features::HannWindow(n)));
    return name;
  }
  std::string AddTwiddle(int n) {
    headers_.insert("fft");
    const std::string name = fmt::format("twiddle_{}", n);
    const std::vector<float> table = features::TwiddleTable(n);
    tables_[name] = fmt::format(
        "\n/* cos(2 pi k / {0}), -sin(2 pi k / {0}). */\nstatic const tm_f32 {1}[{2}] = "
        "{{\n{3}}};\n",
        n, name, table.size(), CList(table));
    return name;
  }
  // Arguments twiddle, split.
  std::string AddTablesQ15(int n) {
    headers_.insert("q15");
    const auto add = [&](const std::string& name, const std::string& what,
                         const std::vector<int16_t>& table) {
      tables_[name] =
          fmt::format("\n/* {} */\nstatic const tm_i16 {}[{}] = {{\n{}}};\n", what, name,
                      table.size(), CList(std::vector<int32_t>(table.begin(), table.end())));
      return name;
    };
    return add(fmt::format("twiddle_q15_{}", n),
               fmt::format("32768 cos(2 pi k / {0}), 32768 sin(2 pi k / {0}).", n / 2),
               features::TwiddleTableQ15(n)) +
           ", " +
           add(fmt::format("split_q15_{}", n),
               fmt::format("16384 (1 - sin(2 pi k / {0})), 16384 cos(2 pi k / {0}).", n),
               features::SplitTableQ15(n));
  }
  std::string AddWindows(const Windows& w, int samples, size_t index) {
    headers_.insert("pir");
    const std::string name = fmt::format("windows_{}", index);
    tables_[name] = fmt::format(
        "\n/* Samples of a frame, windows, step, samples of a window, of a chunk, points of a "
        "spectrum. */\nstatic const tm_windows {} = {{{}, {}, {}, {}, {}, {}}};\n",
        name, samples, w.count, w.step, w.length, w.chunk, w.fft);
    return name;
  }
  void NeedWork(int floats) { work_ = std::max(work_, floats); }

  Signal Write(const features::Window& stage, size_t, Signal s) {
    Line(stage, fmt::format("tm_fe_window({0}, {2}, {1}, {0});", floats_.In(), s.length,
                            AddWindow(s.length)));
    return s;
  }
  Signal Write(const features::RawFrame& stage, size_t, Signal s) {
    if (stage.remove_mean)
      Line(stage, fmt::format("tm_fe_subtract_mean({0}, {1}, {0});", floats_.In(), s.length));
    return s;
  }
  Signal Write(const features::Fft& stage, size_t index, Signal s) {
    const int bins = features::NeededBins(pipeline_.stages, index, s.length);
    Line(stage, fmt::format("tm_rfft({}, {}, {}, s->work, {}, {});", floats_.In(), s.length,
                            AddTwiddle(s.length), floats_.other, bins));
    NeedWork(TM_RFFT_WORK(s.length));
    floats_.Swap();
    return {bins, true};
  }
  Signal Write(const features::Normalize& stage, size_t, Signal s) {
    Line(stage, fmt::format("tm_fe_divide({0}, {1}, {2}, {0});", floats_.In(), Values(s),
                            CFloat(static_cast<float>(stage.divisor))));
    return s;
  }
  Signal Write(const features::RoundOff& stage, size_t, Signal s) {
    Line(stage, fmt::format("tm_fe_round({0}, {1}, {0});", floats_.In(), Values(s)));
    return s;
  }
  Signal Write(const features::KeepFirst& stage, size_t, Signal s) {
    s.length = std::min(s.length, stage.count);
    return s;
  }
  Signal Write(const features::Magnitude& stage, size_t, Signal s) {
    Line(stage, fmt::format("{2}({0}, {1}, {0});", floats_.In(), s.length,
                            s.is_complex ? "tm_fe_magnitude" : "tm_fe_absolute"));
    s.is_complex = false;
    return s;
  }
  Signal Write(const features::DropFirst&, size_t,
               Signal s) {  // the next step starts one element later
    (s.is_q15 ? codes_ : floats_).offset += s.is_complex ? 2 : 1;
    s.length -= 1;
    return s;
  }
  Signal Write(const features::Bin& bin, size_t, Signal s) {
    Line(bin, fmt::format("tm_fe_bin({}, {}, {}, {}, {}, {}, {});", floats_.In(), s.length,
                          bin.first, bin.width, bin.count,
                          CFloat(bin.mean ? static_cast<float>(bin.width) : 1.0f), floats_.other));
    floats_.Swap();
    return {bin.count, false};
  }
  Signal Write(const features::LogDb& stage, size_t, Signal s) {
    Line(stage, fmt::format("tm_fe_log({0}, {1}, {2}, {3}, {0});", floats_.In(), s.length,
                            CFloat(stage.threshold), CFloat(features::LogFactor(stage))));
    return s;
  }
  Signal Write(const features::MinMax& stage, size_t, Signal s) {
    Line(stage, fmt::format("tm_fe_min_max({0}, {1}, {0});", floats_.In(), s.length));
    return s;
  }
  Signal Write(const features::Haar& stage, size_t, Signal s) {
    Line(stage,
         fmt::format("tm_fe_haar({0}, {1}, {2}, {0});", floats_.In(), s.length, floats_.other));
    floats_.swapped = true;
    return s;
  }
  Signal Write(const features::Hadamard& stage, size_t, Signal s) {
    Line(stage, fmt::format("tm_fe_hadamard({0}, {1}, {0});", floats_.In(), s.length));
    return s;
  }
  // Between floats and 16-bit values: into the first buffer of the other kind.
  void Cross(const Stage& stage, const char* function, const Buffers& from, Buffers& to,
             int count) {
    headers_.insert("q15");
    to.offset = 0;
    Line(stage, fmt::format("{}({}, {}, {});", function, from.In(), count, to.current));
  }
  Signal Write(const features::ToQ15& stage, size_t, Signal s) {
    Cross(stage, "tm_q15_from_unit", floats_, codes_, s.length);
    s.is_q15 = true;
    return s;
  }
  Signal Write(const features::Truncate& stage, size_t, Signal s) {
    Cross(stage, "tm_q15_from_float", floats_, codes_, s.length);
    s.is_q15 = true;
    return s;
  }
  Signal Write(const features::Widen& stage, size_t, Signal s) {
    Cross(stage, "tm_q15_to_float", codes_, floats_, s.length);
    s.is_q15 = false;
    return s;
  }
  Signal Write(const features::FftQ15& stage, size_t, Signal s) {
    Line(stage, fmt::format("tm_q15_rfft({}, {}, {}, {});", codes_.In(), s.length,
                            AddTablesQ15(s.length), codes_.other));
    codes_.Swap();
    return {s.length / 2 + 1, true, true};
  }
  Signal Write(const features::ShiftQ15& stage, size_t, Signal s) {
    headers_.insert("q15");
    Line(stage,
         fmt::format("tm_q15_shift({0}, {1}, {2}, {0});", codes_.In(), Values(s), stage.bits));
    return s;
  }
  Signal Write(const features::MagnitudeQ15& stage, size_t, Signal s) {
    headers_.insert("q15");
    Line(stage, fmt::format("tm_q15_magnitude({0}, {1}, {0});", codes_.In(), s.length));
    return {s.length, false, true};
  }
  Signal Write(const features::BinQ15& bin, size_t, Signal s) {
    headers_.insert("q15");
    Line(bin, fmt::format("tm_q15_bin({}, {}, {}, {}, {}, {}, {});", codes_.In(), s.length,
                          bin.first, bin.width, bin.count, bin.mean ? bin.width : 1, codes_.other));
    codes_.Swap();
    return {bin.count, false, true};
  }
  Signal Write(const features::Pir& stage, size_t index, Signal s) {
    const Windows& w = stage.windows;
    Line(stage,
         fmt::format("tm_pir(&{}, {}, {}, {}, s->work, {});", AddWindows(w, s.length, index),
                     floats_.In(), CFloat(features::Hertz(w)), AddTwiddle(w.fft), floats_.other));
    NeedWork(TM_PIR_WORK(w.length, w.fft));
    floats_.Swap();
    return features::InferSignal(stage, s);
  }
  Signal Write(const features::PirQ15& stage, size_t index, Signal s) {
    const Windows& w = stage.windows;
    floats_.offset = 0;
    Line(stage, fmt::format("tm_pir_q15(&{}, {}, {}, {}, s->qwork, s->work, {});",
                            AddWindows(w, s.length, index), codes_.In(), features::Millirate(w),
                            AddTablesQ15(w.fft), floats_.current));
    NeedWork(w.chunk);
    work_codes_ = std::max<int>(work_codes_, TM_PIR_Q15_WORK(w.length, w.fft));
    return features::InferSignal(stage, s);
  }
  Signal Write(const features::Figures& stage, size_t index, Signal s) {
    const Windows& w = stage.windows;
    const Signal output = features::InferSignal(stage, s);
    headers_.insert("pir");
    int at = 0;  // of the figures written so far
    const auto out = [&](int count) {
      const std::string text = at == 0 ? floats_.other : fmt::format("{} + {}", floats_.other, at);
      at += count;
      return text;
    };
    const auto value = [&] { return fmt::format("{}[{}]", floats_.other, at++); };
    std::vector<std::string> calls;
    if (stage.kurtosis) {
      calls.push_back(fmt::format("tm_window_kurtosis(&{}, {}, s->work, {});",
                                  AddWindows(w, s.length, index), floats_.In(),
                                  out(w.count * (w.length / w.chunk))));
      NeedWork(w.length);
    }
    if (stage.entropy || stage.dominant) {
      calls.push_back(fmt::format("tm_spectrum({}, {}, {}, {}, s->work);", floats_.In(), s.length,
                                  w.fft, AddTwiddle(w.fft)));
      NeedWork(TM_SPECTRUM_WORK(w.fft));
    }
    if (stage.entropy)
      calls.push_back(fmt::format("{} = tm_entropy(s->work, {});", value(), w.fft));
    if (stage.zero_crossings) {
      calls.push_back(
          fmt::format("{} = tm_crossing_rate({}, {});", value(), floats_.In(), s.length));
    }
    if (stage.dominant) {
      calls.push_back(fmt::format("tm_dominant(s->work, {}, {}, {});", w.fft,
                                  CFloat(features::Hertz(w)), out(2)));
    }
    if (stage.slope_changes)
      calls.push_back(fmt::format("{} = tm_slope_rate({}, {});", value(), floats_.In(), s.length));
    body_ += fmt::format("  /* {} */\n", features::Name(stage));
    for (const std::string& call : calls) body_ += fmt::format("  {}\n", call);
    floats_.Swap();
    return output;
  }

  const Pipeline& pipeline_;
  std::string body_;
  Buffers floats_{"s->a", "s->b"};
  Buffers codes_{"s->qa", "s->qb"};
  std::map<std::string, std::string> tables_;
  std::set<std::string> headers_;  // tm_<name>.h that the chain needs beside tm_fe.h
  bool rows_q15_ = false;
  bool frames_q15_ = false;
  int length_ = 0;
  int work_ = 0;
  int work_codes_ = 0;
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
  {9} rows[{0}_FE_FRAME_SIZE * {0}_FE_VARIABLES]; /* [row][variable] */
  {10} frames[{0}_FE_FRAMES * {0}_FE_VARIABLES * {0}_FE_FRAME_FEATURES]; /* [frame][variable][feature] */
)",
                      upper, ChainText(p), p.variables, p.frame_size, p.hop, p.frame_concat,
                      chain.Length(), chain.Length() * p.variables * p.frame_concat, p.decimation,
                      chain.RowType(), chain.FrameType());
  text += chain.StateMembers();
  if (chain.FramesAreCodes()) text += fmt::format("  tm_f32 part[{}_FE_FRAME_FEATURES];\n", upper);
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

/* The same without a copy: the {1}_FE_FRAME_FEATURES features of one variable and frame, 0 the oldest, as long as
 * nothing else is called; then {0}_fe_done, where {0}_fe_input is not called. */
const tm_f32 *{0}_fe_part({0}_fe_state *s, tm_i32 variable, tm_i32 frame);
void {0}_fe_done({0}_fe_state *s);

/* For those who collect frames themselves: {1}_FE_FRAME_SIZE samples of one variable to its
 * {1}_FE_FRAME_FEATURES features. Give it a state of its own. */
void {0}_fe_frame({0}_fe_state *s, const tm_f32 *samples, tm_f32 *features);

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
  for (const std::string& header : chain.Headers())
    text += fmt::format("#include \"rt/tm_{}.h\"\n", header);
  text += chain.Tables();
  // What is kept of a value of a row.
  const auto keep = [&](const std::string& value, bool is_code) {
    if (chain.RowsAreCodes() && is_code && p.scale == 1.0f) return value;
    const std::string divided = (is_code ? "(tm_f32)" : "") + value +
                                (p.scale == 1.0f ? "" : fmt::format(" / {}", CFloat(p.scale)));
    return chain.RowsAreCodes() ? fmt::format("tm_q15_truncate({})", divided) : divided;
  };
  const std::string value = fmt::format("rows[i * {}_FE_VARIABLES + v]", upper);
  const std::string part =
      chain.FramesAreCodes()
          ? "tm_q15_to_float(part, {0}_FE_FRAME_FEATURES, s->part);\n  return s->part;"
          : "return part;";
  const std::string frame =
      chain.FramesAreCodes()
          ? "frame_features(s, s->frames);\n  tm_q15_to_float(s->frames, {0}_FE_FRAME_FEATURES, "
            "features);"
          : "frame_features(s, features);";
  text += fmt::format(R"(
/* Features of the variable whose frame stands in {7}. */
static void frame_features({0}_fe_state *s, {6} *out) {{
{2}  memcpy(out, {3}, {1}_FE_FRAME_FEATURES * sizeof *out);
}}

/* The collected frame is complete. */
static void finish_frame({0}_fe_state *s) {{
  {6} *out = s->frames + s->next * ({1}_FE_VARIABLES * {1}_FE_FRAME_FEATURES);
  tm_i32 v;
  tm_i32 t;
  for (v = 0; v < {1}_FE_VARIABLES; ++v) {{
    for (t = 0; t < {1}_FE_FRAME_SIZE; ++t) {{
      {7}[t] = s->rows[t * {1}_FE_VARIABLES + v];
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
      s->rows[s->filled * {1}_FE_VARIABLES + v] = (value);            \
    }}                                                                    \
    s->filled += 1;                                                      \
    if (s->filled == {1}_FE_FRAME_SIZE) {{                                \
      finish_frame(s);                                                   \
    }}                                                                    \
  }}

tm_i32 {0}_fe_push({0}_fe_state *s, const tm_f32 *rows, tm_i32 count) {{
  tm_i32 i;
  for (i = 0; i < count && !s->ready; ++i) {{
    TAKE_ROW({8})
  }}
  return i;
}}

tm_i32 {0}_fe_push_i16({0}_fe_state *s, const tm_i16 *rows, tm_i32 count) {{
  tm_i32 i;
  for (i = 0; i < count && !s->ready; ++i) {{
    TAKE_ROW({9})
  }}
  return i;
}}

int {0}_fe_ready(const {0}_fe_state *s) {{ return s->ready; }}

const tm_f32 *{0}_fe_part({0}_fe_state *s, tm_i32 variable, tm_i32 frame) {{
  const tm_i32 at = s->next + frame; /* next: the oldest frame */
  const tm_i32 slot = at < {1}_FE_FRAMES ? at : at - {1}_FE_FRAMES;
  const {6} *part = s->frames + (slot * {1}_FE_VARIABLES + variable) * {1}_FE_FRAME_FEATURES;
  {10}
}}

void {0}_fe_done({0}_fe_state *s) {{ s->ready = 0; }}

void {0}_fe_input({0}_fe_state *s, tm_f32 *features) {{
  tm_i32 v;
  tm_i32 f;
  for (v = 0; v < {1}_FE_VARIABLES; ++v) {{
    for (f = 0; f < {1}_FE_FRAMES; ++f) {{
      memcpy(features, {0}_fe_part(s, v, f), {1}_FE_FRAME_FEATURES * sizeof *features);
      features += {1}_FE_FRAME_FEATURES;
    }}
  }}
  {0}_fe_done(s);
}}

void {0}_fe_frame({0}_fe_state *s, const tm_f32 *samples, tm_f32 *features) {{
  tm_i32 t;
  for (t = 0; t < {1}_FE_FRAME_SIZE; ++t) {{
    {7}[t] = {11};
  }}
  {12}
}}
)",
                      m, upper, chain.Body(), chain.Out(), p.frame_concat > 1 ? p.frame_skip : 1,
                      FirstSample(p) + 1, chain.FrameType(), chain.FrameBuffer(),
                      keep(value, false), keep(value, true), fmt::format(fmt::runtime(part), upper),
                      keep("samples[t]", false), fmt::format(fmt::runtime(frame), upper));
  return text;
}

}  // namespace

void EmitFeatures(const PackageRequest& request, Package& package) {
  const ChainWriter chain(*request.pipeline);
  package[request.prefix + "_fe.h"] = Header(request, chain);
  package[request.prefix + "_fe.c"] = Source(request, chain);
}

std::vector<std::string> FeatureRuntimeFiles(const features::Pipeline& pipeline) {
  std::set<std::string> files = {"tm_port.h"};
  if (!pipeline.stages.empty()) files.insert({"tm_fe.c", "tm_fe.h", "tm_math.c", "tm_math.h"});
  const ChainWriter chain(pipeline);
  for (const std::string& header : chain.Headers()) {
    files.insert({fmt::format("tm_{}.c", header), fmt::format("tm_{}.h", header)});
    if (header == "pir") files.insert({"tm_fft.c", "tm_fft.h"});
  }
  for (const Stage& stage : pipeline.stages) {
    if (std::holds_alternative<features::PirQ15>(stage)) files.insert("tm_pir_q15.c");
  }
  return {files.begin(), files.end()};
}

}  // namespace platypus::deploy
