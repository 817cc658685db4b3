// Pools and reductions over rows and columns.
#include <algorithm>

#include "platypus/onnx/importer.h"

namespace platypus::onnx_io {
namespace {

// Padding at the end so that windows counted downwards are as many as ceil_mode counts upwards.
int Extra(int64_t in, int before, int after, int kernel, int stride, int dilation) {
  const int64_t span = int64_t{dilation} * (kernel - 1) + 1;
  const int64_t room = in + before + after - span;
  if (room < 0) return 0;
  const int64_t missing = (stride - room % stride) % stride;
  // A window that would begin in the padding behind the input does not count.
  const int64_t begin = room + missing;
  return begin >= in + before ? 0 : static_cast<int>(missing);
}

graph::Padding2 CeilExtra(const View& in, const Windows& w) {
  const int64_t columns = in.shape.size() > 3 ? in.shape[3] : 1;
  return {0, 0,
          Extra(in.shape[2], w.padding.top, w.padding.bottom, w.kernel.h, w.stride.h, w.dilation.h),
          Extra(columns, w.padding.left, w.padding.right, w.kernel.w, w.stride.w, w.dilation.w)};
}

Windows PoolWindows(NodeReader& node, const View& in) {
  const std::vector<int64_t> kernel = node.Ints("kernel_shape");
  if (kernel.empty()) node.Refuse("no kernel_shape");
  return ReadWindows(node, in.shape, kernel);
}

// The axes of a reduction, from an attribute or an input; all without.
std::vector<int> ReducedAxes(NodeReader& node, const Shape& shape) {
  const auto given = node.IntsFrom("axes", 1);
  std::vector<int> axes;
  for (const int64_t axis : given.value_or(std::vector<int64_t>{})) {
    axes.push_back(node.Axis(axis, shape.size()));
  }
  if (axes.empty() && node.Int("noop_with_empty_axes", 0) != 0) node.Refuse("no axes");
  for (size_t i = 0; (!given || given->empty()) && i < shape.size(); ++i) {
    axes.push_back(static_cast<int>(i));
  }
  std::ranges::sort(axes);
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  return axes;
}

struct Reduction {
  View in;  // with what is reduced among the tensor's axes 1 and 2
  graph::Size2 kernel;
  bool whole = false;  // rows and columns
};

Reduction Prepare(NodeReader& node, const View& view, const std::vector<int>& axes) {
  Importer& importer = node.Model();
  std::vector<int> reduced;
  std::vector<int> kept;
  for (const int axis : LongAxes(view.shape)) {
    (std::ranges::find(axes, axis) == axes.end() ? kept : reduced).push_back(axis);
  }
  if (reduced.size() > 2) node.Refuse("over more than two axes; supported: rows and columns");
  const bool image = importer.Graph().At(view.tensor).shape.size() == 3;
  const bool direct = image && std::ranges::all_of(reduced, [&](int axis) {
                        return view.axes[static_cast<size_t>(axis)] > 0;
                      });
  View in = view;
  if (!direct) {
    std::vector<int> wanted = {kept.empty() ? -1 : kept[0]};
    wanted.insert(wanted.end(), reduced.begin(), reduced.end());
    if (kept.size() > 1) wanted.push_back(kept[1]);
    wanted.resize(3, -1);
    in = importer.Arrange(view, wanted, node.Name() + ".order");
  }
  const Shape& shape = importer.Graph().At(in.tensor).shape;
  Reduction result{in, {}, false};
  for (const int axis : reduced) {
    const int place = in.axes[static_cast<size_t>(axis)];
    (place == 1 ? result.kernel.h : result.kernel.w) =
        static_cast<int>(shape[static_cast<size_t>(place)]);
  }
  result.whole = result.kernel.h == shape[1] && result.kernel.w == shape[2];
  return result;
}

// The result's view: reduced axes have one element, or are gone.
View Reduced(View view, const std::vector<int>& axes, bool keep) {
  for (size_t k = axes.size(); k-- > 0;) {
    const auto i = static_cast<std::ptrdiff_t>(axes[k]);
    view.shape[static_cast<size_t>(i)] = 1;
    if (keep) continue;
    view.shape.erase(view.shape.begin() + i);
    view.axes.erase(view.axes.begin() + i);
  }
  return view;
}

// Means over windows; of codes their sums, requantised.
View AppendMean(NodeReader& node, const graph::AvgPool& op, const View& in, bool whole) {
  if (!in.real) {
    if (whole) return node.Append(node.Name(), graph::AdaptiveAvgPool{{1, 1}}, in);
    return node.Append(node.Name(), op, in);
  }
  const int64_t area = int64_t{op.kernel.h} * op.kernel.w;
  graph::SumPool pool{op.kernel, op.stride, op.padding};
  View padded = in;
  if (in.real->zero != 0 && op.padding != graph::Padding2{}) {
    // Around the image there are zeros of the real numbers.
    padded = node.Append(node.Name() + ".pad",
                         graph::Pad{op.padding, static_cast<float>(in.real->zero)}, in);
    pool.padding = {};
  }
  const View sums = node.Append(node.Name(), pool, padded);
  return RequantizeTo(node, node.Name() + ".requantize", sums,
                      {in.real->scale / static_cast<double>(area)}, {-in.real->zero * area},
                      LargestCode(node.Model(), in) * static_cast<double>(area),
                      *TargetOf(node.Model(), node.OutputName()));
}

void Mean(NodeReader& node, const View& view, const std::vector<int>& axes, bool keep) {
  const Reduction r = Prepare(node, view, axes);
  node.Emit(Reduced(AppendMean(node, {r.kernel, r.kernel, {}}, r.in, r.whole), axes, keep));
}

void Maximum(NodeReader& node, const View& view, const std::vector<int>& axes, bool keep) {
  const Reduction r = Prepare(node, view, axes);
  node.Emit(Reduced(node.Append(node.Name(), graph::MaxPool{r.kernel, r.kernel, {}, {}}, r.in),
                    axes, keep));
}

std::vector<int> BehindChannels(NodeReader& node, const View& view) {
  if (view.shape.size() < 3) node.Refuse("no axes behind the channels");
  std::vector<int> axes;
  for (size_t i = 2; i < view.shape.size(); ++i) axes.push_back(static_cast<int>(i));
  return axes;
}

}  // namespace

void ReadMaxPool(NodeReader& node) {
  if (node.IsRead(1)) node.Refuse("its second output (indices) is not supported");
  node.Ignore({"storage_order"});
  const View in = Image(node, 0);
  Windows w = PoolWindows(node, in);
  if (node.Int("ceil_mode", 0) != 0) {
    const graph::Padding2 extra = CeilExtra(in, w);
    w.padding.bottom += extra.bottom;
    w.padding.right += extra.right;
  }
  const View out =
      node.Append(node.Name(), graph::MaxPool{w.kernel, w.stride, w.dilation, w.padding}, in);
  node.Emit(ImageView(node, out));
}

void ReadAveragePool(NodeReader& node) {
  const View in = Image(node, 0);
  const Windows w = PoolWindows(node, in);
  if (w.dilation != graph::Size2{}) node.Refuse("dilations other than 1");
  const bool counts_padding = node.Int("count_include_pad", 0) != 0;
  if (!counts_padding && w.padding != graph::Padding2{}) {
    node.Refuse("count_include_pad 0 with padding; supported: padding that counts, or none");
  }
  if (node.Int("ceil_mode", 0) != 0 && CeilExtra(in, w) != graph::Padding2{}) {
    node.Refuse("ceil_mode with a last window that is cut off; supported: ceil_mode 0");
  }
  node.Emit(ImageView(node, AppendMean(node, {w.kernel, w.stride, w.padding}, in, false)));
}

void ReadGlobalAveragePool(NodeReader& node) {
  const View view = node.Data(0);
  Mean(node, view, BehindChannels(node, view), true);
}

void ReadGlobalMaxPool(NodeReader& node) {
  const View view = node.Data(0);
  Maximum(node, view, BehindChannels(node, view), true);
}

void ReadReduceMean(NodeReader& node) {
  const View view = node.Data(0);
  const std::vector<int> axes = ReducedAxes(node, view.shape);
  Mean(node, view, axes, node.Int("keepdims", 1) != 0);
}

void ReadReduceMax(NodeReader& node) {
  const View view = node.Data(0);
  const std::vector<int> axes = ReducedAxes(node, view.shape);
  Maximum(node, view, axes, node.Int("keepdims", 1) != 0);
}

void ReadReduceSum(NodeReader& node) {
  const View view = node.Data(0);
  if (!node.IsInteger(view)) {
    node.RefuseText("sums of real numbers are not supported", "nearest operator: ReduceMean");
  }
  const std::vector<int> axes = ReducedAxes(node, view.shape);
  const Reduction r = Prepare(node, view, axes);
  const View out = node.Append(node.Name(), graph::SumPool{r.kernel, r.kernel, {}}, r.in);
  node.Emit(Reduced(out, axes, node.Int("keepdims", 1) != 0));
}

}  // namespace platypus::onnx_io
