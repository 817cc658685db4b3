#ifndef PLATYPUS_ONNX_ONNX_H_
#define PLATYPUS_ONNX_ONNX_H_

#include <filesystem>
#include <map>
#include <string>

#include "platypus/graph/graph.h"

// The room's first header. (The room's namespace is onnx_io: the library owns `onnx`.)
namespace platypus::onnx_io {

// A float or integer graph as ONNX, opset 17, batch 1 (input [1, ...]), checked by the ONNX
// checker. Integer graphs take the TI-NPU form: ordinary float32 operators, integers by value;
// scales go into the metadata. The same graph and metadata give the same octets. Error (model) for
// what has no ONNX form.
std::string Serialize(const graph::Graph& graph,
                      const std::map<std::string, std::string>& metadata);

// Serialize to a file, written atomically.
void Export(const graph::Graph& graph, const std::map<std::string, std::string>& metadata,
            const std::filesystem::path& path);

}  // namespace platypus::onnx_io

#endif  // PLATYPUS_ONNX_ONNX_H_
