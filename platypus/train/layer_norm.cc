#include <cmath>

#include "platypus/train/local_layer.h"

namespace platypus::train {

void LayerNormLayer::Forward(const Pass& pass) const {
  const float* weight = pass.parameters;
  const float* bias = weight + elements;
  float* mean = pass.kept;
  float* inverse = pass.kept + kLanes;
  const auto n = static_cast<double>(elements);
  double sum[kLanes] = {};
  double squares[kLanes] = {};
  for (int64_t i = 0; i < elements; ++i) {
    for (int lane = 0; lane < kLanes; ++lane) sum[lane] += pass.x[i * kLanes + lane];
  }
  for (int64_t i = 0; i < elements; ++i) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const double d = pass.x[i * kLanes + lane] - sum[lane] / n;
      squares[lane] += d * d;
    }
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    mean[lane] = static_cast<float>(sum[lane] / n);
    inverse[lane] = static_cast<float>(1.0 / std::sqrt(squares[lane] / n + double{epsilon}));
  }
  for (int64_t i = 0; i < elements; ++i) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const int64_t at = i * kLanes + lane;
      pass.y[at] = (pass.x[at] - mean[lane]) * inverse[lane] * weight[i] + bias[i];
    }
  }
}

// With u = (x - mean) / deviation and g = dy * weight: dx = (g - mean(g) - u mean(g u)) /
// deviation.
void LayerNormLayer::Backward(const Pass& pass, const Return& back) const {
  const float* weight = pass.parameters;
  const float* mean = pass.kept;
  const float* inverse = pass.kept + kLanes;
  double sum[kLanes] = {};
  double product[kLanes] = {};
  for (int64_t i = 0; i < elements; ++i) {
    double dweight = 0;
    double dbias = 0;
    for (int lane = 0; lane < kLanes; ++lane) {
      const int64_t at = i * kLanes + lane;
      const double u = (pass.x[at] - mean[lane]) * inverse[lane];
      const double g = double{back.dy[at]} * weight[i];
      sum[lane] += g;
      product[lane] += g * u;
      dweight += back.dy[at] * u;
      dbias += back.dy[at];
    }
    back.parameters[i] += static_cast<float>(dweight);
    back.parameters[elements + i] += static_cast<float>(dbias);
  }
  if (back.dx == nullptr) return;
  const auto n = static_cast<double>(elements);
  for (int64_t i = 0; i < elements; ++i) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const int64_t at = i * kLanes + lane;
      const double u = (pass.x[at] - mean[lane]) * inverse[lane];
      const double g = double{back.dy[at]} * weight[i];
      back.dx[at] = static_cast<float>((g - sum[lane] / n - u * product[lane] / n) * inverse[lane]);
    }
  }
}

}  // namespace platypus::train
