#include "platypus/features/pipeline.h"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>

#include "platypus/base/error.h"
#include "platypus/base/random.h"
#include "tm_fft.h"
#include "tm_math.h"

namespace platypus::features {
namespace {

class Notices : public NullSink {
 public:
  void OnNotice(const std::string& text) override { all += text + "\n"; }
  std::string all;
};

config::FeatureExtraction BinChain() {
  config::FeatureExtraction s;
  s.feat_ext_transform = {"FFT_FE",  "FFT_POS_HALF", "DC_REMOVE", "ABS",
                          "BINNING", "LOG_DB",       "CONCAT"};
  s.frame_size = 256;
  s.feature_size_per_frame = 16;
  s.normalize_bin = true;
  s.log_mul = 20;
  s.log_base = 10;
  s.log_threshold = 1e-100;
  return s;
}

std::vector<float> Parabola(int n) {
  std::vector<float> x;
  for (int i = 0; i < n; ++i) x.push_back(static_cast<float>((7 * i * i + 13 * i) % 4096));
  return x;
}

void ExpectNear(const std::vector<float>& values, const std::vector<double>& expected) {
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_NEAR(values[i], expected[i], 2e-4) << "feature " << i;
}

TEST(PipelineTest, ReferenceVectorOfTheBinChain) {
  NullSink sink;
  std::vector<float> features;
  EXPECT_EQ(Extract(MakePipeline(BinChain(), 1, sink), Parabola(256), features), 1);
  ExpectNear(features, {86.4664, 81.326, 83.0316, 84.045, 85.2472, 85.0984, 84.3718, 84.9224,
                        84.6636, 86.0393, 84.7041, 85.8301, 83.8796, 84.4442, 87.7545, 78.5628});
}

TEST(PipelineTest, ReferenceVectorOfTheWindowedChain) {
  config::FeatureExtraction s;
  s.feat_ext_transform = {"FFT_FE",    "FFT_POS_HALF", "WINDOWING", "BINNING",
                          "NORMALIZE", "ABS",          "LOG_DB",    "CONCAT"};
  s.frame_size = 64;
  s.feature_size_per_frame = 8;
  s.log_mul = 10;
  s.log_base = std::numbers::e;
  s.log_threshold = 1e-12;
  Notices sink;
  std::vector<float> features;
  EXPECT_EQ(Extract(MakePipeline(s, 1, sink), Parabola(64), features), 1);
  ExpectNear(features, {66.5048, 64.5569, 61.336, 54.2041, 57.9306, 44.3746, 55.633, 52.1231});
  EXPECT_NE(sink.all.find("transforms run in the order WINDOWING, FFT_FE, NORMALIZE"),
            std::string::npos)
      << sink.all;
}

TEST(PipelineTest, WindowCounts) {
  NullSink sink;
  const auto count = [&](int rows, int frame, double stride) {
    config::FeatureExtraction s;
    s.data_proc_transforms = {"SimpleWindow"};
    s.frame_size = frame;
    s.stride_size = stride;
    std::vector<float> features;
    return Extract(MakePipeline(s, 1, sink), std::vector<float>(static_cast<size_t>(rows)),
                   features);
  };
  EXPECT_EQ(count(1000, 256, 0.01), 373);
  EXPECT_EQ(count(3, 3, 0.4), 1);
  EXPECT_EQ(count(100, 32, 0.1), 23);
  EXPECT_EQ(count(255, 256, 0.01), 0);
}

TEST(PipelineTest, ConcatAndSkipAndStacking) {
  NullSink sink;
  config::FeatureExtraction s;
  s.feat_ext_transform = {"RAW_FE", "CONCAT"};
  s.dc_remove = false;
  s.frame_size = 2;
  s.num_frame_concat = 3;
  s.frame_skip = 2;
  std::vector<float> rows;  // two variables: t and 100 + t
  for (int t = 0; t < 14; ++t) {
    rows.push_back(static_cast<float>(t));
    rows.push_back(static_cast<float>(100 + t));
  }
  const Pipeline p = MakePipeline(s, 2, sink);
  EXPECT_EQ(p.OutputShape(), (Shape{2, 6, 1}));
  std::vector<float> features;
  std::vector<float> raw;
  // frames 0..6; samples end at frames 2, 4, 6
  ASSERT_EQ(Extract(p, rows, features, &raw), 3);
  EXPECT_EQ(std::vector<float>(features.begin() + 12, features.begin() + 24),
            (std::vector<float>{4, 5, 6, 7, 8, 9, 104, 105, 106, 107, 108, 109}));
  EXPECT_EQ(std::vector<float>(raw.begin() + 12, raw.begin() + 16),
            (std::vector<float>{4, 104, 5, 105}));
  s.stacking = config::Stacking::k1D;
  EXPECT_EQ(MakePipeline(s, 2, sink).OutputShape(), (Shape{1, 12, 1}));
}

TEST(PipelineTest, DownsampleAndScaleAndOffset) {
  NullSink sink;
  config::FeatureExtraction s;
  s.data_proc_transforms = {"Downsample", "SimpleWindow"};
  s.sampling_rate = 100;
  s.new_sr = 30;
  s.scale = 2;
  s.frame_size = 2;
  s.stride_size = 1;
  std::vector<float> features;
  ASSERT_EQ(Extract(MakePipeline(s, 1, sink), std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
                    features),
            2);
  EXPECT_EQ(features, (std::vector<float>{0, 1.5, 3, 4.5}));
  config::FeatureExtraction o;
  o.feat_ext_transform = {"RAW_FE", "CONCAT"};
  o.dc_remove = false;
  o.frame_size = 4;
  o.offset = 2;
  features.clear();
  ASSERT_EQ(
      Extract(MakePipeline(o, 1, sink), std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8}, features),
      3);
  EXPECT_EQ(features, (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 2, 3, 4, 5}));
}

