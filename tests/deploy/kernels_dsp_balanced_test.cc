// As kernels_dsp_test.cc, balanced.
#define TM_OPTIMISE TM_BALANCED
#define TM_DSP 1
#define TM_POSITIONS 2
#include "tests/deploy/kernels_fuzz.h"

namespace platypus::deploy {
namespace {

TEST(BalancedKernelsWithDspTest, Convolutions) { FuzzConvolutions(32); }

TEST(BalancedKernelsWithDspTest, Bands) { FuzzBands(34); }

}  // namespace
}  // namespace platypus::deploy
