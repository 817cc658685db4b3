#ifndef PLATYPUS_TESTS_TRAIN_REFERENCE_H_
#define PLATYPUS_TESTS_TRAIN_REFERENCE_H_

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <stdexcept>
#include <string>
#include <vector>

#include "platypus/graph/graph.h"
#include "platypus/train/loss.h"

// Float networks in training mode and losses, by plain loops in double: shares no code with the
// engine.
namespace platypus::train {

class Reference {
 public:
  using Values = std::vector<std::vector<double>>;  // [sample][element]

  // What outputs are compared with; no targets: the labels.
  struct Wanted {
    std::vector<int32_t> labels;
    Values targets = {};
  };

  // Mean over a batch, given its outputs.
  double LossOf(const Loss& loss, const Values& outputs, const Wanted& wanted) {
    double sum = 0;
    double weights = 0;
    for (size_t n = 0; n < outputs.size(); ++n) {
      const std::vector<double>& y = outputs[n];
      double weight = 1;
      const double value = std::visit(
          graph::Overloaded{
              [&](const CrossEntropy& ce) {
                const auto classes = static_cast<double>(y.size());
                std::vector<double> q(y.size(), ce.smoothing / classes);
                if (!wanted.targets.empty()) {
                  q = wanted.targets[n];
                } else {
                  q[static_cast<size_t>(wanted.labels[n])] += 1 - double{ce.smoothing};
                }
                if (!ce.class_weights.empty()) {
                  for (size_t k = 0; k < y.size(); ++k) q[k] *= ce.class_weights[k];
                  if (wanted.targets.empty()) {
                    weight = ce.class_weights[static_cast<size_t>(wanted.labels[n])];
                  }
                }
                const double top = *std::max_element(y.begin(), y.end());
                double all = 0;
                for (const double z : y) all += std::exp(z - top);
                double entropy = 0;
                for (size_t k = 0; k < y.size(); ++k) {
                  entropy -= q[k] * (y[k] - top - std::log(all));
                }
                return entropy;
              },
              [&](const MeanSquaredError&) {
                return MeanOf(y, wanted.targets[n],
                              [](double v, double t) { return std::pow(v - t, 2); });
              },
              [&](const MeanAbsoluteError&) {
                return MeanOf(y, wanted.targets[n], [&](double v, double t) {
                  Decide(v > t);
                  return std::abs(v - t);
                });
              },
              [&](const Huber& h) {
                return MeanOf(y, wanted.targets[n], [&](double v, double t) {
                  const double d = std::abs(v - t);
                  return d <= h.delta ? d * d / 2 : h.delta * (d - double{h.delta} / 2);
                });
              },
              [&](const Smape&) {
                return MeanOf(y, wanted.targets[n], [&](double v, double t) {
                  Decide(v > t);
                  Decide(v > 0);
                  return 100 * std::abs(v - t) / std::max(1e-8, (std::abs(v) + std::abs(t)) / 2);
                });
              }},
          loss);
      sum += value;
      weights += weight;
    }
    return sum / weights;
  }

  explicit Reference(const graph::Graph& graph) : graph_(graph) {
    for (const auto& [name, array] : graph.parameters) {
      parameters[name].assign(array.Floats().begin(), array.Floats().end());
    }
  }

  // Mean loss over the batch.
  double LossAt(const Values& samples, const Wanted& wanted, const Loss& loss) {
    decisions = 0;
    std::map<graph::TensorId, Values> tensors;
    tensors[graph_.input] = samples;
    for (const graph::Node& node : graph_.nodes) tensors[node.output] = Run(node, tensors);
    return LossOf(loss, tensors[graph_.output], wanted);
  }

  std::map<std::string, std::vector<double>> parameters;
  // Of the last Loss, by node: mean and unbiased variance of each channel.
  std::map<std::string, std::vector<double>> means, variances;
  // Batch norms normalise with the graph's running statistics.
  bool frozen = false;
  // A hash of every choice of the last loss that is not smooth (which side of a kink, which maximum
  // of a window): where two points differ in it, no difference between them is a derivative.
  uint64_t decisions = 0;

