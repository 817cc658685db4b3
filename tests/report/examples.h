#ifndef PLATYPUS_TESTS_REPORT_EXAMPLES_H_
#define PLATYPUS_TESTS_REPORT_EXAMPLES_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <string>

#include "platypus/pipeline/summary.h"

// Runs that never were, with everything that a page can show, for each task and state.
namespace platypus::report {

using config::TaskCategory;
using pipeline::RunState;

inline constexpr std::array kTasks = {
    TaskCategory::kTimeseriesClassification, TaskCategory::kTimeseriesRegression,
    TaskCategory::kTimeseriesForecasting, TaskCategory::kTimeseriesAnomalyDetection};
inline constexpr std::array kStates = {RunState::kRunning, RunState::kComplete, RunState::kFailed,
                                       RunState::kInterrupted};

class ExampleRun {
 public:
  ExampleRun(TaskCategory task, RunState state) : task_(task) {
    Describe(state);
    Train(s_.float_network, state == RunState::kRunning ? 12 : 40, 0);
    if (state == RunState::kRunning) {
      s_.stage = "train";
      s_.share_done = 0.3;
      s_.seconds_left = 135;
      s_.seconds = {{"read", 0.4}, {"features", 1.9}};
    } else if (state == RunState::kComplete) {
      Train(s_.quantized_network, 10, 0.02);
      s_.stage = "verify";
      s_.share_done = 1;
      s_.seconds = {{"read", 0.4},    {"features", 1.9}, {"train", 41},     {"pictures", 2.2},
                    {"quantize", 18}, {"test", 0.6},     {"generate", 0.1}, {"verify", 9.4}};
      Test(s_.float_network, 0);
      Test(s_.quantized_network, 1);
      Deploy();
    } else {
      s_.stage = "quantize";
      s_.seconds = {{"read", 0.4}, {"features", 1.9}, {"train", 41}};
      s_.error = "the accumulator of layer features.3 <Conv2d> may leave 32 bits";
      s_.hint =
          "try training.quantization_weight_bitwidth: 8, or a smaller kernel & fewer channels";
    }
    Look();
  }
  const pipeline::RunSummary& Get() const { return s_; }

 private:
  double Noise() { return normal_(random_); }
  bool Classifies() const { return task_ == TaskCategory::kTimeseriesClassification; }
  bool Anomalies() const { return task_ == TaskCategory::kTimeseriesAnomalyDetection; }
  size_t Outputs() const { return s_.goal.targets.size() * static_cast<size_t>(s_.goal.horizon); }

  void Describe(RunState state) {
    s_.state = state;
    s_.goal.category = task_;
    s_.version = "Platypus 0.1.0";
    s_.run_folder = "projects/pump/run/2026-02-03_12-00-00";
    s_.dataset = "pump <b>& motor</b>";
    s_.device = "F28P55";
    s_.model = "CLS_4k_NPU";
    s_.task_type = "motor_fault";
    s_.seed = 42;
    s_.dataset_hash = std::string(64, 'a');
    s_.config_hash = std::string(64, 'b');
    s_.command = "platypus run pump.yaml --set training.training_epochs=40";
    s_.configuration =
        "common\n  task_type      motor_fault  file pump.yaml:2\n  target_device  F28P55       "
        "file "
        "pump.yaml:3\n  seed           42           default\ntraining\n  model_name       "
        "CLS_4k_NPU  set\n  training_epochs  40          set\n  learning_rate    0.01        "
        "preset\n  optimizer        'adam  w'   default\n";
    s_.input_shape = {2, 64, 1};
    s_.frames = 8;
    s_.files = {{"train", 60}, {"val", 20}, {"test", 20}};
    s_.samples = {{"train", 2400}, {"val", 800}, {"test", 800}};
    s_.notices = {"a notice with <script>alert(1)</script> in it"};
    s_.skipped = {{"classes/normal/broken.csv", "line 12: 'x' is no number"}};
    s_.parameters = 3821;
    s_.macs = 282672;
    switch (task_) {
      case TaskCategory::kTimeseriesClassification:
        s_.goal.classes = {"normal", "imbalance <1>", "bearing & race"};
        break;
      case TaskCategory::kTimeseriesRegression:
        s_.goal.targets = {"speed", "torque"};
        break;
      case TaskCategory::kTimeseriesForecasting:
        s_.goal.targets = {"oil temperature", "load"};
        s_.goal.horizon = 6;
        break;
      case TaskCategory::kTimeseriesAnomalyDetection:
        s_.goal.classes = {"Anomaly", "Normal"};
        break;
    }
    for (const auto& [split, count] : s_.samples) {
      pipeline::SplitStatistics& of = s_.statistics[split];
      of.features = {-3.25, 4.5, 0.01, 1.02};
      for (size_t c = 0; c < s_.goal.classes.size(); ++c)
        of.classes.emplace_back(s_.goal.classes[c], count / static_cast<int64_t>(2 + c));
      for (const std::string& target : s_.goal.targets)
        of.targets.emplace_back(target, pipeline::Statistics{0, 90, 42, 11});
    }
    s_.insight.data_warnings = {"class bearing & race has a third of the samples of normal",
                                "column 2 of classes/normal/a.csv is constant"};
  }

