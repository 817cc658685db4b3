#include "platypus/data/download.h"

#include <curl/curl.h>
#ifdef PLATYPUS_LIBCURL
#include <dlfcn.h>
#endif

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <memory>
#include <type_traits>

#include "platypus/base/error.h"
#include "platypus/base/hash.h"
#include "platypus/base/interrupted.h"

namespace platypus::data {
namespace fs = std::filesystem;
namespace {

// libcurl brings thirty other libraries. Joined to the program at every start they would cost more
// than all else it does then; so the library is loaded when it is first needed.
struct Curl {
  decltype(&curl_easy_init) init;
  decltype(&curl_easy_cleanup) cleanup;
  decltype(&curl_easy_setopt) setopt;
  decltype(&curl_easy_perform) perform;
  decltype(&curl_easy_getinfo) getinfo;
  decltype(&curl_easy_strerror) strerror;
};

#ifdef PLATYPUS_LIBCURL  // name of the shared library

Curl LoadCurl() {
  void* const library = dlopen(PLATYPUS_LIBCURL, RTLD_NOW | RTLD_LOCAL);
  const auto take = [&](auto& function, const char* name) {
    void* const symbol = library == nullptr ? nullptr : dlsym(library, name);
    if (symbol == nullptr) {
      throw Error(Category::kData, fmt::format("cannot download: {}", dlerror()),
                  "install libcurl, or download it yourself and name the file");
    }
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(symbol);
  };
  Curl curl;
  take(curl.init, "curl_easy_init");
  take(curl.cleanup, "curl_easy_cleanup");
  take(curl.setopt, "curl_easy_setopt");
  take(curl.perform, "curl_easy_perform");
  take(curl.getinfo, "curl_easy_getinfo");
  take(curl.strerror, "curl_easy_strerror");
  return curl;
}

#else

Curl LoadCurl() {
  return {curl_easy_init,    curl_easy_cleanup, curl_easy_setopt,
          curl_easy_perform, curl_easy_getinfo, curl_easy_strerror};
}

#endif

struct Transfer {
  std::FILE* file = nullptr;
  ProgressSink* sink = nullptr;
  std::string name;
  curl_off_t resumed_from = 0;
};

size_t OnData(char* bytes, size_t size, size_t count, void* user) {
  return std::fwrite(bytes, size, count, static_cast<Transfer*>(user)->file);
}

int OnTransfer(void* user, curl_off_t total, curl_off_t now, curl_off_t, curl_off_t) {
  const auto* transfer = static_cast<Transfer*>(user);
  if (now > 0) {
    transfer->sink->OnProgress({"download",
                                transfer->name,
                                transfer->resumed_from + now,
                                total > 0 ? transfer->resumed_from + total : 0,
                                "octets",
                                {}});
  }
  return transfer->sink->Cancelled() ? 1 : 0;
}

std::string FileName(const std::string& url) {
  std::string path = url.substr(0, url.find_first_of("?#"));
  std::string name = path.substr(path.rfind('/') + 1);
  return name.empty() || name == "." || name == ".." ? "download" : name;
}

// Appends to `part` from where it ends. False: the server cannot continue there and the part is
// stale.
bool Fetch(const std::string& url, const fs::path& part, ProgressSink& sink) {
  static const Curl library = LoadCurl();
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(library.init(), library.cleanup);
  Check(curl != nullptr, "libcurl could not be started");
  Transfer transfer;
  transfer.sink = &sink;
  transfer.name = FileName(url);
  transfer.resumed_from = fs::exists(part) ? static_cast<curl_off_t>(fs::file_size(part)) : 0;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(part.c_str(), "ab"),
                                                             std::fclose);
  if (!file) Fail(Category::kData, "cannot write {}", part.string());
  transfer.file = file.get();
  char reason[CURL_ERROR_SIZE] = "";
  library.setopt(curl.get(), CURLOPT_URL, url.c_str());
  library.setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https,file");
  library.setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 1L);
  library.setopt(curl.get(), CURLOPT_MAXREDIRS, 10L);
  library.setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
  library.setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, 20L);
  library.setopt(curl.get(), CURLOPT_LOW_SPEED_LIMIT, 1L);
  library.setopt(curl.get(), CURLOPT_LOW_SPEED_TIME, 60L);
  library.setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  library.setopt(curl.get(), CURLOPT_RESUME_FROM_LARGE, transfer.resumed_from);
  library.setopt(curl.get(), CURLOPT_ERRORBUFFER, reason);
  library.setopt(curl.get(), CURLOPT_WRITEFUNCTION, OnData);
  library.setopt(curl.get(), CURLOPT_WRITEDATA, &transfer);
  library.setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  library.setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, OnTransfer);
  library.setopt(curl.get(), CURLOPT_XFERINFODATA, &transfer);
  const CURLcode code = library.perform(curl.get());
  long status = 0;
  library.getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (code == CURLE_OK && status != 416) return true;  // curl takes 416 for the end of the file
  const bool stale =
      code == CURLE_RANGE_ERROR || code == CURLE_BAD_DOWNLOAD_RESUME || status == 416;
  if (stale && transfer.resumed_from > 0) return false;
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    throw Interrupted("interrupted; the download goes on from here next time");
  }
  throw Error(Category::kData,
              fmt::format("cannot download {}: {}", url,
                          reason[0] != '\0' ? reason : library.strerror(code)),
              "check the address and the connection, or download it yourself and name the file");
}

}  // namespace

bool IsUrl(const std::string& text) {
  return text.starts_with("http://") || text.starts_with("https://") || text.starts_with("file://");
}

fs::path Download(const std::string& url, const fs::path& cache, const std::string& sha256,
                  ProgressSink& sink) try {
  const fs::path folder = cache / HashText(url).substr(0, 16);
  fs::path file = folder / FileName(url);
  if (!fs::exists(file)) {
    fs::create_directories(folder);
    const fs::path part = file.string() + ".part";
    if (!Fetch(url, part, sink)) {
      fs::remove(part);
      if (!Fetch(url, part, sink)) Fail(Category::kData, "cannot download {}", url);
    }
    if (fs::file_size(part) == 0) {
      fs::remove(part);
      Fail(Category::kData, "cannot download {}: the answer is empty", url);
    }
    fs::rename(part, file);
  }
  if (!sha256.empty()) {
    std::string wanted(sha256);
    std::transform(wanted.begin(), wanted.end(), wanted.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const std::string found = HashFile(file);
    if (found != wanted) {
      fs::remove(file);
      throw Error(Category::kData,
                  fmt::format("{} has the SHA-256 {}, expected {}", url, found, wanted),
                  "the file is removed; correct dataset.sha256 or try again");
    }
  }
  return file;
} catch (const fs::filesystem_error& error) {
  Fail(Category::kData, "cannot download {}: {}", url, error.what());
}

}  // namespace platypus::data
