// As kernels_four_test.cc, balanced.
#define TM_OPTIMISE TM_BALANCED
#define TM_POSITIONS 4
#include "tests/deploy/kernels_fuzz.h"

namespace platypus::deploy {
namespace {

TEST(BalancedKernelsOfFourPositionsTest, Convolutions) { FuzzConvolutions(31); }

}  // namespace
}  // namespace platypus::deploy
