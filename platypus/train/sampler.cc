#include "platypus/train/sampler.h"

#include <numeric>

namespace platypus::train {

std::vector<int64_t> DrawOrder(int64_t count, Random& random) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), int64_t{0});
  random.Shuffle(std::span(order));
  return order;
}

std::vector<int64_t> DrawOrder(std::span<const int32_t> labels, bool balanced, Random& random) {
  if (!balanced) return DrawOrder(static_cast<int64_t>(labels.size()), random);
  std::vector<int64_t> order(labels.size());
  std::vector<std::vector<int64_t>> members;
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto label = static_cast<size_t>(labels[i]);
    if (label >= members.size()) members.resize(label + 1);
    members[label].push_back(static_cast<int64_t>(i));
  }
  std::erase_if(members, [](const auto& list) { return list.empty(); });
  // Classes take turns; each deals its samples like cards and shuffles when it runs out.
  std::vector<size_t> dealt(members.size(), 0);
  for (size_t i = 0; i < order.size(); ++i) {
    const size_t c = i % members.size();
    if (dealt[c] % members[c].size() == 0) random.Shuffle(std::span(members[c]));
    order[i] = members[c][dealt[c]++ % members[c].size()];
  }
  random.Shuffle(std::span(order));
  return order;
}

}  // namespace platypus::train
