#include "platypus/report/report.h"

#include <gtest/gtest.h>

#include <cmath>

namespace platypus::report {
namespace {

// Every opening tag has its end, in order. Empty: balanced.
std::string Unbalanced(const std::string& html) {
  std::vector<std::string> open;
  for (size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    const size_t end = html.find('>', at);
    const std::string tag = html.substr(at + 1, end - at - 1);
    const std::string name = tag.substr(0, tag.find_first_of(" /", 1));
    if (tag[0] == '!' || tag.back() == '/' || name == "meta") continue;
    if (tag[0] != '/') {
      open.push_back(name);
    } else if (open.empty() || "/" + open.back() != tag) {
      return tag;
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : open.back();
}

pipeline::RunSummary Example(int epochs, int classes) {
  pipeline::RunSummary s;
  s.model = "CLS_1k_NPU";
  s.dataset = "set <script>alert(1)</script>";
  for (int c = 0; c < classes; ++c)
    s.goal.classes.push_back("class & \"" + std::to_string(c) + "\"");
  s.samples = {{"train", 10}, {"val", 5}, {"test", 5}};
  for (pipeline::NetworkSummary* n : {&s.float_network, &s.quantized_network}) {
    n->present = true;
    n->best_epoch = 1;
    for (int e = 1; e <= epochs; ++e) n->history.push_back({e, 0.1, 0.5 / e, 0.9, {}, 0.1});
    train::ClassificationMetrics test;
    test.samples = 5;
    test.auroc = std::nan("");
    test.confusion.assign(static_cast<size_t>(classes),
                          std::vector<int64_t>(static_cast<size_t>(classes), 1));
    n->test = test;
    for (int c = 0; c < classes; ++c) {
      train::RocCurve curve;
      for (int i = 0; i < 10000; ++i) {
        curve.false_positive_rate.push_back(i / 9999.0);
        curve.true_positive_rate.push_back(i / 9999.0);
        curve.threshold.push_back(-i);
      }
      n->roc.push_back(curve);
    }
  }
  s.layers.push_back({"features.0", "Conv2d", "8x4x1", 40, 160, 40, 32});
  s.memory.buffers.push_back({1, 0, 32, 0, 1});
  s.memory.arena_octets = s.memory.lower_bound_octets = 32;
  s.verify.push_back({});
  s.verify.back().core = "cortex-m4";
  s.verify.back().ran = true;
  s.verify.back().instructions = 739464;
  return s;
}

TEST(ReportTest, WellFormedSelfContainedAndEscaped) {
  for (const auto& [epochs, classes] : {std::pair{1, 2}, {30, 12}, {0, 1}}) {
    const std::string html = RenderReport(Example(epochs, classes));
    EXPECT_EQ(Unbalanced(html), "");
    EXPECT_EQ(html.find("http"), std::string::npos) << "it asks for something outside";
    EXPECT_EQ(html.find("<script"), std::string::npos);
    EXPECT_NE(html.find("set &lt;script&gt;"), std::string::npos);
    EXPECT_NE(html.find("bit for bit"), std::string::npos);
    EXPECT_LT(html.size(), 600000u) << "curves are thinned";
    EXPECT_EQ(html, RenderReport(Example(epochs, classes)));
  }
}

TEST(ReportTest, ForecastsBesideWhatNeedsNoNetwork) {
  pipeline::RunSummary s = Example(3, 0);
  s.goal = {config::TaskCategory::kTimeseriesForecasting, {}, {"T<1>", "b"}, 2};
  train::RegressionMetrics metrics;
  metrics.mean.smape = 12.345;
  metrics.outputs.resize(4);
  for (pipeline::NetworkSummary* n : {&s.float_network, &s.quantized_network}) {
    n->test = metrics;
    for (train::Epoch& epoch : n->history) epoch.val = metrics;
  }
  pipeline::Baseline baseline;
  baseline.name = "last value";
  baseline.values.mean.r2 = 0.875;
  s.baselines = {baseline};
  const std::string fair = RenderReport(s);
  EXPECT_EQ(Unbalanced(fair), "");
  EXPECT_NE(fair.find("<td>last value</td><td>0.00</td><td>0.875</td>"), std::string::npos);
  EXPECT_NE(fair.find("12.35&nbsp;%</b><span>SMAPE, 8-bit integers"), std::string::npos);
  EXPECT_NE(fair.find("<td>T&lt;1&gt;</td><td>2</td>"), std::string::npos);
  EXPECT_EQ(fair.find("no better than"), std::string::npos);
  s.not_beaten = {"last value"};
  EXPECT_NE(RenderReport(s).find("no better than: last value"), std::string::npos);
}

TEST(ReportTest, AnomaliesWithBothThresholds) {
  pipeline::RunSummary s = Example(3, 2);
  s.goal = {config::TaskCategory::kTimeseriesAnomalyDetection, {"Anomaly", "Normal"}, {}, 1};
  for (pipeline::NetworkSummary* n : {&s.float_network, &s.quantized_network}) {
    n->test = train::RegressionMetrics{};
    for (train::Epoch& epoch : n->history) epoch.val = train::RegressionMetrics{};
    const std::vector<float> errors = {4, 1};
    n->anomaly = pipeline::TestAnomalies({0.5, 0.5, 3}, errors, std::vector<int32_t>{0, 1});
  }
  const std::string html = RenderReport(s);
  EXPECT_EQ(Unbalanced(html), "");
  EXPECT_NE(html.find("<td>in effect (in the C)</td><td>3.0</td><td>2</td><td>100.00&nbsp;%</td>"),
            std::string::npos);
  EXPECT_NE(html.find("1.000</b><span>AUROC, float"), std::string::npos);
}

TEST(ReportTest, SaysWhenResultsDiffer) {
  pipeline::RunSummary s = Example(3, 2);
  s.verify[0].mismatches = 7;
  EXPECT_NE(RenderReport(s).find("7 results differ from the host"), std::string::npos);
  s.verify.clear();
  s.quantized_network = {};
  EXPECT_EQ(Unbalanced(RenderReport(s)), "");
  EXPECT_EQ(Unbalanced(RenderReport({})), "");
}

}  // namespace
}  // namespace platypus::report
