#include "platypus/deploy/link_map.h"

#include <gtest/gtest.h>

namespace platypus::deploy {
namespace {

constexpr const char* kMap = R"(Archive member included to satisfy reference by file (symbol)

Discarded input sections

 .text.unused   0x0000000000000000       0x99 net.o

Memory Configuration

Linker script and memory map

.text           0x0000000000000000      0x300
 *(.vectors)
 .text          0x0000000000000000       0x10 core.o
 .text.net_run  0x0000000000000010       0x20 net.o
                0x0000000000000010                net_run
 .text.a_function_with_a_long_name
                0x0000000000000030       0x08 net.o
 *fill*         0x0000000000000038        0x4 
 .rodata.w      0x0000000000000040      0x100 net_weights.o
 .text          0x0000000000000140       0x40 /usr/lib/gcc/libgcc.a(_udivsi3.o)
 .text          0x0000000000000180        0x0 /usr/lib/gcc/libgcc.a(_empty.o)
 .bss.arena     0x0000000020000000     0x1000 net.o
 .data.table    0x0000000020001000        0x4 net.o
 .debug_info    0x0000000000000000     0x5000 net.o
)";

TEST(LinkMapTest, CountsCodeAndConstantsThatAreLinked) {
  const LinkMap map = ReadLinkMap(kMap, {"core.o"});
  EXPECT_EQ(map.FlashOctets(), 0x20 + 0x08 + 0x100 + 0x40 + 0x4);
  EXPECT_EQ(map.Libraries(), std::vector<std::string>{"libgcc.a(_udivsi3.o)"});
}

TEST(LinkMapTest, SectionsAreThoseOfObjects) {
  const LinkMap map = ReadLinkMap(kMap, {"core.o"});
  ASSERT_EQ(map.sections.size(), 5);
  EXPECT_EQ(map.sections[1].name, ".text.a_function_with_a_long_name");
  EXPECT_EQ(map.sections[1].object, "net.o");
  EXPECT_EQ(map.sections[1].address, 0x30);
  EXPECT_EQ(map.sections[1].octets, 8);
  EXPECT_FALSE(map.sections[1].FromLibrary());
  EXPECT_TRUE(map.sections[3].FromLibrary());
}

TEST(LinkMapTest, NoMapIsEmpty) {
  EXPECT_EQ(ReadLinkMap("", {}).FlashOctets(), 0);
  EXPECT_EQ(ReadLinkMap("something else\n .text 0x1 0x2 a.o\n", {}).FlashOctets(), 0);
}

}  // namespace
}  // namespace platypus::deploy
