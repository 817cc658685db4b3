#include <algorithm>
#include <cmath>

#include "platypus/train/local_layer.h"

namespace platypus::train {

void SoftmaxLayer::Forward(const Pass& pass) const {
  const int64_t plane = positions * kLanes;
  for (int64_t i = 0; i < plane; ++i) {  // every position and lane by itself
    const float* x = pass.x + i;
    float* y = pass.y + i;
    float top = x[0];
    for (int64_t c = 1; c < channels; ++c) top = std::max(top, x[c * plane]);
    double sum = 0;
    for (int64_t c = 0; c < channels; ++c) sum += std::exp(double{x[c * plane]} - top);
    for (int64_t c = 0; c < channels; ++c) {
      const double log = double{x[c * plane]} - top - std::log(sum);
      y[c * plane] = static_cast<float>(logarithm ? log : std::exp(log));
    }
  }
}

// Softmax: dx = y (dy - sum(dy y)); its logarithm: dx = dy - exp(y) sum(dy).
void SoftmaxLayer::Backward(const Pass& pass, const Return& back) const {
  if (back.dx == nullptr) return;
  const int64_t plane = positions * kLanes;
  for (int64_t i = 0; i < plane; ++i) {
    double sum = 0;
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t at = c * plane + i;
      sum += logarithm ? back.dy[at] : double{back.dy[at]} * pass.y[at];
    }
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t at = c * plane + i;
      back.dx[at] = static_cast<float>(logarithm ? back.dy[at] - std::exp(double{pass.y[at]}) * sum
                                                 : pass.y[at] * (back.dy[at] - sum));
    }
  }
}

}  // namespace platypus::train