 private:
  void Decide(int64_t choice) {
    decisions = (decisions ^ static_cast<uint64_t>(choice + 1)) * 0x9E3779B97F4A7C15u;
    decisions ^= decisions >> 29;
  }

  template <typename Function>
  static double MeanOf(const std::vector<double>& y, const std::vector<double>& t, Function f) {
    double sum = 0;
    for (size_t k = 0; k < y.size(); ++k) sum += f(y[k], t[k]);
    return sum / static_cast<double>(y.size());
  }

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
      means[node.name].push_back(mean);
      variances[node.name].push_back(variance * n / (n - 1));
      if (frozen) {
        mean = parameters.at(node.name + ".running_mean")[c];
        variance = parameters.at(node.name + ".running_var")[c];
      }
      const double gain =
          parameters.at(node.name + ".weight")[c] / std::sqrt(variance + double{op.epsilon});
      const double bias = parameters.at(node.name + ".bias")[c];
      for (auto& sample : x) {
        for (size_t p = 0; p < plane; ++p) {
          sample[c * plane + p] = (sample[c * plane + p] - mean) * gain + bias;
        }
      }
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
            int64_t where = 0;
            double sum = 0;
            const std::vector<int64_t> rows = window(r, true);
            const std::vector<int64_t> columns = window(k, false);
            for (const int64_t h : rows) {
              for (const int64_t w : columns) {
                if (h < 0 || h >= in.h || w < 0 || w >= in.w) continue;
                if (x[n][At(in, c, h, w)] > largest) {
                  largest = x[n][At(in, c, h, w)];
                  where = h * in.w + w;
                }
                sum += x[n][At(in, c, h, w)];
              }
            }
            if (max) Decide(where);
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

  // Every input position adds a kernel's worth of values to the output.
  Values Spread(const graph::Node& node, const graph::ConvTranspose2d& op, const Values& x) {
    const Dims in = DimsOf(node.inputs[0]);
    const Dims out = DimsOf(node.output);
    const std::vector<double>& weight = parameters.at(node.name + ".weight");
    Values y(x.size(), std::vector<double>(static_cast<size_t>(out.c * out.h * out.w)));
    const int64_t ins = in.c / op.groups;
    const int64_t outs = out.c / op.groups;
    for (size_t n = 0; n < x.size(); ++n) {
      for (int64_t o = 0; o < out.c; ++o) {
        for (int64_t p = 0; p < out.h * out.w && op.has_bias; ++p) {
          y[n][static_cast<size_t>(o * out.h * out.w + p)] =
              parameters.at(node.name + ".bias")[static_cast<size_t>(o)];
        }
      }
      for (int64_t i = 0; i < in.c; ++i) {
        for (int64_t o = 0; o < outs; ++o) {
          for (int64_t r = 0; r < in.h; ++r) {
            for (int64_t c = 0; c < in.w; ++c) {
              for (int64_t kr = 0; kr < op.kernel.h; ++kr) {
                for (int64_t kc = 0; kc < op.kernel.w; ++kc) {
                  const int64_t h = r * op.stride.h + kr * op.dilation.h - op.padding.top;
                  const int64_t w = c * op.stride.w + kc * op.dilation.w - op.padding.left;
                  if (h < 0 || h >= out.h || w < 0 || w >= out.w) continue;
                  const int64_t k = ((i * outs + o) * op.kernel.h + kr) * op.kernel.w + kc;
                  y[n][At(out, i / ins * outs + o, h, w)] +=
                      weight[static_cast<size_t>(k)] * x[n][At(in, i, r, c)];
                }
              }
            }
          }
        }
      }
    }
    return y;
  }

