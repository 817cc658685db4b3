#include "platypus/train/checkpoint.h"

#include <cstring>
#include <type_traits>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/hash.h"

namespace platypus::train {
namespace {

constexpr std::string_view kMagic = "PLATYPUS-CHECKPOINT-2\n";

// One description of the fields for both directions.
template <typename Archive>
void Visit(Archive& archive, Checkpoint& c) {
  archive(c.key);
  for (std::vector<float>* row :
       {&c.parameters, &c.state, &c.first, &c.second, &c.averaged_parameters, &c.averaged_state,
        &c.best_parameters, &c.best_state}) {
    archive(*row);
  }
  archive(c.parameter_names);
  archive(c.state_names);
  archive(c.steps);
  archive(c.averages);
  archive(c.best_epoch);
  for (uint64_t& word : c.random) archive(word);
  archive(c.history);
}

class Writer {
 public:
  template <typename T>
  requires std::is_arithmetic_v<T>
  void operator()(const T& value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void operator()(const std::string& text) {
    (*this)(static_cast<uint64_t>(text.size()));
    bytes += text;
  }
  template <typename T>
  void operator()(std::vector<T>& row) {
    (*this)(static_cast<uint64_t>(row.size()));
    for (T& value : row) (*this)(value);
  }
  void operator()(NamedShape& tensor);
  void operator()(Epoch& e);
  void operator()(RegressionMetrics::OfOutput& of);

  std::string bytes;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  template <typename T>
  requires std::is_arithmetic_v<T>
  void operator()(T& value) {
    Need(sizeof value);
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
  }
  void operator()(std::string& text) {
    uint64_t size = 0;
    (*this)(size);
    Need(size);
    text.assign(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
  }
  template <typename T>
  void operator()(std::vector<T>& row) {
    uint64_t size = 0;
    (*this)(size);
    Need(size);  // every element takes at least one octet
    row.resize(size);
    for (T& value : row) (*this)(value);
  }
  void operator()(NamedShape& tensor);
  void operator()(Epoch& e);
  void operator()(RegressionMetrics::OfOutput& of);

 private:
  void Need(uint64_t size) const {
    if (size > bytes_.size()) Fail(Category::kData, "the checkpoint is cut off");
  }
  std::string_view bytes_;
};

template <typename Archive>
void VisitMetrics(Archive& archive, ClassificationMetrics& m) {
  archive(m.samples);
  archive(m.loss);
  archive(m.accuracy);
  archive(m.f1_macro);
  archive(m.f1_micro);
  archive(m.auroc);
  archive(m.confusion);
}

template <typename Archive>
void VisitMetrics(Archive& archive, RegressionMetrics& m) {
  archive(m.samples);
  archive(m.loss);
  archive(m.error);
  archive(m.mean);
  archive(m.outputs);
}

template <typename Archive>
void VisitOutput(Archive& archive, RegressionMetrics::OfOutput& of) {
  archive(of.mse);
  archive(of.mae);
  archive(of.smape);
  archive(of.r2);
}

template <typename Archive>
void VisitEpoch(Archive& archive, Epoch& e) {
  archive(e.number);
  archive(e.learning_rate);
  archive(e.train_loss);
  archive(e.train_accuracy);
  archive(e.seconds);
  auto kind = static_cast<uint8_t>(e.val.index());
  archive(kind);
  if (kind == 1 && e.val.index() == 0) e.val = RegressionMetrics{};
  std::visit([&](auto& metrics) { VisitMetrics(archive, metrics); }, e.val);
}

template <typename Archive>
void VisitNamedShape(Archive& archive, NamedShape& tensor) {
  archive(tensor.name);
  archive(tensor.shape);
}

void Writer::operator()(NamedShape& tensor) { VisitNamedShape(*this, tensor); }
void Reader::operator()(NamedShape& tensor) { VisitNamedShape(*this, tensor); }
void Writer::operator()(Epoch& e) { VisitEpoch(*this, e); }
void Reader::operator()(Epoch& e) { VisitEpoch(*this, e); }
void Writer::operator()(RegressionMetrics::OfOutput& of) { VisitOutput(*this, of); }
void Reader::operator()(RegressionMetrics::OfOutput& of) { VisitOutput(*this, of); }

}  // namespace

void Save(const Checkpoint& checkpoint, const std::filesystem::path& file) {
  Writer writer;
  writer.bytes = kMagic;
  Checkpoint copy = checkpoint;
  Visit(writer, copy);
  WriteFile(file, writer.bytes + HashText(writer.bytes));
}

std::optional<Checkpoint> LoadCheckpoint(const std::filesystem::path& file, std::string& problem) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return std::nullopt;
  const std::string bytes = ReadFile(file);
  constexpr size_t kDigest = 64;
  const bool whole = bytes.size() > kMagic.size() + kDigest && bytes.starts_with(kMagic) &&
                     HashText(std::string_view(bytes).substr(0, bytes.size() - kDigest)) ==
                         std::string_view(bytes).substr(bytes.size() - kDigest);
  if (!whole) {
    problem = "it is damaged";
    return std::nullopt;
  }
  Checkpoint checkpoint;
  Reader reader(
      std::string_view(bytes).substr(kMagic.size(), bytes.size() - kMagic.size() - kDigest));
  Visit(reader, checkpoint);
  return checkpoint;
}

std::map<std::string, Array> BestWeights(const Checkpoint& checkpoint) {
  std::map<std::string, Array> weights;
  const auto take = [&](const std::vector<NamedShape>& names, const std::vector<float>& row) {
    auto from = row.begin();
    for (const NamedShape& tensor : names) {
      const int64_t size = NumElements(tensor.shape);
      Check(size >= 0 && size <= row.end() - from, "checkpoint: {} is not whole", tensor.name);
      weights[tensor.name] = {tensor.shape, std::vector<float>(from, from + size)};
      from += size;
    }
  };
  take(checkpoint.parameter_names, checkpoint.best_parameters);
  take(checkpoint.state_names, checkpoint.best_state);
  return weights;
}

}  // namespace platypus::train
