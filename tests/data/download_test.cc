#include "platypus/data/download.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "platypus/base/hash.h"
#include "platypus/data/dataset.h"
#include "tests/data/fixtures.h"
#include "tests/data/http_server.h"

namespace platypus::data {
namespace {

class DownloadTest : public ::testing::Test {
 protected:
  DownloadTest() {
    for (const char* name : {"no_proxy", "NO_PROXY"}) setenv(name, "127.0.0.1", 1);
    for (int i = 0; i < 5000; ++i) body_ += fmt::format("{} of 5000\n", i);
  }
  fs::path Cache() const { return folder_.Path() / "cache"; }
  fs::path Get(const std::string& url, const std::string& sha256 = "") {
    return Download(url, Cache(), sha256, events_);
  }
  // Names of all files in the cache.
  std::vector<std::string> Cached() const {
    std::vector<std::string> names;
    if (!fs::exists(Cache())) return names;
    for (const auto& [name, content] : Contents(Cache())) {
      if (content != "folder") names.push_back(fs::path(name).filename().string());
    }
    return names;
  }

  TemporaryFolder folder_;
  Events events_;
  std::string body_;
};

// Serves `body`, parts of it when asked for a range; the first `cut` answers stop after 1000
// octets.
std::function<std::string(const std::string&)> Serving(std::string body, int cut = 0,
                                                       bool ranges = true) {
  return [body = std::move(body), cut, ranges](const std::string& head) mutable {
    const size_t at = head.find("Range: bytes=");
    const size_t first = at == std::string::npos ? 0 : std::stoul(head.substr(at + 13));
    if (at == std::string::npos || !ranges) {
      return cut-- > 0 ? Response("200 OK", body.substr(0, 1000), body.size())
                       : Response("200 OK", body, body.size());
    }
    if (first >= body.size()) return Response("416 Range Not Satisfiable", "", 0);
    const std::string rest = body.substr(first);
    return Response(
        "206 Partial Content", cut-- > 0 ? rest.substr(0, 1000) : rest, rest.size(),
        fmt::format("Content-Range: bytes {}-{}/{}\r\n", first, body.size() - 1, body.size()));
  };
}

TEST_F(DownloadTest, WholeFilesAreAskedForOnce) {
  HttpServer server(Serving(body_));
  const fs::path file = Get(server.Url("data.zip?version=2"));
  EXPECT_EQ(file.filename(), "data.zip");
  EXPECT_EQ(ReadFile(file), body_);
  ASSERT_FALSE(events_.progress.empty());
  EXPECT_EQ(events_.progress.back().stage, "download");
  EXPECT_EQ(events_.progress.back().step, static_cast<int64_t>(body_.size()));
  EXPECT_EQ(events_.progress.back().total, static_cast<int64_t>(body_.size()));
  EXPECT_EQ(Get(server.Url("data.zip?version=2")), file);
  EXPECT_EQ(server.Requests().size(), 1U);
  EXPECT_NE(Get(server.Url("other/data.zip")), file) << "two addresses share a file";
}

TEST_F(DownloadTest, InterruptedTransfersGoOnWhereTheyStopped) {
  HttpServer server(Serving(body_, 2));
  const std::string url = server.Url("data.zip");
  for (int i = 1; i <= 2; ++i) {
    const std::string error = ErrorOf([&] { Get(url); });
    EXPECT_TRUE(error.starts_with("cannot download " + url + ": ")) << error;
    EXPECT_TRUE(error.ends_with(
        "; check the address and the connection, or download it yourself and name the file"))
        << error;
    EXPECT_EQ(Cached(), std::vector<std::string>{"data.zip.part"});
  }
  EXPECT_EQ(ReadFile(Get(url)), body_);
  EXPECT_EQ(Cached(), std::vector<std::string>{"data.zip"});
  const std::vector<std::string> requests = server.Requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_NE(requests[1].find("Range: bytes=1000-"), std::string::npos);
  EXPECT_NE(requests[2].find("Range: bytes=2000-"), std::string::npos);
}

TEST_F(DownloadTest, ServersWithoutRangesStartAgain) {
  HttpServer server(Serving(body_, 1, false));
  EXPECT_NE(ErrorOf([&] { Get(server.Url("data.zip")); }), "no error");
  EXPECT_EQ(ReadFile(Get(server.Url("data.zip"))), body_);
  EXPECT_EQ(Cached(), std::vector<std::string>{"data.zip"});
}

TEST_F(DownloadTest, APartThatIsAlreadyWholeOrTooLongIsNoObstacle) {
  HttpServer server(Serving(body_));
  const std::string url = server.Url("data.zip");
  const fs::path file = Get(url);
  for (const std::string& part : {body_, body_ + "more"}) {
    fs::remove(file);
    WriteFile(file.string() + ".part", part);
    EXPECT_EQ(ReadFile(Get(url)), body_);
  }
}

TEST_F(DownloadTest, ErrorPagesNeverGetIntoTheCache) {
  int status = 404;
  HttpServer server([&](const std::string&) {
    return Response(status == 404 ? "404 Not Found" : "200 OK",
                    status == 404 ? "<html>sorry</html>" : body_,
                    status == 404 ? 18 : body_.size());
  });
  const std::string url = server.Url("data.zip");
  EXPECT_EQ(ErrorOf([&] { Get(url); }),
            "cannot download " + url +
                ": The requested URL returned error: 404; check the address and the connection, "
                "or download it yourself and name the file");
  status = 200;
  EXPECT_EQ(ReadFile(Get(url)), body_);
}

TEST_F(DownloadTest, EmptyAnswersAndDeadServers) {
  std::string url;
  {
    HttpServer server([](const std::string&) { return Response("200 OK", "", 0); });
    url = server.Url("data.zip");
    EXPECT_EQ(ErrorOf([&] { Get(url); }), "cannot download " + url + ": the answer is empty");
  }
  EXPECT_TRUE(ErrorOf([&] { Get(url); }).starts_with("cannot download " + url + ": "));
  EXPECT_TRUE(ErrorOf([&] { Get("http://"); }).starts_with("cannot download http://: "));
  for (const std::string& name : Cached()) EXPECT_TRUE(name.ends_with(".part")) << name;
}

TEST_F(DownloadTest, ChecksumDecides) {
  HttpServer server(Serving(body_));
  const std::string url = server.Url("data.zip");
  const std::string wrong(64, '0');
  EXPECT_EQ(ErrorOf([&] { Get(url, wrong); }),
            url + " has the SHA-256 " + HashText(body_) + ", expected " + wrong +
                "; the file is removed; correct dataset.sha256 or try again");
  EXPECT_TRUE(Cached().empty());
  std::string upper = HashText(body_);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_EQ(ReadFile(Get(url, upper)), body_);
}

TEST_F(DownloadTest, FileUrls) {
  WriteFile(folder_.Path() / "data.tar", body_);
  const std::string url = "file://" + (folder_.Path() / "data.tar").string();
  const fs::path file = Get(url);
  EXPECT_EQ(ReadFile(file), body_);
  fs::remove(file);
  WriteFile(file.string() + ".part", body_.substr(0, 1234));
  EXPECT_EQ(ReadFile(Get(url)), body_);
  EXPECT_NE(ErrorOf([&] { Get("file:///no/such/file.zip"); }), "no error");
  EXPECT_NE(ErrorOf([&] { Get("file://" + folder_.Path().string()); }), "no error");
  EXPECT_NE(ErrorOf([&] { Get(url + "/" + std::string(300, 'n')); }), "no error");
}

TEST_F(DownloadTest, ACacheThatCannotBeWrittenIsAnError) {
  WriteFile(Cache(), "a file where the folder should be");
  EXPECT_NE(ErrorOf([&] { Get("file:///dev/null"); }), "no error");
}

TEST_F(DownloadTest, OpenTakesAUrlOfAnArchive) {
  WriteArchive(folder_.Path() / "set.zip", {{"set/classes/a/1.csv", "1\n"},
                                            {"set/classes/a/2.csv", "2\n"},
                                            {"set/classes/a/3.csv", "3\n"},
                                            {"set/classes/b/1.csv", "4\n"},
                                            {"set/classes/b/2.csv", "5\n"},
                                            {"set/classes/b/3.csv", "6\n"}});
  const std::string archive = ReadFile(folder_.Path() / "set.zip");
  bool portal = true;  // a page with status 200 in place of the archive
  HttpServer server([&](const std::string&) {
    const std::string& body = portal ? "<html>please log in</html>" : archive;
    return Response("200 OK", body, body.size());
  });
  config::Config config = ConfigFor(server.Url("set.zip"));
  config.common.download_path = Cache();
  const std::string error = ErrorOf([&] { Open(config, folder_.Path() / "project", events_); });
  EXPECT_NE(error.find("the archive is damaged: "), std::string::npos) << error;
  EXPECT_TRUE(Cached().empty()) << "the page stays in the cache";
  portal = false;
  for (int i = 0; i < 2; ++i) {
    const Dataset dataset = Open(config, folder_.Path() / "project", events_);
    EXPECT_EQ(dataset.classes, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(dataset.train.size(), 2U);
  }
  EXPECT_EQ(server.Requests().size(), 2U);
}

}  // namespace
}  // namespace platypus::data
