#include "platypus/config/load.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "platypus/base/files.h"
#include "platypus/base/random.h"
#include "platypus/config/run_paths.h"
#include "platypus/config/schema.h"
#include "platypus/config/write.h"

namespace platypus::config {
namespace {

const Registry& Builtin() {
  static const Registry kRegistry = LoadRegistry();
  return kRegistry;
}

constexpr const char* kBearing = R"(common:
  target_module: timeseries
  task_type: generic_timeseries_classification
  target_device: F28P55
  run_name: '{date-time}/{model_name}'
dataset:
  enable: True
  dataset_name: bearing_cwru_de12k
  input_data_path: ./dataset      # relative to this file
  split_type: amongst_files
  split_factor: [0.6, 0.2, 0.2]
data_processing_feature_extraction:
  feature_extraction_name: Generic_512Input_FFTBIN_32Feature_8Frame
  variables: 1
training:
  model_name: CLS_4k_NPU
  training_epochs: 30
  batch_size: 64
  learning_rate: 1e-2
  optimizer: Adam
  num_gpus: 0
  quantization: "2"
)";

Loaded Load(const std::string& yaml, const std::vector<std::string>& sets = {}) {
  return LoadText(yaml, "c.yaml", "/nowhere", sets, Builtin());
}

TEST(RegistryTest, HoldsEveryName) {
  EXPECT_EQ(Builtin().models.Names().size(), 75u);
  EXPECT_EQ(Builtin().networks.Names().size(), 71u);
  EXPECT_EQ(Builtin().feature_presets.Names().size(), 40u);
  EXPECT_EQ(Builtin().dataset_presets.Names().size(), 11u);
  EXPECT_EQ(Builtin().devices.Names().size(), 32u);
  EXPECT_EQ(Builtin().tasks.Names().size(), 12u);
  EXPECT_EQ(Builtin().datasets.Names().size(), 38u);
  for (const auto& [name, preset] : Builtin().feature_presets.entries.entries) {
    for (const auto& [key, value] : preset.Find("values")->entries) {
      EXPECT_NE(FindKey("data_processing_feature_extraction", key), nullptr) << name << " " << key;
    }
  }
  for (const auto& [name, preset] : Builtin().dataset_presets.entries.entries) {
    const Value* features = preset.Find("data_processing_feature_extraction");
    const std::string chosen = features == nullptr ? "" : features->Text("feature_extraction_name");
    EXPECT_TRUE(chosen.empty() || Builtin().feature_presets.Find(chosen) != nullptr) << name;
  }
}

TEST(LoadTest, AConfigurationInUse) {
  const Loaded loaded = Load(kBearing);
  const Config& c = loaded.config;
  EXPECT_EQ(c.common.target_device, "F28P55");
  EXPECT_EQ(c.dataset.data_dir, "classes");
  EXPECT_EQ(c.dataset.input_data_path, "/nowhere/dataset");
  EXPECT_EQ(c.data_processing_feature_extraction.frame_size, 512);
  EXPECT_EQ(c.data_processing_feature_extraction.feature_size_per_frame, 32);
  EXPECT_EQ(c.data_processing_feature_extraction.num_frame_concat, 8);
  EXPECT_TRUE(c.data_processing_feature_extraction.normalize_bin);
  EXPECT_DOUBLE_EQ(c.training.learning_rate, 0.01);
  EXPECT_EQ(c.training.optimizer, "adam");
  EXPECT_EQ(c.training.quantization, Quantization::kTinpu);
  EXPECT_EQ(c.training.model_training_id, "CNN_TS_GEN_BASE_4K_NPU");
  EXPECT_EQ(c.training.quantization_method, QuantizationMethod::kQat);
  EXPECT_DOUBLE_EQ(c.training.weight_decay, 1e-4);
  EXPECT_EQ(c.compilation.target, "c, ti-npu type=hard skip_normalize=true output_int=true");
  ASSERT_EQ(loaded.notices.size(), 1u);
  EXPECT_TRUE(loaded.notices[0].starts_with(
      "accepted without effect: training.num_gpus (training runs on this processor"))
      << loaded.notices[0];
}

TEST(LoadTest, OptionsOfTheNetworkAreAMapOrAFile) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.Path() / "widths.yaml";
  WriteFile(file, "out_channel_layer1: 8\nout_channel_layer2: 16\n");
  const std::string map = "{out_channel_layer1: 8, out_channel_layer2: 16}";
  const Loaded from_map = Load(kBearing, {"training.model_config=" + map});
  const Loaded from_file = Load(kBearing, {"training.model_config=" + file.string()});
  EXPECT_EQ(ToYaml(from_map.config.training.model_config), map);
  EXPECT_EQ(ToYaml(from_file.config.training.model_config), map);
  EXPECT_EQ(from_map.hash, from_file.hash);
  EXPECT_EQ(from_file.config.training.model_config.entries[1].second.where.line, 2);
  for (const char* none : {"null", "None", "''"}) {
    EXPECT_TRUE(IsNull(Load(kBearing, {std::string("training.model_config=") + none})
                           .config.training.model_config))
        << none;
  }
  EXPECT_THROW(Load(kBearing, {"training.model_config=none.yaml"}), Error);
  EXPECT_THROW(Load(kBearing, {"training.model_config=[8]"}), Error);
  WriteFile(file, "- 8\n");
  EXPECT_THROW(Load(kBearing, {"training.model_config=" + file.string()}), Error);
}

