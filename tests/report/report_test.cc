#include "platypus/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/report/data.h"
#include "platypus/report/figures.h"
#include "platypus/report/live.h"
#include "tests/report/examples.h"

namespace platypus::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// What scripts and styles hold is no markup.
std::string WithoutScripts(std::string html) {
  for (const std::string element : {"script", "style"}) {
    for (size_t open; (open = html.find("<" + element)) != std::string::npos;) {
      const std::string end = "</" + element + ">";
      html.erase(open, html.find(end, open) + end.size() - open);
    }
  }
  return html;
}

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

std::string ValueOf(const std::vector<Figure>& figures, const std::string& name) {
  for (const Figure& figure : figures) {
    if (figure.name == name) return figure.value;
  }
  return "no such figure";
}

TEST(ReportTest, EveryTaskAndStateIsWellFormedAndEscaped) {
  for (const TaskCategory task : kTasks) {
    for (const RunState state : kStates) {
      const std::string html = RenderReport(Example(task, state));
      const std::string markup = WithoutScripts(html);
      EXPECT_EQ(Unbalanced(markup), "");
      EXPECT_EQ(markup.find("{{"), std::string::npos) << "a place that was not filled";
      EXPECT_THAT(markup, HasSubstr("pump &lt;b&gt;&amp; motor&lt;/b&gt;"));
      EXPECT_EQ(html.find("<script>alert"), std::string::npos);
      EXPECT_EQ(html.find(" src="), std::string::npos) << "it asks for something outside";
      EXPECT_THAT(html, HasSubstr("default-src 'none'"));
      EXPECT_THAT(html, HasSubstr("metricsChart"));
      EXPECT_LT(html.size(), 600000u);
      EXPECT_EQ(html, RenderReport(Example(task, state)));
    }
  }
  EXPECT_EQ(Unbalanced(WithoutScripts(RenderReport({}))), "");
}

TEST(ReportTest, AsksToBeReadAgainOnlyWhileTheRunGoesOn) {
  constexpr auto kTask = TaskCategory::kTimeseriesClassification;
  const std::string running = RenderReport(Example(kTask, RunState::kRunning));
  EXPECT_THAT(running, HasSubstr("http-equiv=\"refresh\""));
  EXPECT_THAT(running, HasSubstr(">Training…</span>"));
  EXPECT_THAT(running, HasSubstr("about 2 min left"));
  const std::string complete = RenderReport(Example(kTask, RunState::kComplete));
  EXPECT_THAT(complete, Not(HasSubstr("http-equiv=\"refresh\"")));
  EXPECT_THAT(complete, HasSubstr(">Complete</span>"));
  EXPECT_THAT(complete, HasSubstr("class=\"complete\""));
  EXPECT_THAT(complete, HasSubstr("Confusion Matrix"));
  EXPECT_THAT(complete, Not(HasSubstr("Ground Truth")));
  EXPECT_THAT(complete, HasSubstr("40 float epochs · 10 quant epochs"));
}

TEST(ReportTest, SaysWhatEndedARun) {
  for (const auto& [state, said] : {std::pair{RunState::kFailed, "The run failed in stage"},
                                    {RunState::kInterrupted, "The run was interrupted in stage"}}) {
    const std::string html = RenderReport(Example(TaskCategory::kTimeseriesRegression, state));
    EXPECT_THAT(html, HasSubstr(said));
    EXPECT_THAT(html, HasSubstr("features.3 &lt;Conv2d&gt; may leave 32 bits"));
    EXPECT_THAT(html, HasSubstr("or a smaller kernel &amp; fewer channels"));
    EXPECT_THAT(html, Not(HasSubstr("http-equiv=\"refresh\"")));
  }
}

TEST(ReportTest, SaysWhenResultsDifferAndWhatIsNotBeaten) {
  pipeline::RunSummary s = Example(TaskCategory::kTimeseriesForecasting, RunState::kComplete);
  EXPECT_THAT(RenderReport(s), HasSubstr("generated C = host, bit for bit"));
  EXPECT_THAT(RenderReport(s), HasSubstr("no better than: mean of training"));
  s.verify[0].mismatches = 7;
  EXPECT_THAT(RenderReport(s), HasSubstr("7 results differ from the host"));
}

TEST(FiguresTest, NamedAsTheReferenceDoes) {
  pipeline::RunSummary s;
  s.float_network.present = true;
  train::ClassificationMetrics val;
  val.accuracy = 0.85;
  s.float_network.history = {{1, 0.1, 0.7, 0.8, val, 1}};
  val.accuracy = 0.55;
  s.float_network.history.push_back({2, 0.1, 0.4321, 0.8, val, 1});
  EXPECT_EQ(ValueOf(TrainingFigures(s).at(0), "Float Best Acc"), "85.0%");
  EXPECT_EQ(ValueOf(TrainingFigures(s).at(0), "Float Epochs"), "2");
  EXPECT_EQ(ValueOf(TrainingFigures(s).at(0), "Float Latest Loss"), "0.4321");

  s.float_network.history = {{0, 0, 0, 0, val, 0}};
  EXPECT_EQ(ValueOf(TrainingFigures(s).at(0), "Float Latest Loss"), "no such figure")
      << "a network that was only calibrated";

  train::RegressionMetrics values;
  values.mean = {0.00021, 0.1, 12.345, 0.98765};
  s.float_network.history = {{1, 0.1, 0.7, 0.8, values, 1}};
  s.goal.category = TaskCategory::kTimeseriesRegression;
  EXPECT_EQ(ValueOf(TrainingFigures(s).at(0), "Float Best R²"), "0.9877");
  EXPECT_EQ(ValueOf(TrainingFigures(s).at(0), "Float Best MSE"), "0.00021");
  s.goal.category = TaskCategory::kTimeseriesForecasting;
  EXPECT_EQ(ValueOf(TrainingFigures(s).at(0), "Float Best SMAPE"), "12.35%");
}

