#include "platypus/pipeline/log_grammar.h"

#include <nlohmann/json.hpp>

namespace platypus::pipeline {
namespace {

// The reference's class of characters for a number.
std::string Number(const std::string& group) { return "(?<" + group + R"(>[-+e\d+\.\d+]+))"; }

class Grammar {
 public:
  std::vector<LogExpression> Take() { return std::move(expressions_); }

  void Epochs(const std::string& phase, const std::string& pattern) {
    Add("Epoch", "Epoch", "Epochs", phase, "Epoch", pattern, "eid", false);
  }
  void Loss(const std::string& phase, const std::string& pattern) {
    Add("Training Loss", "Loss", "Training Loss", phase, "Loss", pattern, "loss", false);
  }
  void Value(const std::string& type, const std::string& name, const std::string& phase,
             const std::string& unit, const std::string& pattern, const std::string& group) {
    Add(type, name, type, phase, unit, pattern, group, true);
  }
  // A ruled table, up to the next line of level INFO.
  void Matrix(const std::string& phase, const std::string& logger) {
    Add("Confusion Matrix", "Confusion Matrix", "Confusion Matrix", phase, "Confusion Matrix",
        logger + R"(\s*Confusion Matrix:(\r\n|\r|\n)(?<cm>[\s\S]+?)INFO)", "cm", true);
  }
  void Plain(const std::string& type, const std::string& pattern, const std::string& group) {
    expressions_.push_back({type, type, type, type, pattern, group});
  }

 private:
  void Add(const std::string& type, const std::string& name, const std::string& description,
           const std::string& phase, const std::string& unit, const std::string& pattern,
           const std::string& group, bool scaled) {
    const std::string suffix = " (" + phase + ")";
    expressions_.push_back(
        {type + suffix, name + suffix, description + suffix, unit, pattern, group, scaled});
  }

