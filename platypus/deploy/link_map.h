#ifndef PLATYPUS_DEPLOY_LINK_MAP_H_
#define PLATYPUS_DEPLOY_LINK_MAP_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace platypus::deploy {

// What a GNU linker map says of a program.
struct LinkMap {
  // A part of an object that takes flash: ".text.net_run" of "net.o".
  struct Section {
    std::string name, object;
    int64_t address = 0;
    int64_t octets = 0;
    bool FromLibrary() const { return object.ends_with(")"); }
  };
  std::vector<Section> sections;  // code and constants, of everything but `ignored` objects

  int64_t FlashOctets() const;
  // Members of archives among them, sorted: "libgcc.a(_udivsi3.o)".
  std::vector<std::string> Libraries() const;
};

LinkMap ReadLinkMap(std::string_view text, const std::vector<std::string>& ignored);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_LINK_MAP_H_
