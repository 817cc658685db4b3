// The keys that say what becomes of a trained network's numbers.
#include <string>
#include <utility>
#include <vector>

#include "platypus/config/schema_builder.h"

namespace platypus::config {
namespace {

// 1.58 bits and 2 bits are both the codes -1, 0, 1. Sixteen are what the reference's parser takes
// and its library fails on.
int WeightBits(const Value& v, const Key& key) {
  const std::string text = v.kind == Value::Kind::kScalar ? Lower(v.text) : "";
  if (text == "ternary") return 2;
  const auto bits = ToReal(v);
  if (bits == 16) {
    throw Error(Category::kConfiguration,
                fmt::format("{}.{}: there are no weights of 16 bits", key.section, key.name),
                "legal: " + key.legal +
                    "; activations may have 16 bits "
                    "(training.quantization_activation_bitwidth), layers may stay in float "
                    "(training.layer_precision)",
                v.where);
  }
  if (bits == 8 || bits == 4 || bits == 2) return static_cast<int>(*bits);
  if (bits == 1.58) return 2;
  Builder::Refuse(key, v);
}

int ActivationBits(const Value& v, const Key& key) {
  const auto bits = ToReal(v);
  if (bits == 16 || bits == 8 || bits == 4 || bits == 2) return static_cast<int>(*bits);
  Builder::Refuse(key, v);
}

bool IsFloat(const Value& v) {
  return v.kind == Value::Kind::kScalar && (Lower(v.text) == "float" || v.text == "32");
}

// 4; float; {weights: 4, activations: 8}.
LayerPrecision ReadLayerPrecision(const std::string& pattern, const Value& v, const Key& key) {
  LayerPrecision precision;
  precision.pattern = pattern;
  if (IsFloat(v)) {
    precision.weight_bits = 32;
  } else if (v.kind == Value::Kind::kScalar) {
    precision.weight_bits = WeightBits(v, key);
  } else if (v.kind == Value::Kind::kMap && !v.entries.empty()) {
    for (const auto& [name, bits] : v.entries) {
      if (name == "weights") {
        precision.weight_bits = IsFloat(bits) ? 32 : WeightBits(bits, key);
      } else if (name == "activations") {
        precision.activation_bits = ActivationBits(bits, key);
      } else {
        throw Error(Category::kConfiguration,
                    fmt::format("{}.{}: '{}' is no part of a layer's precision", key.section,
                                key.name, name),
                    Suggest(name, std::vector<std::string>{"weights", "activations"}), bits.where);
      }
    }
  } else {
    Builder::Refuse(key, v);
  }
  return precision;
}

void AddDialect(Builder& b) {
  b.Choice("quantization", "0", PLATYPUS_FIELD(training.quantization),
           std::vector<std::pair<std::string, Quantization>>{
               {"0", Quantization::kNone},
               {"1", Quantization::kGeneric},
               {"2", Quantization::kTinpu},
               {"NO_QUANTIZATION", Quantization::kNone},
               {"QUANTIZATION_GENERIC", Quantization::kGeneric},
               {"QUANTIZATION_TINPU", Quantization::kTinpu}},
           "0 float; 1 integers with free scales (ONNX: QDQ); 2 the TI-NPU's integers");
  b.Better("numbers and names, any case; 1 has free scales");
  b.Choice("quantization_method", "QAT", PLATYPUS_FIELD(training.quantization_method),
           std::vector<std::pair<std::string, QuantizationMethod>>{
               {"QAT", QuantizationMethod::kQat}, {"PTQ", QuantizationMethod::kPtq}},
           "train the integers, or only measure ranges");
  b.Add("quantization_weight_bitwidth", "8", "8, 4, 2 (or ternary, 1.58)",
        "bits of a weight; 2 is ternary: -1, 0, 1", [](Config& c, const Value& v, const Key& key) {
          c.training.quantization_weight_bitwidth = WeightBits(v, key);
        });
  b.Better("16 is refused before anything runs");
  b.Add("quantization_activation_bitwidth", "8", "16, 8, 4, 2", "bits of an activation",
        [](Config& c, const Value& v, const Key& key) {
          c.training.quantization_activation_bitwidth = ActivationBits(v, key);
        });
  b.Better("16 works, for regression and fine sensors");
  b.Add("output_int", "null", "true, false or null", "integer network output; null = by task",
        [](Config& c, const Value& v, const Key& key) {
          if (!ToBool(v)) Builder::Refuse(key, v);
          c.training.output_int = ToBool(v);
        });
  b.Flag("run_quant_train_only", "false", PLATYPUS_FIELD(training.run_quant_train_only),
         "the quantised phase alone, of saved weights");
  b.Better("works; weights come from pretrained_checkpoint_path or load_saved_model");
}

void AddPrecisionOfLayers(Builder& b) {
  b.Add("layer_precision", "null",
        "a map from layer (* any text, ? any character) to bits, float, or {weights: bits, "
        "activations: bits}",
        "precision of single layers; the first pattern that fits holds",
        [](Config& c, const Value& v, const Key& key) {
          if (v.kind != Value::Kind::kMap) Builder::Refuse(key, v);
          c.training.layer_precision.clear();
          for (const auto& [pattern, bits] : v.entries)
            c.training.layer_precision.push_back(ReadLayerPrecision(pattern, bits, key));
        });
  b.Ours();
  b.Flag("partial_quantization", "false", PLATYPUS_FIELD(training.partial_quantization),
         "input batch norm, first and last layer stay in float");
  b.Better("for all tasks");
  b.Flag("auto_quantization", "false", PLATYPUS_FIELD(training.auto_quantization),
         "bits of each layer's weights by its sensitivity");
  b.Better(
      "off unless asked for; needs no float phase in the same process; activations keep "
      "their bits");
  b.Flag("autoquantization", "null", PLATYPUS_FIELD(training.auto_quantization),
         "the same, as radar configurations spell it");
  b.Better("takes effect");
  const auto tolerance = [&](const char* name, const char* fallback, auto field, const char* help) {
    b.Real(name, fallback, field, 0, kAny, false, help);
  };
  tolerance("autoquant_tolerance_classification", "0.05",
            PLATYPUS_FIELD(training.autoquant_tolerance_classification),
            "share of the float network's accuracy that may be lost");
  tolerance("autoquant_tolerance_regression", "0.05",
            PLATYPUS_FIELD(training.autoquant_tolerance_regression),
            "share of the float network's R2 that may be lost");
  tolerance("autoquant_tolerance_forecasting", "2",
            PLATYPUS_FIELD(training.autoquant_tolerance_forecasting),
            "SMAPE may grow to (1 + this) times the float network's");
  tolerance("autoquant_tolerance_anomaly", "2",
            PLATYPUS_FIELD(training.autoquant_tolerance_anomaly),
            "the mean squared error may grow to (1 + this) times the float network's");
  b.Choice("auto_quantization_goal", "tolerance", PLATYPUS_FIELD(training.auto_quantization_goal),
           std::vector<std::pair<std::string, AutoGoal>>{{"tolerance", AutoGoal::kTolerance},
                                                         {"flash", AutoGoal::kFlash},
                                                         {"instructions", AutoGoal::kInstructions}},
           "what automatic bits keep to: the tolerance of the task's metric, or a budget");
  b.Ours();
  b.Real("auto_quantization_budget", "0.5", PLATYPUS_FIELD(training.auto_quantization_budget), 0,
         kAny, true,
         "goals flash and instructions: octets of weights, or instructions; up to 1: share of "
         "what 8 bits everywhere take");
  b.Ours();
}

void AddMeansOfQuantization(Builder& b) {
  b.Choice("quantization_observer", "loss", PLATYPUS_FIELD(training.quantization_observer),
           std::vector<std::pair<std::string, RangeObserver>>{
               {"loss", RangeObserver::kLoss},
               {"minmax", RangeObserver::kMinMax},
               {"moving_average", RangeObserver::kMovingAverage},
               {"percentile", RangeObserver::kPercentile},
               {"histogram", RangeObserver::kPercentile},
               {"entropy", RangeObserver::kEntropy},
               {"mse", RangeObserver::kMse}},
           "how the range of activations is chosen");
  b.Ours();
  b.Choice("quantization_rounding", "nearest", PLATYPUS_FIELD(training.quantization_rounding),
           std::vector<std::pair<std::string, WeightRounding>>{
               {"nearest", WeightRounding::kNearest},
               {"soft_sigmoid", WeightRounding::kSoftSigmoid},
               {"soft_tanh", WeightRounding::kSoftTanh},
               {"ternary", WeightRounding::kTernary},
               {"dbq", WeightRounding::kTernary},
               {"learned_step", WeightRounding::kLearnedStep},
               {"lsq", WeightRounding::kLearnedStep}},
           "how weights become codes while training");
  b.Ours();
  b.Add("quantization_power2_scale", "null", "true, false or null",
        "scales that are powers of two; null = with dialect 2 and 8 bits",
        [](Config& c, const Value& v, const Key& key) {
          if (!ToBool(v)) Builder::Refuse(key, v);
          c.training.quantization_power2_scale = ToBool(v);
        });
  b.Ours();
  b.Flag("quantization_affine", "false", PLATYPUS_FIELD(training.quantization_affine),
         "dialect 1: zero points of activations that fall below 0");
  b.Ours();
  b.Flag("quantization_per_channel", "true", PLATYPUS_FIELD(training.quantization_per_channel),
         "a scale for each output channel's weights; false: one for each tensor");
  b.Ours();
  b.Integer("quantization_calibration_batches", "0",
            PLATYPUS_FIELD(training.quantization_calibration_batches), 0, kMany,
            "batches that ranges are measured on; 0 = all training samples");
  b.Ours();
  b.Flag("quantization_bias_correction", "true",
         PLATYPUS_FIELD(training.quantization_bias_correction),
         "PTQ: biases make up for what rounding shifts on average");
  b.Ours();
  b.Flag("quantization_equalization", "false", PLATYPUS_FIELD(training.quantization_equalization),
         "ranges of channels are evened out between layers first");
  b.Ours();
  b.Integer("quantization_batch_norm_epochs", "-1",
            PLATYPUS_FIELD(training.quantization_batch_norm_epochs), -1, kMany,
            "epochs in which statistics of batch norms still move; -1 = none with weights of 8 "
            "bits, else half of them less one");
  b.Ours();
  b.Integer("quantization_observer_epochs", "-1",
            PLATYPUS_FIELD(training.quantization_observer_epochs), -1, kMany,
            "epochs in which ranges still move; -1 = none of ranges by the loss, else and with "
            "weights of 2 bits half of them and one");
  b.Ours();
  b.Real("quantization_distillation", "1", PLATYPUS_FIELD(training.quantization_distillation), 0, 1,
         false, "share of the float network's answers, beside the labels, in quantised training");
  b.Ours();
  b.Flag("quantization_error_logging", "true", PLATYPUS_FIELD(training.quantization_error_logging),
         "run.log tells every layer's error");
  b.Ours();
}

}  // namespace

void AddQuantization(Builder& b) {
  AddDialect(b);
  AddPrecisionOfLayers(b);
  AddMeansOfQuantization(b);
}

}  // namespace platypus::config
