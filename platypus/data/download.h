#ifndef PLATYPUS_DATA_DOWNLOAD_H_
#define PLATYPUS_DATA_DOWNLOAD_H_

#include <filesystem>
#include <string>

#include "platypus/base/progress.h"

namespace platypus::data {

// http://, https:// or file://
bool IsUrl(const std::string& text);

// Brings a URL into the cache folder (one subfolder per URL) and returns the file. What is there
// whole is not asked for again; an interrupted transfer goes on where it stopped. `sha256`
// (hexadecimal, may be empty) is checked, a file that fails it is removed. Error (data) with the
// URL and the reason.
std::filesystem::path Download(const std::string& url, const std::filesystem::path& cache,
                               const std::string& sha256, ProgressSink& sink);

}  // namespace platypus::data

#endif  // PLATYPUS_DATA_DOWNLOAD_H_
