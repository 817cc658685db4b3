// Shape and type inference.
#include <algorithm>
#include <utility>

#include "platypus/base/error.h"
#include "platypus/graph/graph.h"

namespace platypus::graph {
namespace {

int64_t Window(const std::string& node, const char* axis, int64_t in, int before, int after,
               int kernel, int stride, int dilation) {
  if (kernel < 1 || stride < 1 || dilation < 1 || before < 0 || after < 0) {
    Fail(Category::kModel,
         "layer {}: kernel {}, stride {}, dilation {}, padding {}+{} along {}: kernel, stride and "
         "dilation must be at least 1, padding at least 0",
         node, kernel, stride, dilation, before, after, axis);
  }
  const int64_t span = int64_t{dilation} * (kernel - 1) + 1;
  if (in + before + after < span) {
    Fail(Category::kModel,
         "layer {}: a window of {} does not fit its input of {} (padding {}+{}) along {}", node,
         span, in, before, after, axis);
  }
  return (in + before + after - span) / stride + 1;
}

const Shape& Image(const std::string& node, const Op& op, const Shape& shape) {
  if (shape.size() != 3) {
    Fail(Category::kModel, "layer {}: {} needs an input of channels x height x width, got {}", node,
         Name(op), ToString(shape));
  }
  return shape;
}

Shape Slide(const std::string& node, const Shape& in, int64_t channels, Size2 kernel, Size2 stride,
            Size2 dilation, const Padding2& p) {
  return {channels, Window(node, "height", in[1], p.top, p.bottom, kernel.h, stride.h, dilation.h),
          Window(node, "width", in[2], p.left, p.right, kernel.w, stride.w, dilation.w)};
}

Shape Spread(const std::string& node, const Op& op, const ConvTranspose2d& conv, const Shape& in) {
  Image(node, op, in);
  if (conv.groups < 1 || in[0] % conv.groups != 0 || conv.out_channels < 1 ||
      conv.out_channels % conv.groups != 0) {
    Fail(Category::kModel, "layer {}: {} groups do not divide {} input and {} output channels",
         node, conv.groups, in[0], conv.out_channels);
  }
  const auto axis = [&](int64_t n, int kernel, int stride, int dilation, int cut, int extra) {
    const int64_t out = (n - 1) * stride - cut + int64_t{dilation} * (kernel - 1) + 1 + extra;
    if (kernel < 1 || stride < 1 || dilation < 1 || extra < 0 ||
        extra >= std::max(stride, dilation) || out < 1) {
      Fail(Category::kModel,
           "layer {}: transposed convolution of {} with kernel {}, stride {}, dilation {}, padding "
           "{}, output padding {} (which must be below stride or dilation)",
           node, n, kernel, stride, dilation, cut, extra);
    }
    return out;
  };
  const Padding2& p = conv.padding;
  return {
      conv.out_channels,
      axis(in[1], conv.kernel.h, conv.stride.h, conv.dilation.h, p.top + p.bottom, conv.extra.h),
      axis(in[2], conv.kernel.w, conv.stride.w, conv.dilation.w, p.left + p.right, conv.extra.w)};
}

Shape Steps(const std::string& node, const Op& op, const Recurrent& r, const Shape& in) {
  Image(node, op, in);
  if (in[2] != 1 || r.hidden < 1 || r.layers < 1) {
    Fail(Category::kModel,
         "layer {}: {} of {} values in {} layers needs an input of values x steps x 1, got {}",
         node, Name(op), r.hidden, r.layers, ToString(in));
  }
  return r.last_step_only ? Shape{r.hidden} : Shape{r.hidden, in[1], 1};
}

void RequirePoolPadding(const std::string& node, Size2 kernel, const Padding2& p) {
  if (2 * std::max(p.top, p.bottom) > kernel.h || 2 * std::max(p.left, p.right) > kernel.w) {
    Fail(Category::kModel, "layer {}: pool padding {}x{} is more than half of the kernel {}x{}",
         node, std::max(p.top, p.bottom), std::max(p.left, p.right), kernel.h, kernel.w);
  }
}

}  // namespace

Shape InferShape(const std::string& node, const Op& op, const std::vector<Shape>& inputs) {
  const bool many = std::holds_alternative<Add>(op) || std::holds_alternative<Mul>(op) ||
                    std::holds_alternative<AddRequantize>(op) ||
                    std::holds_alternative<MulRequantize>(op) || std::holds_alternative<Concat>(op);
  if (inputs.size() < (many ? 2u : 1u) ||
      (inputs.size() != (many ? 2u : 1u) && !std::holds_alternative<Concat>(op))) {
    Fail(Category::kModel, "layer {}: {} got {} inputs", node, Name(op), inputs.size());
  }
  const Shape& in = inputs[0];
  const auto same = [&](const auto&) { return in; };
  const auto pair = [&](const auto&) {
    if (inputs[0] != inputs[1]) {
      Fail(Category::kModel, "layer {}: {} of {} and {}: the shapes must be equal", node, Name(op),
           ToString(inputs[0]), ToString(inputs[1]));
    }
    return in;
  };
  return std::visit(
      Overloaded{
          [&](const Identity& o) { return same(o); },
          [&](const BatchNorm& o) { return same(o); },
          [&](const Conv2d& conv) {
            Image(node, op, in);
            if (conv.groups < 1 || in[0] % conv.groups != 0 ||
                conv.out_channels % conv.groups != 0 || conv.out_channels < 1) {
              Fail(Category::kModel,
                   "layer {}: {} groups do not divide {} input and {} output channels", node,
                   conv.groups, in[0], conv.out_channels);
            }
            return Slide(node, in, conv.out_channels, conv.kernel, conv.stride, conv.dilation,
                         conv.padding);
          },
          [&](const Linear& linear) {
            if (in.size() != 1) {
              Fail(Category::kModel,
                   "layer {}: Linear needs a flat input, got {}; put a Flatten before it", node,
                   ToString(in));
            }
            return Shape{linear.out_features};
          },
          [&](const ConvTranspose2d& conv) { return Spread(node, op, conv, in); },
          [&](const Relu& o) { return same(o); },
          [&](const Clamp& clamp) {
            if (!(clamp.low <= clamp.high)) {
              Fail(Category::kModel, "layer {}: clamp from {} to {}", node, clamp.low, clamp.high);
            }
            return in;
          },
          [&](const LeakyRelu& o) { return same(o); },
          [&](const Sigmoid& o) { return same(o); },
          [&](const Tanh& o) { return same(o); },
          [&](const Gelu& o) { return same(o); },
          [&](const Softmax& o) { return same(o); },
          [&](const LogSoftmax& o) { return same(o); },
          [&](const MaxPool& pool) {
            Image(node, op, in);
            RequirePoolPadding(node, pool.kernel, pool.padding);
            return Slide(node, in, in[0], pool.kernel, pool.stride, pool.dilation, pool.padding);
          },
          [&](const AvgPool& pool) {
            Image(node, op, in);
            RequirePoolPadding(node, pool.kernel, pool.padding);
            return Slide(node, in, in[0], pool.kernel, pool.stride, {}, pool.padding);
          },
          [&](const AdaptiveAvgPool& pool) {
            Image(node, op, in);
            if (pool.output.h < 1 || pool.output.w < 1) {
              Fail(Category::kModel, "layer {}: output size {}x{} must be at least 1x1", node,
                   pool.output.h, pool.output.w);
            }
            return Shape{in[0], pool.output.h, pool.output.w};
          },
          [&](const Flatten&) { return Shape{NumElements(in)}; },
          [&](const Reshape& reshape) {
            const bool positive =
                std::ranges::all_of(reshape.shape, [](int64_t n) { return n > 0; });
            if ((reshape.shape.size() != 1 && reshape.shape.size() != 3) || !positive ||
                NumElements(reshape.shape) != NumElements(in)) {
              Fail(Category::kModel, "layer {}: {} cannot be seen as {}", node, ToString(in),
                   ToString(reshape.shape));
            }
            return reshape.shape;
          },
          [&](const Transpose& transpose) {
            Image(node, op, in);
            std::array<int, 3> sorted = transpose.order;
            std::ranges::sort(sorted);
            if (sorted != std::array<int, 3>{0, 1, 2}) {
              Fail(Category::kModel, "layer {}: {}, {}, {} is no order of three axes", node,
                   transpose.order[0], transpose.order[1], transpose.order[2]);
            }
            Shape out;
            for (const int axis : transpose.order) out.push_back(in[static_cast<size_t>(axis)]);
            return out;
          },
          [&](const Pad& pad) {
            Image(node, op, in);
            const Padding2& p = pad.padding;
            if (std::min({p.top, p.left, p.bottom, p.right}) < 0) {
              Fail(Category::kModel, "layer {}: padding must be at least 0", node);
            }
            return Shape{in[0], in[1] + p.top + p.bottom, in[2] + p.left + p.right};
          },
          [&](const Slice& slice) {
            const bool known = slice.axis >= 0 && slice.axis < static_cast<int>(in.size());
            const auto axis = static_cast<size_t>(known ? slice.axis : 0);
            if (!known || slice.begin < 0 || slice.begin >= slice.end || slice.end > in[axis] ||
                slice.step < 1) {
              Fail(Category::kModel, "layer {}: indices {} to {} by {} of axis {} of {}", node,
                   slice.begin, slice.end, slice.step, slice.axis, ToString(in));
            }
            Shape out = in;
            out[axis] = (slice.end - slice.begin + slice.step - 1) / slice.step;
            return out;
          },
          [&](const Resize& resize) {
            Image(node, op, in);
            if (resize.output.h < 1 || resize.output.w < 1) {
              Fail(Category::kModel, "layer {}: output size {}x{} must be at least 1x1", node,
                   resize.output.h, resize.output.w);
            }
            return Shape{in[0], resize.output.h, resize.output.w};
          },
          [&](const Dropout& dropout) {
            if (!(dropout.probability >= 0.0f && dropout.probability < 1.0f)) {
              Fail(Category::kModel, "layer {}: dropout probability {}, expected 0 <= p < 1", node,
                   dropout.probability);
            }
            return in;
          },
          [&](const LayerNorm& o) { return same(o); },
          [&](const Recurrent& r) { return Steps(node, op, r, in); },
          [&](const Add& o) { return pair(o); },
          [&](const Mul& o) { return pair(o); },
          [&](const Scale& o) { return same(o); },
          [&](const Concat& concat) {
            Shape out = in;
            if (concat.axis < 0 || concat.axis >= static_cast<int>(in.size())) {
              Fail(Category::kModel, "layer {}: no axis {} to join {} along", node, concat.axis,
                   ToString(in));
            }
            const auto axis = static_cast<size_t>(concat.axis);
            for (size_t i = 1; i < inputs.size(); ++i) {
              Shape rest = inputs[i];
              if (rest.size() == in.size()) rest[axis] = in[axis];
              if (rest != in) {
                Fail(Category::kModel, "layer {}: cannot join {} and {} along axis {}", node,
                     ToString(in), ToString(inputs[i]), concat.axis);
              }
              out[axis] += inputs[i][axis];
            }
            return out;
          },
          [&](const FakeQuantize& o) { return same(o); },
          [&](const QuantizeInput& o) { return same(o); },
          [&](const SumPool& pool) {
            Image(node, op, in);
            return Slide(node, in, in[0], pool.kernel, pool.stride, {}, pool.padding);
          },
          [&](const Requantize& o) { return same(o); },
          [&](const AddRequantize& o) { return pair(o); },
          [&](const Lookup& o) { return same(o); },
          [&](const IntegerSoftmax& o) { return same(o); },
          [&](const IntegerLayerNorm& o) {
            if (NumElements(in) > IntegerLayerNorm::kMostElements) {
              Fail(Category::kModel, "layer {}: {} of {} values, at most {}", node, Name(op),
                   NumElements(in), IntegerLayerNorm::kMostElements);
            }
            return same(o);
          },
          [&](const IntegerRecurrent& r) { return Steps(node, op, r.Float(), in); },
          [&](const MulRequantize& o) { return pair(o); },
          [&](const Dequantize& o) { return same(o); },
      },
      op);
}

DType InferType(const Op& op, const std::vector<DType>& inputs) {
  const auto code = [](const auto& q) {
    if (q.lo >= 0 && q.hi <= 255) return DType::kUInt8;
    return q.lo >= -128 && q.hi <= 127 ? DType::kInt8 : DType::kInt16;
  };
  const auto accumulator = [&] {
    return inputs.at(0) == DType::kFloat32 ? DType::kFloat32 : DType::kInt32;
  };
  return std::visit(Overloaded{[&](const Conv2d&) { return accumulator(); },
                               [&](const ConvTranspose2d&) { return accumulator(); },
                               [&](const Linear&) { return accumulator(); },
                               [&](const AdaptiveAvgPool&) { return accumulator(); },
                               [&](const SumPool&) { return DType::kInt32; },
                               [&](const Resize& r) {
                                 return r.mode == Resize::Mode::kBilinear ? accumulator()
                                                                          : inputs.at(0);
                               },
                               [&](const QuantizeInput& q) { return code(q); },
                               [&](const Requantize& q) { return code(q); },
                               [&](const AddRequantize& q) { return code(q); },
                               [&](const Lookup& q) { return code(q); },
                               [&](const IntegerSoftmax&) { return DType::kUInt8; },
                               [&](const IntegerLayerNorm& q) { return code(q); },
                               [&](const IntegerRecurrent& q) { return code(q); },
                               [&](const MulRequantize& q) { return code(q); },
                               [&](const Dequantize&) { return DType::kFloat32; },
                               [&](const auto&) { return inputs.at(0); }},
                    op);
}

}  // namespace platypus::graph
