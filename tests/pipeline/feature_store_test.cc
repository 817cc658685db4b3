#include "platypus/pipeline/feature_store.h"

#include <gtest/gtest.h>

#include <cmath>

#include "platypus/base/files.h"
#include "platypus/data/table.h"

namespace platypus::pipeline {
namespace {

namespace fs = std::filesystem;

class FeatureStoreTest : public ::testing::Test {
 protected:
  FeatureStoreTest() {
    settings_.frame_size = 8;
    settings_.data_proc_transforms = {"SimpleWindow"};
    settings_.stride_size = 0.5;
    settings_.feat_ext_transform = {"FFT_FE", "FFT_POS_HALF", "ABS"};
    settings_.scale = 2.0;
  }

  data::Recording MakeRecording(int rows) {
    data::Recording recording;
    recording.columns = {"a", "b"};
    recording.rows = rows;
    std::vector<float> values;
    for (int i = 0; i < 2 * rows; ++i) values.push_back(static_cast<float>(i));
    recording.values = std::move(values);
    return recording;
  }
  // Names in the folder after two recordings of class "on" and one that is too short.
  std::vector<std::string> Write(const std::vector<data::RecordingRef>& refs) {
    NullSink sink;
    ThreadPool pool(2);
    FeatureStore store(settings_, folder_.Path(), {"off", "on"});
    std::vector<data::Recording> recordings;
    for (size_t i = 0; i < refs.size(); ++i) recordings.push_back(MakeRecording(20));
    recordings.back() = MakeRecording(7);
    store.Write(features::MakePipeline(settings_, 2, sink), refs, recordings, "train", pool);
    std::vector<std::string> names;
    if (fs::exists(store.Folder())) {
      for (const auto& entry : fs::directory_iterator(store.Folder()))
        names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  // Header and values, as a file of ours is laid out.
  std::string Header(const std::string& name) {
    const std::string bytes = ReadFile(folder_.Path() / "feat_ext_data" / name);
    EXPECT_EQ((bytes.find('\n') + 1) % 64, 0U);
    return bytes.substr(10, bytes.find('}') - 9);
  }
  std::vector<float> Values(const std::string& name) {
    const std::string bytes = ReadFile(folder_.Path() / "feat_ext_data" / name);
    const size_t begin = bytes.find('\n') + 1;
    std::vector<float> values((bytes.size() - begin) / sizeof(float));
    std::copy_n(bytes.data() + begin, values.size() * sizeof(float),
                reinterpret_cast<char*>(values.data()));
    return values;
  }

  TemporaryFolder folder_;
  config::FeatureExtraction settings_;
};

TEST_F(FeatureStoreTest, SamplesRowsAndLabelsOfEveryRecording) {
  settings_.store_feat_ext_data = true;
  const std::string chain = "SimpleWindow_FFT_FE_FFT_POS_HALF_ABS";
  EXPECT_EQ(Write({{"", "on/a.csv", 1}, {"", "on/short.csv", 1}}),
            (std::vector<std::string>{"on__a__" + chain + "_X.npy", "on__a__" + chain + "_Y.npy",
                                      "on__a__raw_X.npy"}));
  EXPECT_EQ(Header("on__a__raw_X.npy"),
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2, 8, ), }");
  EXPECT_EQ(Header("on__a__" + chain + "_X.npy"),
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2, 5, 1, ), }");
  const std::vector<float> raw = Values("on__a__raw_X.npy");
  for (size_t s = 0; s < 4; ++s) {
    for (size_t v = 0; v < 2; ++v) {
      for (size_t t = 0; t < 8; ++t)
        ASSERT_EQ(raw[(s * 2 + v) * 8 + t], static_cast<float>(2 * (4 * s + t) + v) / 2);
    }
  }
  NullSink sink;
  std::vector<float> features;
  features::Extract(features::MakePipeline(settings_, 2, sink), MakeRecording(20).values, features);
  EXPECT_EQ(Values("on__a__" + chain + "_X.npy"), features);
  EXPECT_EQ(Header("on__a__" + chain + "_Y.npy"),
            "{'descr': '<U2', 'fortran_order': False, 'shape': (4, ), }");
  const std::string labels =
      ReadFile(folder_.Path() / "feat_ext_data" / ("on__a__" + chain + "_Y.npy"));
  EXPECT_EQ(labels.substr(labels.find('\n') + 1, 8), std::string("o\0\0\0n\0\0\0", 8));
}

TEST_F(FeatureStoreTest, RowsAndFeaturesAlone) {
  settings_.dont_train_just_feat_ext = true;
  EXPECT_EQ(Write({{"", "on/a.csv", 1}, {"", "on/short.csv", 1}}),
            (std::vector<std::string>{"on__a_features.npy", "on__a_raw.npy"}));
  EXPECT_EQ(Header("on__a_features.npy"),
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2, 5, ), }");
  EXPECT_EQ(Header("on__a_raw.npy"), "{'descr': '<f4', 'fortran_order': False, 'shape': (64, ), }");
  const std::vector<float> windows = Values("on__a_raw.npy");
  EXPECT_EQ(windows[15], 7.5F);
  EXPECT_EQ(windows[16], 4.0F) << "the second window";
}

TEST_F(FeatureStoreTest, EveryRecordingHasFilesOfItsOwn) {
  settings_.dont_train_just_feat_ext = true;
  const std::vector<std::string> names = Write({{"", "on/a.csv", 1},
                                                {"", "off/a.csv", 0},
                                                {"", "on/a.npy", 1},
                                                {"", "on/b.csv", 1, 0.0, 0.5},
                                                {"", "on/short.csv", 1}});
  EXPECT_EQ(names, (std::vector<std::string>{"off__a_features.npy", "off__a_raw.npy",
                                             "on__a_features.npy", "on__a_npy_features.npy",
                                             "on__a_npy_raw.npy", "on__a_raw.npy",
                                             "on__b_train_features.npy", "on__b_train_raw.npy"}));
}

TEST_F(FeatureStoreTest, NothingUnlessAsked) {
  EXPECT_TRUE(Write({{"", "on/a.csv", 1}, {"", "on/short.csv", 1}}).empty());
}

}  // namespace
}  // namespace platypus::pipeline
