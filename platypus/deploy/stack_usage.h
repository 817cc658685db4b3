#ifndef PLATYPUS_DEPLOY_STACK_USAGE_H_
#define PLATYPUS_DEPLOY_STACK_USAGE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace platypus::deploy {

// The call graph of a program, with the stack of each function, as GCC writes it with
// -fcallgraph-info=su: what -fstack-usage says, and who calls whom. Functions of libraries are not
// in it.
class StackUsage {
 public:
  // One .ci file.
  void Add(std::string_view text);

  // Octets that a function ("net_run"; a static one "net.c:layer_0") and all that it calls can use;
  // -1: there is no such function, or no bound: it recurses, calls through a pointer, or has an
  // array of variable length.
  int64_t Bound(const std::string& function) const;

  // The same, of calls alone that stand in lines `first` to `last` of `file`, or in other files:
  // those may be of functions that were inlined there.
  int64_t Bound(const std::string& function, const std::string& file, int first, int last) const;

 private:
  struct Call {
    std::string function, file;
    int line = 0;
  };
  struct Function {
    int64_t octets = -1;  // -1: not known
    std::vector<Call> calls;
  };
  using Choice = std::function<bool(const Call&)>;
  static bool Every(const Call&) { return true; }
  // `path`: the functions that call it.
  int64_t BoundOf(const std::string& function, const Choice& wanted,
                  std::vector<std::string>& path) const;

  std::map<std::string, Function> functions_;
};

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_STACK_USAGE_H_
