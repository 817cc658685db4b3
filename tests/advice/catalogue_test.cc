#include "platypus/advice/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platypus/base/error.h"
#include "platypus/deploy/layers.h"

namespace platypus::advice {
namespace {

using testing::Contains;
using testing::Field;

TEST(CatalogueTest, ModelsOfATaskAndTheGenericOnesOfItsCategory) {
  const config::Registry registry = config::LoadRegistry();
  const std::vector<CatalogueModel> models = ModelsFor(registry, "motor_fault", "");
  EXPECT_EQ(models.at(0).name, "MotorFault_model_1_t");
  EXPECT_FALSE(models.at(0).generic);
  EXPECT_THAT(models, Contains(testing::AllOf(Field(&CatalogueModel::name, "CLS_1k_NPU"),
                                              Field(&CatalogueModel::generic, true))));
  EXPECT_THAT(models, testing::Not(Contains(Field(&CatalogueModel::name, "REGR_1k"))));
  EXPECT_THAT(models, testing::Not(Contains(Field(&CatalogueModel::name, "ArcFault_model_200_t"))));
}

TEST(CatalogueTest, EveryTaskThatRunsHasModelsAndEveryModelACostOnEveryDevice) {
  const config::Registry registry = config::LoadRegistry();
  for (const std::string device : {"F28P55", "MSPM0G3507", "AM263"}) {
    for (const auto& [task, entry] : registry.tasks.entries.entries) {
      if (entry.Text("runs") != "true") continue;
      for (const CatalogueModel& model : ModelsFor(registry, task, device)) {
        SCOPED_TRACE(device + " " + task + " " + model.name);
        if (!model.runs) continue;
        ASSERT_TRUE(model.cost);
        EXPECT_GT(model.cost->parameters, 0);
        EXPECT_GT(model.cost->flash_octets, model.cost->parameters / 2);
        EXPECT_GT(model.cost->ram_octets, NumElements(model.input));
        EXPECT_GT(model.cost->cycles, 0);
        EXPECT_EQ(model.npu.has_value(), device == "F28P55");
      }
    }
  }
}

TEST(CatalogueTest, PresetsTellTheirShape) {
  const config::Registry registry = config::LoadRegistry();
  int with_shape = 0;
  for (const CataloguePreset& preset : PresetsFor(registry, "generic_timeseries_classification")) {
    if (preset.name == "FFT1024Input_256Feature_1Frame_Full_Bandwidth") {
      EXPECT_EQ(preset.output, (Shape{1, 256, 1}));
    }
    if (preset.name == "Custom_Default") {
      EXPECT_FALSE(preset.output);
    }
    with_shape += preset.output ? 1 : 0;
  }
  EXPECT_GT(with_shape, 10);
}

TEST(CatalogueTest, NamesAreSuggested) {
  const config::Registry registry = config::LoadRegistry();
  const auto message = [&](const char* task, const char* device) {
    try {
      ModelsFor(registry, task, device);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_THAT(message("motor_falt", ""), testing::HasSubstr("did you mean 'motor_fault'"));
  EXPECT_THAT(message("motor_fault", "F28P555"), testing::HasSubstr("did you mean 'F28P55'"));
}

// The estimate is of the size of the truth (docs/deployment.md, "Figures").
TEST(CatalogueTest, TheCostIsThatOfTheMeasuredNetwork) {
  const config::Registry registry = config::LoadRegistry();
  const graph::Graph network = BuildModel(registry, "CLS_1k_NPU", {1, 256, 1}, 2);
  const pipeline::CostModel& m4 = pipeline::CostModelOf("Cortex-M4");
  const pipeline::ModelCost cost = pipeline::EstimateCost(network, m4);
  EXPECT_TRUE(cost.integers);
  EXPECT_EQ(cost.macs, 141344);
  EXPECT_NEAR(cost.cycles / m4.cycles_per_instruction, 246679, cost.error * 246679);
  EXPECT_NEAR(static_cast<double>(cost.flash_octets), 5293, 0.3 * 5293);
  const pipeline::CostModel& m0 = pipeline::CostModelOf("Cortex-M0+");
  const pipeline::ModelCost on_m0 = pipeline::EstimateCost(network, m0);
  EXPECT_NEAR(on_m0.cycles / m0.cycles_per_instruction, 751284, on_m0.error * 751284);
  EXPECT_STREQ(pipeline::CostModelOf("no core").core, "Cortex-M4");
}

}  // namespace
}  // namespace platypus::advice
