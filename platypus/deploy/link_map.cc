#include "platypus/deploy/link_map.h"

#include <algorithm>
#include <set>
#include <sstream>

namespace platypus::deploy {
namespace {

bool IsStored(const std::string& section) {
  constexpr std::string_view kStored[] = {".text", ".rodata", ".srodata", ".data", ".sdata"};
  return std::any_of(std::begin(kStored), std::end(kStored),
                     [&](std::string_view name) { return section.starts_with(name); });
}

}  // namespace

// Input sections stand as " .text.name  0xaddress  0xsize  object", the address on a line of its
// own behind a long name.
LinkMap ReadLinkMap(std::string_view text, const std::vector<std::string>& ignored) {
  LinkMap map;
  std::set<std::string> libraries;
  const size_t begin = text.find("Linker script and memory map");
  std::istringstream lines{std::string(text.substr(std::min(begin, text.size())))};
  std::string section;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string address;
    words >> address;
    if (line.starts_with(" .")) {
      section = address;
      if (!(words >> address)) continue;
    } else if (!address.starts_with("0x")) {
      section.clear();
      continue;
    }
    std::string size;
    std::string object;
    if (words >> size >> object && size.starts_with("0x") && IsStored(section) &&
        std::count(ignored.begin(), ignored.end(), object) == 0) {
      const int64_t octets = std::strtoll(size.c_str(), nullptr, 16);
      map.flash_octets += octets;
      if (octets > 0 && object.ends_with(")")) {
        libraries.insert(object.substr(object.rfind('/') + 1));
      }
    }
    section.clear();
  }
  map.libraries.assign(libraries.begin(), libraries.end());
  return map;
}

}  // namespace platypus::deploy
