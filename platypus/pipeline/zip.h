#ifndef PLATYPUS_PIPELINE_ZIP_H_
#define PLATYPUS_PIPELINE_ZIP_H_

#include <filesystem>
#include <vector>

namespace platypus::pipeline {

// Writes a zip whose entries are stored uncompressed: a file under its base name, a folder's files
// under paths that begin with the folder's own name, in name order, without time stamps (same
// input, same bytes). What does not exist is passed over. Written under a temporary name, then
// renamed. Error (data).
void WriteZip(const std::filesystem::path& zip, const std::vector<std::filesystem::path>& entries);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_ZIP_H_
