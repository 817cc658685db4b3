#include "platypus/features/stage.h"

#include <algorithm>

#include "platypus/base/error.h"

namespace platypus::features {
namespace {

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

}  // namespace

const char* Name(const Stage& stage) {
  return std::visit(
      Overloaded{
          [](const Window&) { return "WINDOWING"; }, [](const RawFrame&) { return "RAW_FE"; },
          [](const Fft&) { return "FFT_FE"; }, [](const Normalize&) { return "NORMALIZE"; },
          [](const RoundOff&) { return "ROUND_OFF"; },
          [](const KeepFirst&) { return "FFT_POS_HALF"; }, [](const Magnitude&) { return "ABS"; },
          [](const DropFirst&) { return "DC_REMOVE"; }, [](const Bin&) { return "BINNING"; },
          [](const LogDb&) { return "LOG_DB"; }},
      stage);
}

Signal InferSignal(const Stage& stage, const Signal& input) {
  const auto real = [&] {
    if (input.is_complex) {
      throw Error(Category::kConfiguration,
                  fmt::format("feat_ext_transform: {} cannot take the complex values of FFT_FE",
                              Name(stage)),
                  "put ABS between them");
    }
    return input;
  };
  return std::visit(
      Overloaded{[&](const Window&) { return real(); }, [&](const RawFrame&) { return real(); },
                 [&](const Fft&) {
                   return Signal{real().length, true};
                 },
                 [&](const Normalize&) { return input; }, [&](const RoundOff&) { return input; },
                 [&](const KeepFirst& keep) {
                   return Signal{std::min(input.length, keep.count), input.is_complex};
                 },
                 [&](const Magnitude&) {
                   return Signal{input.length, false};
                 },
                 [&](const DropFirst&) {
                   if (input.length < 2) {
                     Fail(Category::kConfiguration,
                          "feat_ext_transform: DC_REMOVE leaves nothing of {} value", input.length);
                   }
                   return Signal{input.length - 1, input.is_complex};
                 },
                 [&](const Bin& bin) {
                   return Signal{(real(), bin.count), false};
                 },
                 [&](const LogDb&) { return real(); }},
      stage);
}

}  // namespace platypus::features
