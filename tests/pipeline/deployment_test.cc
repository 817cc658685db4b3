#include "platypus/pipeline/deployment.h"

#include <gtest/gtest.h>

namespace platypus::pipeline {
namespace {

TEST(DeploymentTest, ThePrefixIsAnIdentifierThatPackagesTake) {
  const auto prefix = [](const std::string& model, const std::string& own = "") {
    config::Config config;
    config.training.model_name = model;
    config.compilation.prefix = own;
    return PackagePrefix(config);
  };
  EXPECT_EQ(prefix("CLS_1k_NPU"), "cls_1k_npu");
  EXPECT_EQ(prefix("1d-net"), "model_1d_net");
  EXPECT_EQ(prefix("A_NAME_OF_MORE_THAN_24_CHARACTERS"), "a_name_of_more_than_24_c");
  EXPECT_EQ(prefix("CLS_1k_NPU", "Mine"), "Mine");
}

}  // namespace
}  // namespace platypus::pipeline
