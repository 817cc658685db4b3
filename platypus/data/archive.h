#ifndef PLATYPUS_DATA_ARCHIVE_H_
#define PLATYPUS_DATA_ARCHIVE_H_

#include <filesystem>
#include <string>

#include "platypus/base/progress.h"

namespace platypus::data {

// .zip, .tar, .tar.gz, .tgz by the end of the name.
bool IsArchiveName(const std::string& name);

// Unpacks into `folder`, which must not exist: everything is unpacked beside it and renamed at the
// end. Only plain files and folders are taken; a link, a device, a member that leaves the folder
// (absolute, "..") or more than 16 GB or a million members is an Error (data) naming the member.
// Progress events of stage "unpack".
void Unpack(const std::filesystem::path& archive, const std::filesystem::path& folder,
            ProgressSink& sink);

}  // namespace platypus::data

#endif  // PLATYPUS_DATA_ARCHIVE_H_
