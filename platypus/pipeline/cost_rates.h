#ifndef PLATYPUS_PIPELINE_COST_RATES_H_
#define PLATYPUS_PIPELINE_COST_RATES_H_

#include <span>
#include <string>

#include "platypus/pipeline/layer_work.h"

// Instructions and code of the generated C on a core, without a compiler: rates that
// bench/bench_cost.cc fits to what the emulated cores count and the linker links.
namespace platypus::pipeline {

// Instructions of a layer = per_work * work + per_output * outputs + each (layer_work.h).
struct KindRates {
  const char* kind;
  double per_work, per_output, each;
};

// Octets of code = whole + per_layer * layers + per_kind * different kinds of layers.
struct CodeRates {
  double whole, per_layer, per_kind;
};

// How far estimates of whole networks were off that had no part in the fit, |estimate / count - 1|:
// half of them less than `median`, nine of ten less than `nine_of_ten`.
struct FitError {
  double median, nine_of_ten, most;
};

struct CoreRates {
  const char* core;  // of deploy::Cores()
  std::span<const KindRates> kinds;
  CodeRates integer_code, float_code;
  FitError instructions, code;
};

// The cores that bench_cost was run for.
std::span<const CoreRates> FittedRates();
// Error (internal) for a core that is none of them.
const CoreRates& RatesOf(const std::string& core);

// The rates of a kind; of one that was not fitted those of the nearest: of the same operator with
// other bits; else of a convolution where it multiplies and accumulates, of a move where not.
const KindRates& RatesOf(const CoreRates& core, const LayerWork& layer);

double Instructions(const CoreRates& core, const LayerWork& layer);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_COST_RATES_H_
