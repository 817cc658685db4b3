#ifndef PLATYPUS_DEPLOY_LINKED_PARTS_H_
#define PLATYPUS_DEPLOY_LINKED_PARTS_H_

#include <filesystem>

#include "platypus/deploy/core_program.h"
#include "platypus/deploy/link_map.h"
#include "platypus/deploy/verify.h"

namespace platypus::deploy {

// Divides what the map says among the layers of `result` (code that the compiler's line tables
// give to a layer, its tables and constants) and its `shared` parts; together exactly
// map.FlashOctets(). `build` is where Build has worked.
void AddLinkedParts(const LinkMap& map, const Core& core, const Facts& facts,
                    const std::filesystem::path& build, VerifyResult& result);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_LINKED_PARTS_H_
