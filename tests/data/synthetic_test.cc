#include "platypus/data/synthetic.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "platypus/base/hash.h"
#include "platypus/data/dataset.h"
#include "tests/data/fixtures.h"

namespace platypus::data {
namespace {

std::string HashOf(const fs::path& folder) {
  std::string all;
  for (const auto& [name, content] : Contents(folder))
    all.append(name).append(1, '\n').append(content);
  return HashText(all);
}

TEST(SyntheticTest, SmallSetIsTheSameForTheSameSeed) {
  const TemporaryFolder folder;
  ThreadPool one(1);
  ThreadPool four(4);
  Events events;
  const std::string name = "motor_vibration_small";
  WriteSynthetic(name, folder.Path() / "a", 42, one, events);
  EXPECT_EQ(events.progress.size(), 24U);
  WriteSynthetic(name, folder.Path() / "b/", 42, four, events);
  WriteSynthetic(name, folder.Path() / "c", 43, four, events);
  EXPECT_EQ(HashOf(folder.Path() / "a"), HashOf(folder.Path() / "b"));
  EXPECT_NE(HashOf(folder.Path() / "a"), HashOf(folder.Path() / "c"));
  std::set<std::string> tops;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder.Path())) {
    tops.insert(entry.path().filename().string());
  }
  EXPECT_EQ(tops, (std::set<std::string>{"a", "b", "c"})) << "something temporary is left";

  const Dataset dataset = Open(ConfigFor(folder.Path() / "a"), folder.Path() / "project", events);
  EXPECT_EQ(dataset.classes, (std::vector<std::string>{"bearing", "imbalance", "normal"}));
  for (const RecordingRef& ref : dataset.train) {
    const Recording recording = Read(ref.path, 3);
    EXPECT_EQ(recording.rows, 2000);
    EXPECT_EQ(recording.columns, (std::vector<std::string>{"acc_x", "acc_y", "acc_z"}));
  }
}

TEST(SyntheticTest, ExistingFolders) {
  const TemporaryFolder folder;
  ThreadPool pool(2);
  NullSink sink;
  const std::string name = "motor_vibration_small";
  const fs::path target = folder.Path() / "set";
  fs::create_directories(target);  // empty: taken
  WriteSynthetic(name, target, 1, pool, sink);
  const std::string hash = HashOf(target);
  WriteSynthetic(name, target, 1, pool, sink);
  EXPECT_EQ(HashOf(target), hash);
  const std::string refused =
      target.string() + " exists and holds something else; name a new folder, or remove this one";
  EXPECT_EQ(ErrorOf([&] { WriteSynthetic(name, target, 2, pool, sink); }), refused);
  EXPECT_EQ(HashOf(target), hash);
  fs::remove_all(target);
  WriteFile(target, "a file");
  EXPECT_EQ(ErrorOf([&] { WriteSynthetic(name, target, 1, pool, sink); }), refused);
  EXPECT_NE(ErrorOf([&] { WriteSynthetic(name, target / "below", 1, pool, sink); }), "no error");
  EXPECT_EQ(ErrorOf([&] { WriteSynthetic("motor_vibration", folder.Path() / "x", 1, pool, sink); }),
            "there is no generated data set 'motor_vibration'; did you mean "
            "'motor_vibration_small'? legal values: "
            "generic_timeseries_classification, motor_vibration_small");
}

struct Frame {
  double amplitude;  // root of the mean square without the mean
  double crossings;  // of the mean: twice the periods in a frame
  double shape;  // mean fourth power over squared power: 1 square, 1.5 sine, 1.8 sawtooth, without
                 // noise
};

Frame Describe(const std::vector<float>& values, size_t begin, size_t length) {
  double mean = 0;
  for (size_t i = begin; i < begin + length; ++i) mean += values[i] / static_cast<double>(length);
  double second = 0;
  double fourth = 0;
  double crossings = 0;
  for (size_t i = begin; i < begin + length; ++i) {
    const double x = values[i] - mean;
    second += x * x / static_cast<double>(length);
    fourth += x * x * x * x / static_cast<double>(length);
    if (i > begin && (values[i - 1] < mean) != (values[i] < mean)) ++crossings;
  }
  return {std::sqrt(second), crossings, fourth / (second * second)};
}

TEST(SyntheticTest, OnlyTheShapeOfTheWaveTellsTheClassesApart) {
  const TemporaryFolder folder;
  ThreadPool pool(0);
  Events events;
  WriteSynthetic("generic_timeseries_classification", folder.Path() / "set", 42, pool, events);
  std::vector<std::vector<Frame>> frames;
  for (const char* label : {"sawtooth", "sine", "square"}) {
    frames.emplace_back();
    for (int file = 0; file < 90; ++file) {
      const fs::path path =
          folder.Path() / "set/classes" / label / fmt::format("{}_{:02}.csv", label, file);
      ASSERT_TRUE(fs::is_regular_file(path));
      if (file % 9 != 0) continue;
      const Recording recording = Read(path, 1);
      const std::vector<float> values(recording.values.begin(), recording.values.end());
      ASSERT_EQ(recording.rows, 30000);
      EXPECT_EQ(recording.columns, std::vector<std::string>{"signal"});
      for (size_t begin = 0; begin + 1024 <= values.size(); begin += 1024) {
        frames.back().push_back(Describe(values, begin, 1024));
      }
    }
  }
  // Best share of frames that one threshold on `value` tells apart, of the two classes a and b.
  const auto separable = [&](size_t a, size_t b, double Frame::*value) {
    double best = 0;
    for (const Frame& cut : frames[a]) {
      double right = 0;
      for (const Frame& f : frames[a]) right += f.*value <= cut.*value ? 1 : 0;
      for (const Frame& f : frames[b]) right += f.*value > cut.*value ? 1 : 0;
      const double share = right / static_cast<double>(frames[a].size() + frames[b].size());
      best = std::max({best, share, 1 - share});
    }
    return best;
  };
  for (const auto& [a, b] : {std::pair<size_t, size_t>{0, 1}, {0, 2}, {1, 2}}) {
    EXPECT_LT(separable(a, b, &Frame::amplitude), 0.9);
    EXPECT_GT(separable(a, b, &Frame::shape), 0.9);
  }
  EXPECT_GT(separable(1, 2, &Frame::shape), 0.99);
}

}  // namespace
}  // namespace platypus::data
