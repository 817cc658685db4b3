#ifndef PLATYPUS_ONNX_ONNX_H_
#define PLATYPUS_ONNX_ONNX_H_

#include <filesystem>
#include <map>
#include <string>

#include "platypus/graph/graph.h"

// The room's first header. (The room's namespace is onnx_io: the library owns `onnx`.)
namespace platypus::onnx_io {

// Writes a float or integer graph as ONNX opset 17, batch 1 (input [1, ...]), checked with the ONNX
// checker before the file is written (atomically). Integer graphs take the TI-NPU form: ordinary float32
// operators, integers by value (spec quantization-and-nas 11); scales go into metadata_props.
void Export(const graph::Graph& graph, const std::map<std::string, std::string>& metadata,
            const std::filesystem::path& path);

// The graph's bytes as Export would write them.
std::string Serialize(const graph::Graph& graph, const std::map<std::string, std::string>& metadata);

// Reads what Export writes (float and integer). Error (model) naming node and operator that is not known.
graph::Graph Import(const std::filesystem::path& path);

}  // namespace platypus::onnx_io

#endif  // PLATYPUS_ONNX_ONNX_H_
