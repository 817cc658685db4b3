#include "platypus/features/stage.h"

#include <algorithm>
#include <bit>
#include <type_traits>

#include "platypus/base/error.h"
#include "tm_pir.h"

namespace platypus::features {

using namespace std::string_literals;  // NOLINT(google-build-using-namespace)

namespace {

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

template <typename T, typename... Ts>
constexpr bool kIsOneOf = (std::is_same_v<T, Ts> || ...);

// Zeros around a frame: 4 in front, 3 behind.
constexpr int kPadding = 7;

}  // namespace

std::string Name(const Stage& stage) {
  return std::visit(Overloaded{
                        [](const Window&) { return "WINDOWING"s; },
                        [](const RawFrame&) { return "RAW_FE"s; },
                        [](const Fft&) { return "FFT_FE"s; },
                        [](const Normalize&) { return "NORMALIZE"s; },
                        [](const RoundOff&) { return "ROUND_OFF"s; },
                        [](const KeepFirst&) { return "FFT_POS_HALF"s; },
                        [](const Magnitude&) { return "ABS"s; },
                        [](const DropFirst&) { return "DC_REMOVE"s; },
                        [](const Bin&) { return "BINNING"s; },
                        [](const LogDb&) { return "LOG_DB"s; },
                        [](const MinMax&) { return "MINMAX"s; },
                        [](const Haar&) { return "HAAR"s; },
                        [](const Hadamard&) { return "HADAMARD"s; },
                        [](const ToQ15&) { return "TO_Q15"s; },
                        [](const Truncate&) { return "to 16 bits"s; },
                        [](const Widen&) { return "to float"s; },
                        [](const FftQ15&) { return "FFT_Q15"s; },
                        [](const ShiftQ15&) { return "Q15_SCALE"s; },
                        [](const MagnitudeQ15&) { return "Q15_MAG"s; },
                        [](const BinQ15&) { return "BIN_Q15"s; },
                        [](const Pir&) { return "PIR_FE"s; },
                        [](const PirQ15&) { return "PIR_FE_Q15"s; },
                        [](const Figures& figures) {
                          std::string names;
                          const auto add = [&](bool on, const char* name) {
                            if (on) names += (names.empty() ? "" : ", ") + std::string(name);
                          };
                          add(figures.kurtosis, "KURT_FE");
                          add(figures.entropy, "ENT_FE");
                          add(figures.zero_crossings, "ZCR_FE");
                          add(figures.dominant, "DOM_FE");
                          add(figures.slope_changes, "SLOPE_FE");
                          return names;
                        },
                    },
                    stage);
}

Numbers Takes(const Stage& stage) {
  return std::visit(
      [](const auto& s) {
        using T = std::decay_t<decltype(s)>;
        if constexpr (kIsOneOf<T, Widen, FftQ15, ShiftQ15, MagnitudeQ15, BinQ15, PirQ15>)
          return Numbers::kQ15;
        if constexpr (kIsOneOf<T, KeepFirst, DropFirst>) return Numbers::kAny;
        return Numbers::kFloat;
      },
      stage);
}

Signal InferSignal(const Stage& stage, const Signal& input) {
  const auto real = [&] {
    if (input.is_complex) {
      throw Error(Category::kConfiguration,
                  fmt::format("feat_ext_transform: {} cannot take the complex values of {}",
                              Name(stage), input.is_q15 ? "FFT_Q15" : "FFT_FE"),
                  input.is_q15 ? "put Q15_MAG between them" : "put ABS between them");
    }
    return input;
  };
  // One row of real values.
  const auto vector = [&] {
    if (input.columns > 1) {
      Fail(Category::kConfiguration,
           "feat_ext_transform: {} cannot take the features of windows, {} x {}", Name(stage),
           input.length / input.columns, input.columns);
    }
    return real();
  };
  const auto power_of_two = [&] {
    if (!std::has_single_bit(static_cast<unsigned>(input.length))) {
      Fail(Category::kConfiguration,
           "feat_ext_transform: {} needs a power of two of values, here are {}", Name(stage),
           input.length);
    }
    return vector();
  };
  // Frames only: windows are laid out for the configured length.
  const auto frame = [&](const Windows& windows) {
    const int length = windows.length + windows.count * windows.step - kPadding;
    if (input.length != length) {
      Fail(Category::kConfiguration,
           "feat_ext_transform: {} needs the whole frame of {} values, here are {}", Name(stage),
           length, input.length);
    }
    vector();
  };
  const auto pir = [&](const Windows& windows) {
    frame(windows);
    const int columns = TM_PIR_FEATURES(windows.length, windows.chunk);
    return Signal{windows.count * columns, false, false, columns};
  };
  return std::visit(
      Overloaded{
          [&](const Window&) { return vector(); },
          [&](const RawFrame&) { return vector(); },
          [&](const Fft&) {
            return Signal{vector().length, true};
          },
          [&](const Normalize&) { return input; },
          [&](const RoundOff&) { return input; },
          [&](const KeepFirst& keep) {
            if (input.columns > 1) vector();
            Signal output = input;
            output.length = std::min(input.length, keep.count);
            return output;
          },
          [&](const Magnitude&) {
            Signal output = input;
            output.is_complex = false;
            return output;
          },
          [&](const DropFirst&) {
            if (input.columns > 1) vector();
            if (input.length < 2) {
              Fail(Category::kConfiguration,
                   "feat_ext_transform: DC_REMOVE leaves nothing of {} value", input.length);
            }
            Signal output = input;
            output.length -= 1;
            return output;
          },
          [&](const Bin& bin) {
            return Signal{(vector(), bin.count), false};
          },
          [&](const LogDb&) { return real(); },
          [&](const MinMax&) { return real(); },
          [&](const Haar&) { return power_of_two(); },
          [&](const Hadamard&) { return power_of_two(); },
          [&](const ToQ15&) {
            return Signal{vector().length, false, true};
          },
          [&](const Truncate&) {
            return Signal{real().length, false, true, input.columns};
          },
          [&](const Widen&) {
            return Signal{real().length, false, false, input.columns};
          },
          [&](const FftQ15&) {
            power_of_two();
            if (input.length < 32 || input.length > 8192) {
              Fail(Category::kConfiguration,
                   "feat_ext_transform: FFT_Q15 takes 32 to 8192 values, here are {}",
                   input.length);
            }
            return Signal{input.length / 2 + 1, true, true};
          },
          [&](const ShiftQ15&) { return input; },
          [&](const MagnitudeQ15&) {
            if (!input.is_complex) {
              throw Error(Category::kConfiguration,
                          "feat_ext_transform: Q15_MAG needs complex values",
                          "add FFT_Q15 in front of it");
            }
            return Signal{input.length, false, true};
          },
          [&](const BinQ15& bin) {
            return Signal{(vector(), bin.count), false, true};
          },
          [&](const Pir& features) { return pir(features.windows); },
          [&](const PirQ15& features) { return pir(features.windows); },
          [&](const Figures& figures) {
            const int chunks = figures.windows.length / figures.windows.chunk;
            const int others = (figures.entropy ? 1 : 0) + (figures.zero_crossings ? 1 : 0) +
                               (figures.dominant ? 2 : 0) + (figures.slope_changes ? 1 : 0);
            if (figures.kurtosis) frame(figures.windows);
            const int kurtoses = figures.kurtosis ? figures.windows.count * chunks : 0;
            return Signal{(vector(), kurtoses + others), false, false, others == 0 ? chunks : 1};
          },
      },
      stage);
}

}  // namespace platypus::features
