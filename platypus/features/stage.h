#ifndef PLATYPUS_FEATURES_STAGE_H_
#define PLATYPUS_FEATURES_STAGE_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

// The steps of the per-frame chain, a closed set (see graph/op.h for the reasons). A stage maps one
// vector to one vector, float32 throughout; complex values are interleaved re, im. The same C
// functions (runtime/rt) compute it on the host and on the microcontroller.
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
struct LogDb {  // LOG_DB: multiplier * ln(threshold + v) / ln(base)
  float multiplier = 20.0f;
  float base = 10.0f;
  float threshold = 1e-37f;
  friend bool operator==(const LogDb&, const LogDb&) = default;
};

using Stage = std::variant<Window, RawFrame, Fft, Normalize, RoundOff, KeepFirst, Magnitude,
                           DropFirst, Bin, LogDb>;

// What flows between stages: `length` elements, each one float or (complex) two.
struct Signal {
  int length = 0;
  bool is_complex = false;
  friend bool operator==(const Signal&, const Signal&) = default;
};

// "FFT_FE", ... the name of the transform in the configuration.
const char* Name(const Stage& stage);

// Output of a stage. Error (configuration) if the stage cannot take this input.
Signal InferSignal(const Stage& stage, const Signal& input);

}  // namespace platypus::features

#endif  // PLATYPUS_FEATURES_STAGE_H_
