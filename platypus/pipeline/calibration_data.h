#ifndef PLATYPUS_PIPELINE_CALIBRATION_DATA_H_
#define PLATYPUS_PIPELINE_CALIBRATION_DATA_H_

#include <filesystem>

#include "platypus/pipeline/samples.h"

namespace platypus::pipeline {

// Inputs of a network from files without a configuration: all of a folder in the order of their
// names, or one file. `recording` is the number of a sample's file; nothing else is known of them.
//   .npy, .npz   arrays [sample][...] or of one sample, as many elements as the network's input
//   .csv, .txt   a row for each sample, or a recording: rows of as many columns as `input` has
//                channels, cut into samples of as many rows as it has (the rest is left)
// Error (data) naming the file, what it holds and what the network takes; for a folder without such
// files.
SampleSet ReadInputs(const std::filesystem::path& where, const Shape& input);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_CALIBRATION_DATA_H_
