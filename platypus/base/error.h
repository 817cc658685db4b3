#ifndef PLATYPUS_BASE_ERROR_H_
#define PLATYPUS_BASE_ERROR_H_

#include <fmt/format.h>

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace platypus {

// What kind of thing went wrong. ExitCode() turns it into the exit status of the program.
enum class Category { kInternal, kUsage, kConfiguration, kData, kModel, kToolchain };

// Where it went wrong, as far as known. line and column count from 1; 0 = unknown.
struct Location {
  std::string file;
  int line = 0;
  int column = 0;
};

// The only exception that crosses a room's border.
class Error : public std::runtime_error {
 public:
  Error(Category category, const std::string& message, std::string hint = {},
        Location location = {});

  Category category() const { return category_; }          // NOLINT(readability-identifier-naming)
  const std::string& message() const { return message_; }  // NOLINT(readability-identifier-naming)
  const std::string& hint() const { return hint_; }        // NOLINT(readability-identifier-naming)
  const Location& location() const { return location_; }   // NOLINT(readability-identifier-naming)

 private:
  Category category_;
  std::string message_;
  std::string hint_;
  Location location_;
};

// 1 internal, 2 usage, configuration or model, 3 data, 4 toolchain.
int ExitCode(Category category);

template <typename... Args>
[[noreturn]] void Fail(Category category, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(category, fmt::format(format, std::forward<Args>(args)...));
}

// Broken invariant of the program itself, never reachable by user input.
template <typename... Args>
void Check(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition)
    throw Error(Category::kInternal, fmt::format(format, std::forward<Args>(args)...));
}

// The candidate with the smallest edit distance to `name` if it is close enough to be a likely
// misspelling, otherwise an empty text. Case differences cost half.
std::string Nearest(std::string_view name, std::span<const std::string> candidates);

// "did you mean 'adam'? legal values: adam, adamw, sgd"
std::string Suggest(std::string_view name, std::span<const std::string> candidates);

}  // namespace platypus

#endif  // PLATYPUS_BASE_ERROR_H_
