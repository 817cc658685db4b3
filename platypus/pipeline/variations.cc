#include "platypus/pipeline/variations.h"

#include <algorithm>

#include "platypus/base/error.h"

namespace platypus::pipeline {
namespace {

// Windows whose frames are changed and extracted together: enough for all lanes of a chain.
constexpr size_t kTogether = 64;

// The chain for frames that stand one behind the other, ready to be cut.
features::Pipeline ForSeparateFrames(const features::Pipeline& pipeline) {
  features::Pipeline separate = pipeline;
  separate.decimation = 1;
  separate.scale = 1.0f;
  separate.hop = pipeline.frame_size;
  separate.frame_offsets = {0};
  separate.frame_skip = 1;
  return separate;
}

}  // namespace

Variations::Variations(const config::Config& config, const std::vector<std::string>& classes)
    : gains_(config.data_processing_feature_extraction.gain_variations),
      classes_(classes),
      seed_(config.common.seed) {
  if (!config.training.augment_config.empty())
    augmenters_ = data::ReadAugmenters(config.training.augment_config);
  for (const config::GainVariation& gain : gains_) {
    if (std::count(classes.begin(), classes.end(), gain.class_name) > 0) continue;
    throw Error(Category::kConfiguration,
                fmt::format("data_processing_feature_extraction.gain_variations: '{}' is no class "
                            "of the data set",
                            gain.class_name),
                Suggest(gain.class_name, classes));
  }
}

bool Variations::HasGain(int label) const {
  return std::any_of(gains_.begin(), gains_.end(), [&](const config::GainVariation& gain) {
    return gain.class_name == classes_[static_cast<size_t>(label)];
  });
}

int64_t Variations::Copies(int label) const {
  int64_t copies = HasGain(label) ? 2 : 1;
  for (const data::Augmenter& augmenter : augmenters_) copies *= augmenter.repeats;
  return copies;
}

void Variations::Extract(const features::Pipeline& pipeline, std::span<const float> rows, int label,
                         int64_t first, std::vector<float>& features) const {
  if (augmenters_.empty() && !HasGain(label)) {
    features::Extract(pipeline, rows, features);
    return;
  }
  const auto variables = static_cast<size_t>(pipeline.variables);
  const size_t window_size = static_cast<size_t>(pipeline.RowsPerSample()) * variables;
  const size_t frame_size = static_cast<size_t>(pipeline.frame_size) * variables;
  const size_t hop = static_cast<size_t>(pipeline.hop) * variables;
  const auto frames = static_cast<size_t>(pipeline.frame_concat);  // of a window
  const auto width = static_cast<size_t>(NumElements(pipeline.OutputShape()));
  const auto copies = static_cast<size_t>(Copies(label));
  const std::vector<float> prepared = features::Prepare(pipeline, rows);
  const std::vector<int64_t> starts =
      features::SampleStarts(pipeline, static_cast<int64_t>(rows.size() / variables));
  const features::Pipeline separate = ForSeparateFrames(pipeline);
  const size_t begin = features.size();
  features.resize(begin + copies * starts.size() * width);

  std::vector<float> cut;       // [window][copy][frame][row][variable]
  std::vector<float> together;  // [first frame][width]: every run of frames as one sample
  for (size_t at = 0; at < starts.size(); at += kTogether) {
    const size_t end = std::min(at + kTogether, starts.size());
    cut.clear();
    for (size_t s = at; s < end; ++s) {
      const auto number = static_cast<uint64_t>(first) + s;
      const std::span window(&prepared[static_cast<size_t>(starts[s]) * variables], window_size);
      const std::vector<std::vector<float>> changed =
          data::Augment(augmenters_, window, pipeline.variables, seed_, number);
      for (size_t c = 0; c < copies; ++c) {
        const std::vector<float>& copy = changed[c % changed.size()];
        if (copy.size() != window_size) {
          throw Error(Category::kConfiguration,
                      fmt::format("training.augment_config: windows of {} rows become windows of "
                                  "{}, which the network cannot take",
                                  window_size / variables, copy.size() / variables),
                      fmt::format("let Resize and the resize of Crop be {}, or leave them out",
                                  window_size / variables));
        }
        for (size_t f = 0; f < frames; ++f) {
          const std::span frame(&copy[f * hop], frame_size);
          const bool gained = c < copies - changed.size();
          const auto louder =
              gained ? data::VaryGain(gains_, classes_[static_cast<size_t>(label)], frame, seed_,
                                      (number * changed.size() + c) * frames + f)
                     : std::nullopt;
          const std::span<const float> values = louder ? std::span<const float>(*louder) : frame;
          cut.insert(cut.end(), values.begin(), values.end());
        }
      }
    }
    together.clear();
    features::Extract(separate, cut, together);
    for (size_t s = at; s < end; ++s) {
      for (size_t c = 0; c < copies; ++c) {
        const size_t frame = ((s - at) * copies + c) * frames;
        std::copy_n(&together[frame * width], width,
                    &features[begin + (c * starts.size() + s) * width]);
      }
    }
  }
}

}  // namespace platypus::pipeline
