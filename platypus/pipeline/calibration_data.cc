#include "platypus/pipeline/calibration_data.h"

#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/data/table.h"

namespace platypus::pipeline {
namespace fs = std::filesystem;
namespace {

std::vector<fs::path> FilesOf(const fs::path& where) {
  std::error_code error;
  if (fs::is_regular_file(where, error)) return {where};
  std::vector<fs::path> files;
  for (fs::recursive_directory_iterator at(where, error);
       !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (at->is_regular_file(error) && data::IsRecordingEnding(at->path().extension().string()))
      files.push_back(at->path());
  }
  std::ranges::sort(files);
  if (files.empty()) {
    throw Error(Category::kData,
                fs::exists(where, error)
                    ? fmt::format("{} holds no samples to calibrate with", where.string())
                    : fmt::format("{} does not exist", where.string()),
                "expected a folder of .npy, .npz, .csv or .txt files, or one of them");
  }
  return files;
}

[[noreturn]] void Refuse(const fs::path& file, const std::string& found, const Shape& input) {
  throw Error(Category::kData,
              fmt::format("{}; the network takes samples of {}", found, ToString(input)),
              fmt::format("give arrays [sample]{}, or text with a sample of {} values in each row",
                          ToString(input), NumElements(input)),
              {file.string()});
}

// Values of whole samples.
std::vector<float> FromArray(data::NpyArray array, const fs::path& file, const Shape& input) {
  const int64_t elements = NumElements(input);
  const auto count = static_cast<int64_t>(array.values.size());
  const bool one = count == elements;
  const bool many =
      !array.shape.empty() && array.shape[0] > 0 && array.shape[0] * elements == count;
  if (!one && !many) Refuse(file, fmt::format("the array is {}", ToString(array.shape)), input);
  return std::move(array.values);
}

std::vector<float> FromTable(const data::Table& table, const fs::path& file, const Shape& input) {
  const int64_t elements = NumElements(input);
  if (table.columns == elements) return table.values;
  const int64_t channels = input[0];
  const int64_t rows = elements / channels;  // of a sample
  if (table.columns != channels || table.rows < rows) {
    Refuse(file, fmt::format("there are {} rows of {} columns", table.rows, table.columns), input);
  }
  std::vector<float> samples;
  for (int64_t first = 0; first + rows <= table.rows; first += rows) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t r = first; r < first + rows; ++r)
        samples.push_back(table.values[static_cast<size_t>(r * channels + c)]);
    }
  }
  return samples;
}

}  // namespace

SampleSet ReadInputs(const fs::path& where, const Shape& input) {
  const auto elements = static_cast<size_t>(NumElements(input));
  std::vector<float> values;
  SampleSet set;
  set.shape = input;
  const std::vector<fs::path> files = FilesOf(where);
  for (size_t f = 0; f < files.size(); ++f) {
    const std::string bytes = ReadFile(files[f]);
    const std::string name = files[f].string();
    const std::string ending = files[f].extension().string();
    const auto add = [&](const std::vector<float>& samples) {
      values.insert(values.end(), samples.begin(), samples.end());
      set.recording.resize(values.size() / elements, static_cast<int32_t>(f));
    };
    if (ending == ".npy") {
      add(FromArray(data::ParseNpyArray(bytes, name), files[f], input));
    } else if (ending == ".npz") {
      for (data::NpyArray& array : data::ParseNpzArrays(bytes, name))
        add(FromArray(std::move(array), files[f], input));
    } else {
      add(FromTable(data::ParseCsv(bytes, name), files[f], input));
    }
  }
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    const auto file = static_cast<size_t>(set.recording[i / elements]);
    throw Error(Category::kData, fmt::format("a value is {}", values[i]), "",
                {files[file].string()});
  }
  set.inputs = Floats(std::move(values));
  return set;
}

}  // namespace platypus::pipeline
