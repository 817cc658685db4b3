#ifndef PLATYPUS_FEATURES_STAGE_H_
#define PLATYPUS_FEATURES_STAGE_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

// The steps of the per-frame chain, a closed set (see graph/op.h for the reasons). A stage maps one
// vector to one vector of float32 or of 16-bit integers (Q15); complex values are interleaved re,
// im. The same C functions (runtime/rt) compute it on the host and on the microcontroller.
// docs/features.md has the formulas.
namespace platypus::features {

struct Window {  // WINDOWING: symmetric Hann, v[k] = x[k] * (0.5 - 0.5 cos(2 pi k / (N - 1)))
  friend bool operator==(const Window&, const Window&) = default;
};
struct RawFrame {  // RAW_FE: subtracts the mean if asked
  bool remove_mean = true;
  friend bool operator==(const RawFrame&, const RawFrame&) = default;
};
struct Fft {  // FFT_FE: real [N] -> complex [N], unscaled
  friend bool operator==(const Fft&, const Fft&) = default;
};
struct Normalize {  // NORMALIZE: v / frame_size
  int divisor = 1;
  friend bool operator==(const Normalize&, const Normalize&) = default;
};
struct RoundOff {  // ROUND_OFF: round half to even
  friend bool operator==(const RoundOff&, const RoundOff&) = default;
};
struct KeepFirst {  // FFT_POS_HALF: the first `count` elements
  int count = 1;
  friend bool operator==(const KeepFirst&, const KeepFirst&) = default;
};
struct Magnitude {  // ABS: |v|, complex or real
  friend bool operator==(const Magnitude&, const Magnitude&) = default;
};
struct DropFirst {  // DC_REMOVE: without element 0
  friend bool operator==(const DropFirst&, const DropFirst&) = default;
};
struct Bin {  // BINNING: v_i = sum of [first + i*width, first + (i+1)*width), past the end nothing
  int count = 1;
  int width = 1;
  int first = 0;
  bool mean = false;  // divide by width (always the full width)
  friend bool operator==(const Bin&, const Bin&) = default;
};
struct LogDb {  // LOG_DB: multiplier * ln |threshold + v| / ln(base)
  float multiplier = 20.0f;
  float base = 10.0f;
  float threshold = 1e-37f;
  friend bool operator==(const LogDb&, const LogDb&) = default;
};

struct MinMax {  // MINMAX (ours): (v - min) / (max - min), 0 if all are equal
  friend bool operator==(const MinMax&, const MinMax&) = default;
};
struct Haar {  // HAAR (ours): sums and differences of neighbours, halved; of the sums again
  friend bool operator==(const Haar&, const Haar&) = default;
};
struct Hadamard {  // HADAMARD (ours): natural order, divided by the length
  friend bool operator==(const Hadamard&, const Hadamard&) = default;
};

// The steps on 16-bit values.
struct ToQ15 {  // TO_Q15: float -> 32768 v rounded and saturated
  friend bool operator==(const ToQ15&, const ToQ15&) = default;
};
struct Truncate {  // float -> towards zero, saturated; MakePipeline puts it in front of Q15 steps
  friend bool operator==(const Truncate&, const Truncate&) = default;
};
struct Widen {  // Q15 -> the same numbers as floats; MakePipeline puts it behind Q15 steps
  friend bool operator==(const Widen&, const Widen&) = default;
};
struct FftQ15 {  // FFT_Q15: [N] -> complex [N/2 + 1], divided by N; N a power of two, 32 ... 8192
  friend bool operator==(const FftQ15&, const FftQ15&) = default;
};
struct ShiftQ15 {  // Q15_SCALE: v * 2^bits saturated, right shift for bits < 0
  int bits = 0;
  friend bool operator==(const ShiftQ15&, const ShiftQ15&) = default;
};
struct MagnitudeQ15 {  // Q15_MAG: complex -> |v| / 2
  friend bool operator==(const MagnitudeQ15&, const MagnitudeQ15&) = default;
};
struct BinQ15 {  // BIN_Q15: as Bin, rounded down and saturated
  int count = 1;
  int width = 1;
  int first = 0;
  bool mean = false;
  friend bool operator==(const BinQ15&, const BinQ15&) = default;
};

// Sliding windows over a frame that begins with 4 zeros and ends with 3 more.
struct Windows {
  int count = 25;
  int step = 4;
  int length = 32;  // frame + 7 - count * step
  int chunk = 8;    // samples of one kurtosis
  int fft = 64;     // points of a spectrum
  double rate = 1;  // samples a second
  friend bool operator==(const Windows&, const Windows&) = default;
};
struct Pir {  // PIR_FE: [count][16 + chunks + 5]
  Windows windows;
  friend bool operator==(const Pir&, const Pir&) = default;
};
struct PirQ15 {  // PIR_FE_Q15: the same features of 16-bit samples around 128
  Windows windows;
  friend bool operator==(const PirQ15&, const PirQ15&) = default;
};
// KURT_FE, ENT_FE, ZCR_FE, DOM_FE, SLOPE_FE: figures of one vector, one behind the other in this
// order. KURT_FE alone is [count][chunks].
struct Figures {
  bool kurtosis = false;        // of the chunks of windows
  bool entropy = false;         // of the spectrum
  bool zero_crossings = false;  // per value
  bool dominant = false;        // two frequencies, the stronger last
  bool slope_changes = false;   // per difference
  Windows windows;
  friend bool operator==(const Figures&, const Figures&) = default;
};

using Stage = std::variant<Window, RawFrame, Fft, Normalize, RoundOff, KeepFirst, Magnitude,
                           DropFirst, Bin, LogDb, MinMax, Haar, Hadamard, ToQ15, Truncate, Widen,
                           FftQ15, ShiftQ15, MagnitudeQ15, BinQ15, Pir, PirQ15, Figures>;

// What flows between stages: `length` elements, each one float or 16-bit integer, or (complex) two.
// They stand in rows of `columns` (features of windows; 1 otherwise).
struct Signal {
  int length = 0;
  bool is_complex = false;
  bool is_q15 = false;
  int columns = 1;
  friend bool operator==(const Signal&, const Signal&) = default;
};

// "FFT_FE", ... the name of the transform in the configuration; of Figures their names, of the
// conversions that have none what they do.
std::string Name(const Stage& stage);

// Whether the stage works on Q15 values, on floats or on either.
enum class Numbers { kFloat, kQ15, kAny };
Numbers Takes(const Stage& stage);

// Output of a stage. Error (configuration) if the stage cannot take this input.
Signal InferSignal(const Stage& stage, const Signal& input);

}  // namespace platypus::features

#endif  // PLATYPUS_FEATURES_STAGE_H_
