#ifndef PLATYPUS_APPS_INTERRUPT_H_
#define PLATYPUS_APPS_INTERRUPT_H_

namespace platypus::apps {

// From here on the first Ctrl-C (or SIGTERM) is a wish, so that a run can leave what it has; the
// second one ends the program at once.
void CatchInterrupts();
bool WasInterrupted();

}  // namespace platypus::apps

#endif  // PLATYPUS_APPS_INTERRUPT_H_
