#include "platypus/train/sampler.h"

#include <numeric>

namespace platypus::train {

std::vector<int64_t> DrawOrder(std::span<const int32_t> labels, bool balanced, Random& random) {
  std::vector<int64_t> order(labels.size());
  if (!balanced) {
    std::iota(order.begin(), order.end(), int64_t{0});
    random.Shuffle(std::span(order));
    return order;
  }
  std::vector<std::vector<int64_t>> members;
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto label = static_cast<size_t>(labels[i]);
    if (label >= members.size()) members.resize(label + 1);
    members[label].push_back(static_cast<int64_t>(i));
  }
  std::erase_if(members, [](const auto& list) { return list.empty(); });
  for (int64_t& drawn : order) {
    const auto& list = members[random.Below(members.size())];
    drawn = list[random.Below(list.size())];
  }
  return order;
}

}  // namespace platypus::train
