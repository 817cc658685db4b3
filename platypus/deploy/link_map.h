#ifndef PLATYPUS_DEPLOY_LINK_MAP_H_
#define PLATYPUS_DEPLOY_LINK_MAP_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace platypus::deploy {

// What a GNU linker map says of a program.
struct LinkMap {
  int64_t flash_octets = 0;            // code and constants, of everything but `ignored` objects
  std::vector<std::string> libraries;  // members of archives that give code or constants, sorted:
                                       // "libgcc.a(_udivsi3.o)"
};

LinkMap ReadLinkMap(std::string_view text, const std::vector<std::string>& ignored);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_LINK_MAP_H_
