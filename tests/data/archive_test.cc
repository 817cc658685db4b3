#include "platypus/data/archive.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/data/fixtures.h"

namespace platypus::data {
namespace {

class ArchiveTest : public ::testing::Test {
 protected:
  fs::path At(const std::string& name) const { return folder_.Path() / name; }
  // Unpacks an archive of these members; whatever comes out, nothing may appear beside the target.
  std::string UnpackMembers(const std::string& name, const std::vector<Member>& members) {
    fs::remove_all(At("in"));
    fs::create_directories(At("in"));
    WriteArchive(At("in") / name, members);
    fs::remove_all(At("out"));
    std::string error = ErrorOf([&] { Unpack(At("in") / name, At("out") / "target", events_); });
    if (error == "no error") return error;
    EXPECT_FALSE(fs::exists(At("out") / "target"));
    for (const auto& [file, content] : Contents(folder_.Path())) {
      EXPECT_TRUE(file == "in" || file == "out" || file == "in/" + name)
          << file << " was left behind";
    }
    const std::string prefix = (At("in") / name).string() + ": ";
    EXPECT_TRUE(error.starts_with(prefix)) << error;
    return error.substr(std::min(prefix.size(), error.size()));
  }

  TemporaryFolder folder_;
  Events events_;
};

TEST_F(ArchiveTest, AllKindsUnpackTheSame) {
  const std::vector<Member> members = {{"top", "", AE_IFDIR},
                                       {"top/classes/a/1.csv", "1\n2\n"},
                                       {"top/classes/b/\xC3\xBC 2.csv", std::string(200000, 'x')},
                                       {"./top/empty.csv", ""}};
  for (const char* name : {"a.zip", "a.tar", "a.tar.gz", "a.tgz", "A.ZIP.tgz"}) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(IsArchiveName(name));
    ASSERT_EQ(UnpackMembers(name, members), "no error");
    const auto contents = Contents(At("out"));
    EXPECT_EQ(contents.size(), 8U);
    EXPECT_EQ(contents.at("target/top/classes/a/1.csv"), "1\n2\n");
    EXPECT_EQ(contents.at("target/top/classes/b/\xC3\xBC 2.csv"), std::string(200000, 'x'));
    EXPECT_EQ(contents.at("target/top/empty.csv"), "");
    ASSERT_FALSE(events_.progress.empty());
    EXPECT_EQ(events_.progress.back().stage, "unpack");
    EXPECT_EQ(events_.progress.back().step, 3);
    events_.progress.clear();
  }
  EXPECT_TRUE(IsArchiveName("DATA.ZIP"));
  EXPECT_FALSE(IsArchiveName("a.csv"));
  EXPECT_FALSE(IsArchiveName("zip"));
}

TEST_F(ArchiveTest, MembersThatLeaveTheTargetAreRejected) {
  const std::string hint =
      " would be written outside the target folder; repack the archive with relative names";
  for (const char* name : {"a.zip", "a.tar"}) {
    for (const std::string& member :
         std::vector<std::string>{"../evil.csv", "a/../../evil.csv", "/tmp/platypus-evil.csv", "..",
                                  "a\\..\\evil.csv"}) {
      std::string shown = member;  // in a zip a backslash separates folders
      if (std::string(name) == "a.zip") std::replace(shown.begin(), shown.end(), '\\', '/');
      EXPECT_EQ(UnpackMembers(name, {{"good.csv", "1\n"}, {member, "1\n"}}),
                fmt::format("member '{}'", shown) + hint);
    }
  }
  EXPECT_FALSE(fs::exists("/tmp/platypus-evil.csv"));
}

TEST_F(ArchiveTest, LinksAndDevicesAreRejected) {
  const std::string rest = " is neither a file nor a folder; links and devices are not unpacked";
  EXPECT_EQ(UnpackMembers("a.tar", {{"out", "/tmp", AE_IFLNK}, {"out/evil.csv", "1\n"}}),
            "member 'out'" + rest);
  EXPECT_EQ(UnpackMembers("a.zip", {{"out", "..", AE_IFLNK}, {"out/evil.csv", "1\n"}}),
            "member 'out'" + rest);
  EXPECT_EQ(UnpackMembers("a.tar", {{"h", "/etc/hostname", AE_IFREG, true}}), "member 'h'" + rest);
  EXPECT_EQ(UnpackMembers("a.tar", {{"device", "", AE_IFCHR}}), "member 'device'" + rest);
  EXPECT_EQ(UnpackMembers("a.tar", {{"pipe", "", AE_IFIFO}}), "member 'pipe'" + rest);
}

TEST_F(ArchiveTest, FileAndFolderOfTheSameName) {
  EXPECT_TRUE(
      UnpackMembers("a.tar", {{"a", "1\n"}, {"a/b", "2\n"}}).starts_with("cannot unpack: "));
  EXPECT_TRUE(UnpackMembers("b.tar", {{"a/b", "2\n"}, {"a", "1\n"}}).starts_with("cannot "));
}

// A tar header of one member that claims `size` octets (GNU base-256 number).
std::string TarHeader(const std::string& name, uint64_t size) {
  std::string block(512, '\0');
  block.replace(0, name.size(), name);
  block.replace(100, 7, "0000644");
  block.replace(108, 7, "0000000");
  block.replace(116, 7, "0000000");
  block[124] = '\x80';
  for (size_t i = 0; i < 8; ++i) block[135 - i] = static_cast<char>(size >> (8 * i));
  block.replace(136, 11, "00000000000");
  block.replace(148, 8, "        ");
  block[156] = '0';
  block.replace(257, 8, "ustar  ", 8);
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  block.replace(148, 7, fmt::format("{:06o}", sum) + '\0');
  return block;
}

TEST_F(ArchiveTest, BombsAreRefusedBeforeTheyAreWritten) {
  WriteFile(At("bomb.tar"), TarHeader("zeros.csv", uint64_t{20} << 30) + std::string(1024, '\0'));
  EXPECT_EQ(ErrorOf([&] { Unpack(At("bomb.tar"), At("target"), events_); }),
            At("bomb.tar").string() +
                ": the archive unpacks to more than 16 GB; unpack it yourself and name the folder");
  EXPECT_FALSE(fs::exists(At("target")));
}

TEST_F(ArchiveTest, DamagedAndEmptyArchives) {
  const auto error = [&](const std::string& name, const std::string& content) {
    WriteFile(At(name), content);
    std::string text = ErrorOf([&] { Unpack(At(name), At("target"), events_); });
    EXPECT_FALSE(fs::exists(At("target")));
    EXPECT_FALSE(fs::exists(At("target.unpacking")));
    return text;
  };
  WriteArchive(At("whole.zip"), {{"a.csv", std::string(5000, 'x') + "y"}});
  WriteArchive(At("whole.tar"), {{"a.csv", std::string(5000, 'x')}});
  WriteArchive(At("whole.tgz"), {{"a.csv", std::string(5000, 'x')}});
  WriteArchive(At("none.tar"), {});
  const std::string zip = ReadFile(At("whole.zip"));
  const std::string tgz = ReadFile(At("whole.tgz"));
  for (const auto& [name, content] : std::vector<std::pair<std::string, std::string>>{
           {"a.zip", ""},
           {"b.zip", "<html><body>404 not found</body></html>"},
           {"c.zip", zip.substr(0, zip.size() / 2)},
           {"d.tar", ReadFile(At("whole.tar")).substr(0, 2000)},
           {"e.tgz", tgz.substr(0, tgz.size() - 20)}}) {
    const std::string text = error(name, content);
    EXPECT_TRUE(text.starts_with(At(name).string() + ": the archive is damaged: ")) << text;
  }
  EXPECT_EQ(error("f.tar", ReadFile(At("none.tar"))),
            At("f.tar").string() + ": the archive holds no files");
  EXPECT_NE(ErrorOf([&] { Unpack(At("absent.zip"), At("target"), events_); }), "no error");
}

TEST_F(ArchiveTest, UnpackingCanBeInterrupted) {
  WriteArchive(At("a.zip"), {{"a.csv", "1\n"}});
  events_.cancelled = true;
  EXPECT_NE(ErrorOf([&] { Unpack(At("a.zip"), At("target"), events_); }), "no error");
  EXPECT_FALSE(fs::exists(At("target")));
}

TEST_F(ArchiveTest, MutationsEndInAFolderOrAnError) {
  Random random(6, "zip mutations");
  fs::create_directories(At("sandbox"));
  std::vector<std::string> seeds;
  for (const char* name : {"seed.zip", "seed.tar", "seed.tgz"}) {
    WriteArchive(
        At(name),
        {{"classes", "", AE_IFDIR}, {"classes/a/1.csv", "1\n2\n"}, {"classes/b/2.csv", "3\n"}});
    seeds.push_back(ReadFile(At(name)));
  }
  int errors = 0;
  for (int i = 0; i < 2000; ++i) {
    WriteFile(At("sandbox") / "a.zip", Mutate(seeds[i % 4 == 0 ? 1 : i % 4 == 1 ? 2 : 0], random));
    try {
      Unpack(At("sandbox") / "a.zip", At("sandbox") / "target", events_);
    } catch (const Error& error) {
      ASSERT_EQ(error.category(), Category::kData) << error.what();
      ++errors;
    }
    fs::remove_all(At("sandbox") / "target");
    fs::remove(At("sandbox") / "a.zip");
    ASSERT_TRUE(fs::is_empty(At("sandbox"))) << "mutation " << i << " left something behind";
  }
  EXPECT_GT(errors, 100);
  EXPECT_LT(errors, 1990);
}

}  // namespace
}  // namespace platypus::data