TEST(LoadTest, StandInsSayWhatTheyAre) {
  const auto says = [](const std::string& task, const std::string& model) {
    const Loaded loaded =
        Load(kBearing, {"common.task_type=" + task, "training.model_name=" + model});
    return std::ranges::any_of(loaded.notices, [&](const std::string& notice) {
      return notice.starts_with(model + ": the vendor has not published this network");
    });
  };
  for (const char* model : {"ArcFault_model_200_t", "ArcFault_model_1400_t"})
    EXPECT_TRUE(says("arc_fault", model)) << model;
  EXPECT_TRUE(says("motor_fault", "MotorFault_model_1_t"));
  EXPECT_TRUE(says("blower_imbalance", "FanImbalance_model_3_t"));
  EXPECT_FALSE(says("generic_timeseries_classification", "CLS_1k_NPU"));
}

// A key of regression: taken as a number everywhere, without effect on other tasks.
TEST(LoadTest, RegularisationIsOfRegression) {
  const Loaded loaded = Load(kBearing, {"training.lambda_reg=0.01"});
  EXPECT_EQ(loaded.config.training.lambda_reg, 0);
  ASSERT_EQ(loaded.notices.size(), 2u);
  EXPECT_TRUE(loaded.notices[1].starts_with("training.lambda_reg acts on regression"))
      << loaded.notices[1];
  EXPECT_EQ(Load(kBearing, {"training.lambda_reg=0"}).notices.size(), 1u);
  EXPECT_THROW(Load(kBearing, {"training.lambda_reg=-1"}), Error);
  for (const Key& key : Schema()) {
    if (key.section != "training" || key.name != "lambda_reg") continue;
    Config config;
    key.set(config, ParseYaml("0.25", "test"));
    EXPECT_EQ(config.training.lambda_reg, 0.25);
  }
}

TEST(LoadTest, QuantisationHasNamesAndNumbers) {
  const auto quantization = [](const std::string& text) {
    return Load(kBearing, {"training.quantization=" + text}).config.training.quantization;
  };
  EXPECT_EQ(quantization("0"), Quantization::kNone);
  EXPECT_EQ(quantization("NO_QUANTIZATION"), Quantization::kNone);
  EXPECT_EQ(quantization("'2'"), Quantization::kTinpu);
  EXPECT_EQ(quantization("quantization_tinpu"), Quantization::kTinpu);
  EXPECT_THROW(quantization("3"), Error);
}

TEST(LoadTest, WhatHasNoEffectIsSaid) {
  const auto says = [](const std::string& set, const std::string& text) {
    const Loaded loaded = Load(kBearing, {set});
    return std::any_of(
        loaded.notices.begin(), loaded.notices.end(),
        [&](const std::string& notice) { return notice.find(text) != std::string::npos; });
  };
  EXPECT_TRUE(says("training.dual_op=true", "training.dual_op (it trains the first"));
  EXPECT_TRUE(says("common.verbose_mode=true", "accepted without effect: common.verbose_mode"));
  EXPECT_FALSE(says("training.training_epochs=3", "training_epochs"));
}

// Variations of training recordings, where the task has no use for them.
TEST(LoadTest, VariationsThatATaskCannotUseAreLeftOut) {
  const std::string forecasting = R"(common:
  task_type: generic_timeseries_forecasting
  target_device: F28P55
dataset: {input_data_path: ./d}
training: {model_name: FCST_LSTM10, augment_config: /a.yaml}
data_processing_feature_extraction: {gain_variations: {a: [1, 2]}}
)";
  const Loaded loaded = Load(forecasting);
  EXPECT_TRUE(loaded.config.training.augment_config.empty());
  EXPECT_TRUE(loaded.config.data_processing_feature_extraction.gain_variations.empty());
  EXPECT_EQ(loaded.notices.size(), 2U);
  const Config kept =
      Load(kBearing, {"training.augment_config=/a.yaml",
                      "data_processing_feature_extraction.gain_variations={a: [1, 2]}"})
          .config;
  EXPECT_EQ(kept.training.augment_config, "/a.yaml");
  EXPECT_EQ(kept.data_processing_feature_extraction.gain_variations.size(), 1U);
}

