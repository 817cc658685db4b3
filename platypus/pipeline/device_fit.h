#ifndef PLATYPUS_PIPELINE_DEVICE_FIT_H_
#define PLATYPUS_PIPELINE_DEVICE_FIT_H_

#include <optional>
#include <string>
#include <vector>

#include "platypus/config/registry.h"
#include "platypus/deploy/verify.h"
#include "platypus/features/pipeline.h"
#include "platypus/pipeline/insight.h"

namespace platypus::pipeline {

// What instructions that were counted on an emulated core become on a device.
struct CoreSpeed {
  double cycles_per_instruction = 0;
  std::string assumption;  // one sentence
};
// `core` as in registry/devices.yaml ("Cortex-M0+", "C28x"). Cores that have no open compiler take
// the cycles that their vendor published for the same networks in proportion to a Cortex-M33's.
CoreSpeed SpeedOf(const std::string& core);

// flash, RAM and clock of the registry; texts such as "1311 (1.28 MB text)" count by their first
// number. Nothing is used yet. nullopt for an unknown device.
std::optional<DeviceFit> Capacity(const config::Registry& registry, const std::string& device);

// The same with what the package takes: measured on the device's core, or on the last emulated one
// that ran. `sampling_rate` 1 means that it is not known.
std::optional<DeviceFit> FitDevice(const config::Registry& registry, const std::string& device,
                                   const std::vector<deploy::VerifyResult>& results,
                                   const features::Pipeline& pipeline, double sampling_rate);

// Seconds between two samples of the network, at `sampling_rate` raw rows a second.
double SecondsBetweenSamples(const features::Pipeline& pipeline, double sampling_rate);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_DEVICE_FIT_H_
