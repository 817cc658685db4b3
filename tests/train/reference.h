#ifndef PLATYPUS_TESTS_TRAIN_REFERENCE_H_
#define PLATYPUS_TESTS_TRAIN_REFERENCE_H_

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "platypus/graph/graph.h"

// Float networks in training mode by plain loops in double: shares no code with the engine.
namespace platypus::train {

class Reference {
 public:
  using Values = std::vector<std::vector<double>>;  // [sample][element]

  explicit Reference(const graph::Graph& graph) : graph_(graph) {
    for (const auto& [name, array] : graph.parameters) {
      parameters[name].assign(array.Floats().begin(), array.Floats().end());
    }
  }

  // Mean cross-entropy over the batch.
  double Loss(const Values& samples, const std::vector<int32_t>& labels, double smoothing) {
    std::map<graph::TensorId, Values> tensors;
    tensors[graph_.input] = samples;
    for (const graph::Node& node : graph_.nodes) tensors[node.output] = Run(node, tensors);
    double loss = 0;
    for (size_t i = 0; i < samples.size(); ++i) {
      const std::vector<double>& z = tensors[graph_.output][i];
      double sum = 0;
      for (const double value : z) sum += std::exp(value);
      for (size_t k = 0; k < z.size(); ++k) {
        const double target = (static_cast<int32_t>(k) == labels[i] ? 1 - smoothing : 0.0) +
                              smoothing / static_cast<double>(z.size());
        loss -= target * (z[k] - std::log(sum));
      }
    }
    return loss / static_cast<double>(samples.size());
  }

  std::map<std::string, std::vector<double>> parameters;
  // Of the last Loss, by node: mean and unbiased variance of each channel.
  std::map<std::string, std::vector<double>> means, variances;

 private:
  struct Dims {
    int64_t c, h, w;
  };
  Dims DimsOf(graph::TensorId id) const {
    const Shape& s = graph_.At(id).shape;
    return s.size() == 1 ? Dims{s[0], 1, 1} : Dims{s[0], s[1], s[2]};
  }

  static size_t At(const Dims& d, int64_t c, int64_t h, int64_t w) {
    return static_cast<size_t>((c * d.h + h) * d.w + w);
  }

  Values Convolve(const graph::Node& node, const graph::Conv2d& op, const Values& x) {
    const Dims in = DimsOf(node.inputs[0]);
    const Dims out = DimsOf(node.output);
    const std::vector<double>& weight = parameters.at(node.name + ".weight");
    Values y(x.size(), std::vector<double>(static_cast<size_t>(out.c * out.h * out.w)));
    const int64_t ins = in.c / op.groups;
    const int64_t outs = out.c / op.groups;
    for (size_t n = 0; n < x.size(); ++n) {
      for (int64_t o = 0; o < out.c; ++o) {
        for (int64_t r = 0; r < out.h; ++r) {
          for (int64_t c = 0; c < out.w; ++c) {
            double sum =
                op.has_bias ? parameters.at(node.name + ".bias")[static_cast<size_t>(o)] : 0;
            for (int64_t i = 0; i < ins; ++i) {
              for (int64_t kr = 0; kr < op.kernel.h; ++kr) {
                for (int64_t kc = 0; kc < op.kernel.w; ++kc) {
                  const int64_t h = r * op.stride.h + kr * op.dilation.h - op.padding.top;
                  const int64_t w = c * op.stride.w + kc * op.dilation.w - op.padding.left;
                  if (h < 0 || h >= in.h || w < 0 || w >= in.w) continue;
                  const int64_t k = ((o * ins + i) * op.kernel.h + kr) * op.kernel.w + kc;
                  sum += weight[static_cast<size_t>(k)] * x[n][At(in, o / outs * ins + i, h, w)];
                }
              }
            }
            y[n][At(out, o, r, c)] = sum;
          }
        }
      }
    }
    return y;
  }

  Values Normalise(const graph::Node& node, const graph::BatchNorm& op, Values x) {
    const Dims d = DimsOf(node.output);
    const auto plane = static_cast<size_t>(d.h * d.w);
    const double n = static_cast<double>(x.size() * plane);
    means[node.name].clear();
    variances[node.name].clear();
    for (size_t c = 0; c < static_cast<size_t>(d.c); ++c) {
      double mean = 0;
      for (const auto& sample : x) {
        for (size_t p = 0; p < plane; ++p) mean += sample[c * plane + p] / n;
      }
      double variance = 0;
      for (const auto& sample : x) {
        for (size_t p = 0; p < plane; ++p)
          variance += std::pow(sample[c * plane + p] - mean, 2) / n;
      }
      const double gain =
          parameters.at(node.name + ".weight")[c] / std::sqrt(variance + double{op.epsilon});
      const double bias = parameters.at(node.name + ".bias")[c];
      for (auto& sample : x) {
        for (size_t p = 0; p < plane; ++p) {
          sample[c * plane + p] = (sample[c * plane + p] - mean) * gain + bias;
        }
      }
      means[node.name].push_back(mean);
      variances[node.name].push_back(variance * n / (n - 1));
    }
    return x;
  }

