#ifndef PLATYPUS_TESTS_DEPLOY_NETWORKS_H_
#define PLATYPUS_TESTS_DEPLOY_NETWORKS_H_

#include <fmt/format.h>

#include <array>

#include "tests/deploy/fixtures.h"

// Networks by which microcontroller runtimes are measured, with random codes: two of the
// catalogue's kind with power-of-two scales, and three of MLPerf Tiny v1 whose scales are
// multipliers of 15 bits that round to nearest.
namespace platypus::deploy::fixtures {

inline graph::Conv2d Convolution(int outs, graph::Size2 kernel, graph::Size2 stride,
                                 graph::Padding2 padding, int groups = 1) {
  graph::Conv2d op;
  op.out_channels = outs;
  op.kernel = kernel;
  op.stride = stride;
  op.padding = padding;
  op.groups = groups;
  return op;
}

// As TensorFlow's "same": what is missing, one more behind than before.
inline graph::Padding2 Same(const Shape& in, graph::Size2 kernel, graph::Size2 stride) {
  const auto missing = [](int64_t size, int k, int s) {
    return static_cast<int>(std::max<int64_t>(0, ((size + s - 1) / s - 1) * s + k - size));
  };
  const int h = missing(in[1], kernel.h, stride.h);
  const int w = missing(in[2], kernel.w, stride.w);
  return {h / 2, w / 2, h - h / 2, w - w / 2};
}

// 741 632 multiply-accumulates on 512 values, four classes; 12 520 weights.
inline Graph Cls13k() {
  Random random(5, "cls_13k");
  Graph g = graph::MakeGraph("CLS_13k", {1, 512, 1});
  TensorId t = AddInput(g, random, kSigned);
  int i = 1;
  for (const auto& [outs, kernel, stride] : {std::array{8, 5, 1},
                                             {8, 5, 2},
                                             {16, 3, 2},
                                             {16, 3, 1},
                                             {32, 3, 2},
                                             {32, 3, 1},
                                             {64, 3, 2}}) {
    const int pad = kernel / 2;
    t = AddConv(g, random, fmt::format("features.{}", i++), t,
                Convolution(outs, {kernel, 1}, {stride, 1}, {pad, 0, pad, 0}), Scaling::kShift,
                kUnsigned);
  }
  const int rest = static_cast<int>(g.At(t).shape[1]);
  t = AddMeanPool(g, random, "pool", t, graph::SumPool{{rest, 1}, {rest, 1}, {}}, kUnsigned);
  t = graph::Append(g, "flatten", graph::Flatten{}, {t});
  AddLinear(g, random, "classifier", t, 4, Scaling::kShift, kSigned);
  return g;
}

// Keyword spotting: 49 x 10 coefficients, 12 words; 2 656 768 multiply-accumulates.
inline Graph DsCnn() {
  Random random(6, "ds_cnn");
  Graph g = graph::MakeGraph("DS-CNN", {1, 49, 10});
  TensorId t = AddInput(g, random, kSigned);
  const auto conv = [&](const std::string& name, graph::Size2 kernel, graph::Size2 stride,
                        int groups) {
    const graph::Padding2 padding = Same(g.At(t).shape, kernel, stride);
    t = AddConv(g, random, name, t, Convolution(64, kernel, stride, padding, groups),
                Scaling::kGeneric, kUnsigned);
  };
  conv("first", {10, 4}, {2, 2}, 1);
  for (int i = 1; i <= 4; ++i) {
    conv(fmt::format("depthwise.{}", i), {3, 3}, {1, 1}, 64);
    conv(fmt::format("pointwise.{}", i), {1, 1}, {1, 1}, 1);
  }
  t = AddMeanPool(g, random, "pool", t, graph::SumPool{{25, 5}, {25, 5}, {}}, kUnsigned);
  t = graph::Append(g, "flatten", graph::Flatten{}, {t});
  AddLinear(g, random, "classifier", t, 12, Scaling::kGeneric, kSigned);
  return g;
}

// Images of 32 x 32 in three colours, 10 classes; 12 501 632 multiply-accumulates.
inline Graph ResNet8() {
  Random random(7, "resnet8");
  Graph g = graph::MakeGraph("ResNet8", {3, 32, 32});
  TensorId t = AddInput(g, random, kSigned);
  const auto conv = [&](const std::string& name, TensorId from, int outs, int kernel, int stride,
                        Codes codes) {
    const graph::Padding2 padding = Same(g.At(from).shape, {kernel, kernel}, {stride, stride});
    return AddConv(g, random, name, from,
                   Convolution(outs, {kernel, kernel}, {stride, stride}, padding),
                   Scaling::kGeneric, codes);
  };
  t = conv("first", t, 16, 3, 1, kUnsigned);
  for (int stack = 1; stack <= 3; ++stack) {
    const int outs = 8 << stack;
    const int stride = stack == 1 ? 1 : 2;
    const TensorId inner = conv(fmt::format("stack{}.a", stack), t, outs, 3, stride, kUnsigned);
    const TensorId body = conv(fmt::format("stack{}.b", stack), inner, outs, 3, 1, kSigned);
    if (stack > 1) t = conv(fmt::format("stack{}.skip", stack), t, outs, 1, stride, kSigned);
    t = graph::Append(g, fmt::format("stack{}.add", stack),
                      graph::AddRequantize{9000, 7000, 14, kUnsigned.lo, kUnsigned.hi}, {body, t});
    g.At(t).scale = 0.0625f;
  }
  t = AddMeanPool(g, random, "pool", t, graph::SumPool{{8, 8}, {8, 8}, {}}, kUnsigned);
  t = graph::Append(g, "flatten", graph::Flatten{}, {t});
  AddLinear(g, random, "classifier", t, 10, Scaling::kGeneric, kSigned);
  return g;
}

// 640 values through eight and back; 264 192 multiply-accumulates.
inline Graph Autoencoder() {
  Random random(8, "autoencoder");
  Graph g = graph::MakeGraph("autoencoder", {640});
  TensorId t = AddQuantize(g, random, "input.quantize", g.input, kSigned, true);
  int i = 1;
  for (const int outs : {128, 128, 128, 128, 8, 128, 128, 128, 128}) {
    t = AddLinear(g, random, fmt::format("layer.{}", i++), t, outs, Scaling::kGeneric, kUnsigned);
  }
  AddLinear(g, random, "last", t, 640, Scaling::kGeneric, kSigned);
  return g;
}

}  // namespace platypus::deploy::fixtures

#endif  // PLATYPUS_TESTS_DEPLOY_NETWORKS_H_
