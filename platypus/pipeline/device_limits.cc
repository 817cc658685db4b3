#include "platypus/pipeline/device_limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "platypus/base/error.h"
#include "platypus/zoo/zoo.h"

namespace platypus::pipeline {
namespace {

constexpr double kTight = 0.8;  // share of a memory that leaves little for the application

void Check(std::vector<LimitFinding>& findings, const char* what, const DeviceFacts& device,
           int64_t need, const std::optional<int64_t>& has, Evidence evidence) {
  if (!has || *has <= 0) return;
  const double share = static_cast<double>(need) / static_cast<double>(*has);
  if (share <= kTight) return;
  findings.push_back(
      {share <= 1, fmt::format("{} of {}: {} of {} octets ({:.0f} %, {})", what, device.name, need,
                               *has, 100 * share, Name(evidence))});
}

bool Lists(const config::Value& entry, const char* key, const std::string& name) {
  const config::Value* list = entry.Find(key);
  return list != nullptr && std::ranges::any_of(list->items, [&](const config::Value& item) {
           return item.text == name;
         });
}

// Tries one change after the other.
class Search {
 public:
  Search(const config::Registry& registry, const config::Config& config, Shape input, int outputs,
         const Need& need)
      : registry_(registry),
        config_(config),
        input_(std::move(input)),
        outputs_(outputs),
        device_(FactsOf(config.common.target_device,
                        *registry.devices.Find(config.common.target_device))) {
    numbers_.integers = config.training.quantization != config::Quantization::kNone;
    numbers_.weight_bits = config.training.quantization_weight_bitwidth;
    now_ = Estimate(config.training, device_, numbers_);
    if (!now_) return;
    flash_beyond_ = std::max<int64_t>(0, need.flash_octets - now_->flash_octets);
    ram_beyond_ = std::max<int64_t>(0, need.ram_octets - now_->ram_octets);
  }

  std::string Run() const {
    if (!now_) return {};
    std::string remedy = Numbers();
    if (remedy.empty()) remedy = Model();
    if (remedy.empty()) remedy = Device();
    return remedy;
  }

 private:
  std::optional<ModelCost> Estimate(const config::Training& training, const DeviceFacts& device,
                                    const Deployment& numbers) const {
    try {
      return EstimateCost(zoo::Build(training, registry_, input_, outputs_, 1),
                          CostModelOf(device.core), numbers);
    } catch (const Error& error) {
      if (error.category() == Category::kInternal) throw;
      return std::nullopt;  // not for this input
    }
  }

  bool Fits(const ModelCost& cost, const DeviceFacts& device) const {
    return (!device.flash_octets || cost.flash_octets + flash_beyond_ <= *device.flash_octets) &&
           (!device.ram_octets || cost.ram_octets + ram_beyond_ <= *device.ram_octets);
  }

  std::string Say(const std::string& change, const ModelCost& cost) const {
    return fmt::format("{} (estimated: {} octets of flash, {} of RAM)", change,
                       cost.flash_octets + flash_beyond_, cost.ram_octets + ram_beyond_);
  }

  std::string Numbers() const {
    Deployment numbers = numbers_;
    if (!numbers.integers) {
      numbers = {true, 8};
      const auto cost = Estimate(config_.training, device_, numbers);
      if (cost && cost->integers && Fits(*cost, device_))
        return Say("training.quantization: 2", *cost);
    }
    for (const int bits : {4, 2}) {
      if (bits >= numbers.weight_bits) continue;
      const auto cost = Estimate(config_.training, device_, {true, bits});
      if (!cost || !cost->integers || !Fits(*cost, device_)) continue;
      return Say(fmt::format("{}training.quantization_weight_bitwidth: {}",
                             numbers_.integers ? "" : "training.quantization: 2 and ", bits),
                 *cost);
    }
    return {};
  }

