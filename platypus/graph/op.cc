#include "platypus/graph/op.h"

namespace platypus::graph {

Op::Op() = default;
Op::Op(const Op&) = default;
Op::Op(Op&&) noexcept = default;
Op& Op::operator=(const Op&) = default;
Op& Op::operator=(Op&&) noexcept = default;
Op::~Op() = default;

bool operator==(const Op& a, const Op& b) {
  return static_cast<const AnyOp&>(a) == static_cast<const AnyOp&>(b);
}

const char* Name(const Op& op) {
  return std::visit(Overloaded{[](const Identity&) { return "Identity"; },
                               [](const BatchNorm&) { return "BatchNorm"; },
                               [](const Conv2d&) { return "Conv2d"; },
                               [](const ConvTranspose2d&) { return "ConvTranspose2d"; },
                               [](const Linear&) { return "Linear"; },
                               [](const Relu&) { return "Relu"; },
                               [](const Clamp&) { return "Clamp"; },
                               [](const LeakyRelu&) { return "LeakyRelu"; },
                               [](const Sigmoid&) { return "Sigmoid"; },
                               [](const Tanh&) { return "Tanh"; },
                               [](const Gelu&) { return "Gelu"; },
                               [](const Softmax&) { return "Softmax"; },
                               [](const LogSoftmax&) { return "LogSoftmax"; },
                               [](const MaxPool&) { return "MaxPool"; },
                               [](const AvgPool&) { return "AvgPool"; },
                               [](const AdaptiveAvgPool&) { return "AdaptiveAvgPool"; },
                               [](const Flatten&) { return "Flatten"; },
                               [](const Reshape&) { return "Reshape"; },
                               [](const Transpose&) { return "Transpose"; },
                               [](const Pad&) { return "Pad"; },
                               [](const Slice&) { return "Slice"; },
                               [](const Resize&) { return "Resize"; },
                               [](const Dropout&) { return "Dropout"; },
                               [](const LayerNorm&) { return "LayerNorm"; },
                               [](const Recurrent& r) {
                                 return r.cell == Recurrent::Cell::kLstm  ? "Lstm"
                                        : r.cell == Recurrent::Cell::kGru ? "Gru"
                                                                          : "Rnn";
                               },
                               [](const Add&) { return "Add"; },
                               [](const Mul&) { return "Mul"; },
                               [](const Scale&) { return "Scale"; },
                               [](const Concat&) { return "Concat"; },
                               [](const FakeQuantize&) { return "FakeQuantize"; },
                               [](const QuantizeInput&) { return "QuantizeInput"; },
                               [](const SumPool&) { return "SumPool"; },
                               [](const Requantize&) { return "Requantize"; },
                               [](const AddRequantize&) { return "AddRequantize"; },
                               [](const Lookup&) { return "Lookup"; },
                               [](const IntegerSoftmax&) { return "IntegerSoftmax"; },
                               [](const IntegerLayerNorm&) { return "IntegerLayerNorm"; },
                               [](const IntegerRecurrent& r) {
                                 return r.cell == Recurrent::Cell::kLstm  ? "IntegerLstm"
                                        : r.cell == Recurrent::Cell::kGru ? "IntegerGru"
                                                                          : "IntegerRnn";
                               },
                               [](const MulRequantize&) { return "MulRequantize"; },
                               [](const Dequantize&) { return "Dequantize"; }},
                    op);
}

}  // namespace platypus::graph
