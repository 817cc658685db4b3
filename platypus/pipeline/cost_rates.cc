#include "platypus/pipeline/cost_rates.h"

#include <algorithm>

#include "platypus/base/error.h"

namespace platypus::pipeline {

const CoreRates& RatesOf(const std::string& core) {
  const auto fitted = FittedRates();
  const auto found =
      std::ranges::find_if(fitted, [&](const CoreRates& r) { return core == r.core; });
  Check(found != fitted.end(), "no rates of core {}", core);
  return *found;
}

const KindRates& RatesOf(const CoreRates& core, const LayerWork& layer) {
  const auto find = [&](const std::string& kind) -> const KindRates* {
    const auto found =
        std::ranges::find_if(core.kinds, [&](const KindRates& r) { return kind == r.kind; });
    return found == core.kinds.end() ? nullptr : &*found;
  };
  // "conv, 16 bits, weights of 4", "conv, 16 bits", "conv".
  for (std::string kind = layer.kind;; kind = kind.substr(0, kind.rfind(','))) {
    if (const KindRates* rates = find(kind)) return *rates;
    if (kind.find(',') == std::string::npos) break;
  }
  const std::string prefix = layer.kind.starts_with("float ") ? "float " : "";
  const bool multiplies = layer.work > 2 * layer.outputs;
  const KindRates* rates = find(prefix + (multiplies ? "conv" : "relu"));
  if (rates == nullptr) rates = find(multiplies ? "conv" : "move");
  Check(rates != nullptr, "core {} has no rates of '{}'", core.core, layer.kind);
  return *rates;
}

double Instructions(const CoreRates& core, const LayerWork& layer) {
  const KindRates& rates = RatesOf(core, layer);
  return rates.per_work * layer.work + rates.per_output * layer.outputs + rates.each;
}

}  // namespace platypus::pipeline
