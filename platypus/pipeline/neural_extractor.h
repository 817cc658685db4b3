#ifndef PLATYPUS_PIPELINE_NEURAL_EXTRACTOR_H_
#define PLATYPUS_PIPELINE_NEURAL_EXTRACTOR_H_

#include <filesystem>

#include "platypus/config/config.h"
#include "platypus/features/pipeline.h"
#include "platypus/pipeline/lesson.h"
#include "platypus/pipeline/run_log.h"

// Features that a network learns to make of raw rows, in the place of the chain of transforms
// (nn_for_feature_extraction).
namespace platypus::pipeline {

// Of its checkpoint and log, in that of the float network.
constexpr const char* kFeatureExtractorFolder = "feature_extractor";

// The same samples as they are before the transforms: raw rows. Error (configuration) where there
// are no transforms to learn from.
features::Pipeline RawRows(const features::Pipeline& featured);

// What the classifier is trained on in their place, and who makes it.
struct LearnedFeatures {
  graph::Graph extractor;  // raw rows to features, in real values; learns no more
  Splits splits;           // its outputs for training and validation samples

  graph::Graph Before(const graph::Graph& classifier) const {
    return graph::Chain(extractor, classifier);
  }
};

// Trains an extractor to give `features` for `raw` samples at the same positions, by mean squared
// error, with the configuration's epochs, optimiser and schedule; checkpoint and log in `folder`,
// its errors of every epoch in `log` too.
LearnedFeatures LearnFeatures(const Splits& raw, const Splits& features,
                              const config::Config& config, const std::filesystem::path& folder,
                              RunLog& log, ThreadPool& pool, ProgressSink& sink);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_NEURAL_EXTRACTOR_H_
