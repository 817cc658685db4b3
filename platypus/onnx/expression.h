#ifndef PLATYPUS_ONNX_EXPRESSION_H_
#define PLATYPUS_ONNX_EXPRESSION_H_

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <vector>

#include "platypus/base/array.h"

namespace platypus::onnx_io {

// Nodes that compute with whole numbers in float64, which holds up to 2^53 exactly, appended to a
// graph or to the body of a loop. Every function returns the name of its result.
class Expression {
 public:
  // Names begin with `prefix`.
  Expression(onnx::GraphProto& graph, std::string prefix)
      : graph_(graph), prefix_(std::move(prefix)) {}

  std::string Doubles(const Shape& shape, const std::vector<double>& values);
  std::string Number(double value) { return Doubles({}, {value}); }
  std::string Ints(const std::vector<int64_t>& values);
  // The last node may give its result a name.
  std::string Call(const char* type, const std::vector<std::string>& inputs,
                   const std::string& output = {});
  // With an attribute `name` that is a whole number, or several.
  std::string Call(const char* type, const std::vector<std::string>& inputs, const char* name,
                   int64_t value, const std::string& output = {});
  std::string Call(const char* type, const std::vector<std::string>& inputs, const char* name,
                   const std::vector<int64_t>& values, const std::string& output = {});
  onnx::NodeProto& Node(const char* type, const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs);
  std::string Name() { return prefix_ + "." + std::to_string(count_++); }

  std::string ToDouble(const std::string& x);
  std::string ToFloat(const std::string& x, const std::string& output = {});
  std::string ToIndex(const std::string& x);
  std::string Add(const std::string& x, double value);
  std::string Multiply(const std::string& x, double value);
  std::string FloorOf(const std::string& x, double factor);  // floor(x factor)
  std::string Clip(const std::string& x, double low, double high);

 private:
  onnx::GraphProto& graph_;
  std::string prefix_;
  int count_ = 0;
};

}  // namespace platypus::onnx_io

#endif  // PLATYPUS_ONNX_EXPRESSION_H_
