#ifndef PLATYPUS_PIPELINE_EXPORT_PACKAGE_H_
#define PLATYPUS_PIPELINE_EXPORT_PACKAGE_H_

#include <filesystem>
#include <string>
#include <vector>

namespace platypus::pipeline {

struct ExportResult {
  std::filesystem::path folder;      // the package's, in the project
  std::vector<std::string> written;  // relative paths
  std::vector<std::string> unchanged;
  std::vector<std::string> removed;  // of an earlier export, no longer part of the package
  std::vector<std::string> sources;  // to compile, relative to `folder`
};

// Copies the C package of a run (or compilation, or package folder) into the folder `to` of a
// user's project and proves every copy by its SHA-256. A manifest there, exported.json, tells our
// own files from the user's: a file that is not in it, or that has been changed since, is only
// overwritten or removed if `force`. The same export again changes nothing. Error (data) for a
// package that is damaged, (usage) naming the files in the way; then nothing has been changed.
// `form`: for which environment (deploy/package_forms.h); empty: the package as it is.
ExportResult ExportPackage(const std::filesystem::path& where, const std::filesystem::path& to,
                           bool force, const std::string& form = {});

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_EXPORT_PACKAGE_H_
