#include "platypus/config/schema.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "platypus/config/schema_builder.h"

namespace platypus::config {
namespace {

// variables, target_variables: 3, [0, 2], ['ax', 'ay']; text that holds such a list is read as one.
Columns ReadColumns(const Value& v, const Key& key) {
  if (const auto count = ToInteger(v)) {
    if (*count < 1 || *count > 100000) Builder::Refuse(key, v);
    return static_cast<int>(*count);
  }
  if (v.kind == Value::Kind::kScalar && v.text.starts_with('[')) {
    return ReadColumns(ParseYaml(v.text, v.where.file), key);
  }
  if (v.kind != Value::Kind::kList) Builder::Refuse(key, v);
  std::vector<int> indices;
  std::vector<std::string> names;
  for (const Value& item : v.items) {
    if (item.kind != Value::Kind::kScalar) Builder::Refuse(key, v);
    if (const auto index = ToInteger(item); index && *index >= 0 && *index <= 100000) {
      indices.push_back(static_cast<int>(*index));
    } else {
      names.push_back(item.text);
    }
  }
  if (!indices.empty() && !names.empty()) Builder::Refuse(key, v);
  if (!names.empty()) return names;
  return indices;
}

// target_variables: as above, but a single number is an index, text is a name or several with
// commas between them, and a list may mix both.
Columns ReadTargets(const Value& v, const Key& key) {
  if (v.kind == Value::Kind::kScalar && v.text.starts_with('[')) {
    return ReadTargets(ParseYaml(v.text, v.where.file), key);
  }
  std::vector<std::string> names;
  if (v.kind == Value::Kind::kScalar) {
    for (size_t start = 0; start <= v.text.size();) {
      const size_t comma = std::min(v.text.find(',', start), v.text.size());
      const std::string part = v.text.substr(start, comma - start);
      const size_t first = part.find_first_not_of(' ');
      if (first == std::string::npos) Builder::Refuse(key, v);
      names.push_back(part.substr(first, part.find_last_not_of(' ') - first + 1));
      start = comma + 1;
    }
  } else if (v.kind == Value::Kind::kList) {
    for (const Value& item : v.items) {
      if (item.kind != Value::Kind::kScalar) Builder::Refuse(key, v);
      names.push_back(item.text);
    }
  } else {
    Builder::Refuse(key, v);
  }
  std::vector<int> indices;
  for (const std::string& name : names) {
    const auto index = ToInteger(Scalar(name));
    if (index && (*index < 0 || *index > 100000)) Builder::Refuse(key, v);
    if (index) indices.push_back(static_cast<int>(*index));
  }
  if (indices.size() == names.size()) return indices;
  return names;
}

// NOLINTBEGIN(readability-function-size)

void AddCommon(Builder& b) {
  b.Section("common");
  b.Text("target_module", "timeseries", PLATYPUS_FIELD(common.target_module),
         "module; found from the task type");
  b.Better("must fit the task when given");
  b.Text("task_type", "null", PLATYPUS_FIELD(common.task_type),
         "what is learned (registry/tasks.yaml)");
  b.Text("target_device", "null", PLATYPUS_FIELD(common.target_device),
         "the part (registry/devices.yaml)");
  b.Better("a device without a profile for the task gets portable C, with a notice");
  b.Text("run_name", "'{date-time}/{model_name}'", PLATYPUS_FIELD(common.run_name),
         "folder of the run; {date-time} and {model_name} are replaced");
  b.Better("any number of slashes");
  b.Text("projects_path", "./data/projects", PLATYPUS_FIELD(common.projects_path),
         "root of all projects");
  b.Text("download_path", "./data/downloads", PLATYPUS_FIELD(common.download_path),
         "cache of downloads");
  b.Flag("generic_model", "false", PLATYPUS_FIELD(common.generic_model), "set by the model");
  b.Integer("seed", "42", PLATYPUS_FIELD(common.seed), 0, kMany, "seed of every random choice");
  b.Ours();
  b.Integer("threads", "0", PLATYPUS_FIELD(common.threads), 0, 1024,
            "threads; 0 = all. Results do not depend on it");
  b.Ours();
  b.Integer(
      "data_memory_mb", "0", PLATYPUS_FIELD(common.data_memory_mb), 0, 1 << 30,
      "MiB that recordings and samples may take, beyond them a mapped file in the run folder; "
      "0 = half of the memory. Results do not depend on it");
  b.Ours();
  b.Computed({"task_category", "project_path", "project_run_path"});
  b.Ignored({"verbose_mode", "target_machine", "model_details", "help_url", "config_file"});
}

void AddDataset(Builder& b) {
  b.Section("dataset");
  b.Flag("enable", "true", PLATYPUS_FIELD(dataset.enable), "prepare the data set");
  b.Text("dataset_name", "null", PLATYPUS_FIELD(dataset.dataset_name),
         "name of the project folder; also chooses a preset (registry/dataset_presets.yaml)");
  b.Better("a feature preset that the data set preset names takes effect");
  b.InputPath("input_data_path", PLATYPUS_FIELD(dataset.input_data_path),
              "folder, archive or URL of the recordings");
  b.Better(
      "an archive is unpacked inside the project; recordings are never changed; URLs are resumed "
      "and checked");
  b.Text("data_dir", "null", PLATYPUS_FIELD(dataset.data_dir),
         "folder of the recordings; by task: classes or files");
  b.Text("annotation_dir", "annotations", PLATYPUS_FIELD(dataset.annotation_dir),
         "folder of the split lists");
  b.Better("lists are read where they are found");
  b.Text("annotation_prefix", "instances", PLATYPUS_FIELD(dataset.annotation_prefix),
         "prefix of the split lists");
  b.Choice(
      "split_type", "amongst_files", PLATYPUS_FIELD(dataset.split_type),
      std::vector<std::pair<std::string, SplitType>>{{"amongst_files", SplitType::kAmongstFiles},
                                                     {"within_files", SplitType::kWithinFiles}},
      "whole recordings, or consecutive parts of each");
  b.Better("other names are errors");
  b.Add("split_factor", "[0.6, 0.3, 0.1]",
        "a number between 0 and 1, or up to three that sum to at most 1",
        "shares of train, val, test", [](Config& c, const Value& v, const Key& key) {
          std::vector<double> shares;
          const std::vector<Value> single = {v};
          for (const Value& item : v.kind == Value::Kind::kList ? v.items : single) {
            const auto share = ToReal(item);
            if (!share || *share < 0 || *share > 1) Builder::Refuse(key, v);
            shares.push_back(*share);
          }
          double sum = 0;
          for (const double share : shares) sum += share;
          if (shares.empty() || shares.size() > 3 || sum > 1 + 1e-9 || sum <= 0)
            Builder::Refuse(key, v);
          c.dataset.split_factor = std::move(shares);
        });
  b.Better("seeded shuffle, largest remainder, no split stays empty without a word");
  b.Add("split_names", "[train, val, test]", "train, val, test", "names of the splits",
        [](Config&, const Value& v, const Key& key) {
          const std::vector<std::string> wanted = {"train", "val", "test"};
          for (size_t i = 0; i < v.items.size() || i < 3; ++i) {
            if (i >= 3 || i >= v.items.size() || v.items[i].text != wanted[i])
              Builder::Refuse(key, v);
          }
        });
  b.Choice("on_bad_file", "error", PLATYPUS_FIELD(dataset.on_bad_file),
           std::vector<std::pair<std::string, OnBadFile>>{{"error", OnBadFile::kError},
                                                          {"skip", OnBadFile::kSkip}},
           "what a damaged recording does");
  b.Ours();
  b.Text("sha256", "null", PLATYPUS_FIELD(dataset.sha256), "checksum of a downloaded archive");
  b.Ours();
  b.Computed({"dataset_path", "extract_path", "data_path_splits", "annotation_path_splits"});
  b.Ignored({"max_num_files", "input_annotation_path", "annotation_format", "dataset_download",
             "dataset_reload", "gof_test"});
}

void AddFeatures(Builder& b) {
  b.Section("data_processing_feature_extraction");
  const auto optional_real = [&](const char* name, auto field, const char* help) {
    b.Real(name, "null", field, -kAny, kAny, false, help);
  };
  b.Text("feature_extraction_name", "null",
         PLATYPUS_FIELD(data_processing_feature_extraction.feature_extraction_name),
         "preset (registry/feature_presets.yaml)");
  b.Names("data_proc_transforms", "[]",
          PLATYPUS_FIELD(data_processing_feature_extraction.data_proc_transforms),
          "Downsample, SimpleWindow");
  b.Better("unknown names are errors with the nearest name");
  b.Names("feat_ext_transform", "[]",
          PLATYPUS_FIELD(data_processing_feature_extraction.feat_ext_transform),
          "transforms of every frame");
  b.Better("unknown names are errors with the nearest name");
  b.Choice("transform_order", "canonical",
           PLATYPUS_FIELD(data_processing_feature_extraction.transform_order),
           std::vector<std::pair<std::string, TransformOrder>>{
               {"canonical", TransformOrder::kCanonical}, {"as_listed", TransformOrder::kAsListed}},
           "order in which transforms run");
  b.Ours();
  b.Add("variables", "1", "a count, or a list of column indices or names", "columns of a recording",
        [](Config& c, const Value& v, const Key& key) {
          c.data_processing_feature_extraction.variables = ReadColumns(v, key);
          if (const auto* list =
                  std::get_if<std::vector<int>>(&c.data_processing_feature_extraction.variables);
              list != nullptr && list->empty()) {
            Builder::Refuse(key, v);
          }
        });
  b.Add("target_variables", "[]", "a column index or name, or a list of them",
        "columns to predict; none = all (forecasting), the last (regression)",
        [](Config& c, const Value& v, const Key& key) {
          c.data_processing_feature_extraction.target_variables = ReadTargets(v, key);
        });
  b.Real("sampling_rate", "1", PLATYPUS_FIELD(data_processing_feature_extraction.sampling_rate), 0,
         kAny, true, "samples a second of the recordings");
  b.Real("new_sr", "1", PLATYPUS_FIELD(data_processing_feature_extraction.new_sr), 0, kAny, true,
         "samples a second after Downsample");
  b.Integer("frame_size", "1", PLATYPUS_FIELD(data_processing_feature_extraction.frame_size), 1,
            1 << 20, "samples of a frame");
  b.Real("stride_size", "0.01", PLATYPUS_FIELD(data_processing_feature_extraction.stride_size), 0,
         kAny, true, "step between windows as a share of the frame");
  b.Integer("forecast_horizon", "1",
            PLATYPUS_FIELD(data_processing_feature_extraction.forecast_horizon), 1, kMany,
            "steps to predict");
  b.Integer("feature_size_per_frame", "null",
            PLATYPUS_FIELD(data_processing_feature_extraction.feature_size_per_frame), 1, 1 << 20,
            "bins of a frame");
  b.Integer("num_frame_concat", "1",
            PLATYPUS_FIELD(data_processing_feature_extraction.num_frame_concat), 1, 4096,
            "frames joined into one sample");
  b.Integer("frame_skip", "1", PLATYPUS_FIELD(data_processing_feature_extraction.frame_skip), 1,
            kMany, "keep every n-th joined sample");
  b.Integer("min_bin", "1", PLATYPUS_FIELD(data_processing_feature_extraction.min_bin), 0, 1 << 20,
            "first bin");
  b.Flag("normalize_bin", "false", PLATYPUS_FIELD(data_processing_feature_extraction.normalize_bin),
         "divide a bin by its width");
  b.Flag("dc_remove", "true", PLATYPUS_FIELD(data_processing_feature_extraction.dc_remove),
         "RAW_FE subtracts the mean");
  b.Integer("analysis_bandwidth", "1",
            PLATYPUS_FIELD(data_processing_feature_extraction.analysis_bandwidth), 1, 1 << 20,
            "divides the analysed bandwidth");
  b.Add("log_base", "null", "e or a number above 0, not 1", "base of LOG_DB; 10 when not given",
        [](Config& c, const Value& v, const Key& key) {
          const auto base = v.text == "e" ? std::optional(std::numbers::e) : ToReal(v);
          if (!base || !std::isfinite(*base) || *base <= 0 || *base == 1) Builder::Refuse(key, v);
          c.data_processing_feature_extraction.log_base = base;
        });
  optional_real("log_mul", PLATYPUS_FIELD(data_processing_feature_extraction.log_mul),
                "factor of LOG_DB; 20 when not given");
  b.Real("log_threshold", "null", PLATYPUS_FIELD(data_processing_feature_extraction.log_threshold),
         0, kAny, false, "added before the logarithm; 1e-100 when not given");
  b.Integer("q15_scale_factor", "4",
            PLATYPUS_FIELD(data_processing_feature_extraction.q15_scale_factor), -15, 15,
            "left shift of the Q15 spectrum");
  b.Choice(
      "stacking", "2D1", PLATYPUS_FIELD(data_processing_feature_extraction.stacking),
      std::vector<std::pair<std::string, Stacking>>{{"2D1", Stacking::k2D1}, {"1D", Stacking::k1D}},
      "variables as channels, or end to end");
  b.Integer("offset", "0", PLATYPUS_FIELD(data_processing_feature_extraction.offset), 0, kMany,
            "samples between shifted frame grids; 0 = one grid");
  optional_real("scale", PLATYPUS_FIELD(data_processing_feature_extraction.scale),
                "samples are DIVIDED by it");
  b.Integer("window_count", "1", PLATYPUS_FIELD(data_processing_feature_extraction.window_count), 1,
            kMany, "PIR");
  b.Integer("chunk_size", "1", PLATYPUS_FIELD(data_processing_feature_extraction.chunk_size), 1,
            kMany, "PIR");
  b.Integer("fft_size", "1", PLATYPUS_FIELD(data_processing_feature_extraction.fft_size), 1, kMany,
            "PIR");
  b.Add("gain_variations", "null", "a map from class to [low, high]",
        "training recordings of a class are used a second time, with gains drawn from the range",
        [](Config& c, const Value& v, const Key& key) {
          const Value map = v.kind == Value::Kind::kScalar ? ParseYaml(v.text, v.where.file) : v;
          if (map.kind != Value::Kind::kMap) Builder::Refuse(key, v);
          auto& gains = c.data_processing_feature_extraction.gain_variations;
          gains.clear();
          for (const auto& [name, range] : map.entries) {
            if (range.kind != Value::Kind::kList || range.items.size() != 2)
              Builder::Refuse(key, v);
            const auto low = ToReal(range.items[0]);
            const auto high = ToReal(range.items[1]);
            if (!low || !high || !std::isfinite(*low) || !std::isfinite(*high) || *low > *high) {
              Builder::Refuse(key, v);
            }
            gains.push_back({name, *low, *high});
          }
        });
  b.Better("training recordings only, with any transforms");
  b.Flag("store_feat_ext_data", "false",
         PLATYPUS_FIELD(data_processing_feature_extraction.store_feat_ext_data),
         "write samples, their rows and labels of every recording as .npy files");
  b.Better("all splits; recordings of equal names do not overwrite each other");
  b.Text("feat_ext_store_dir", "null",
         PLATYPUS_FIELD(data_processing_feature_extraction.feat_ext_store_dir),
         "folder of these files; training/base/feat_ext_data of the run when not given");
  b.Flag("dont_train_just_feat_ext", "false",
         PLATYPUS_FIELD(data_processing_feature_extraction.dont_train_just_feat_ext),
         "write rows and features of every recording as .npy files, and stop there");
  b.Better("a normal end of the run, with a status");
  b.Flag("nn_for_feature_extraction", "false",
         PLATYPUS_FIELD(data_processing_feature_extraction.nn_for_feature_extraction),
         "classification: a network learns to make the features of raw rows, and is deployed");
  b.Flag("gof_test", "false", PLATYPUS_FIELD(data_processing_feature_extraction.gof_test),
         "a sheet of views of the raw frames: are the classes apart?");
  b.Ignored({"resampling_factor", "sequence_window", "keep_short_tails", "transforms"});
  b.Ignored({"image_height",
             "image_width",
             "image_num_channel",
             "image_mean",
             "image_scale",
             "augmentation_transform",
             "pad_value",
             "binary_threshold",
             "clahe_clip_limit",
             "clahe_tile_grid_size",
             "sobel_mode",
             "sobel_ksize",
             "laplacian_ksize",
             "horizontal_flip_prob",
             "vertical_flip_prob",
             "random_rotation_deg",
             "color_jitter_brightness",
             "color_jitter_contrast",
             "color_jitter_saturation",
             "color_jitter_hue"},
            "of images, which do not run in this version");
  b.Ignored({"audio_duration_ms", "audio_feature", "n_mfcc", "n_mels", "frame_length_ms",
             "frame_step_ms", "nlpc", "lpc_order", "normalize_audio", "mono"},
            "of sound, which does not run in this version");
}

void AddTraining(Builder& b) {
  b.Section("training");
  b.Flag("enable", "true", PLATYPUS_FIELD(training.enable), "train");
  b.Text("model_name", "null", PLATYPUS_FIELD(training.model_name), "network (registry/models)");
  b.Better("a model of another kind of task is an error; unknown names get the nearest");
  b.Text("model_training_id", "null", PLATYPUS_FIELD(training.model_training_id),
         "layer list behind the name");
  b.InputPath("model_spec", PLATYPUS_FIELD(training.model_spec), "layer list of your own (YAML)");
  b.Better("a layer list in YAML instead of Python");
  b.Text("dataset_loader", "GenericTSDataset", PLATYPUS_FIELD(training.dataset_loader),
         "set by the model");
  b.Integer("training_epochs", "10", PLATYPUS_FIELD(training.training_epochs), 0, 100000,
            "epochs of the float phase");
  b.Integer("batch_size", "8", PLATYPUS_FIELD(training.batch_size), 1, 1 << 20,
            "samples of a step");
  b.Real("learning_rate", "0.002", PLATYPUS_FIELD(training.learning_rate), 0, 100, true,
         "float phase; the quantised phase takes 1/100 of it");
  b.Better("numbers as text, such as 1e-5, in all phases");
  b.Choice("optimizer", "sgd", PLATYPUS_FIELD(training.optimizer),
           std::vector<std::pair<std::string, std::string>>{{"sgd", "sgd"},
                                                            {"sgd_nesterov", "sgd_nesterov"},
                                                            {"sgd-nesterov", "sgd_nesterov"},
                                                            {"rmsprop", "rmsprop"},
                                                            {"adam", "adam"},
                                                            {"adamw", "adamw"}},
           "how weights follow gradients");
  b.Better("unknown names are errors");
  b.Real("momentum", "0.9", PLATYPUS_FIELD(training.momentum), 0, 1, false, "of SGD and RMSprop");
  b.Ours();
  b.Real("weight_decay", "0.0001", PLATYPUS_FIELD(training.weight_decay), 0, 100, false,
         "L2 decay");
  b.Choice(
      "lr_scheduler", "cosineannealinglr", PLATYPUS_FIELD(training.lr_scheduler),
      std::vector<std::pair<std::string, std::string>>{{"cosineannealinglr", "cosineannealinglr"},
                                                       {"steplr", "steplr"},
                                                       {"multisteplr", "multisteplr"},
                                                       {"exponentiallr", "exponentiallr"},
                                                       {"none", "none"},
                                                       {"constantlr", "none"}},
      "course of the learning rate");
  b.Better("constantlr and multisteplr too");
  b.Integer("lr_warmup_epochs", "1", PLATYPUS_FIELD(training.lr_warmup_epochs), 0, 100000,
            "epochs of warm-up");
  b.Better("takes effect");
  b.Choice("lr_warmup_method", "constant", PLATYPUS_FIELD(training.lr_warmup_method),
           std::vector<std::pair<std::string, std::string>>{{"constant", "constant"},
                                                            {"linear", "linear"}},
           "course of the warm-up");
  b.Ours();
  b.Real("lr_warmup_decay", "0.01", PLATYPUS_FIELD(training.lr_warmup_decay), 0, 1, false,
         "share of the rate at the start of warm-up");
  b.Ours();
  b.Integer("lr_step_size", "30", PLATYPUS_FIELD(training.lr_step_size), 1, kMany,
            "epochs of a step (steplr)");
  b.Better("takes effect");
  b.Real("lr_gamma", "0.1", PLATYPUS_FIELD(training.lr_gamma), 0, 1, true, "factor of a step");
  b.Better("takes effect");
  b.Real("lr_min", "0", PLATYPUS_FIELD(training.lr_min), 0, 100, false,
         "lowest rate of the cosine");
  b.Ours();
  b.Add("lr_milestones", "[]", "a list of epochs", "epochs of the steps (multisteplr)",
        [](Config& c, const Value& v, const Key& key) {
          if (v.kind != Value::Kind::kList) Builder::Refuse(key, v);
          c.training.lr_milestones.clear();
          for (const Value& item : v.items) {
            const auto epoch = ToInteger(item);
            if (!epoch || *epoch < 1 || *epoch > 100000) Builder::Refuse(key, v);
            c.training.lr_milestones.push_back(static_cast<int>(*epoch));
          }
        });
  b.Ours();
  b.Real("label_smoothing", "0", PLATYPUS_FIELD(training.label_smoothing), 0, 0.999, false,
         "of the cross-entropy");
  b.Ours();
  b.Real("lambda_reg", "0", PLATYPUS_FIELD(training.lambda_reg), 0, kAny, false,
         "regression: factor of sum |w| + sum w^2 over all weights, added to the loss");
  b.Real("anomaly_threshold_k", "3", PLATYPUS_FIELD(training.anomaly_threshold_k), 0, 1000, false,
         "anomaly detection: threshold = mean + k standard deviations of the training errors");
  b.Ours();
  b.Real("clip_grad_norm", "null", PLATYPUS_FIELD(training.clip_grad_norm), 0, kAny, true,
         "largest gradient norm");
  b.Ours();
  b.Real("clip_grad_value", "null", PLATYPUS_FIELD(training.clip_grad_value), 0, kAny, true,
         "largest magnitude of a single gradient");
  b.Ours();
  b.Flag("class_balanced_sampling", "true", PLATYPUS_FIELD(training.class_balanced_sampling),
         "draw every class equally often");
  b.Ours();
  b.Flag("model_ema", "false", PLATYPUS_FIELD(training.model_ema),
         "judge and export averaged weights");
  b.Ours();
  b.Integer("model_ema_steps", "32", PLATYPUS_FIELD(training.model_ema_steps), 1, kMany,
            "steps between averages");
  b.Ours();
  b.Real("model_ema_decay", "0.99998", PLATYPUS_FIELD(training.model_ema_decay), 0, 1, false,
         "of the average");
  b.Ours();
  b.Text("train_output_path", "null", PLATYPUS_FIELD(training.train_output_path),
         "one flat folder for everything, instead of projects_path");
  AddQuantization(b);
  b.InputPath("augment_config", PLATYPUS_FIELD(training.augment_config),
              "augmenters of the training recordings (YAML)");
  b.Better("errors name what is legal; training windows only");
  b.Options("model_config", PLATYPUS_FIELD(training.model_config),
            "options of the network (docs/networks.md)");
  b.Better("takes effect; looked up beside the configuration file");
  b.InputPath("pretrained_checkpoint_path", PLATYPUS_FIELD(training.pretrained_checkpoint_path),
              "initial weights: checkpoint.bin or .onnx, file or URL");
  b.Better("takes effect");
  b.InputPath("load_saved_model", PLATYPUS_FIELD(training.load_saved_model),
              "network and weights of an .onnx file in place of the model's");
  b.Later("nas_enabled", "false", {"false"}, "architecture search");
  b.Flag("ondevice_training", "false", PLATYPUS_FIELD(training.ondevice_training),
         "export for training on the device (not written yet; training_epochs may be 0)");
  b.Notice("the run goes on; its files are not written in this version");
  b.Computed({"project_path", "dataset_path", "training_path", "training_path_quantization",
              "log_file_path", "file_level_classification_log_path", "log_summary_regex"});
  b.Ignored({"training_backend", "target_devices", "training_devices", "properties",
             "warmup_epochs", "num_last_epochs", "training_master_port", "export_samples_per_class",
             "trainable_layers_from_last", "nas_optimization_mode", "nas_epochs", "nas_model_size",
             "nas_nodes_per_layer", "nas_layers", "nas_init_channels",
             "nas_init_channel_multiplier", "nas_fanout_concat", "epochs", "gof_test"});
  b.Ignored({"training_device", "num_gpus", "distributed"},
            "training runs on this processor: a step of such a network takes milliseconds, less "
            "than a device would spend on starting its kernels");
  b.Ignored({"dual_op"},
            "it trains the first of two outputs; networks of the zoo and of layer lists have one");
  b.Ignored({"compile_model"}, "the training plan is always compiled");
  b.Ignored({"native_amp"}, "training computes in float32, whose sums stay the same everywhere");
}

void AddTestingAndCompilation(Builder& b) {
  b.Section("testing");
  b.Flag("enable", "true", PLATYPUS_FIELD(testing.enable), "evaluate on the test split");
  b.Flag("skip_train", "false", PLATYPUS_FIELD(testing.skip_train),
         "test and compile a saved network without training");
  b.Later("test_data", "null", {"null"}, "another test folder");
  b.InputPath("model_path", PLATYPUS_FIELD(testing.model_path),
              "the .onnx to test; without: that of the run of the same name");
  b.Better("the run's own folder is used");
  b.Ignored({"device_inference"});
  b.Section("compilation");
  b.Flag("enable", "true", PLATYPUS_FIELD(compilation.enable), "generate and verify C");
  b.Text("compile_output_path", "null", PLATYPUS_FIELD(compilation.compile_output_path),
         "folder of the package instead of the run's");
  b.Choice("compile_preset_name", "default_preset", PLATYPUS_FIELD(compilation.compile_preset_name),
           std::vector<std::pair<std::string, std::string>>{
               {"default_preset", "default_preset"},
               {"forced_soft_npu_preset", "forced_soft_npu_preset"},
               {"compress_npu_layer_data", "compress_npu_layer_data"}},
           "preset of the vendor's compiler");
  b.Better("the generated C is the same for all; the vendor's target text follows");
  b.Text("target", "null", PLATYPUS_FIELD(compilation.target),
         "of the vendor's compiler; from the preset");
  b.Text("target_c_mcpu", "null", PLATYPUS_FIELD(compilation.target_c_mcpu),
         "of the vendor's compiler");
  b.Text("cross_compiler", "null", PLATYPUS_FIELD(compilation.cross_compiler),
         "of the vendor's compiler");
  b.Text("cross_compiler_options", "null", PLATYPUS_FIELD(compilation.cross_compiler_options),
         "of the vendor's compiler");
  b.Choice("backend", "c", PLATYPUS_FIELD(compilation.backend),
           std::vector<std::pair<std::string, std::string>>{{"c", "c"}, {"ti_nnc", "ti_nnc"}},
           "what is generated: portable C; ti_nnc also calls the vendor's compiler");
  b.Ours();
  const std::vector<std::pair<std::string, std::string>> cores = {
      {"host", "host"},
      {"cortex-m0plus", "cortex-m0plus"},
      {"cortex-m3", "cortex-m3"},
      {"cortex-m4", "cortex-m4"},
      {"cortex-m7", "cortex-m7"},
      {"cortex-m33", "cortex-m33"},
      {"cortex-m33-nodsp", "cortex-m33-nodsp"},
      {"cortex-m55", "cortex-m55"},
      {"cortex-r5f", "cortex-r5f"},
      {"riscv32", "riscv32"}};
  b.Choice("core", "null", PLATYPUS_FIELD(compilation.core), cores,
           "core to verify on; from the device");
  b.Ours();
  b.Text("prefix", "null", PLATYPUS_FIELD(compilation.prefix), "C prefix; from the model's name");
  b.Ours();
  b.Choice("optimise", "balanced", PLATYPUS_FIELD(compilation.optimise),
           std::vector<std::pair<std::string, Optimise>>{{"size", Optimise::kSize},
                                                         {"balanced", Optimise::kBalanced},
                                                         {"speed", Optimise::kSpeed}},
           "the generated C for little flash, for few instructions, or between");
  b.Ours();
  b.Choice("kernels", "platypus", PLATYPUS_FIELD(compilation.kernels),
           std::vector<std::pair<std::string, Kernels>>{{"platypus", Kernels::kPlatypus},
                                                        {"cmsis_nn", Kernels::kCmsisNn}},
           "whose functions the generated C calls; CMSIS_NN_DIR is the folder of CMSIS-NN");
  b.Ours();
  b.Integer("test_sets_per_class", "2", PLATYPUS_FIELD(compilation.test_sets_per_class), 1, 1000,
            "golden vectors of each class");
  b.Ours();
  b.Add("verify_cores", "[]", "a list of the values of core",
        "cores to verify on; empty = host and the device's core",
        [cores](Config& c, const Value& v, const Key& key) {
          if (v.kind != Value::Kind::kList) Builder::Refuse(key, v);
          std::vector<std::string> names;
          names.reserve(cores.size());
          for (const auto& [name, same] : cores) names.push_back(name);
          c.compilation.verify_cores.clear();
          for (const Value& item : v.items) {
            if (std::count(names.begin(), names.end(), item.text) == 0)
              Builder::Refuse(key, item, names);
            c.compilation.verify_cores.push_back(item.text);
          }
        });
  b.Ours();
  b.InputPath("model_path", PLATYPUS_FIELD(compilation.model_path),
              "the .onnx to compile where nothing is trained; without: the one that is tested");
  b.Better("a missing file is an error");
  b.Computed({"compilation_path", "model_packaged_path", "log_file_path"});
  b.Ignored({"keep_libc_files", "properties"});
}
// NOLINTEND(readability-function-size)

std::vector<Key> BuildSchema() {
  std::vector<Key> keys;
  Builder builder(keys);
  AddCommon(builder);
  AddDataset(builder);
  AddFeatures(builder);
  AddTraining(builder);
  AddTestingAndCompilation(builder);
  return keys;
}

}  // namespace

const char* Name(Standing standing) {
  switch (standing) {
    case Standing::kSame:
      return "same";
    case Standing::kBetter:
      return "better";
    case Standing::kNotice:
      return "notice";
    case Standing::kOurs:
      return "ours";
  }
  return "";
}

const std::vector<Key>& Schema() {
  static const std::vector<Key> kKeys = BuildSchema();
  return kKeys;
}

const Key* FindKey(const std::string& section, const std::string& name) {
  for (const Key& key : Schema()) {
    if (key.section == section && key.name == name) return &key;
  }
  return nullptr;
}

const std::vector<std::string>& Sections() {
  static const std::vector<std::string> kSections = {
      "common",   "dataset", "data_processing_feature_extraction",
      "training", "testing", "compilation"};
  return kSections;
}

std::vector<std::string> KeysOf(const std::string& section) {
  std::vector<std::string> names;
  for (const Key& key : Schema()) {
    if (key.section == section) names.push_back(key.name);
  }
  return names;
}

}  // namespace platypus::config