  train::Metrics Validation(double quality) {
    if (Classifies()) {
      train::ClassificationMetrics m;
      m.samples = 800;
      m.loss = 1.1 - quality;
      m.accuracy = quality;
      m.f1_macro = quality - 0.01;
      m.auroc = std::min(1.0, quality + 0.03);
      return m;
    }
    train::RegressionMetrics m;
    m.samples = 800;
    const auto of = [&](double q) {
      return train::RegressionMetrics::OfOutput{4 * (1 - q), 1.5 * (1 - q), 40 * (1 - q), q};
    };
    m.loss = 1 - quality;
    m.error = m.loss;
    m.mean = of(quality);
    for (size_t i = 0; i < Outputs(); ++i)
      m.outputs.push_back(of(quality - 0.03 * static_cast<double>(i / s_.goal.targets.size())));
    return m;
  }

  void Train(pipeline::NetworkSummary& network, int epochs, double loss) {
    network.present = true;
    for (int e = 1; e <= epochs; ++e) {
      const double quality = 0.97 - loss - 0.5 * std::exp(-e / 8.0) + 0.008 * Noise();
      train::Epoch epoch;
      epoch.number = e;
      epoch.learning_rate = 0.005 * (1 + std::cos(3.14159 * e / 40));
      epoch.train_loss = 1.05 - quality + 0.01 * Noise();
      epoch.train_accuracy = Classifies() ? quality + 0.01 : std::nan("");
      epoch.val = Validation(quality);
      epoch.seconds = 1 + 0.05 * Noise();
      if (network.history.empty() ||
          train::IsBetter(epoch.val,
                          network.history[static_cast<size_t>(network.best_epoch - 1)].val))
        network.best_epoch = e;
      network.history.push_back(epoch);
    }
  }

  void Test(pipeline::NetworkSummary& network, int64_t wrong) {
    network.test = Validation(0.95);
    if (Classifies()) {
      auto& test = std::get<train::ClassificationMetrics>(*network.test);
      test.confusion = {{390 - wrong, 8, 2 + wrong}, {6, 250, 10}, {0, 4, 130}};
      for (int c = 0; c < 3; ++c) {
        train::RocCurve curve;
        for (int i = 0; i <= 300; ++i) {
          const double x = std::pow(i / 300.0, 2);
          curve.false_positive_rate.push_back(x);
          curve.true_positive_rate.push_back(std::pow(x, 0.06 + 0.03 * c));
          curve.threshold.push_back(i == 0 ? INFINITY : 6 - 12 * i / 300.0);
        }
        curve.area = 1 / (1.06 + 0.03 * c);
        network.roc.push_back(curve);
      }
      if (!s_.test_files.empty()) return;
      for (int i = 0; i < 20; ++i) {
        const int label = i % 3;
        pipeline::FileSummary file{"classes/" + s_.goal.classes[static_cast<size_t>(label)] +
                                       "/recording_" + std::to_string(i) + ".csv",
                                   label,
                                   {0, 0, 0}};
        file.predicted[static_cast<size_t>(label)] = 40 - i / 4;
        file.predicted[static_cast<size_t>((label + 1) % 3)] = i / 4;
        s_.test_files.push_back(file);
      }
    } else if (Anomalies()) {
      std::vector<float> errors;
      std::vector<int32_t> labels;
      for (int i = 0; i < 900; ++i) {
        const bool anomalous = i % 3 == 0;
        labels.push_back(anomalous ? pipeline::kAnomaly : 1);
        errors.push_back(static_cast<float>(std::exp((anomalous ? 0.2 : -1.5) + 0.5 * Noise())));
      }
      network.anomaly = pipeline::TestAnomalies({0.25, 0.11, 3}, errors, labels);
    }
  }