TEST(PipelineTest, Errors) {
  NullSink sink;
  const auto message = [&](auto change) -> std::string {
    config::FeatureExtraction s = BinChain();
    change(s);
    try {
      MakePipeline(s, 1, sink);
    } catch (const Error& error) {
      EXPECT_EQ(error.category(), Category::kConfiguration);
      return error.what();
    }
    return "no error";
  };
  using S = config::FeatureExtraction;
  EXPECT_NE(message([](S& s) {
              s.feat_ext_transform[0] = "FFT_EF";
            }).find("'FFT_EF' is not a transform; did you mean 'FFT_FE'?"),
            std::string::npos);
  EXPECT_NE(message([](S& s) {
              s.feat_ext_transform = {"FFT_Q15", "BIN_Q15"};
            }).find("BIN_Q15 cannot take the complex values of FFT_Q15; put Q15_MAG between them"),
            std::string::npos);
  EXPECT_NE(message([](S& s) {
              s.feat_ext_transform = {"FFT_Q15", "Q15_MAG"};
              s.frame_size = 100;
            }).find("FFT_Q15 needs a power of two of values, here are 100"),
            std::string::npos);
  EXPECT_NE(message([](S& s) {
              s.feat_ext_transform = {"FFT_Q15", "Q15_MAG"};
              s.frame_size = 16;
            }).find("FFT_Q15 takes 32 to 8192 values, here are 16"),
            std::string::npos);
  EXPECT_NE(message([](S& s) { s.feat_ext_transform = {"Q15_MAG"}; }).find("Q15_MAG needs complex"),
            std::string::npos);
  EXPECT_NE(message([](S& s) {
              s.feat_ext_transform = {"ENT_FE"};
            }).find("fft_size: ENT_FE does not take 1"),
            std::string::npos);
  const auto pir = [](S& s) {
    s.feat_ext_transform = {"PIR_FE"};
    s.frame_size = 125;
    s.stride_size = 0.032;
    s.window_count = 25;
    s.chunk_size = 8;
    s.fft_size = 64;
  };
  EXPECT_EQ(message(pir), "no error");
  EXPECT_NE(message([&](S& s) {
              pir(s);
              s.fft_size = 48;
            }).find("fft_size: PIR_FE does not take 48; a multiple of 32 from 32 to 8192"),
            std::string::npos);
  EXPECT_NE(message([&](S& s) {
              pir(s);
              s.window_count = 33;
            }).find("33 windows 4 samples apart leave 0 of the 132 samples"),
            std::string::npos);
  EXPECT_NE(message([&](S& s) {
              pir(s);
              s.chunk_size = 1;
            }).find("chunk_size: 1 values have no kurtosis"),
            std::string::npos);
  EXPECT_NE(message([&](S& s) {
              pir(s);
              s.stride_size = 0.001;
            }).find("is less than one sample, PIR_FE needs steps"),
            std::string::npos);
  EXPECT_NE(message([&](S& s) {
              pir(s);
              s.feat_ext_transform = {"PIR_FE", "BINNING"};
              s.feature_size_per_frame = 5;
            }).find("BINNING cannot take the features of windows, 25 x 25"),
            std::string::npos);
  EXPECT_NE(message([](S& s) { s.feature_size_per_frame = 200; }).find("at most 128 bins fit"),
            std::string::npos);
  EXPECT_NE(message([](S& s) { s.feature_size_per_frame.reset(); }).find("BINNING needs it"),
            std::string::npos);
  EXPECT_NE(
      message([](S& s) { std::erase(s.feat_ext_transform, "ABS"); }).find("put ABS between them"),
      std::string::npos);
  EXPECT_NE(message([](S& s) {
              s.num_frame_concat = 8;
              s.feat_ext_transform.pop_back();
            }).find("joined only with CONCAT"),
            std::string::npos);
  EXPECT_NE(message([](S& s) {
              s.data_proc_transforms = {"Downsample"};
              s.new_sr = 2;
            }).find("is above the sampling_rate"),
            std::string::npos);
  EXPECT_NE(message([](S& s) {
              s.feat_ext_transform.clear();
            }).find("neither a transform nor SimpleWindow"),
            std::string::npos);
  EXPECT_NE(message([](S& s) {
              s.data_proc_transforms = {"SimpleWindows"};
            }).find("did you mean 'SimpleWindow'?"),
            std::string::npos);
}

