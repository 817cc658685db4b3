// The plainest loops.
#define TM_OPTIMISE TM_SIZE
#define TM_POSITIONS 2
#include "tests/deploy/kernels_fuzz.h"

namespace platypus::deploy {
namespace {

TEST(SmallKernelsTest, Convolutions) { FuzzConvolutions(33); }

}  // namespace
}  // namespace platypus::deploy
