#include <cstring>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/hash.h"
#include "platypus/deploy/verify.h"

namespace platypus::deploy {
namespace {

constexpr std::string_view kMagic = "PLATYPUS-TEST-SET-2\n";
constexpr size_t kDigest = 64;

template <typename T>
void Put(std::string& bytes, const std::vector<T>& values) {
  const uint64_t size = values.size();
  bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

class Reader {
 public:
  Reader(std::string_view bytes, const std::filesystem::path& file) : bytes_(bytes), file_(file) {}

  uint64_t Size() {
    uint64_t size = 0;
    Copy(&size, sizeof size);
    return size;
  }
  template <typename T>
  std::vector<T> Take() {
    const uint64_t size = Size();
    if (size > bytes_.size() / sizeof(T)) Damaged();
    std::vector<T> values(size);
    Copy(values.data(), size * sizeof(T));
    return values;
  }

 private:
  void Copy(void* to, size_t size) {
    if (size > bytes_.size()) Damaged();
    if (size > 0) std::memcpy(to, bytes_.data(), size);
    bytes_.remove_prefix(size);
  }
  [[noreturn]] void Damaged() const {
    Fail(Category::kData, "{}: the test set is damaged", file_.string());
  }

  std::string_view bytes_;
  const std::filesystem::path& file_;
};

}  // namespace

void Save(const TestSet& set, const std::filesystem::path& file) {
  std::string bytes(kMagic);
  bytes.append(reinterpret_cast<const char*>(&set.samples), sizeof set.samples);
  Put(bytes, set.labels);
  Put(bytes, set.features);
  Put(bytes, set.outputs);
  const uint64_t count = set.recordings.size();
  bytes.append(reinterpret_cast<const char*>(&count), sizeof count);
  for (const GoldenSample& sample : set.recordings) {
    Put(bytes, sample.raw);
    Put(bytes, sample.features);
    Put(bytes, sample.output);
    Put(bytes, std::vector<int32_t>{sample.label});
    Put(bytes, std::vector<char>(sample.source.begin(), sample.source.end()));
  }
  WriteFile(file, bytes + HashText(bytes));
}

TestSet LoadTestSet(const std::filesystem::path& file) {
  const std::string all = ReadFile(file);
  const bool whole = all.size() > kMagic.size() + kDigest && all.starts_with(kMagic) &&
                     HashText(std::string_view(all).substr(0, all.size() - kDigest)) ==
                         std::string_view(all).substr(all.size() - kDigest);
  if (!whole) Fail(Category::kData, "{}: the test set is damaged", file.string());
  Reader reader(std::string_view(all).substr(kMagic.size(), all.size() - kMagic.size() - kDigest),
                file);
  TestSet set;
  set.samples = static_cast<int64_t>(reader.Size());
  set.labels = reader.Take<int32_t>();
  set.features = reader.Take<float>();
  set.outputs = reader.Take<float>();
  const uint64_t count = reader.Size();
  for (uint64_t i = 0; i < count; ++i) {
    GoldenSample sample;
    sample.raw = reader.Take<float>();
    sample.features = reader.Take<float>();
    sample.output = reader.Take<float>();
    const std::vector<int32_t> label = reader.Take<int32_t>();
    sample.label = label.empty() ? 0 : label[0];
    const std::vector<char> source = reader.Take<char>();
    sample.source.assign(source.begin(), source.end());
    set.recordings.push_back(std::move(sample));
  }
  return set;
}

}  // namespace platypus::deploy
