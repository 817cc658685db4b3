#ifndef PLATYPUS_TESTS_QUANTIZE_FLOAT64_H_
#define PLATYPUS_TESTS_QUANTIZE_FLOAT64_H_

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "platypus/graph/graph.h"
#include "platypus/graph/quantization.h"

// Fake-quantised graphs in double precision, straight from the definitions of op.h.
namespace platypus::quantize {

using Doubles = std::vector<double>;

// May replace what a FakeQuantize makes of the values before it.
using OnCodes = std::function<void(const graph::Node& node, const graph::Codes& codes,
                                   const Doubles& before, Doubles& after)>;

class Float64 {
 public:
  Float64(const graph::Graph& graph, OnCodes on_codes)
      : graph_(graph), on_codes_(std::move(on_codes)) {}

  // Every tensor for one sample, by id.
  std::vector<Doubles> Run(std::span<const float> sample) {
    values_.assign(graph_.tensors.size(), {});
    At(graph_.input).assign(sample.begin(), sample.end());
    for (const graph::Node& node : graph_.nodes) {
      Doubles result = Compute(node);
      At(node.output) = std::move(result);
    }
    return values_;
  }

 private:
  struct Dims {
    int64_t c = 1, h = 1, w = 1;
  };

  Doubles& At(graph::TensorId id) { return values_[static_cast<size_t>(id)]; }
  Dims Of(graph::TensorId id) const {
    const Shape& s = graph_.At(id).shape;
    return s.size() == 1 ? Dims{s[0], 1, 1} : Dims{s[0], s[1], s[2]};
  }

  Doubles Weights(const graph::Node& node,
                  const std::optional<graph::WeightQuantizer>& quantizer) const {
    const Array& weight = graph_.Parameter(node, "weight");
    Doubles values(weight.Floats().begin(), weight.Floats().end());
    if (!quantizer) return values;
    const std::vector<graph::Codes> all_codes =
        graph::ChannelCodes(graph_, node, "weight", weight.Floats());
    const size_t rows = all_codes.size();
    const size_t row = values.size() / rows;
    for (size_t r = 0; r < rows; ++r) {
      const std::span<const float> floats(weight.Floats().data() + r * row, row);
      const graph::Codes codes = all_codes[r];
      for (size_t i = 0; i < row; ++i) {
        values[r * row + i] =
            graph::QuantizeWeight(*quantizer, floats[i], codes) * double{codes.scale};
      }
    }
    return values;
  }

  Doubles Convolve(const graph::Node& node, const graph::Conv2d& op) {
    const Doubles& x = At(node.inputs[0]);
    const Dims in = Of(node.inputs[0]);
    const Dims out = Of(node.output);
    const Doubles w = Weights(node, op.weight_quantizer);
    const int64_t group_in = in.c / op.groups;
    const int64_t group_out = out.c / op.groups;
    Doubles y;
    for (int64_t o = 0; o < out.c; ++o) {
      const double bias =
          op.has_bias ? graph_.Parameter(node, "bias").Floats()[static_cast<size_t>(o)] : 0.0;
      for (int64_t i = 0; i < out.h; ++i) {
        for (int64_t j = 0; j < out.w; ++j) {
          double sum = bias;
          for (int64_t c = 0; c < group_in; ++c) {
            for (int kh = 0; kh < op.kernel.h; ++kh) {
              for (int kw = 0; kw < op.kernel.w; ++kw) {
                const int64_t r = i * op.stride.h - op.padding.top + int64_t{kh} * op.dilation.h;
                const int64_t s = j * op.stride.w - op.padding.left + int64_t{kw} * op.dilation.w;
                if (r < 0 || s < 0 || r >= in.h || s >= in.w) continue;
                const int64_t from = o / group_out * group_in + c;
                sum += w[static_cast<size_t>(((o * group_in + c) * op.kernel.h + kh) * op.kernel.w +
                                             kw)] *
                       x[static_cast<size_t>((from * in.h + r) * in.w + s)];
              }
            }
          }
          y.push_back(sum);
        }
      }
    }
    return y;
  }

  template <typename Pool, typename Merge>
  Doubles Slide(const graph::Node& node, const Pool& op, double start, Merge merge) {
    const Doubles& x = At(node.inputs[0]);
    const Dims in = Of(node.inputs[0]);
    const Dims out = Of(node.output);
    Doubles y;
    for (int64_t c = 0; c < out.c; ++c) {
      for (int64_t i = 0; i < out.h; ++i) {
        for (int64_t j = 0; j < out.w; ++j) {
          double value = start;
          for (int kh = 0; kh < op.kernel.h; ++kh) {
            for (int kw = 0; kw < op.kernel.w; ++kw) {
              const int64_t r = i * op.stride.h - op.padding.top + kh;
              const int64_t s = j * op.stride.w - op.padding.left + kw;
              if (r < 0 || s < 0 || r >= in.h || s >= in.w) continue;
              value = merge(value, x[static_cast<size_t>((c * in.h + r) * in.w + s)]);
            }
          }
          y.push_back(value);
        }
      }
    }
    return y;
  }

