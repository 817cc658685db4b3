// Written by `bench_cost --write`; do not edit.
#include <array>

#include "platypus/pipeline/cost_rates.h"

namespace platypus::pipeline {
namespace {

constexpr std::array kM4 = {
    KindRates{"conv", 2.05, 9.2, 0}, KindRates{"move", 0, 9.2, 0},
    KindRates{"float conv", 3.8, 8.7, 0}, KindRates{"float relu", 0, 8.7, 0}};

constexpr std::array kFitted = {
    CoreRates{"cortex-m4", kM4, {300, 580, 0}, {560, 195, 0}, {0.05, 0.15}, {0.2, 0.2}}};

}  // namespace

std::span<const CoreRates> FittedRates() { return kFitted; }

}  // namespace platypus::pipeline
