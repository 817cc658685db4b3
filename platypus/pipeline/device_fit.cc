#include "platypus/pipeline/device_fit.h"

#include <fmt/format.h>

#include "platypus/pipeline/model_cost.h"

namespace platypus::pipeline {

std::optional<DeviceFit> Capacity(const config::Registry& registry, const std::string& device) {
  const config::Value* entry = registry.devices.Find(device);
  if (entry == nullptr) return std::nullopt;
  const DeviceFacts facts = FactsOf(device, *entry);
  const CostModel& model = CostModelOf(facts.core);
  DeviceFit fit;
  fit.device = device;
  fit.flash_octets = facts.flash_octets.value_or(0);
  fit.ram_octets = facts.ram_octets.value_or(0);
  fit.clock_hz = facts.clock_hz.value_or(0);
  fit.cycles_per_instruction = model.cycles_per_instruction;
  fit.assumption = fmt::format("{}: {} cycles for an instruction, no wait states of the flash ({})",
                               facts.core, model.cycles_per_instruction, model.source);
  return fit;
}

std::optional<Need> NeedOf(const std::optional<DeviceFit>& fit) {
  if (!fit || fit->flash_used == 0) return std::nullopt;
  return Need{fit->flash_used, fit->ram_used, Evidence::kLinked};
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