  void Baselines() {
    if (Classifies()) return;
    for (const char* name : {"last value", "mean of training"}) {
      pipeline::Baseline baseline;
      baseline.name = name;
      baseline.auroc = 0.81;
      baseline.values = std::get<train::RegressionMetrics>(Validation(0.7));
      s_.baselines.push_back(baseline);
    }
    s_.not_beaten = {"mean of training"};
  }

  void Quantized() {
    pipeline::QuantizationInsight insight;
    insight.metric = s_.goal.Classifies() ? "accuracy" : "r2";
    insight.float_metric = 0.97;
    insight.integer_metric = 0.96;
    insight.samples = 512;
    pipeline::AutoPrecision choice;
    for (int i = 0; i < 8; ++i) {
      pipeline::QuantizedLayer layer;
      layer.name = "features." + std::to_string(i);
      layer.type = i % 2 == 0 ? "Conv2d" : "AvgPool";
      layer.activation_bits = i == 6 ? 0 : 8;
      layer.low = i % 3 == 0 ? 0 : -2;
      layer.high = 2;
      layer.at_high = 0.01 * i;
      layer.values = {layer.low, 2.5, std::vector<int64_t>(48, 5 * i)};
      if (i % 2 == 0) {
        layer.weights = 100 * (i + 1);
        layer.weight_bits = i == 6 ? 32 : i == 4 ? 2 : 8;
        layer.octets_at_8 = layer.weights;
        layer.octets_at_4 = layer.weights / 2;
        layer.octets_at_2 = layer.weights / 4;
        layer.weight_range = 1.5;
        layer.weight_values = {-1.4, 1.5, std::vector<int64_t>(48, i + 1)};
        layer.metric_alone = 0.97 - 0.001 * i;
        choice.layers.push_back(
            {layer.name, layer.type, layer.weights, 4.0 / (i + 1), 0.1, 0, layer.weight_bits});
      }
      if (i == 6) layer.why_float = "training.auto_quantization";
      layer.signal_to_noise = 44 - 5.0 * i;
      insight.layers.push_back(std::move(layer));
    }
    s_.quantization = std::move(insight);
    s_.precision = std::move(choice);
  }

  void Deploy() {
    Baselines();
    s_.package_path = s_.run_folder + "/compilation/artifacts";
    s_.model_hash = std::string(64, 'c');
    for (int i = 0; i < 8; ++i) {
      pipeline::LayerSummary layer;
      layer.name = "features." + std::to_string(i);
      layer.type = i % 2 == 0 ? "Conv2d" : "MaxPool2d";
      layer.shape = std::to_string(4 + 4 * i) + "x" + std::to_string(64 >> (i / 2)) + "x1";
      layer.parameters = i % 2 == 0 ? 100 * (i + 1) : 0;
      layer.macs = i % 2 == 0 ? 9000 * (i + 1) : 0;
      layer.weight_octets = layer.parameters;
      layer.activation_octets = (4 + 4 * i) * (64 >> (i / 2));
      layer.instructions = 3 * layer.macs + 4000;
      layer.signal_to_noise = 44 - 5.0 * i;
      s_.layers.push_back(layer);
      s_.memory.buffers.push_back(
          {i, i % 2 == 0 ? 0 : 512, i % 2 == 0 ? 512 : 384, i, std::min(i + 1, 7)});
    }
    Quantized();
    s_.memory.arena_octets = 896;
    s_.memory.lower_bound_octets = 896;
    const deploy::NpuFinding nine = {"features.2", "GCONV",
                                     "9 output channels, which is no multiple of 4", "8 or 12"};
    s_.npu = std::vector<deploy::NpuPlacement>{
        {"features.0", "FCONV", "first convolution of 1 to 8 channels", 3000, {}},
        {"features.2", "GCONV", "convolution of 8 to 9 channels", 5000, {nine}}};
    for (const char* core : {"host", "cortex-m4", "riscv32"}) {
      deploy::VerifyResult r;
      r.core = core;
      r.ran = r.core != "riscv32";
      r.notice = r.ran ? "" : "no compiler: apt-get install gcc-riscv64-unknown-elf";
      r.samples = 800;
      r.recordings = 12;
      r.accuracy = Classifies() ? 0.9625 : std::nan("");
      r.ram_bytes = 29276;
      if (r.core == "cortex-m4") {
        r.flash_bytes = 11657;
        r.stack_bytes = 144;
        r.instructions = 739464;
        r.feature_instructions = 1151061;
      }
      s_.verify.push_back(r);
    }
    pipeline::DeviceFit fit;
    fit.device = s_.device;
    fit.flash_octets = 1 << 20;
    fit.ram_octets = 32 << 10;
    fit.flash_used = 11657;
    fit.ram_used = 29420;
    fit.clock_hz = 150e6;
    fit.cycles_per_instruction = 1.3;
    fit.seconds_used = 0.0164;
    fit.seconds_available = 0.5;
    fit.assumption = "cycles of a Cortex-M4 with code in flash";
    s_.insight.fit = fit;
    Views();
    if (!s_.goal.targets.empty()) Values();
  }