TEST(PipelineTest, RunsTheListAsWritten) {
  Notices sink;
  config::FeatureExtraction s;
  s.transform_order = config::TransformOrder::kAsListed;
  s.feat_ext_transform = {"ABS", "WINDOWING"};
  s.frame_size = 4;
  std::vector<float> features;
  ASSERT_EQ(Extract(MakePipeline(s, 1, sink), std::vector<float>{-1, -2, -3, -4}, features), 1);
  EXPECT_FLOAT_EQ(features[1], 2 * 0.75f);
  EXPECT_EQ(sink.all, "");
}

class FftTest : public testing::TestWithParam<int> {};

TEST_P(FftTest, AgreesWithTheDefinition) {
  const int n = GetParam();
  Random random(static_cast<uint64_t>(n), "fft");
  std::vector<float> x(static_cast<size_t>(n));
  for (float& v : x) v = static_cast<float>(random.Uniform(-1, 1));
  std::vector<float> work(static_cast<size_t>(TM_RFFT_WORK(n)));
  std::vector<float> out(static_cast<size_t>(2 * n));
  tm_rfft(x.data(), n, TwiddleTable(n).data(), work.data(), out.data(), n);
  const double rms = std::sqrt(n / 3.0);
  for (int k = 0; k < n; ++k) {
    std::complex<double> sum = 0;
    for (int t = 0; t < n; ++t) {
      sum += double{x[static_cast<size_t>(t)]} *
             std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(int64_t{k} * t % n) / n);
    }
    EXPECT_NEAR(out[static_cast<size_t>(2 * k)], sum.real(), 2e-6 * rms) << "bin " << k;
    EXPECT_NEAR(out[static_cast<size_t>(2 * k + 1)], sum.imag(), 2e-6 * rms) << "bin " << k;
  }
}

INSTANTIATE_TEST_SUITE_P(Lengths, FftTest,
                         testing::Values(2, 4, 8, 12, 16, 25, 32, 60, 64, 100, 125, 127, 128, 140,
                                         256, 480, 500, 512, 1000, 1024, 2048));

TEST(MathTest, LogarithmIsWithinTwoUnits) {
  Random random(5, "log");
  for (int i = 0; i < 200000; ++i) {
    const auto x = static_cast<float>(std::exp(random.Uniform(-87.0, 88.0)));
    const double expected = std::log(double{x});
    const double unit = std::max(std::abs(expected), 1e-3) * 0x1.0p-23;
    ASSERT_NEAR(tm_logf(x), expected, 2 * unit) << x;
  }
  EXPECT_EQ(tm_logf(1.0f), 0.0f);
  EXPECT_NEAR(tm_logf(1e-40f), std::log(1e-40), 1e-5);
  EXPECT_EQ(tm_logf(0.0f), -104.0f);
  EXPECT_EQ(tm_logf(-2.0f), -104.0f);
  EXPECT_TRUE(std::isinf(tm_logf(INFINITY)));
  EXPECT_TRUE(std::isnan(tm_logf(NAN)));
}

TEST(MathTest, RoundsHalvesToEven) {
  for (const float x : {0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 0.49999997f, 8388607.5f, 1e20f, -3.7f}) {
    EXPECT_EQ(tm_roundf_even(x), std::nearbyint(x)) << x;
    EXPECT_EQ(tm_floorf(x), std::floor(x)) << x;
  }
}

TEST(PipelineTest, CountsTheSamplesThatItMakes) {
  Pipeline pipeline;
  for (const int decimation : {1, 3}) {
    for (const int hop : {8, 3}) {
      for (const auto& offsets : {std::vector<int>{0}, std::vector<int>{0, 5}}) {
        for (const auto& [concat, skip] : {std::pair{1, 2}, {3, 1}, {3, 2}}) {
          pipeline.decimation = decimation;
          pipeline.frame_size = 8;
          pipeline.hop = hop;
          pipeline.frame_offsets = offsets;
          pipeline.frame_concat = concat;
          pipeline.frame_skip = skip;
          for (int rows = 0; rows < 150; ++rows) {
            std::vector<float> features;
            EXPECT_EQ(static_cast<int64_t>(SampleStarts(pipeline, rows).size()),
                      Extract(pipeline, Parabola(rows), features))
                << rows << " rows";
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace platypus::features
