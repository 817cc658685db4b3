#include "apps/interrupt.h"

#include <csignal>
#include <cstdlib>

namespace platypus::apps {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;  // a signal handler can reach nothing but a global

void OnInterrupt(int signal) {
  if (g_interrupted != 0) std::_Exit(128 + signal);
  g_interrupted = 1;
}

}  // namespace

void CatchInterrupts() {
  std::signal(SIGINT, OnInterrupt);
  std::signal(SIGTERM, OnInterrupt);
}

bool WasInterrupted() { return g_interrupted != 0; }

}  // namespace platypus::apps
