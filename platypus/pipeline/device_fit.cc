#include "platypus/pipeline/device_fit.h"

#include <fmt/format.h>

#include <cstdlib>

namespace platypus::pipeline {
namespace {

// The number that a text begins with; 0 without.
double LeadingNumber(const std::string& text) { return std::strtod(text.c_str(), nullptr); }

}  // namespace

CoreSpeed SpeedOf(const std::string& core) {
  constexpr const char* kNoWaits = "without wait states of the flash";
  // Two cycles for a load or a taken branch and one for most of the rest (Arm's technical reference
  // manuals), weighed by what the kernels execute.
  if (core.starts_with("Cortex-M0")) {
    return {1.4, fmt::format("1.4 cycles for an instruction of a Cortex-M0+, {}", kNoWaits)};
  }
  if (core.starts_with("Cortex-M4"))
    return {1.3, fmt::format("1.3 cycles for an instruction of a Cortex-M4, {}", kNoWaits)};
  if (core.starts_with("Cortex-M33"))
    return {1.2, fmt::format("1.2 cycles for an instruction of a Cortex-M33, {}", kNoWaits)};
  if (core.starts_with("Cortex-R5")) {
    return {1.0, fmt::format("1 cycle for an instruction of a Cortex-M4, which stands in for the "
                             "Cortex-R5F with its two pipelines and caches, {}",
                             kNoWaits)};
  }
  // Cycles of the vendor's library for four networks (spec deployment 11.4): C28x 0.99 to 1.33 of a
  // Cortex-M33's, C29x 0.46 to 0.53.
  if (core.starts_with("C28")) {
    return {1.4,
            fmt::format("1.4 cycles for an instruction of a Cortex-M4, which stands in for the "
                        "C28x: published cycles of the vendor's library are 1.2 of a Cortex-M33's, "
                        "{}",
                        kNoWaits)};
  }
  if (core.starts_with("C29")) {
    return {0.6,
            fmt::format("0.6 cycles for an instruction of a Cortex-M4, which stands in for the "
                        "C29x: published cycles of the vendor's library are 0.5 of a Cortex-M33's, "
                        "{}",
                        kNoWaits)};
  }
  return {1.3, fmt::format("1.3 cycles for an instruction, {}", kNoWaits)};
}

std::optional<DeviceFit> Capacity(const config::Registry& registry, const std::string& device) {
  const config::Value* entry = registry.devices.Find(device);
  if (entry == nullptr) return std::nullopt;
  constexpr double kOctets = 1024;
  DeviceFit fit;
  fit.device = device;
  fit.flash_octets = static_cast<int64_t>(LeadingNumber(entry->Text("flash_kb")) * kOctets);
  fit.ram_octets = static_cast<int64_t>(LeadingNumber(entry->Text("ram_kb")) * kOctets);
  fit.clock_hz = LeadingNumber(entry->Text("clock_mhz")) * 1e6;
  const CoreSpeed speed = SpeedOf(entry->Text("core"));
  fit.cycles_per_instruction = speed.cycles_per_instruction;
  fit.assumption = speed.assumption;
  return fit;
}

double SecondsBetweenSamples(const features::Pipeline& pipeline, double sampling_rate) {
  return static_cast<double>(pipeline.hop) * pipeline.frame_skip * pipeline.decimation /
         sampling_rate;
}

std::optional<DeviceFit> FitDevice(const config::Registry& registry, const std::string& device,
                                   const std::vector<deploy::VerifyResult>& results,
                                   const features::Pipeline& pipeline, double sampling_rate) {
  std::optional<DeviceFit> fit = Capacity(registry, device);
  if (!fit) return fit;
  const std::string own = registry.devices.Find(device)->Text("verify_core");
  const deploy::VerifyResult* measured = nullptr;
  for (const deploy::VerifyResult& result : results) {
    if (!result.ran || result.instructions == 0) continue;
    if (measured == nullptr || measured->core != own) measured = &result;
  }
  if (measured != nullptr) {
    fit->flash_used = measured->flash_bytes;
    fit->ram_used = measured->ram_bytes + measured->stack_bytes;
    const auto instructions =
        static_cast<double>(measured->instructions + measured->feature_instructions);
    if (fit->clock_hz > 0)
      fit->seconds_used = instructions * fit->cycles_per_instruction / fit->clock_hz;
    fit->assumption += fmt::format("; instructions and sizes measured on {}", measured->core);
  }
  if (sampling_rate > 1) fit->seconds_available = SecondsBetweenSamples(pipeline, sampling_rate);
  return fit;
}

}  // namespace platypus::pipeline
