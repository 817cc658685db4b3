#include "platypus/deploy/link_map.h"

#include <algorithm>
#include <cstdlib>
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

int64_t LinkMap::FlashOctets() const {
  int64_t octets = 0;
  for (const Section& section : sections) octets += section.octets;
  return octets;
}

std::vector<std::string> LinkMap::Libraries() const {
  std::set<std::string> names;
  for (const Section& section : sections) {
    if (section.FromLibrary()) names.insert(section.object.substr(section.object.rfind('/') + 1));
  }
  return {names.begin(), names.end()};
}

// Input sections stand as " .text.name  0xaddress  0xsize  object", the address on a line of its
// own behind a long name.
LinkMap ReadLinkMap(std::string_view text, const std::vector<std::string>& ignored) {
  LinkMap map;
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
      if (octets > 0) {
        map.sections.push_back(
            {section, object, std::strtoll(address.c_str(), nullptr, 16), octets});
      }
    }
    section.clear();
  }
  return map;
}

}  // namespace platypus::deploy
