#include <fmt/format.h>
#include <algorithm>
#include <bit>

#include "platypus/deploy/c_text.h"
#include "platypus/deploy/emission.h"

namespace platypus::deploy {
namespace {

template <typename T>
bool Has(const features::Pipeline& p) {
  return std::any_of(p.stages.begin(), p.stages.end(),
                     [](const auto& s) { return std::holds_alternative<T>(s); });
}

}  // namespace

std::string CompatibilityMacros(const Emission& e) {
  const features::Pipeline& p = *e.request.pipeline;
  std::string text;
  const auto name = [&](const std::string& macro, const auto& value) {
    text += fmt::format("#define FE_{} {}\n", macro, value);
  };
  const auto when = [&](const std::string& macro, bool value) {
    if (value) name(macro, 1);
  };
  const auto figure = [&](bool features::Figures::*which) {
    return std::any_of(p.stages.begin(), p.stages.end(), [&](const features::Stage& s) {
      const auto* figures = std::get_if<features::Figures>(&s);
      return figures != nullptr && figures->*which;
    });
  };
  when("RFFT", Has<features::FftQ15>(p));
  when("COMPLEX_MAG_SCALE", Has<features::ShiftQ15>(p));
  when("MAG", Has<features::MagnitudeQ15>(p));
  when("WIN", Has<features::Window>(p));
  when("RAW", std::any_of(p.stages.begin(), p.stages.end(), [](const features::Stage& s) {
         const auto* raw = std::get_if<features::RawFrame>(&s);
         return raw != nullptr && raw->remove_mean;
       }));
  when("PIR", Has<features::Pir>(p));
  when("PIR_Q15", Has<features::PirQ15>(p));
  when("KURT", figure(&features::Figures::kurtosis));
  when("ENT", figure(&features::Figures::entropy));
  when("ZCR", figure(&features::Figures::zero_crossings));
  when("DOM", figure(&features::Figures::dominant));
  when("SLOPE", figure(&features::Figures::slope_changes));
  when("FFT", Has<features::Fft>(p));
  when("DC_REM", Has<features::DropFirst>(p));
  when("NORMALIZE", Has<features::Normalize>(p));
  when("BIN", Has<features::Bin>(p) || Has<features::BinQ15>(p));
  when("LOG", Has<features::LogDb>(p));
  // Where normalisation is skipped, those projects take the features from their list of frames.
  when("CONCAT", !p.stages.empty() || e.net.TakesCodes());
  name("VARIABLES", p.variables);
  name("FRAME_SIZE", p.frame_size);
  name("HL", p.OutputShape()[2]);
  name("FEATURE_SIZE_PER_FRAME", p.FrameFeatures());
  name("STACKING_CHANNELS", p.OutputShape()[0]);
  name("STACKING_FRAME_WIDTH", p.OutputShape()[1]);
  name("NN_OUT_SIZE", e.net.out_elements);
  name("OFFSET", p.frame_offsets.front());
  name("SCALE", CFloat(p.scale));
  name("NUM_FRAME_CONCAT", p.frame_concat);
  name("FRAME_SKIP", p.frame_skip);
  for (const features::Stage& stage : p.stages) {
    if (const auto* bin = std::get_if<features::Bin>(&stage)) {
      name("MIN_FFT_BIN", bin->first + (Has<features::DropFirst>(p) ? 1 : 0));
      name("FFT_BIN_SIZE", bin->width);
      name("BIN_NORMALIZE", bin->mean ? 1 : 0);
    } else if (const auto* log = std::get_if<features::LogDb>(&stage)) {
      name("LOG_MUL", CFloat(log->multiplier));
      name("LOG_BASE", CFloat(log->base));
      name("LOG_TOL", CFloat(log->threshold));
    } else if (const auto* bin_q15 = std::get_if<features::BinQ15>(&stage)) {
      name("BIN_SIZE", bin_q15->width);
      name("BIN_OFFSET", bin_q15->first);
      name("BIN_NORMALIZE", bin_q15->mean ? 1 : 0);
    } else if (const auto* shift = std::get_if<features::ShiftQ15>(&stage)) {
      name("COMPLEX_MAG_SCALE_FACTOR", shift->bits);
    } else if (const auto* pir = std::get_if<features::PirQ15>(&stage)) {
      text += fmt::format("#define FEATURE_SIZE_PER_WINDOW {}\n", p.OutputShape()[2]);
      name("RFFT_SIZE", pir->windows.fft);
      text += fmt::format("#define SLIDING_WINDOW_SIZE {}\n", pir->windows.step);
      text += fmt::format("#define WINDOW_SIZE {}\n", pir->windows.length);
      text += fmt::format("#define SAMPLING_RATE {}\n", features::Millirate(pir->windows));
    } else if (std::holds_alternative<features::Fft>(stage)) {
      name("FFT_STAGES", std::bit_width(static_cast<unsigned>(p.frame_size)) - 1);
    }
  }
  if (e.request.error_threshold) {
    name("FEATURE_SIZE", p.OutputShape()[1]);
    text += fmt::format("#define RECONSTRUCTION_ERROR_THRESHOLD {}\n",
                        CFloat(*e.request.error_threshold));
  }
  if (e.net.TakesCodes()) text += "#define SKIP_NORMALIZE\n";
  if (e.net.GivesCodes()) text += "#define OUTPUT_INT\n";
  return text;
}

void EmitConfig(const Emission& e, Package& package) {
  const features::Pipeline& p = *e.request.pipeline;
  const std::string guard = e.upper + "_CONFIG_H";
  std::string text = Top(e, e.m + "_config.h", "what the network and its features were made with");
  text += fmt::format("#ifndef {0}\n#define {0}\n\n", guard);
  const auto define = [&](const std::string& name, const std::string& value) {
    text += fmt::format("#define {}_{} {}\n", e.upper, name, value);
  };
  define("NUM_VARIABLES", std::to_string(p.variables));
  define("FRAME_SIZE_SAMPLES", std::to_string(p.frame_size));
  define("HOP_SAMPLES", std::to_string(p.hop));
  define("NUM_FRAMES_CONCAT", std::to_string(p.frame_concat));
  define("FRAME_SKIP", std::to_string(p.frame_skip));
  define("DECIMATION", std::to_string(p.decimation));
  define("SAMPLE_DIVISOR", CFloat(p.scale));
  const auto flag = [&](const std::string& name, bool value) { define(name, value ? "1" : "0"); };
  flag("USES_WINDOW", Has<features::Window>(p));
  flag("USES_RAW", Has<features::RawFrame>(p));
  flag("USES_FFT", Has<features::Fft>(p));
  flag("USES_Q15", Has<features::FftQ15>(p));
  flag("USES_PIR", Has<features::Pir>(p) || Has<features::PirQ15>(p));
  flag("USES_NORMALIZE", Has<features::Normalize>(p));
  flag("USES_DC_REMOVE", Has<features::DropFirst>(p));
  flag("USES_BINNING", Has<features::Bin>(p) || Has<features::BinQ15>(p));
  flag("USES_LOG", Has<features::LogDb>(p));
  define("INPUT_IS_INTEGER", e.net.TakesCodes() ? "1" : "0");
  define("INPUT_SCALE", CFloat(e.net.in_scale));
  define("INPUT_ZERO_POINT", std::to_string(e.net.in_zero_point));
  define("OUTPUT_IS_INTEGER", e.net.GivesCodes() ? "1" : "0");
  define("OUTPUT_SCALE", CFloat(e.net.out_scale));
  define("OUTPUT_ZERO_POINT", std::to_string(e.net.out_zero_point));
  text +=
      "\n/* Names that existing projects use: flags are defined when they hold, and only then. "
      "*/\n";
  text += CompatibilityMacros(e);
  package[e.m + "_config.h"] = text + fmt::format("\n#endif /* {} */\n", guard);
}

}  // namespace platypus::deploy
