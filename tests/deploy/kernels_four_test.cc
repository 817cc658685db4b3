// Blocks of four positions of one channel, as on Armv6-M.
#define TM_POSITIONS 4
#include "tests/deploy/kernels_fuzz.h"

namespace platypus::deploy {
namespace {

TEST(KernelsOfFourPositionsTest, Convolutions) {
  FuzzConvolutions<tm_i8, tm_i8>(11);
  FuzzConvolutions<tm_i8, tm_u8>(12);
  FuzzConvolutions<tm_u8, tm_i8>(13);
  FuzzConvolutions<tm_u8, tm_u8>(14);
}

}  // namespace
}  // namespace platypus::deploy