  std::string Model() const {
    const config::Value* task = registry_.tasks.Find(config_.common.task_type);
    if (task == nullptr) return {};
    std::string best;
    std::optional<ModelCost> best_cost;
    for (const auto& [name, entry] : registry_.models.entries.entries) {
      if (entry.Text("task_category") != task->Text("category") || !entry.Text("notice").empty() ||
          !Lists(entry, "devices", device_.name)) {
        continue;
      }
      config::Training training;
      training.model_name = name;
      training.model_training_id = entry.Text("network");
      const auto cost = Estimate(training, device_, numbers_);
      if (!cost || cost->parameters >= now_->parameters || !Fits(*cost, device_)) continue;
      if (best_cost && cost->parameters <= best_cost->parameters) continue;
      best = name;
      best_cost = cost;
    }
    return best.empty() ? "" : Say("training.model_name: " + best, *best_cost);
  }

  std::string Device() const {
    std::optional<DeviceFacts> best;
    std::optional<ModelCost> best_cost;
    for (const auto& [name, entry] : registry_.devices.entries.entries) {
      if (!Lists(entry, "tasks", config_.common.task_type)) continue;
      const DeviceFacts device = FactsOf(name, entry);
      if (!device.flash_octets || !device.ram_octets) continue;
      const auto cost = Estimate(config_.training, device, numbers_);
      if (!cost || !Fits(*cost, device)) continue;
      if (best && *device.flash_octets >= *best->flash_octets) continue;
      best = device;
      best_cost = cost;
    }
    return best ? Say("common.target_device: " + best->name, *best_cost) : "";
  }

  const config::Registry& registry_;
  const config::Config& config_;
  Shape input_;
  int outputs_;
  DeviceFacts device_;
  Deployment numbers_;
  std::optional<ModelCost> now_;
  int64_t flash_beyond_ = 0, ram_beyond_ = 0;
};

}  // namespace

std::vector<LimitFinding> CheckLimits(const DeviceFacts& device, const Need& need) {
  std::vector<LimitFinding> findings;
  Check(findings, "flash", device, need.flash_octets, device.flash_octets, need.evidence);
  Check(findings, "RAM", device, need.ram_octets, device.ram_octets, need.evidence);
  return findings;
}

std::string SmallestRemedy(const config::Registry& registry, const config::Config& config,
                           const Shape& input, int outputs, const Need& need) {
  if (registry.devices.Find(config.common.target_device) == nullptr) return {};
  return Search(registry, config, input, outputs, need).Run();
}

LimitReport ReportLimits(const config::Registry& registry, const config::Config& config,
                         const Shape& input, int outputs, const Need& need) {
  const config::Value* entry = registry.devices.Find(config.common.target_device);
  LimitReport report;
  if (entry == nullptr) return report;
  for (const LimitFinding& finding :
       CheckLimits(FactsOf(config.common.target_device, *entry), need)) {
    if (finding.fits) {
      report.texts.push_back(finding.text + ": little is left for the application");
      continue;
    }
    std::string text = finding.text + ": it does not fit";
    if (report.fits) {
      const std::string remedy = SmallestRemedy(registry, config, input, outputs, need);
      text += remedy.empty() ? "; no smaller model of this task and no other device helps"
                             : "; the smallest change: " + remedy;
    }
    report.fits = false;
    report.texts.push_back(std::move(text));
  }
  return report;
}

void RequireRoom(const config::Registry& registry, const config::Config& config,
                 const graph::Graph& network) {
  const config::Value* entry = registry.devices.Find(config.common.target_device);
  if (entry == nullptr) return;
  const DeviceFacts device = FactsOf(config.common.target_device, *entry);
  ModelCost cost;
  try {
    cost = EstimateCost(network, CostModelOf(device.core),
                        {config.training.quantization != config::Quantization::kNone,
                         config.training.quantization_weight_bitwidth});
  } catch (const Error& error) {
    if (error.category() == Category::kInternal) throw;
    return;  // it has no C form: that is told where C is made
  }
  const Need least{cost.constant_octets, cost.ram_octets, Evidence::kExact};
  for (const LimitFinding& finding : CheckLimits(device, least)) {
    if (finding.fits) continue;
    const std::string remedy = SmallestRemedy(registry, config, network.Input().shape,
                                              static_cast<int>(NumElements(network.Output().shape)),
                                              {cost.flash_octets, cost.ram_octets});
    throw Error(Category::kConfiguration,
                fmt::format("the network alone does not fit: {}", finding.text),
                remedy.empty() ? "no smaller model of this task and no other device helps"
                               : "the smallest change: " + remedy);
  }
}

}  // namespace platypus::pipeline