  // from(c, h, w) of every output position.
  template <typename From>
  Values Rearrange(const graph::Node& node, const Values& x, From from) {
    const Dims out = DimsOf(node.output);
    Values y(x.size(), std::vector<double>(static_cast<size_t>(out.c * out.h * out.w)));
    for (size_t n = 0; n < x.size(); ++n) {
      for (int64_t c = 0; c < out.c; ++c) {
        for (int64_t h = 0; h < out.h; ++h) {
          for (int64_t w = 0; w < out.w; ++w) y[n][At(out, c, h, w)] = from(x[n], c, h, w);
        }
      }
    }
    return y;
  }

  Values Resized(const graph::Node& node, const graph::Resize& op, const Values& x) {
    const Dims in = DimsOf(node.inputs[0]);
    const auto nearest = [](int64_t i, int64_t ins, int outs) {
      return static_cast<int64_t>(
          std::floor(static_cast<double>(i * ins) / static_cast<double>(outs) + 1e-9));
    };
    const auto centre = [](int64_t i, int64_t ins, int outs) {
      return std::max(0.0, (static_cast<double>(i) + 0.5) * static_cast<double>(ins) / outs - 0.5);
    };
    return Rearrange(node, x, [&](const std::vector<double>& v, int64_t c, int64_t h, int64_t w) {
      if (op.mode == graph::Resize::Mode::kNearest) {
        return v[At(in, c, nearest(h, in.h, op.output.h), nearest(w, in.w, op.output.w))];
      }
      const double y = centre(h, in.h, op.output.h);
      const double z = centre(w, in.w, op.output.w);
      // A tent over every input position; what would lie behind the end is the end.
      double sum = 0;
      for (int64_t r = 0; r <= in.h; ++r) {
        for (int64_t k = 0; k <= in.w; ++k) {
          const double share = std::max(0.0, 1 - std::abs(y - static_cast<double>(r))) *
                               std::max(0.0, 1 - std::abs(z - static_cast<double>(k)));
          sum += share * v[At(in, c, std::min(r, in.h - 1), std::min(k, in.w - 1))];
        }
      }
      return sum;
    });
  }

  Values NormaliseSample(const graph::Node& node, const graph::LayerNorm& op, Values x) {
    const std::vector<double>& weight = parameters.at(node.name + ".weight");
    const std::vector<double>& bias = parameters.at(node.name + ".bias");
    for (auto& sample : x) {
      const auto n = static_cast<double>(sample.size());
      double mean = 0;
      for (const double v : sample) mean += v / n;
      double variance = 0;
      for (const double v : sample) variance += (v - mean) * (v - mean) / n;
      for (size_t i = 0; i < sample.size(); ++i) {
        sample[i] =
            (sample[i] - mean) / std::sqrt(variance + double{op.epsilon}) * weight[i] + bias[i];
      }
    }
    return x;
  }

  // over channels, at every position.
  Values Exponentials(const graph::Node& node, Values x, bool logarithm) {
    const Dims d = DimsOf(node.output);
    const auto plane = static_cast<size_t>(d.h * d.w);
    for (auto& sample : x) {
      for (size_t p = 0; p < plane; ++p) {
        double top = sample[p];
        for (size_t i = p; i < sample.size(); i += plane) top = std::max(top, sample[i]);
        double sum = 0;
        for (size_t i = p; i < sample.size(); i += plane) sum += std::exp(sample[i] - top);
        for (size_t i = p; i < sample.size(); i += plane) {
          sample[i] = logarithm ? sample[i] - top - std::log(sum) : std::exp(sample[i] - top) / sum;
        }
      }
    }
    return x;
  }

  // weight [rows][columns] times v, and bias: one row.
  double Affine(const std::string& weight, const std::string& bias, size_t row,
                const std::vector<double>& v) const {
    double sum = parameters.at(bias)[row];
    for (size_t i = 0; i < v.size(); ++i) sum += parameters.at(weight)[row * v.size() + i] * v[i];
    return sum;
  }