TEST(FiguresTest, ResultsOfEveryTask) {
  const auto of = [](TaskCategory task) {
    return ResultFigures(Example(task, RunState::kComplete));
  };
  EXPECT_EQ(ValueOf(of(TaskCategory::kTimeseriesClassification), "accuracy, quantised"), "95.00%");
  EXPECT_EQ(ValueOf(of(TaskCategory::kTimeseriesClassification), "accuracy, C on cortex-m4"),
            "96.25%");
  EXPECT_EQ(ValueOf(of(TaskCategory::kTimeseriesRegression), "R², float"), "0.9500");
  EXPECT_EQ(ValueOf(of(TaskCategory::kTimeseriesForecasting), "SMAPE, float"), "2.00%");
  EXPECT_EQ(ValueOf(of(TaskCategory::kTimeseriesAnomalyDetection), "octets of flash"),
            "11\u2009657");
  EXPECT_TRUE(ResultFigures({}).empty());
}

TEST(PageDataTest, HoldsTheRunWithoutMarkup) {
  const pipeline::RunSummary s =
      Example(TaskCategory::kTimeseriesClassification, RunState::kComplete);
  const std::string text = PageData(s);
  EXPECT_EQ(text.find_first_of("<>&"), std::string::npos);
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["classes"][1], "imbalance <1>");
  EXPECT_EQ(json["networks"][1]["test"]["confusion"][0], (std::vector<int>{389, 8, 3}));
  EXPECT_EQ(json["networks"][0]["roc"][0]["threshold"][0], nullptr) << "infinity is no number";
  EXPECT_EQ(json["layers"][2]["snr"], 34);
  EXPECT_EQ(json["testFiles"]["rows"][0]["predicted"], (std::vector<int>{0, 36, 4}))
      << "most mistakes first";
  EXPECT_EQ(json["projections"][0]["labels"].size(), json["projections"][0]["x"].size());
  EXPECT_EQ(json["fit"]["flash_octets"], 1 << 20);
}

TEST(PageDataTest, StaysSmallHoweverLargeTheTestIs) {
  pipeline::RunSummary s = Example(TaskCategory::kTimeseriesClassification, RunState::kComplete);
  train::RocCurve& curve = s.quantized_network.roc[0];
  curve = {};
  for (int i = 0; i <= 100000; ++i) {
    curve.false_positive_rate.push_back(i / 1e5);
    curve.true_positive_rate.push_back(i / 1e5);
    curve.threshold.push_back(-i);
  }
  s.test_files.assign(50000, s.test_files[0]);
  const auto json = nlohmann::json::parse(PageData(s));
  EXPECT_EQ(json["networks"][1]["roc"][0]["fpr"].size(), 200u);
  EXPECT_EQ(json["networks"][1]["roc"][0]["fpr"].back(), 1) << "both ends stay";
  EXPECT_EQ(json["testFiles"]["total"], 50000);
  EXPECT_EQ(json["testFiles"]["rows"].size(), 400u);

  pipeline::RunSummary anomalies =
      Example(TaskCategory::kTimeseriesAnomalyDetection, RunState::kComplete);
  anomalies.float_network.anomaly->normal.assign(100000, 0.5F);
  const auto errors = nlohmann::json::parse(PageData(anomalies))["networks"][0]["anomaly"];
  EXPECT_EQ(errors["normal"].size(), 2000u);
  EXPECT_EQ(errors["normalCount"], 100000);
}

TEST(LiveReportTest, WritesAtOnceThenSeldomAndAtTheEnd) {
  const TemporaryFolder folder;
  pipeline::RunSummary s = Example(TaskCategory::kTimeseriesClassification, RunState::kRunning);
  s.run_folder = folder.Path().string();
  const std::filesystem::path page = folder.Path() / "report.html";
  LiveReport report(true);
  report.Show(s);
  EXPECT_THAT(ReadFile(page), HasSubstr("Training…"));
  s.model = "another";
  report.Show(s);
  EXPECT_THAT(ReadFile(page), Not(HasSubstr("another"))) << "less than a second later";
  s.state = RunState::kComplete;
  report.Show(s);
  EXPECT_THAT(ReadFile(page), HasSubstr("another"));
  EXPECT_THAT(ReadFile(page), HasSubstr(">Complete<"));
}

TEST(LiveReportTest, WithoutBeingAskedOnlyTheEnd) {
  const TemporaryFolder folder;
  pipeline::RunSummary s = Example(TaskCategory::kTimeseriesClassification, RunState::kRunning);
  s.run_folder = folder.Path().string();
  LiveReport report(false);
  report.Show(s);
  EXPECT_FALSE(std::filesystem::exists(folder.Path() / "report.html"));
  s.state = RunState::kFailed;
  report.Show(s);
  EXPECT_THAT(ReadFile(folder.Path() / "report.html"), HasSubstr("The run failed"));
}

TEST(LiveReportTest, APageThatIsNotWrittenEndsNoRun) {
  const TemporaryFolder folder;
  WriteFile(folder.Path() / "file", "");
  pipeline::RunSummary s = Example(TaskCategory::kTimeseriesClassification, RunState::kRunning);
  s.run_folder = (folder.Path() / "file" / "below").string();
  LiveReport report(true);
  EXPECT_NO_THROW(report.Show(s));
  s.state = RunState::kFailed;
  EXPECT_NO_THROW(report.Show(s));
  s.state = RunState::kComplete;
  EXPECT_THROW(report.Show(s), Error);
}

}  // namespace
}  // namespace platypus::report
