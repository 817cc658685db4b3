#include "platypus/deploy/stack_usage.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace platypus::deploy {
namespace {

constexpr const char* kThroughPointer = "__indirect_call";

// The text behind `key: "`; empty if the line has no such key.
std::string Quoted(const std::string& line, const std::string& key) {
  const size_t at = line.find(key + ": \"");
  if (at == std::string::npos) return {};
  const size_t begin = at + key.size() + 3;
  return line.substr(begin, line.find('"', begin) - begin);
}

}  // namespace

// Lines as
//   node: { title: "net.c:layer_0" label: "layer_0\nnet.c:12:13\n24 bytes (static)" }
//   edge: { sourcename: "net_step" targetname: "net.c:layer_0" label: "net.c:40:7" }
void StackUsage::Add(std::string_view text) {
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("node:")) {
      const std::string label = Quoted(line, "label");
      const size_t bytes = label.find(" bytes (");
      if (bytes == std::string::npos) continue;  // of another file
      const bool bounded = label.find("dynamic)") == std::string::npos;
      const size_t number = label.rfind("\\n", bytes) + 2;
      functions_[Quoted(line, "title")].octets =
          bounded ? std::strtoll(label.c_str() + number, nullptr, 10) : -1;
    } else if (line.starts_with("edge:")) {
      Call call;
      call.function = Quoted(line, "targetname");
      const std::string place = Quoted(line, "label");  // file:line:column
      const size_t column = place.rfind(':');
      const size_t number = column == std::string::npos ? column : place.rfind(':', column - 1);
      if (number != std::string::npos) {
        call.file = place.substr(0, number);
        call.line = std::atoi(place.c_str() + number + 1);
      }
      functions_[Quoted(line, "sourcename")].calls.push_back(std::move(call));
    }
  }
}

int64_t StackUsage::BoundOf(const std::string& function, const Choice& wanted,
                            std::vector<std::string>& path) const {
  const auto found = functions_.find(function);
  if (found == functions_.end() || found->second.octets < 0) return -1;
  path.push_back(function);
  int64_t below = 0;
  for (const Call& call : found->second.calls) {
    if (!wanted(call)) continue;
    if (call.function == kThroughPointer || std::count(path.begin(), path.end(), call.function) > 0)
      return -1;
    if (!functions_.contains(call.function)) continue;  // of a library
    const int64_t of_call = BoundOf(call.function, Every, path);
    if (of_call < 0) return -1;
    below = std::max(below, of_call);
  }
  path.pop_back();
  return found->second.octets + below;
}

int64_t StackUsage::Bound(const std::string& function) const {
  std::vector<std::string> path;
  return BoundOf(function, Every, path);
}

int64_t StackUsage::Bound(const std::string& function, const std::string& file, int first,
                          int last) const {
  std::vector<std::string> path;
  return BoundOf(
      function,
      [&](const Call& call) {
        return call.file != file || (call.line >= first && call.line <= last);
      },
      path);
}

}  // namespace platypus::deploy