  Values Recur(const graph::Node& node, const graph::Recurrent& op, const Values& x) {
    const Dims in = DimsOf(node.inputs[0]);
    const auto s = [](double v) { return 1 / (1 + std::exp(-v)); };
    const auto hidden = static_cast<size_t>(op.hidden);
    Values y;
    for (const auto& sample : x) {
      Values steps;  // [step][value]
      for (int64_t t = 0; t < in.h; ++t) {
        steps.emplace_back();
        for (int64_t c = 0; c < in.c; ++c) steps.back().push_back(sample[At(in, c, t, 0)]);
      }
      for (int layer = 0; layer < op.layers; ++layer) {
        const std::string end = "_l" + std::to_string(layer);
        std::vector<double> h(hidden), c(hidden);
        for (auto& step : steps) {
          std::vector<double> next(hidden);
          for (size_t j = 0; j < hidden; ++j) {
            const auto from_x = [&](size_t gate) {
              return Affine(node.name + ".weight_ih" + end, node.name + ".bias_ih" + end,
                            gate * hidden + j, step);
            };
            const auto from_h = [&](size_t gate) {
              return Affine(node.name + ".weight_hh" + end, node.name + ".bias_hh" + end,
                            gate * hidden + j, h);
            };
            switch (op.cell) {
              case graph::Recurrent::Cell::kRnn:
                next[j] = std::tanh(from_x(0) + from_h(0));
                break;
              case graph::Recurrent::Cell::kGru: {
                const double r = s(from_x(0) + from_h(0));
                const double z = s(from_x(1) + from_h(1));
                next[j] = (1 - z) * std::tanh(from_x(2) + r * from_h(2)) + z * h[j];
                break;
              }
              case graph::Recurrent::Cell::kLstm:
                c[j] = s(from_x(1) + from_h(1)) * c[j] +
                       s(from_x(0) + from_h(0)) * std::tanh(from_x(2) + from_h(2));
                next[j] = s(from_x(3) + from_h(3)) * std::tanh(c[j]);
                break;
            }
          }
          h = next;
          step = next;
        }
      }
      if (op.last_step_only) {
        y.push_back(steps.back());
        continue;
      }
      y.emplace_back();
      for (size_t j = 0; j < hidden; ++j) {
        for (const auto& step : steps) y.back().push_back(step[j]);
      }
    }
    return y;
  }

  template <typename Function>
  static Values Each(Values x, Function f) {
    for (auto& sample : x) {
      for (double& value : sample) value = f(value);
    }
    return x;
  }
  template <typename Function>
  static Values Pairs(Values x, const Values& other, Function f) {
    for (size_t n = 0; n < x.size(); ++n) {
      for (size_t i = 0; i < x[n].size(); ++i) x[n][i] = f(x[n][i], other[n][i]);
    }
    return x;
  }

