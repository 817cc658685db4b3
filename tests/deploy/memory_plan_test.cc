#include "platypus/deploy/memory_plan.h"

#include <gtest/gtest.h>

#include "platypus/base/random.h"
#include "platypus/deploy/layers.h"
#include "tests/deploy/random_graphs.h"

namespace platypus::deploy {
namespace {

using Buffer = MemoryPlan::Buffer;

void ExpectSound(const MemoryPlan& plan, int64_t alignment) {
  for (const Buffer& a : plan.buffers) {
    EXPECT_EQ(a.offset % alignment, 0);
    EXPECT_GE(a.offset, 0);
    EXPECT_LE(a.offset + a.size, plan.arena_octets);
    for (const Buffer& b : plan.buffers) {
      if (&a == &b) continue;
      const bool alive_together = a.first_layer <= b.last_layer && b.first_layer <= a.last_layer;
      const bool overlap = a.offset < b.offset + b.size && b.offset < a.offset + a.size;
      const auto lies_over = [&](const Buffer& output, const Buffer& input) {
        return output.over == &input - plan.buffers.data() &&
               output.offset + output.lead <= input.offset;
      };
      EXPECT_FALSE(alive_together && overlap && !lies_over(a, b) && !lies_over(b, a))
          << a.tensor << " and " << b.tensor;
    }
  }
  EXPECT_GE(plan.arena_octets, plan.lower_bound_octets);
}

std::vector<Buffer> RandomBuffers(Random& random) {
  std::vector<Buffer> buffers;
  const int count = fixtures::Between(random, 1, 14);
  for (int i = 0; i < count; ++i) {
    const int first = fixtures::Below(random, 10);
    buffers.push_back(
        {i, 0, fixtures::Between(random, 1, 300), first, first + fixtures::Below(random, 4)});
  }
  return buffers;
}

TEST(MemoryPlanTest, NoTwoLivingBuffersOverlap) {
  Random random(1, "buffers");
  int64_t arena = 0;
  int64_t bound = 0;
  for (int i = 0; i < 300; ++i) {
    const int64_t alignment = i % 3 == 0 ? 1 : 4;
    const MemoryPlan plan = Plan(RandomBuffers(random), alignment);
    ExpectSound(plan, alignment);
    arena += plan.arena_octets;
    bound += plan.lower_bound_octets;
  }
  // On average close to what no plan can beat.
  EXPECT_LT(static_cast<double>(arena), 1.03 * static_cast<double>(bound));
}

TEST(MemoryPlanTest, KeepsTheOrderOfTheBuffers) {
  Random random(2, "buffers");
  const std::vector<Buffer> buffers = RandomBuffers(random);
  const MemoryPlan plan = Plan(buffers);
  ASSERT_EQ(plan.buffers.size(), buffers.size());
  for (size_t i = 0; i < buffers.size(); ++i) {
    EXPECT_EQ(plan.buffers[i].tensor, buffers[i].tensor);
    EXPECT_EQ(plan.buffers[i].size, buffers[i].size);
  }
}

TEST(MemoryPlanTest, NothingNeedsNothing) {
  const MemoryPlan plan = Plan({});
  EXPECT_EQ(plan.arena_octets, 0);
  EXPECT_EQ(plan.lower_bound_octets, 0);
}

// Each output may lie over its input from some octets before it on.
TEST(MemoryPlanTest, OutputsLieOverInputs) {
  Random random(4, "buffers");
  int64_t arena = 0;
  int64_t bound = 0;
  int64_t apart = 0;
  for (int round = 0; round < 200; ++round) {
    std::vector<Buffer> chain;
    for (int i = 0; i < 10; ++i) {
      chain.push_back({i, 0, 4 * fixtures::Between(random, 1, 100), i, i + 1});
      if (i > 0 && fixtures::Below(random, 4) > 0) {
        chain.back().over = i - 1;
        chain.back().lead = fixtures::Below(random, static_cast<int>(chain.back().size) + 1);
      }
    }
    if (round % 2 == 0) chain.push_back({10, 0, 60, 2, 7});  // one that waits beside them
    const MemoryPlan plan = Plan(chain);
    ExpectSound(plan, 4);
    arena += plan.arena_octets;
    bound += plan.lower_bound_octets;
    for (Buffer& buffer : chain) buffer.over = -1;
    apart += Plan(chain).arena_octets;
  }
  EXPECT_LT(static_cast<double>(arena), 1.05 * static_cast<double>(bound));
  EXPECT_LT(static_cast<double>(arena), 0.95 * static_cast<double>(apart));
}

// A chain of layers needs its largest pair of neighbours, no more.
TEST(MemoryPlanTest, AChainReachesTheBound) {
  std::vector<Buffer> buffers;
  Random random(3, "buffers");
  for (int i = 0; i < 12; ++i) {
    buffers.push_back({i, 0, 4 * fixtures::Between(random, 1, 100), i, i + 1});
  }
  const MemoryPlan plan = Plan(buffers);
  ExpectSound(plan, 4);
  EXPECT_EQ(plan.arena_octets, plan.lower_bound_octets);
}

TEST(MemoryPlanTest, RandomNetworks) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    ExpectSound(LowerToC(fixtures::RandomIntegerGraph(seed)).memory, 4);
    ExpectSound(LowerToC(fixtures::RandomFloatGraph(seed)).memory, 4);
  }
}

// A convolution's output lies over its input but for a strip of 32 positions and those before it
// that its windows read.
TEST(MemoryPlanTest, ConvolutionsWriteOverTheirInputs) {
  Random random(5, "chain");
  graph::Graph g = graph::MakeGraph("chain", {1, 256, 1});
  graph::TensorId t = fixtures::AddInput(g, random, fixtures::kSigned);
  graph::Conv2d op;
  op.out_channels = 8;
  op.kernel = {5, 1};
  op.padding = {2, 0, 2, 0};
  for (const char* name : {"first", "second"}) {
    t = fixtures::AddConv(g, random, name, t, op, fixtures::Scaling::kShift, fixtures::kUnsigned);
  }
  const CNetwork net = LowerToC(g);
  EXPECT_EQ(net.memory.arena_octets, 8 * 256 + 8 * (32 + 2));
}

// A pool whose windows move on overwrites its input.
TEST(MemoryPlanTest, PoolsWriteInPlace) {
  const CNetwork net = LowerToC(fixtures::Cls1k(256));
  const auto offset = [&](const char* name) {
    return std::ranges::find(net.layers, name, &CLayer::name)->offset;
  };
  EXPECT_EQ(offset("features.1a.0"), offset("features.2"));
  EXPECT_EQ(net.memory.buffers.size(), 4u);  // three convolutions, the average
}

}  // namespace
}  // namespace platypus::deploy