  std::vector<LogExpression> expressions_;
};

const char* const kPhases[] = {"FloatTrain", "QuantTrain"};
const char* const kTestData = R"(test_data\s*:)";

std::vector<LogExpression> Classification() {
  Grammar g;
  for (const std::string phase : kPhases) {
    g.Epochs(phase, phase + R"(: Epoch:\s+\[(?<eid>\d+)\]\s+Total)");
    g.Loss(phase, phase + R"(: Epoch:.*?loss:\s+(?<loss>[0-9\.]+))");
    g.Value("Validation Accuracy", "Accuracy", phase, "Accuracy Top-1%",
            phase + R"(: Test:\s+\s+Acc@1\s+)" + Number("accuracy"), "accuracy");
    g.Value("F1-Score", "F1-Score", phase, "F1-Score",
            phase + R"(: Test:\s+\s+F1-Score\s+)" + Number("f1score"), "f1score");
    g.Matrix(phase, phase + ":");
  }
  for (const std::string phase : kPhases) {
    const std::string best = phase + ", BestEpoch";
    const std::string logger = phase + R"(.BestEpoch\s*:)";
    g.Epochs(best, logger + R"( Best Epoch:\s+(?<eid>\d+)\s*)");
    g.Value("F1-Score", "F1-Score", best, "F1-Score",
            logger + R"(\s+F1-Score\s+)" + Number("f1score"), "f1score");
    g.Matrix(best, logger);
    g.Value("Validation Accuracy", "Accuracy", best, "Accuracy Top-1%",
            logger + R"( Acc@1\s+)" + Number("accuracy"), "accuracy");
  }
  g.Value("Test Accuracy", "Accuracy", "Test Data", "Accuracy Top-1%",
          kTestData + (R"(\s*Test Data Evaluation Accuracy:\s+)" + Number("accuracy")) + "%",
          "accuracy");
  g.Matrix("Test Data", kTestData);
  g.Plain("Matrix Label", R"(Ground Truth:\s*(?<label>\w+)\s*\|\s*)", "label");
  g.Plain("Matrix Cell", R"(\|\s*(?<cell>\d+))", "cell");
  return g.Take();
}

std::vector<LogExpression> Regression() {
  Grammar g;
  for (const std::string phase : kPhases) {
    g.Epochs(phase, phase + R"(: Epoch:\s+\[(?<eid>\d+)\]\s+Total)");
    g.Loss(phase, phase + R"(: Epoch:.*?loss:\s+(?<loss>[0-9\.]+))");
    g.Value("Validation MSE", "MSE", phase, "MSE", phase + R"(: Test:\s+MSE\s+)" + Number("mse"),
            "mse");
    g.Value("Validation R2-Score", "R2-Score", phase, "R2-Score",
            phase + R"(: Test:\s+R2-Score\s+)" + Number("r2"), "r2");
  }
  for (const std::string phase : kPhases) {
    const std::string best = phase + ", BestEpoch";
    const std::string logger = phase + R"(\.BestEpoch:)";
    g.Epochs(best, logger + R"( Best Epoch:\s+(?<eid>\d+))");
    g.Value("MSE", "MSE", best, "MSE", logger + R"( MSE\s+)" + Number("mse"), "mse");
    g.Value("R2-Score", "R2-Score", best, "R2-Score", logger + R"( R2-Score\s+)" + Number("r2"),
            "r2");
  }
  g.Value("Test RMSE", "RMSE", "Test Data", "RMSE",
          kTestData + (R"(\s*Test Data Evaluation RMSE:\s+)" + Number("rmse")), "rmse");
  g.Value("R2-Score", "R2-Score", "Test Data", "R2-Score",
          kTestData + (R"(\s*Test Data Evaluation R2-Score:\s+)" + Number("r2")), "r2");
  return g.Take();
}

std::vector<LogExpression> Forecasting() {
  Grammar g;
  const std::string of = R"( of [\w\s]+ across all predicted timesteps:\s+)";
  const auto variables = [&](const std::string& phase, const std::string& logger) {
    g.Value("Per-Variable SMAPE", "Per-Variable SMAPE", phase, "SMAPE%",
            logger + ".*?SMAPE" + of + Number("smape") + "%", "smape");
    g.Value("Per-Variable R2", "Per-Variable R2", phase, "R2-Score",
            logger + ".*?R²" + of + Number("r2"), "r2");
  };
  for (const std::string phase : kPhases) {
    g.Epochs(phase, phase + R"(: Epoch:\s+\[(?<eid>\d+)\]\s+Total)");
    g.Loss(phase, phase + R"(: Epoch:\s\[\d+\]\sTotal\stime:[\s\S]*?loss\:\s+(?<loss>\d+\.\d+))");
  }
  for (const std::string phase : kPhases) {
    g.Value(
        "Overall SMAPE", "Overall SMAPE", phase, "SMAPE%",
        phase +
            R"(: Current SMAPE across all target variables and across all predicted timesteps:\s+)" +
            Number("smape") + "%",
        "smape");
  }
  for (const std::string phase : kPhases) {
    const std::string best = phase + ", BestEpoch";
    const std::string logger = phase + R"(\.BestEpoch:)";
    g.Epochs(best, logger + R"( Best epoch:(?<eid>\d+))");
    g.Value("Overall SMAPE", "Overall SMAPE", best, "SMAPE%",
            logger + R"( Overall SMAPE across all variables:\s+)" + Number("smape") + "%", "smape");
    variables(best, logger);
  }
  variables("Test Data", kTestData);
  return g.Take();
}

std::vector<LogExpression> AnomalyDetection() {
  Grammar g;
  for (const std::string phase : kPhases) {
    g.Epochs(phase, phase + R"(:\s+Training\s+-\s+Epoch\[(?<eid>\d+)\]:\s+Total)");
    const std::string epoch = R"(\s+-\s+Epoch\[\d+\]:\s+MSE\s+)";
    g.Value("Training MSE Loss", "Loss", phase, "Loss",
            phase + R"(:\s+Training)" + epoch + Number("loss"), "loss");
    g.Value("Validation MSE Loss", "MSE", phase, "MSE",
            phase + R"(:\s+Validation)" + epoch + Number("mse"), "mse");
  }
  for (const std::string phase : kPhases) {
    const std::string best = phase + ", BestEpoch";
    const std::string logger = phase + R"(.BestEpoch\s*:)";
    g.Epochs(best, logger + R"( Best Epoch:\s+(?<eid>\d+))");
    g.Value("MSE", "MSE", best, "MSE", logger + R"( MSE\s+)" + Number("mse"), "mse");
  }
  return g.Take();
}

}  // namespace

std::vector<LogExpression> LogGrammar(config::TaskCategory task) {
  switch (task) {
    case config::TaskCategory::kTimeseriesClassification:
      return Classification();
    case config::TaskCategory::kTimeseriesRegression:
      return Regression();
    case config::TaskCategory::kTimeseriesForecasting:
      return Forecasting();
    case config::TaskCategory::kTimeseriesAnomalyDetection:
      return AnomalyDetection();
  }
  return {};
}

std::string LogGrammarJson(config::TaskCategory task) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const LogExpression& e : LogGrammar(task)) {
    nlohmann::ordered_json regex = {{"op", "search"}, {"pattern", e.pattern}, {"groupId", e.group}};
    if (e.scaled) regex["scale_factor"] = 1;
    list.push_back({{"type", e.type},
                    {"name", e.name},
                    {"description", e.description},
                    {"unit", e.unit},
                    {"value", nullptr},
                    {"regex", {regex}}});
  }
  return nlohmann::ordered_json{{"js", list}}.dump();
}

}  // namespace platypus::pipeline