TEST(LoadTest, TargetsAreIndicesNamesOrBoth) {
  const auto targets = [](const std::string& text) {
    return Load(kBearing, {"data_processing_feature_extraction.target_variables=" + text})
        .config.data_processing_feature_extraction.target_variables;
  };
  using Indices = std::vector<int>;
  using Names = std::vector<std::string>;
  EXPECT_EQ(targets("[]"), Columns(Indices{}));
  EXPECT_EQ(targets("0"), Columns(Indices{0})) << "one number is an index, not a count";
  EXPECT_EQ(targets("[5]"), Columns(Indices{5}));
  EXPECT_EQ(targets("'[2, 1]'"), Columns(Indices{2, 1}));
  EXPECT_EQ(targets("temperature"), Columns(Names{"temperature"}));
  EXPECT_EQ(targets("'speed, torque'"), Columns(Names{"speed", "torque"}));
  EXPECT_EQ(targets("[0, torque]"), Columns(Names{"0", "torque"}));
  EXPECT_THROW(targets("[-1]"), Error);
  EXPECT_THROW(targets("'a,,b'"), Error);
}

TEST(LoadTest, LayersWinInOrder) {
  const std::string base =
      "common: {task_type: generic_timeseries_classification, target_device: F28P55}\n"
      "training: {model_name: CLS_4k_NPU}\n";
  EXPECT_EQ(Load(base + "dataset: {input_data_path: x}\n").config.training.batch_size, 64)
      << "model over default 8";
  EXPECT_EQ(Load(base + "dataset: {input_data_path: x}\n")
                .config.data_processing_feature_extraction.variables,
            Columns(1));
  const std::string preset = base + "dataset: {dataset_name: motor_fault_example_dsk}\n";
  const Loaded loaded = Load(preset);
  EXPECT_EQ(loaded.config.data_processing_feature_extraction.variables, Columns(3))
      << "data set preset";
  EXPECT_EQ(loaded.config.data_processing_feature_extraction.frame_size, 256)
      << "the feature preset that it names";
  EXPECT_EQ(
      loaded.config.dataset.input_data_path,
      "https://software-dl.ti.com/C2000/esd/mcu_ai/datasets/motor_fault_classification_dsk.zip");
  const std::string user = preset + "data_processing_feature_extraction: {frame_size: 128}\n";
  EXPECT_EQ(Load(user).config.data_processing_feature_extraction.frame_size, 128)
      << "the user's file";
  EXPECT_EQ(Load(user, {"data_processing_feature_extraction.frame_size=64"})
                .config.data_processing_feature_extraction.frame_size,
            64);
  const Loaded with_user = Load(user);
  const Value* frame =
      with_user.effective.Find("data_processing_feature_extraction")->Find("frame_size");
  EXPECT_EQ(frame->layer, "file");
  EXPECT_EQ(frame->where.line, 4);
  EXPECT_EQ(
      Load(preset).effective.Find("data_processing_feature_extraction")->Find("frame_size")->layer,
      "feature preset Input256_FFTBIN_16Feature_8Frame_3InputChannel_removeDC_2D1");
}

TEST(LoadTest, IncludesLieBelowTheFileThatNamesThem) {
  const TemporaryFolder folder;
  WriteFile(folder.Path() / "sub/base.yaml",
            "training: {model_name: CLS_1k_NPU, batch_size: 7, training_epochs: 9}\ninclude_files: "
            "[more.yaml]\n");
  WriteFile(folder.Path() / "sub/more.yaml",
            "common: {task_type: arc_fault, target_device: F28P55}\ntraining: {batch_size: 1}\n");
  WriteFile(folder.Path() / "c.yaml",
            "training: {training_epochs: 3}\ninclude_files: [sub/base.yaml]\ndataset: "
            "{input_data_path: d}\n");
  const Config c = Load(folder.Path() / "c.yaml", {}, Builtin()).config;
  EXPECT_EQ(c.common.task_type, "arc_fault");
  EXPECT_EQ(c.training.batch_size, 7);
  EXPECT_EQ(c.training.training_epochs, 3);
}

