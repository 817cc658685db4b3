#ifndef PLATYPUS_ONNX_ONNX_H_
#define PLATYPUS_ONNX_ONNX_H_

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

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

// Of the QDQ form: the one for today's readers keeps weights of 4 bits as int4 and those of 2 bits
// and ternary ones as int2, where a graph has them; the other one, for readers of opset 17, keeps
// all of them as int8, and codes of 16 bits by value in float32.
enum class QdqVersion { kNewest, kFallback };
struct QdqForm {
  QdqVersion version = QdqVersion::kNewest;
  bool output_int = true;  // the last codes as they are; else the real numbers that they stand for
};
// Opsets that readers of a file must know, by the types in it.
constexpr int kOpset = 17;
constexpr int kInt4Opset = 21;
constexpr int kInt16Opset = 21;
constexpr int kInt2Opset = 25;

// A fake-quantised graph whose ranges have been observed, batch norms folded, as float operators
// between DequantizeLinear and QuantizeLinear; weights are integers, biases int32. Scales and zero
// points go into the metadata too. Error (model) for what has no ONNX form.
std::string SerializeQdq(const graph::Graph& fake_quantized,
                         const std::map<std::string, std::string>& metadata, const QdqForm& form);
void ExportQdq(const graph::Graph& fake_quantized,
               const std::map<std::string, std::string>& metadata,
               const std::filesystem::path& path, const QdqForm& form);

// The graph of an ONNX model: float models of opset 7 to 22, batch 1 or dynamic, one input and one
// output; and the TI-NPU form above, which gives an integer graph with the same codes. `file` is
// what errors call it. Nodes are named after their weights ("a" of "a.weight"), else as in the
// file. Error (model) with file, node, operator, shapes and what is supported for everything else,
// damaged files included. docs/onnx.md lists operators and forms.
graph::Graph Import(std::string_view bytes, const std::string& file);

// Import of a file; Error (data) if it cannot be read.
graph::Graph ImportFile(const std::filesystem::path& path);

// What a model says of itself: key -> value. Error (model) for damaged files.
std::map<std::string, std::string> ReadMetadata(std::string_view bytes, const std::string& file);

}  // namespace platypus::onnx_io

#endif  // PLATYPUS_ONNX_ONNX_H_
