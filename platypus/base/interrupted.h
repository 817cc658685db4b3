#ifndef PLATYPUS_BASE_INTERRUPTED_H_
#define PLATYPUS_BASE_INTERRUPTED_H_

#include <string>
#include <utility>

#include "platypus/base/error.h"

namespace platypus {

// Nothing went wrong: ProgressSink::Cancelled said that the work is to end.
class Interrupted : public Error {
 public:
  static constexpr int kExitCode = 130;  // as shells have it for Ctrl-C

  explicit Interrupted(const std::string& message, std::string hint = {})
      : Error(Category::kUsage, message, std::move(hint)) {}
};

}  // namespace platypus

#endif  // PLATYPUS_BASE_INTERRUPTED_H_