  std::vector<float> Sample(size_t kind) {
    std::vector<float> values;
    for (int c = 0; c < 2; ++c) {
      for (int i = 0; i < 64; ++i) {
        values.push_back(static_cast<float>(
            std::exp(-std::pow((i % 8) - 1.5 - 1.7 * static_cast<double>(kind), 2)) + 0.1 * c +
            0.05 * Noise()));
      }
    }
    return values;
  }

  void Look() {
    const size_t kinds = Classifies() ? 3 : 1;
    for (size_t kind = 0; kind < kinds; ++kind) {
      const std::string name = Classifies() ? s_.goal.classes[kind] : "all samples";
      s_.insight.profiles.push_back({name, Sample(kind), std::vector<float>(128, 0.12F)});
    }
    for (const auto& [method, split] :
         {std::pair{"PCA", "train"}, {"PCA", "val"}, {"t-SNE", "train"}}) {
      pipeline::Projection p;
      p.method = method;
      p.split = split;
      if (p.method == "PCA") p.explained = {0.61, 0.17};
      for (int i = 0; i < 400; ++i) {
        const int c = i % 3;
        p.x.push_back(static_cast<float>(2 * c + 0.6 * Noise()));
        p.y.push_back(static_cast<float>((c == 1 ? 2 : 0) + 0.5 * Noise()));
        if (s_.goal.classes.empty())
          p.values.push_back(p.x.back() + p.y.back());
        else
          p.labels.push_back(c % static_cast<int>(s_.goal.classes.size()));
      }
      s_.insight.projections.push_back(p);
    }
  }

  void Views() {
    for (int v = 0; v < 5; ++v) {
      pipeline::RecordingView view;
      const auto kind = static_cast<size_t>(v % 3);
      view.name = "classes/recording_" + std::to_string(v) + "<i>.csv";
      view.truth = s_.goal.classes.empty() ? "" : s_.goal.classes[kind % s_.goal.classes.size()];
      view.samples = 40;
      view.wrong = Classifies() && v < 3 ? 9 - v : 0;
      view.error = 0.4 / (v + 1);
      view.seconds = 2.5;
      view.worst = 17 + v;
      view.taken_for = view.wrong > 0 ? s_.goal.classes[(kind + 1) % 3] : "";
      view.features = Sample(kind);
      for (const char* column : {"vibration x", "vibration y"}) {
        pipeline::Envelope envelope{column, {}, {}};
        for (int i = 0; i < 300; ++i) {
          const double centre = std::sin(i / 9.0 + v) * (1 + 0.3 * v);
          envelope.low.push_back(static_cast<float>(centre - 0.4 + 0.1 * Noise()));
          envelope.high.push_back(static_cast<float>(centre + 0.4 + 0.1 * Noise()));
        }
        view.signal.push_back(envelope);
      }
      (v < 3 ? s_.insight.worst : s_.insight.typical).push_back(view);
    }
  }

  void Values() {
    pipeline::ValuePairs& pairs = s_.insight.test_values;
    pairs.outputs = static_cast<int64_t>(Outputs());
    for (int i = 0; i < 400; ++i) {
      for (size_t o = 0; o < Outputs(); ++o) {
        const double wanted = 40 + 20 * std::sin(i / 20.0 + static_cast<double>(o) / 5);
        pairs.wanted.push_back(static_cast<float>(wanted));
        pairs.given.push_back(
            static_cast<float>(wanted + (1 + 0.4 * static_cast<double>(o)) * Noise()));
      }
    }
  }

  TaskCategory task_;
  pipeline::RunSummary s_;
  std::mt19937 random_{7};
  std::normal_distribution<double> normal_;
};

inline pipeline::RunSummary Example(TaskCategory task, RunState state) {
  return ExampleRun(task, state).Get();
}

}  // namespace platypus::report

#endif  // PLATYPUS_TESTS_REPORT_EXAMPLES_H_
