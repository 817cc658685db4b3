#ifndef PLATYPUS_DEPLOY_STREAM_POOLS_H_
#define PLATYPUS_DEPLOY_STREAM_POOLS_H_

#include <map>

#include "platypus/deploy/arena.h"
#include "platypus/deploy/layers.h"

namespace platypus::deploy {

// Makes one layer of a convolution and the pool behind it, which takes the convolution's lines as
// they come (runtime/rt/tm_bands.h), where that makes the arena smaller, by a quarter or more in
// all (it takes several hundred octets of code): instead of the convolution's output it holds the
// few lines that the next windows cover.
void StreamPools(CNetwork& network, std::map<graph::TensorId, Storage>& storage, graph::TensorId in,
                 graph::TensorId out);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_STREAM_POOLS_H_
