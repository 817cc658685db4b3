#ifndef PLATYPUS_PIPELINE_WEIGHTS_H_
#define PLATYPUS_PIPELINE_WEIGHTS_H_

#include <filesystem>
#include <string>
#include <vector>

#include "platypus/base/progress.h"
#include "platypus/config/config.h"
#include "platypus/config/run_paths.h"
#include "platypus/graph/graph.h"

// What was trained before: to go on from, or to test and compile.
namespace platypus::pipeline {

// What became of the tensors (names without the file's prefix).
struct Transfer {
  std::vector<std::string> loaded;
  std::vector<std::string> other_shape;  // with both shapes; left as they were, like the next
  std::vector<std::string> missing;      // in the file
  std::vector<std::string> unused;       // of the file
};

// Overwrites the parameters of a float graph with those of the same name and shape in a checkpoint
// of a training (its best epoch) or a float ONNX model. Where every name of the file carries the
// same prefix ("model.", "module."), it does not count. Error (data) for a file that is missing,
// damaged or of another kind, (model) for one that has nothing of the graph.
Transfer LoadWeights(graph::Graph& graph, const std::filesystem::path& file);

// Before the run writes anything: Error (configuration) if a saved network or weights that the
// configuration names are missing, or, to be trained on, stand in the run's own folder, which the
// run would overwrite.
void RequireSavedFiles(const config::Config& config, const std::filesystem::path& run);

// Of a run that trains nothing: testing.model_path, or compilation.model_path, or what the run of
// the same name has trained, quantised before float. Error (configuration) if there is none.
std::filesystem::path FindSavedNetwork(const config::Config& config, const config::RunPaths& paths);

// The network of such a file. Error (model) if it does not take samples of `input`.
graph::Graph LoadSavedNetwork(const std::filesystem::path& file, const Shape& input);

// training.load_saved_model: `graph` becomes the network of that file, if it takes and gives the
// same shapes. Then training.pretrained_checkpoint_path: LoadWeights, the file downloaded first if
// it is a URL. A notice tells of what was loaded and what was not.
void StartFromSaved(const config::Config& config, graph::Graph& graph, ProgressSink& sink);

// Whether the network computes with integer codes.
bool IsInteger(const graph::Graph& network);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_WEIGHTS_H_
