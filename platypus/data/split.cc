#include "platypus/data/split.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/random.h"

namespace platypus::data {

std::vector<double> Shares(std::span<const double> factors, size_t count) {
  std::vector<double> shares(factors.begin(), factors.end());
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  const size_t missing = count - std::min(count, shares.size());
  for (size_t i = 0; i < missing; ++i) {
    shares.push_back(std::max(0.0, (1.0 - sum) / static_cast<double>(missing)));
  }
  return shares;
}

std::vector<int64_t> Apportion(int64_t total, std::span<const double> shares) {
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  std::vector<int64_t> counts(shares.size());
  const auto wanted = std::count_if(shares.begin(), shares.end(), [](double s) { return s > 0; });
  if (total < wanted) {  // train before validation before test
    for (size_t i = 0; i < shares.size() && total > 0; ++i) {
      if (shares[i] > 0) counts[i] = 1;
      total -= counts[i];
    }
    return counts;
  }
  std::vector<std::pair<double, size_t>> remainders;
  int64_t given = 0;
  const auto exact = [&](size_t i) { return static_cast<double>(total) * shares[i] / sum; };
  for (size_t i = 0; i < shares.size(); ++i) {
    counts[i] = static_cast<int64_t>(std::floor(exact(i) + 1e-9));
    given += counts[i];
    remainders.emplace_back(exact(i) - static_cast<double>(counts[i]), i);
  }
  std::stable_sort(remainders.begin(), remainders.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first + 1e-9; });
  for (size_t k = 0; given < total; ++k, ++given)
    ++counts[remainders[k % remainders.size()].second];
  for (size_t i = 0; i < counts.size(); ++i) {
    if (shares[i] <= 0 || counts[i] > 0) continue;
    size_t giver = i;  // who has most above its exact share, of those that keep at least one
    const auto surplus = [&](size_t k) { return static_cast<double>(counts[k]) - exact(k); };
    for (size_t k = 0; k < counts.size(); ++k) {
      if (counts[k] > 1 && (giver == i || surplus(k) > surplus(giver) + 1e-9)) giver = k;
    }
    --counts[giver];
    ++counts[i];
  }
  return counts;
}

std::vector<std::vector<std::string>> SplitByFiles(std::vector<std::string> names,
                                                   std::span<const double> shares, uint64_t seed) {
  std::map<std::string, std::vector<std::string>> groups;
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const size_t slash = name.rfind('/');
    groups[slash == std::string::npos ? "" : name.substr(0, slash)].push_back(name);
  }
  std::vector<std::vector<std::string>> splits(shares.size());
  for (auto& [group, members] : groups) {
    Random random(seed, "split " + group);
    random.Shuffle(std::span(members));
    const std::vector<int64_t> counts = Apportion(static_cast<int64_t>(members.size()), shares);
    auto next = members.begin();
    for (size_t i = 0; i < splits.size(); ++i) {
      splits[i].insert(splits[i].end(), next, next + counts[i]);
      next += counts[i];
    }
  }
  return splits;
}

std::vector<ListEntry> ReadList(const std::filesystem::path& file) {
  std::vector<ListEntry> entries;
  const std::string text = ReadFile(file);
  int line = 0;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    ++line;
    const size_t first = text.find_first_not_of(" \t\r", start);
    if (first < end) {
      const size_t last = text.find_last_not_of(" \t\r", end - 1);
      std::string name = text.substr(first, last - first + 1);
      std::replace(name.begin(), name.end(), '\\', '/');
      entries.push_back({std::move(name), line});
    }
    start = end + 1;
  }
  return entries;
}

}  // namespace platypus::data