TEST(LoadTest, RunYamlGivesTheSameConfiguration) {
  const Loaded first = Load(
      kBearing, {"data_processing_feature_extraction.variables=[0]", "training.output_int=false"});
  const Loaded again = LoadText(ToYamlFile(first), "run.yaml", "/elsewhere", {}, Builtin());
  EXPECT_EQ(again.hash, first.hash);
  EXPECT_EQ(ToYamlFile(again), ToYamlFile(first));
  EXPECT_EQ(again.config.dataset.input_data_path, "/nowhere/dataset");
}

TEST(LoadTest, ScalarsOfYaml11) {
  const auto integer = [](const char* text) { return ToInteger(Scalar(text)); };
  EXPECT_EQ(integer("010"), 8);
  EXPECT_EQ(integer("0x1F"), 31);
  EXPECT_EQ(integer("0b101"), 5);
  EXPECT_EQ(integer("1_000"), 1000);
  EXPECT_EQ(integer("12:30"), 750);
  EXPECT_EQ(integer("-3"), -3);
  EXPECT_EQ(integer("0o10"), std::nullopt);
  EXPECT_EQ(integer("1.5"), std::nullopt);
  EXPECT_EQ(ToReal(Scalar("1e-5")), 1e-5);
  EXPECT_EQ(ToReal(Scalar(".5")), 0.5);
  EXPECT_EQ(ToReal(Scalar("1e")), std::nullopt);
  EXPECT_EQ(ToReal(Scalar("0x")), std::nullopt);
  EXPECT_EQ(ToBool(Scalar("on")), true);
  EXPECT_EQ(ToBool(Scalar("No")), false);
  EXPECT_EQ(ToBool(Scalar("oN")), std::nullopt);
  EXPECT_TRUE(IsNull(Scalar("None")));
}

TEST(LoadTest, MutatedFilesLoadOrSayWhatIsWrong) {
  Random random(1, "mutations");
  const std::string text = kBearing;
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string mutated = text;
    for (uint64_t k = 0; k <= random.Below(4); ++k) {
      const size_t at = random.Below(mutated.size());
      switch (random.Below(3)) {
        case 0:
          mutated.erase(at, 1 + random.Below(5));
          break;
        case 1:
          mutated.insert(at, 1, static_cast<char>(random.Below(256)));
          break;
        default:
          mutated[at] = "{}[]:,-'\"#&*!|>%@`\n\t 0aZ"[random.Below(24)];
      }
    }
    try {
      Load(mutated);
    } catch (const Error& error) {
      EXPECT_FALSE(std::string(error.what()).empty());
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(RunPathsTest, NestedAndFlat) {
  Config c = Load(kBearing).config;
  c.common.projects_path = "/p";
  const auto start = std::chrono::system_clock::from_time_t(1767225600);
  const std::string name = ResolveRunName(c, start);
  EXPECT_TRUE(name.ends_with("/CLS_4k_NPU")) << name;
  EXPECT_EQ(name.size(), std::string("20260101-000000/CLS_4k_NPU").size());
  const RunPaths nested = MakeRunPaths(c, "a/b/c");
  EXPECT_EQ(nested.run, "/p/bearing_cwru_de12k/run/a/b/c");
  EXPECT_EQ(nested.training_base, "/p/bearing_cwru_de12k/run/a/b/c/training/base");
  EXPECT_EQ(nested.training_zip.filename(), "a_b_c.zip");
  EXPECT_EQ(nested.compilation_zip.filename(), "a_b_c_F28P55.zip");
  c.training.train_output_path = "/t";
  const RunPaths flat = MakeRunPaths(c, "x");
  EXPECT_EQ(flat.run, "/t");
  EXPECT_EQ(flat.training_quantization, "/t/training_quantization");
  EXPECT_THROW(MakeRunPaths(c, "../x"), Error);
}

TEST(SchemaTest, DefaultsAreLegalAndStructsAgree) {
  Config from_schema;
  for (const Key& key : Schema()) {
    if (key.status == KeyStatus::kUsed || key.status == KeyStatus::kLater)
      key.set(from_schema, ParseYaml(key.default_text, key.name));
  }
  const Config plain;
  EXPECT_EQ(from_schema.training.batch_size, plain.training.batch_size);
  EXPECT_EQ(from_schema.training.learning_rate, plain.training.learning_rate);
  EXPECT_EQ(from_schema.training.optimizer, plain.training.optimizer);
  EXPECT_EQ(from_schema.data_processing_feature_extraction.stride_size,
            plain.data_processing_feature_extraction.stride_size);
  EXPECT_EQ(from_schema.dataset.split_factor, plain.dataset.split_factor);
  EXPECT_EQ(from_schema.training.lr_warmup_epochs, plain.training.lr_warmup_epochs);
}

}  // namespace
}  // namespace platypus::config