  // max: the largest value in the window; else the sum divided by area(first, last row and column).
  template <typename Window, typename Area>
  Values Pool(const graph::Node& node, const Values& x, bool max, Window window, Area area) {
    const Dims in = DimsOf(node.inputs[0]);
    const Dims out = DimsOf(node.output);
    Values y(x.size(), std::vector<double>(static_cast<size_t>(out.c * out.h * out.w)));
    for (size_t n = 0; n < x.size(); ++n) {
      for (int64_t c = 0; c < out.c; ++c) {
        for (int64_t r = 0; r < out.h; ++r) {
          for (int64_t k = 0; k < out.w; ++k) {
            double largest = -std::numeric_limits<double>::infinity();
            double sum = 0;
            const std::vector<int64_t> rows = window(r, true);
            const std::vector<int64_t> columns = window(k, false);
            for (const int64_t h : rows) {
              for (const int64_t w : columns) {
                if (h < 0 || h >= in.h || w < 0 || w >= in.w) continue;
                largest = std::max(largest, x[n][At(in, c, h, w)]);
                sum += x[n][At(in, c, h, w)];
              }
            }
            y[n][At(out, c, r, k)] = max ? largest : sum / area(rows.size() * columns.size());
          }
        }
      }
    }
    return y;
  }

  template <typename PoolOp>
  Values Slide(const graph::Node& node, const PoolOp& op, const Values& x, bool max,
               graph::Size2 dilation) {
    const auto window = [&](int64_t o, bool rows) {
      std::vector<int64_t> indices;
      for (int64_t k = 0; k < (rows ? op.kernel.h : op.kernel.w); ++k) {
        indices.push_back(rows ? o * op.stride.h + k * dilation.h - op.padding.top
                               : o * op.stride.w + k * dilation.w - op.padding.left);
      }
      return indices;
    };
    return Pool(node, x, max, window, [](size_t cells) { return static_cast<double>(cells); });
  }

  Values Adapt(const graph::Node& node, const Values& x) {
    const Dims in = DimsOf(node.inputs[0]);
    const Dims out = DimsOf(node.output);
    const auto window = [&](int64_t o, bool rows) {
      const double n = static_cast<double>(rows ? in.h : in.w);
      const double outs = static_cast<double>(rows ? out.h : out.w);
      std::vector<int64_t> indices;
      for (auto i = static_cast<int64_t>(std::floor(static_cast<double>(o) * n / outs));
           i < static_cast<int64_t>(std::ceil(static_cast<double>(o + 1) * n / outs)); ++i) {
        indices.push_back(i);
      }
      return indices;
    };
    return Pool(node, x, false, window, [](size_t cells) { return static_cast<double>(cells); });
  }

  Values Join(const graph::Node& node, int axis, std::map<graph::TensorId, Values>& tensors) {
    const Dims out = DimsOf(node.output);
    const size_t count = tensors.at(node.inputs[0]).size();
    Values y(count, std::vector<double>(static_cast<size_t>(out.c * out.h * out.w)));
    int64_t start[3] = {};
    for (const graph::TensorId id : node.inputs) {
      const Dims in = DimsOf(id);
      for (size_t n = 0; n < count; ++n) {
        for (int64_t c = 0; c < in.c; ++c) {
          for (int64_t h = 0; h < in.h; ++h) {
            for (int64_t w = 0; w < in.w; ++w) {
              y[n][At(out, c + start[0], h + start[1], w + start[2])] =
                  tensors.at(id)[n][At(in, c, h, w)];
            }
          }
        }
      }
      start[axis] += axis == 0 ? in.c : (axis == 1 ? in.h : in.w);
    }
    return y;
  }

  Values Run(const graph::Node& node, std::map<graph::TensorId, Values>& tensors) {
    Values x = tensors.at(node.inputs[0]);
    return std::visit(
        graph::Overloaded{
            [&](const graph::Conv2d& op) { return Convolve(node, op, x); },
            [&](const graph::Linear& op) {
              graph::Conv2d conv;
              conv.out_channels = op.out_features;
              conv.has_bias = op.has_bias;
              return Convolve(node, conv, x);
            },
            [&](const graph::BatchNorm& op) { return Normalise(node, op, x); },
            [&](const graph::Relu&) {
              for (auto& sample : x) {
                for (double& value : sample) value = std::max(value, 0.0);
              }
              return x;
            },
            [&](const graph::MaxPool& op) { return Slide(node, op, x, true, op.dilation); },
            [&](const graph::AvgPool& op) { return Slide(node, op, x, false, {}); },
            [&](const graph::AdaptiveAvgPool&) { return Adapt(node, x); },
            [&](const graph::Add&) {
              const Values& other = tensors.at(node.inputs[1]);
              for (size_t n = 0; n < x.size(); ++n) {
                for (size_t i = 0; i < x[n].size(); ++i) x[n][i] += other[n][i];
              }
              return x;
            },
            [&](const graph::Concat& op) { return Join(node, op.axis, tensors); },
            [&](const auto&) { return x; }},  // Identity, Flatten
        node.op);
  }

  const graph::Graph& graph_;
};

}  // namespace platypus::train

#endif  // PLATYPUS_TESTS_TRAIN_REFERENCE_H_
