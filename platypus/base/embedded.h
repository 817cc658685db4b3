#ifndef PLATYPUS_BASE_EMBEDDED_H_
#define PLATYPUS_BASE_EMBEDDED_H_

#include <span>
#include <string_view>

// Files that the build put into the program (cmake/rooms.cmake, platypus_embed).
namespace platypus::embedded {

struct File {
  std::string_view path;  // relative to the embedded folder, e.g. "models/classification.yaml"
  std::string_view content;
};

// NOLINTBEGIN(readability-identifier-naming): named by the build after the folder.
std::span<const File> registry_files();
std::span<const File> report_assets();
std::span<const File> runtime_files();
// NOLINTEND(readability-identifier-naming)

}  // namespace platypus::embedded

#endif  // PLATYPUS_BASE_EMBEDDED_H_
