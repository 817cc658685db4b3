#ifndef PLATYPUS_DEPLOY_EMIT_FEATURES_H_
#define PLATYPUS_DEPLOY_EMIT_FEATURES_H_

#include "platypus/deploy/package.h"

namespace platypus::deploy {

// Adds <prefix>_fe.h and <prefix>_fe.c: streaming feature extraction for exactly this chain,
// computing the bits that features::Extract computes.
void EmitFeatures(const PackageRequest& request, Package& package);

// Names of runtime files (below rt/) that the generated feature extraction needs.
std::vector<std::string> FeatureRuntimeFiles(const features::Pipeline& pipeline);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_EMIT_FEATURES_H_
