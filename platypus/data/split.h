#ifndef PLATYPUS_DATA_SPLIT_H_
#define PLATYPUS_DATA_SPLIT_H_

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

// Which recordings train, validate and test.
namespace platypus::data {

// The shares of `count` splits: given ones first, what is left of 1 spread evenly over the others.
std::vector<double> Shares(std::span<const double> factors, size_t count);

// How many of `total` items each share gets: largest remainder, and at least one item for every
// share above 0. Fewer items than such shares: one each to the first ones.
std::vector<int64_t> Apportion(int64_t total, std::span<const double> shares);

// Splits names by their class (text before the last '/'): every class is sorted, shuffled by `seed`
// and apportioned. Result [split] sorted by class, then in drawn order; independent of the order of
// `names`.
std::vector<std::vector<std::string>> SplitByFiles(std::vector<std::string> names,
                                                   std::span<const double> shares, uint64_t seed);

// Non-empty lines of a list file, white space stripped, with their line numbers.
struct ListEntry {
  std::string name;
  int line = 0;
};
std::vector<ListEntry> ReadList(const std::filesystem::path& file);

}  // namespace platypus::data

#endif  // PLATYPUS_DATA_SPLIT_H_
