// Blocks of four positions of one channel, as on Armv6-M.
#define TM_OPTIMISE TM_SPEED
#define TM_POSITIONS 4
#include "tests/deploy/kernels_fuzz.h"

namespace platypus::deploy {
namespace {

TEST(KernelsOfFourPositionsTest, Convolutions) { FuzzConvolutions(11); }

TEST(KernelsOfFourPositionsTest, Bands) { FuzzBands(15); }

}  // namespace
}  // namespace platypus::deploy