  template <typename Pool>
  Doubles Average(const graph::Node& node, const Pool& op) {
    Doubles y = Slide(node, op, 0.0, [](double a, double b) { return a + b; });
    for (double& v : y) v /= op.kernel.h * op.kernel.w;
    return y;
  }

  Doubles Normalize(const graph::Node& node, const graph::BatchNorm& op) {
    Doubles y = At(node.inputs[0]);
    const auto role = [&](const char* name, size_t c) -> double {
      return graph_.Parameter(node, name).Floats()[c];
    };
    const size_t plane = y.size() / static_cast<size_t>(Of(node.output).c);
    for (size_t i = 0; i < y.size(); ++i) {
      const size_t c = i / plane;
      y[i] = (y[i] - role("running_mean", c)) /
                 std::sqrt(role("running_var", c) + double{op.epsilon}) * role("weight", c) +
             role("bias", c);
    }
    return y;
  }

  Doubles Round(const graph::Node& node, const graph::FakeQuantize& op) {
    const Doubles& x = At(node.inputs[0]);
    const auto& range = graph_.Parameter(node, "range").Floats();
    const graph::Codes codes = graph::ActivationCodes(op, range[0], range[1]);
    Doubles y;
    for (const double v : x) {
      const double q = std::clamp<double>(std::floor(v / codes.scale + 0.5) + codes.zero_point,
                                          codes.lo, codes.hi);
      y.push_back((q - codes.zero_point) * codes.scale);
    }
    if (on_codes_) on_codes_(node, codes, x, y);
    return y;
  }

  Doubles Padded(const graph::Node& node, const graph::Pad& op) {
    const Doubles& x = At(node.inputs[0]);
    const Dims in = Of(node.inputs[0]);
    const Dims out = Of(node.output);
    Doubles y(static_cast<size_t>(out.c * out.h * out.w), op.value);
    for (int64_t c = 0; c < in.c; ++c) {
      for (int64_t i = 0; i < in.h; ++i) {
        for (int64_t j = 0; j < in.w; ++j) {
          y[static_cast<size_t>((c * out.h + i + op.padding.top) * out.w + j + op.padding.left)] =
              x[static_cast<size_t>((c * in.h + i) * in.w + j)];
        }
      }
    }
    return y;
  }

  template <typename Function>
  Doubles Map(const graph::Node& node, Function function) {
    Doubles y = At(node.inputs[0]);
    for (double& v : y) v = function(v);
    return y;
  }

  Doubles Compute(const graph::Node& node) {
    const auto same = [&] { return At(node.inputs[0]); };
    return std::visit(
        graph::Overloaded{
            [&](const graph::Identity&) { return same(); },
            [&](const graph::Flatten&) { return same(); },
            [&](const graph::Reshape&) { return same(); },
            [&](const graph::BatchNorm& op) { return Normalize(node, op); },
            [&](const graph::Conv2d& op) { return Convolve(node, op); },
            [&](const graph::Linear& op) {
              graph::Conv2d conv;
              conv.out_channels = op.out_features;
              conv.has_bias = op.has_bias;
              conv.weight_quantizer = op.weight_quantizer;
              return Convolve(node, conv);
            },
            [&](const graph::Relu&) {
              return Map(node, [](double x) { return std::max(x, 0.0); });
            },
            [&](const graph::Clamp& op) {
              return Map(node, [&](double x) { return std::clamp<double>(x, op.low, op.high); });
            },
            [&](const graph::Sigmoid&) {
              return Map(node, [](double x) { return 1 / (1 + std::exp(-x)); });
            },
            [&](const graph::MaxPool& op) {
              return Slide(node, op, -1e300, [](double a, double b) { return std::max(a, b); });
            },
            [&](const graph::AvgPool& op) { return Average(node, op); },
            [&](const graph::AdaptiveAvgPool& op) {
              const Dims in = Of(node.inputs[0]);
              const graph::Size2 cell{static_cast<int>(in.h / op.output.h),
                                      static_cast<int>(in.w / op.output.w)};
              return Average(node, graph::AvgPool{cell, cell, {}});
            },
            [&](const graph::Pad& op) { return Padded(node, op); },
            [&](const graph::Add&) {
              Doubles y = At(node.inputs[0]);
              for (size_t i = 0; i < y.size(); ++i) y[i] += At(node.inputs[1])[i];
              return y;
            },
            [&](const graph::Concat&) {  // along the first axis
              Doubles y;
              for (const graph::TensorId id : node.inputs)
                y.insert(y.end(), At(id).begin(), At(id).end());
              return y;
            },
            [&](const graph::FakeQuantize& op) { return Round(node, op); },
            [&](const auto&) -> Doubles {
              throw std::logic_error(std::string("no doubles for ") + graph::Name(node.op));
            }},
        node.op);
  }

  const graph::Graph& graph_;
  OnCodes on_codes_;
  std::vector<Doubles> values_;
};

}  // namespace platypus::quantize

#endif  // PLATYPUS_TESTS_QUANTIZE_FLOAT64_H_
