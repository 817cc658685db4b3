#include "platypus/base/error.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace platypus {
namespace {

std::string Describe(const std::string& message, const std::string& hint,
                     const Location& location) {
  std::string text;
  if (!location.file.empty()) {
    text += location.file;
    if (location.line > 0) text += fmt::format(":{}", location.line);
    if (location.line > 0 && location.column > 0) text += fmt::format(":{}", location.column);
    text += ": ";
  }
  text += message;
  if (!hint.empty()) text += "; " + hint;
  return text;
}

char Lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

// Levenshtein distance in half steps: a difference in case only costs 1, any other edit 2.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = 2 * j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = 2 * i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t cost = a[i - 1] == b[j - 1] ? 0 : Lower(a[i - 1]) == Lower(b[j - 1]) ? 1 : 2;
      const size_t best = std::min({row[j] + 2, row[j - 1] + 2, diagonal + cost});
      diagonal = row[j];
      row[j] = best;
    }
  }
  return row[b.size()];
}

}  // namespace

Error::Error(Category category, const std::string& message, std::string hint, Location location)
    : std::runtime_error(Describe(message, hint, location)),
      category_(category),
      message_(message),
      hint_(std::move(hint)),
      location_(std::move(location)) {}

int ExitCode(Category category) {
  switch (category) {
    case Category::kInternal:
      return 1;
    case Category::kUsage:
    case Category::kConfiguration:
    case Category::kModel:
      return 2;
    case Category::kData:
      return 3;
    case Category::kToolchain:
      return 4;
  }
  return 1;
}

std::string Nearest(std::string_view name, std::span<const std::string> candidates) {
  std::string best;
  size_t best_distance = 0;
  for (const std::string& candidate : candidates) {
    const size_t distance = Distance(name, candidate);
    if (best.empty() || distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  if (best_distance <= std::max<size_t>(2, name.size())) return best;
  // A name that was cut off: the shortest one that begins with it.
  best.clear();
  for (const std::string& candidate : candidates) {
    if (name.size() >= 3 && candidate.starts_with(name) &&
        (best.empty() || candidate.size() < best.size())) {
      best = candidate;
    }
  }
  return best;
}

std::string Suggest(std::string_view name, std::span<const std::string> candidates) {
  constexpr size_t kMostListed = 12;
  std::string text;
  if (const std::string nearest = Nearest(name, candidates); !nearest.empty()) {
    text = fmt::format("did you mean '{}'?", nearest);
    if (candidates.size() > kMostListed) return text;
    text += ' ';
  }
  text += "legal values: ";
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (i == kMostListed) return text + fmt::format(", and {} more", candidates.size() - i);
    text += (i == 0 ? "" : ", ") + candidates[i];
  }
  return text;
}

}  // namespace platypus
