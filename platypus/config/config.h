#ifndef PLATYPUS_CONFIG_CONFIG_H_
#define PLATYPUS_CONFIG_CONFIG_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "platypus/config/value.h"

// The room's first header: the typed configuration of one run. Fields carry the names of the keys.
// Values are those in effect after layering (load.h) and are already checked: ranges, legal names.
// std::optional = null: the key has no value and the stage decides.
namespace platypus::config {

// `variables`, `target_variables`: a count (the first n value columns), column indices, or names.
using Columns = std::variant<int, std::vector<int>, std::vector<std::string>>;

enum class TaskCategory {
  kTimeseriesClassification,
  kTimeseriesRegression,
  kTimeseriesForecasting,
  kTimeseriesAnomalyDetection,
};

// "timeseries_classification", ...; nullopt for what does not run.
const char* Name(TaskCategory category);
std::optional<TaskCategory> CategoryNamed(std::string_view name);

enum class SplitType { kAmongstFiles, kWithinFiles };
enum class OnBadFile { kError, kSkip };
enum class TransformOrder { kCanonical, kAsListed };
enum class Stacking { k1D, k2D1 };
enum class Quantization { kNone = 0, kGeneric = 1, kTinpu = 2 };
enum class QuantizationMethod { kPtq, kQat };
// How the range of a tensor of activations is chosen (docs/quantisation.md).
enum class RangeObserver { kLoss, kMinMax, kMovingAverage, kPercentile, kEntropy, kMse };
// What the generated C is chosen for (docs/deployment.md).
enum class Optimise { kSize, kBalanced, kSpeed };
// Whose kernels the generated C calls; those of CMSIS-NN where its results are the same bits.
enum class Kernels { kPlatypus, kCmsisNn };
enum class WeightRounding { kNearest, kSoftSigmoid, kSoftTanh, kTernary, kLearnedStep };
// What automatic bit widths keep to: the metric's tolerance, or a budget.
enum class AutoGoal { kTolerance, kFlash, kInstructions };

// Bits of the layers whose name fits a pattern (* any text, ? any character); 32 = float. Nothing:
// as of all other layers.
struct LayerPrecision {
  std::string pattern;
  std::optional<int> weight_bits = {};
  std::optional<int> activation_bits = {};
  friend bool operator==(const LayerPrecision&, const LayerPrecision&) = default;
};

struct Common {
  std::string target_module = "timeseries";
  std::string task_type;
  TaskCategory task_category = TaskCategory::kTimeseriesClassification;  // derived from task_type
  std::string target_device;
  std::string run_name = "{date-time}/{model_name}";
  std::filesystem::path projects_path = "./data/projects";
  std::filesystem::path download_path = "./data/downloads";
  bool generic_model = false;
  uint64_t seed = 42;      // ours
  int threads = 0;         // ours; 0 = all of the machine
  int data_memory_mb = 0;  // ours; 0 = half of the machine's
};

struct Dataset {
  bool enable = true;
  std::string dataset_name;
  std::string input_data_path;  // folder, archive or URL; a path is already resolved
  std::string data_dir;         // "classes" or "files" by task when not given
  std::string annotation_dir = "annotations";
  std::string annotation_prefix = "instances";
  SplitType split_type = SplitType::kAmongstFiles;
  std::vector<double> split_factor = {0.6, 0.3, 0.1};
  std::vector<std::string> split_names = {"train", "val", "test"};
  OnBadFile on_bad_file = OnBadFile::kError;  // ours
  std::string sha256;  // ours: checksum of the archive behind a URL; empty = not checked
};

// Recordings of a class are used a second time in training, with gains drawn from [low, high].
struct GainVariation {
  std::string class_name;
  double low = 1;
  double high = 1;
  friend bool operator==(const GainVariation&, const GainVariation&) = default;
};

struct FeatureExtraction {
  std::string feature_extraction_name;
  std::vector<std::string> data_proc_transforms;
  std::vector<std::string> feat_ext_transform;
  TransformOrder transform_order = TransformOrder::kCanonical;  // ours
  Columns variables = 1;
  Columns target_variables = std::vector<int>{};
  double sampling_rate = 1;
  double new_sr = 1;
  int frame_size = 1;
  double stride_size = 0.01;
  int forecast_horizon = 1;
  std::optional<int> feature_size_per_frame;
  int num_frame_concat = 1;
  int frame_skip = 1;
  int min_bin = 1;
  bool normalize_bin = false;
  bool dc_remove = true;
  int analysis_bandwidth = 1;
  std::optional<double> log_base;  // null = 10; e is stored as its value
  std::optional<double> log_mul;
  std::optional<double> log_threshold;
  int q15_scale_factor = 4;
  Stacking stacking = Stacking::k2D1;
  int offset = 0;
  std::optional<double> scale;
  int window_count = 1;
  int chunk_size = 1;
  int fft_size = 1;
  std::vector<GainVariation> gain_variations;
  bool store_feat_ext_data = false;
  std::string feat_ext_store_dir;
  bool dont_train_just_feat_ext = false;
  bool nn_for_feature_extraction = false;
  bool gof_test = false;
};

struct Training {
  bool enable = true;
  std::string model_name;
  std::string model_training_id;
  std::filesystem::path model_spec;
  Value model_config;  // options of the network: a map, read from the file if one was named
  std::filesystem::path augment_config;
  std::string dataset_loader = "GenericTSDataset";
  int training_epochs = 10;
  int batch_size = 8;
  double learning_rate = 0.002;
  std::string optimizer = "sgd";  // sgd, sgd_nesterov, rmsprop, adam, adamw (lower case)
  double momentum = 0.9;
  double weight_decay = 1e-4;
  std::string lr_scheduler = "cosineannealinglr";  // cosineannealinglr, steplr, multisteplr,
                                                   // exponentiallr, none
  int lr_warmup_epochs = 1;
  std::string lr_warmup_method = "constant";  // constant, linear
  double lr_warmup_decay = 0.01;
  int lr_step_size = 30;
  double lr_gamma = 0.1;
  std::vector<int> lr_milestones;
  double lr_min = 0.0;
  double label_smoothing = 0.0;
  std::optional<double> clip_grad_norm;
  std::optional<double> clip_grad_value;
  bool class_balanced_sampling = true;
  bool model_ema = false;
  int model_ema_steps = 32;
  double model_ema_decay = 0.99998;
  double lambda_reg = 0;                    // 0 for tasks other than regression
  double anomaly_threshold_k = 3;           // ours
  std::filesystem::path train_output_path;  // flat layout when set
  std::string pretrained_checkpoint_path;   // file or URL; a path is already resolved
  std::filesystem::path load_saved_model;
  bool run_quant_train_only = false;
  Quantization quantization = Quantization::kNone;
  QuantizationMethod quantization_method = QuantizationMethod::kQat;
  double quantization_distillation = 1;
  int quantization_weight_bitwidth = 8;      // 8, 4, 2 (ternary, also called 1.58)
  int quantization_activation_bitwidth = 8;  // 16, 8, 4, 2
  std::optional<bool> output_int;
  std::vector<LayerPrecision> layer_precision;  // ours; the first pattern that matches holds
  bool partial_quantization = false;            // input batch norm, first and last layer in float
  bool auto_quantization = false;
  double autoquant_tolerance_classification = 0.05;  // share of the float metric that may be lost
  double autoquant_tolerance_regression = 0.05;
  double autoquant_tolerance_forecasting = 2.0;
  double autoquant_tolerance_anomaly = 2.0;
  AutoGoal auto_quantization_goal = AutoGoal::kTolerance;  // ours
  // Ours: octets or instructions; up to 1: share of what 8 bits everywhere take.
  double auto_quantization_budget = 0.5;
  // ours, all below
  RangeObserver quantization_observer = RangeObserver::kLoss;
  WeightRounding quantization_rounding = WeightRounding::kNearest;
  std::optional<bool> quantization_power2_scale;  // by dialect and bits where not given
  bool quantization_affine = false;               // activations with a zero point; dialect 1
  bool quantization_per_channel = true;           // weight scales
  int quantization_calibration_batches = 0;       // 0: all training samples
  bool quantization_bias_correction = true;       // PTQ
  bool quantization_equalization = false;         // across layers, before the quantised phase
  int quantization_batch_norm_epochs = -1;        // statistics move so long; -1: by bits
  int quantization_observer_epochs = -1;          // ranges move so long; -1: by bits and observer
  bool quantization_error_logging = true;         // every layer's error in run.log
  bool nas_enabled = false;
  bool ondevice_training = false;
};

struct Testing {
  bool enable = true;
  bool skip_train = false;
  bool device_inference = false;
  std::string test_data;
  std::filesystem::path model_path;
};

struct Compilation {
  bool enable = true;
  std::filesystem::path model_path;
  std::filesystem::path compile_output_path;
  std::string compile_preset_name = "default_preset";
  bool keep_libc_files = false;
  std::string target;
  std::string target_c_mcpu;
  std::string cross_compiler;
  std::string cross_compiler_options;
  // ours (docs/deployment.md)
  std::string backend = "c";  // or ti_nnc: the vendor's compiler too
  std::string core;           // "" = from device; else a core that `platypus verify` has
  std::string prefix;         // "" = from the run name
  Optimise optimise = Optimise::kBalanced;
  Kernels kernels = Kernels::kPlatypus;
  int test_sets_per_class = 2;
  std::vector<std::string> verify_cores;  // "" = host and the device's core
};

struct Config {
  std::filesystem::path file;  // the file the user named; empty if none
  Common common;
  Dataset dataset;
  FeatureExtraction data_processing_feature_extraction;
  Training training;
  Testing testing;
  Compilation compilation;
};

// A run that tests and compiles a saved network.
inline bool TrainsNothing(const Config& config) {
  return !config.training.enable || config.testing.skip_train;
}

}  // namespace platypus::config

#endif  // PLATYPUS_CONFIG_CONFIG_H_
