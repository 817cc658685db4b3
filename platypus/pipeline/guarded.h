#ifndef PLATYPUS_PIPELINE_GUARDED_H_
#define PLATYPUS_PIPELINE_GUARDED_H_

#include <exception>

#include <fmt/format.h>

#include "platypus/base/progress.h"

namespace platypus::pipeline {

// What is only to be looked at is no reason to lose a run: what goes wrong is said, unless the user
// ended it.
template <typename Work>
void Guarded(const char* what, ProgressSink& sink, Work work) {
  try {
    work();
  } catch (const std::exception& error) {
    if (sink.Cancelled()) throw;
    sink.OnNotice(fmt::format("{} could not be drawn: {}", what, error.what()));
  }
}

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_GUARDED_H_