  Values Run(const graph::Node& node, std::map<graph::TensorId, Values>& tensors) {
    const Values& x = tensors.at(node.inputs[0]);
    const Dims in = DimsOf(node.inputs[0]);
    const auto reject = [&](const auto&) -> Values {
      throw std::logic_error(std::string("no reference of ") + graph::Name(node.op));
    };
    return std::visit(
        graph::Overloaded{
            [&](const graph::Identity&) { return x; },
            [&](const graph::BatchNorm& op) { return Normalise(node, op, x); },
            [&](const graph::Conv2d& op) { return Convolve(node, op, x); },
            [&](const graph::ConvTranspose2d& op) { return Spread(node, op, x); },
            [&](const graph::Linear& op) {
              graph::Conv2d conv;
              conv.out_channels = op.out_features;
              conv.has_bias = op.has_bias;
              return Convolve(node, conv, x);
            },
            [&](const graph::Relu&) {
              return Each(x, [&](double v) {
                Decide(v > 0);
                return v > 0 ? v : 0;
              });
            },
            [&](const graph::Clamp& op) {
              return Each(x, [&](double v) {
                Decide(v < op.low ? 0 : (v > op.high ? 2 : 1));
                return v < op.low ? double{op.low} : (v > op.high ? double{op.high} : v);
              });
            },
            [&](const graph::LeakyRelu& op) {
              return Each(x, [&](double v) {
                Decide(v >= 0);
                return v >= 0 ? v : v * op.slope;
              });
            },
            [&](const graph::Sigmoid&) {
              return Each(x, [](double v) { return 1 / (1 + std::exp(-v)); });
            },
            [&](const graph::Tanh&) { return Each(x, [](double v) { return std::tanh(v); }); },
            [&](const graph::Gelu&) {
              return Each(x, [](double v) { return v * std::erfc(-v / std::numbers::sqrt2) / 2; });
            },
            [&](const graph::Softmax&) { return Exponentials(node, x, false); },
            [&](const graph::LogSoftmax&) { return Exponentials(node, x, true); },
            [&](const graph::MaxPool& op) { return Slide(node, op, x, true, op.dilation); },
            [&](const graph::AvgPool& op) { return Slide(node, op, x, false, {}); },
            [&](const graph::AdaptiveAvgPool&) { return Adapt(node, x); },
            [&](const graph::Flatten&) { return x; },
            [&](const graph::Reshape&) { return x; },
            [&](const graph::Transpose& op) {
              return Rearrange(node, x, [&](const auto& v, int64_t c, int64_t h, int64_t w) {
                std::map<int, int64_t> index = {
                    {op.order[0], c}, {op.order[1], h}, {op.order[2], w}};
                return v[At(in, index[0], index[1], index[2])];
              });
            },
            [&](const graph::Pad& op) {
              return Rearrange(node, x, [&](const auto& v, int64_t c, int64_t h, int64_t w) {
                h -= op.padding.top;
                w -= op.padding.left;
                const bool outside = h < 0 || w < 0 || h >= in.h || w >= in.w;
                return outside ? double{op.value} : v[At(in, c, h, w)];
              });
            },
            [&](const graph::Slice& op) {
              return Rearrange(node, x, [&](const auto& v, int64_t c, int64_t h, int64_t w) {
                int64_t index[3] = {c, h, w};
                index[op.axis] = op.begin + index[op.axis] * op.step;
                return v[At(in, index[0], index[1], index[2])];
              });
            },
            [&](const graph::Resize& op) { return Resized(node, op, x); },
            [&](const graph::Dropout& op) {
              if (op.probability != 0) throw std::logic_error("no reference of random numbers");
              return x;
            },
            [&](const graph::LayerNorm& op) { return NormaliseSample(node, op, x); },
            [&](const graph::Recurrent& op) { return Recur(node, op, x); },
            [&](const graph::Add&) {
              return Pairs(x, tensors.at(node.inputs[1]), [](double a, double b) { return a + b; });
            },
            [&](const graph::Mul&) {
              return Pairs(x, tensors.at(node.inputs[1]), [](double a, double b) { return a * b; });
            },
            [&](const graph::Scale&) {
              const double factor = parameters.at(node.name + ".weight").at(0);
              return Each(x, [&](double v) { return v * factor; });
            },
            [&](const graph::Concat& op) { return Join(node, op.axis, tensors); },
            [&](const graph::FakeQuantize& op) { return reject(op); },
            [&](const graph::QuantizeInput& op) { return reject(op); },
            [&](const graph::SumPool& op) { return reject(op); },
            [&](const graph::Requantize& op) { return reject(op); },
            [&](const graph::AddRequantize& op) { return reject(op); },
            [&](const graph::Lookup& op) { return reject(op); },
            [&](const graph::IntegerSoftmax& op) { return reject(op); },
            [&](const graph::IntegerLayerNorm& op) { return reject(op); },
            [&](const graph::IntegerRecurrent& op) { return reject(op); },
            [&](const graph::MulRequantize& op) { return reject(op); },
            [&](const graph::Dequantize& op) { return reject(op); }},
        node.op);
  }

  const graph::Graph& graph_;
};

}  // namespace platypus::train

#endif  // PLATYPUS_TESTS_TRAIN_REFERENCE_H_
