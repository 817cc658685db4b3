#ifndef PLATYPUS_DEPLOY_SHARED_FUNCTIONS_H_
#define PLATYPUS_DEPLOY_SHARED_FUNCTIONS_H_

#include <string>

#include "platypus/config/config.h"
#include "platypus/deploy/layers.h"

// One C function for several layers, where flash counts.
namespace platypus::deploy {

// Makes calls that may share a function call one, and returns those functions' text. What the
// layers of a function have in common is literal there, so that the compiler works with it; the
// rest are parameters. Layers that have all but addresses in common share, which costs nothing;
// balanced, convolutions of several positions may have other numbers of output channels (in fours),
// which costs little, and on Armv6-M (TM_SHARED_SIZES) those that are left then other sizes but for
// their kernels; for size the same kernel of the same types, with weights and factors of the
// same form, is enough.
std::string ShareFunctions(CNetwork& network, config::Optimise optimise);

// "static const tm_shape s_conv = {...};"
std::string Definition(const Constant& constant);
// "tm_conv_u8_u8(in, q_conv, s_conv, r_conv, out);"
std::string Statement(const Call& call);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_SHARED_FUNCTIONS_H_
