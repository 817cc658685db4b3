#ifndef TESTS_ORACLE_RUN_ONNX_H_
#define TESTS_ORACLE_RUN_ONNX_H_

#include <gtest/gtest.h>

#include <cstring>

#include "platypus/base/files.h"
#include "platypus/base/process.h"
#include "platypus/base/random.h"
#include "platypus/onnx/onnx.h"

// ONNX Runtime as another program's reading of an exported file.
namespace platypus {

inline bool HasOnnxRuntime() {
  return HasProgram("node") &&
         std::filesystem::exists(PLATYPUS_SOURCE_DIR "/tests/oracle/node_modules/onnxruntime-node");
}

inline std::vector<float> RandomSamples(const Shape& shape, int64_t count, uint64_t seed) {
  Random random(seed, "samples");
  std::vector<float> values(static_cast<size_t>(NumElements(shape) * count));
  for (float& v : values) v = static_cast<float>(random.Uniform(-3, 5));
  return values;
}

// Outputs of a model, one sample after the other. `shape`: of its input, batch axis included.
inline std::vector<float> RunOnnx(const std::string& model, const Shape& shape,
                                  const std::vector<float>& samples) {
  const TemporaryFolder folder;
  WriteFile(folder.Path() / "m.onnx", model);
  WriteFile(folder.Path() / "in.bin",
            {reinterpret_cast<const char*>(samples.data()), samples.size() * 4});
  const std::string oracle = PLATYPUS_SOURCE_DIR "/tests/oracle";
  const auto count = static_cast<int64_t>(samples.size()) / NumElements(shape);
  const ProcessResult result =
      RunProcess({"node", oracle + "/run_onnx.js", (folder.Path() / "m.onnx").string(),
                  (folder.Path() / "in.bin").string(), std::to_string(count),
                  (folder.Path() / "out.bin").string(), ToString(shape)},
                 oracle, 50);
  EXPECT_EQ(result.status, 0) << result.output;
  const std::string bytes = result.status == 0 ? ReadFile(folder.Path() / "out.bin") : "";
  std::vector<float> outputs(bytes.size() / 4);
  std::memcpy(outputs.data(), bytes.data(), outputs.size() * 4);
  return outputs;
}

// Outputs of the exported graph.
inline std::vector<float> RunOnnx(const graph::Graph& graph, const std::vector<float>& samples) {
  Shape shape = graph.Input().shape;
  shape.insert(shape.begin(), 1);
  return RunOnnx(onnx_io::Serialize(graph, {{"model", graph.name}}), shape, samples);
}

}  // namespace platypus

#endif  // TESTS_ORACLE_RUN_ONNX_H_
