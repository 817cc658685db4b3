#include "platypus/deploy/stack_usage.h"

#include <gtest/gtest.h>

namespace platypus::deploy {
namespace {

// As GCC 12 writes it for a network whose first layer was inlined into the step.
constexpr const char* kGraph = R"ci(graph: { title: "net.c"
node: { title: "net_run" label: "net_run\nnet.c:90:11\n16 bytes (static)" }
edge: { sourcename: "net_run" targetname: "net_step" label: "net.c:96:14" }
node: { title: "net_step" label: "net_step\nnet.c:60:11\n24 bytes (static)" }
edge: { sourcename: "net_step" targetname: "tm_conv" label: "net.c:12:3" }
edge: { sourcename: "net_step" targetname: "net.c:layer_1" label: "net.c:66:7" }
edge: { sourcename: "net_step" targetname: "memcpy" label: "rt/tm_moves.h:30:3" }
node: { title: "tm_conv" label: "tm_conv\n./rt/tm_kernels.h:5:13\n100 bytes (static)" }
node: { title: "net.c:layer_1" label: "layer_1\nnet.c:20:13\n8 bytes (dynamic,bounded)" }
node: { title: "memcpy" label: "__builtin_memcpy\n<built-in>" shape : ellipse }
}
)ci";

TEST(StackUsageTest, TheDeepestCallCounts) {
  StackUsage usage;
  usage.Add(kGraph);
  EXPECT_EQ(usage.Bound("net_run"), 16 + 24 + 100);
  EXPECT_EQ(usage.Bound("net.c:layer_1"), 8);
  EXPECT_EQ(usage.Bound("memcpy"), -1);
  EXPECT_EQ(usage.Bound("nowhere"), -1);
}

TEST(StackUsageTest, CallsOfSomeLines) {
  StackUsage usage;
  usage.Add(kGraph);
  EXPECT_EQ(usage.Bound("net_step", "net.c", 10, 14), 24 + 100);
  EXPECT_EQ(usage.Bound("net_step", "net.c", 60, 70), 24 + 8);
  EXPECT_EQ(usage.Bound("net_step", "net.c", 0, 0), 24);
}

TEST(StackUsageTest, SomeHaveNoBound) {
  StackUsage usage;
  usage.Add(R"ci(node: { title: "again" label: "again\na.c:1:1\n8 bytes (static)" }
edge: { sourcename: "again" targetname: "again" label: "a.c:2:1" }
node: { title: "by" label: "by\na.c:3:1\n8 bytes (static)" }
edge: { sourcename: "by" targetname: "__indirect_call" label: "a.c:4:1" }
node: { title: "array" label: "array\na.c:5:1\n8 bytes (dynamic)" }
node: { title: "caller" label: "caller\na.c:6:1\n8 bytes (static)" }
edge: { sourcename: "caller" targetname: "array" label: "a.c:7:1" }
)ci");
  for (const char* function : {"again", "by", "array", "caller"})
    EXPECT_EQ(usage.Bound(function), -1) << function;
}

}  // namespace
}  // namespace platypus::deploy
