#ifndef PLATYPUS_BASE_HASH_H_
#define PLATYPUS_BASE_HASH_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace platypus {

// SHA-256 (FIPS 180-4), incremental.
class Sha256 {
 public:
  Sha256();
  void Update(std::string_view bytes);
  // Lower-case hexadecimal digest; the object must not be used afterwards.
  std::string Finish();

 private:
  void Block(const unsigned char* block);

  std::array<uint32_t, 8> state_;
  std::array<unsigned char, 64> buffer_;
  size_t buffered_ = 0;
  uint64_t length_ = 0;
};

std::string HashText(std::string_view text);
std::string HashFile(const std::filesystem::path& path);

}  // namespace platypus

#endif  // PLATYPUS_BASE_HASH_H_
