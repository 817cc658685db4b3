#ifndef PLATYPUS_PIPELINE_DEVICE_FIT_H_
#define PLATYPUS_PIPELINE_DEVICE_FIT_H_

#include <optional>
#include <string>
#include <vector>

#include "platypus/config/registry.h"
#include "platypus/deploy/verify.h"
#include "platypus/features/pipeline.h"
#include "platypus/pipeline/device_limits.h"
#include "platypus/pipeline/insight.h"

namespace platypus::pipeline {

// flash, RAM and clock of the registry, and the cycles that the cost model of its core assumes.
// Nothing is used yet. nullopt for an unknown device.
std::optional<DeviceFit> Capacity(const config::Registry& registry, const std::string& device);

// The same with what the package takes: measured on the device's core, or on the last emulated one
// that ran. `sampling_rate` 1 means that it is not known.
std::optional<DeviceFit> FitDevice(const config::Registry& registry, const std::string& device,
                                   const std::vector<deploy::VerifyResult>& results,
                                   const features::Pipeline& pipeline, double sampling_rate);

// What the package takes, linked; nullopt: no emulated core has run.
std::optional<Need> NeedOf(const std::optional<DeviceFit>& fit);

// Seconds between two samples of the network, at `sampling_rate` raw rows a second.
double SecondsBetweenSamples(const features::Pipeline& pipeline, double sampling_rate);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_DEVICE_FIT_H_
