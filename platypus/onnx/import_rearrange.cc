// Parts of tensors, borders around them, tensors side by side.
#include <algorithm>
#include <cmath>

#include "platypus/onnx/importer.h"

namespace platypus::onnx_io {
namespace {

// Indices begin, begin + step, ... below end along one axis of a view.
View Sliced(NodeReader& node, const View& view, int axis, int64_t begin, int64_t end, int64_t step,
            const std::string& name) {
  const auto i = static_cast<size_t>(axis);
  const int64_t n = view.shape[i];
  if (begin >= end) node.Refuse("nothing is left of axis {}: {} to {} of {}", axis, begin, end, n);
  const int64_t count = (end - begin + step - 1) / step;
  if (count == n) return view;
  // An axis of 1 is always taken whole, so this one is the tensor's.
  View result = node.Append(name, graph::Slice{view.axes[i], begin, end, step}, view);
  result.shape[i] = count;
  return result;
}

View WithoutAxis(View view, int axis) {
  view.shape.erase(view.shape.begin() + axis);
  view.axes.erase(view.axes.begin() + axis);
  return view;
}

// The output size of nearest-neighbour resizing that takes these indices: floor(i * in / out).
bool IsNearest(const std::vector<int64_t>& indices, int64_t in) {
  const auto out = static_cast<int64_t>(indices.size());
  for (int64_t i = 0; i < out; ++i) {
    if (indices[static_cast<size_t>(i)] != i * in / out) return false;
  }
  return true;
}

// The rows or columns of an image, by nearest neighbours.
View Stretched(NodeReader& node, const View& view, int axis, int64_t extent) {
  const Shape& shape = node.Model().Graph().At(view.tensor).shape;
  const int place = view.axes[static_cast<size_t>(axis)];
  if (shape.size() != 3 || place < 1) {
    node.Refuse("repeats indices of axis {}; supported: of rows and columns", axis);
  }
  graph::Resize op{{static_cast<int>(shape[1]), static_cast<int>(shape[2])}};
  (place == 1 ? op.output.h : op.output.w) = node.Small("indices", extent);
  View result = node.Append(node.Name(), op, view);
  result.shape[static_cast<size_t>(axis)] = extent;
  return result;
}

}  // namespace

void ReadPad(NodeReader& node) {
  const View view = node.Data(0);
  node.Choice("mode", "constant", {"constant"});
  const auto given = node.IntsFrom("pads", 1);
  const auto axes = node.HasInput(3) ? node.IntsFrom("axes", 3) : std::nullopt;
  float value = node.Float("value", 0.0f);
  if (node.HasInput(2)) {
    const Constant& constant = node.Constants(2, "value");
    if (constant.Count() != 1) node.Refuse("a value of {} elements", constant.Count());
    value = constant.Floats()[0];
  }
  if (view.real) {
    value = static_cast<float>(std::floor(double{value} / view.real->scale + 0.5) +
                               static_cast<double>(view.real->zero));
    if (!(value >= -32768.0f && value <= 32767.0f)) node.Refuse("a value beyond the codes");
  }
  const size_t count = axes ? axes->size() : view.shape.size();
  if (!given || given->size() != 2 * count) node.Refuse("pads must be {} numbers", 2 * count);
  std::vector<int> before(view.shape.size(), 0);
  std::vector<int> after(view.shape.size(), 0);
  std::vector<int> padded;
  for (size_t i = 0; i < count; ++i) {
    const int axis = axes ? node.Axis((*axes)[i], view.shape.size()) : static_cast<int>(i);
    before[static_cast<size_t>(axis)] = node.Small("pads", (*given)[i]);
    after[static_cast<size_t>(axis)] = node.Small("pads", (*given)[count + i]);
    if ((*given)[i] != 0 || (*given)[count + i] != 0) padded.push_back(axis);
  }
  if (padded.empty()) return node.EmitView(view);
  // As it is if rows and columns are padded; else with the padded axes as rows and columns.
  Importer& importer = node.Model();
  const bool image = importer.Graph().At(view.tensor).shape.size() == 3;
  const bool direct = image && std::ranges::all_of(padded, [&](int axis) {
                        return view.axes[static_cast<size_t>(axis)] > 0;
                      });
  View in = view;
  if (!direct) {
    std::vector<int> wanted;
    for (const int axis : LongAxes(view.shape)) {
      if (std::ranges::find(padded, axis) == padded.end()) wanted.push_back(axis);
    }
    if (wanted.empty()) wanted.push_back(-1);
    if (wanted.size() > 1 || padded.size() > 2) {
      node.Refuse("around channels; supported: around rows and columns");
    }
    wanted.insert(wanted.end(), padded.begin(), padded.end());
    wanted.resize(3, -1);
    in = importer.Arrange(view, wanted, node.Name() + ".order");
  }
  graph::Pad op;
  op.value = value;
  for (const int axis : padded) {
    const auto i = static_cast<size_t>(axis);
    const bool rows = in.axes[i] == 1;
    (rows ? op.padding.top : op.padding.left) = before[i];
    (rows ? op.padding.bottom : op.padding.right) = after[i];
  }
  View out = node.Append(node.Name(), op, in);
  for (size_t i = 0; i < out.shape.size(); ++i) out.shape[i] += before[i] + after[i];
  node.Emit(std::move(out));
}

void ReadSlice(NodeReader& node) {
  View view = node.Data(0);
  const auto starts = node.IntsFrom("starts", 1);
  const auto ends = node.IntsFrom("ends", 2);
  auto axes = node.IntsFrom("axes", 3);
  auto steps = node.IntsFrom("steps", 4);
  if (!starts || !ends || starts->size() > view.shape.size()) node.Refuse("no starts or ends");
  const size_t count = starts->size();
  if (!axes) {
    axes.emplace();
    for (size_t i = 0; i < count; ++i) axes->push_back(static_cast<int64_t>(i));
  }
  if (!steps) steps.emplace(count, 1);
  if (ends->size() != count || axes->size() != count || steps->size() != count) {
    node.Refuse("starts, ends, axes and steps of different lengths");
  }
  for (size_t i = 0; i < count; ++i) {
    const int axis = node.Axis((*axes)[i], view.shape.size());
    const int64_t n = view.shape[static_cast<size_t>(axis)];
    const int64_t step = (*steps)[i];
    if (step < 1 || step > kMostElements) node.Refuse("step {}; legal: at least 1", step);
    const auto place = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + n : at, 0, n); };
    view = Sliced(node, view, axis, place((*starts)[i]), place((*ends)[i]), step, node.Name());
  }
  node.EmitView(std::move(view));
}

void ReadSplit(NodeReader& node) {
  const View view = node.Data(0);
  const int axis = node.Axis(node.Int("axis", 0), view.shape.size());
  const int64_t n = view.shape[static_cast<size_t>(axis)];
  auto sizes = node.IntsFrom("split", 1);
  node.Ignore({"num_outputs"});
  if (!sizes) {
    const int64_t part = (n + node.OutputCount() - 1) / node.OutputCount();
    sizes.emplace();
    for (int64_t at = 0; at < n; at += part) sizes->push_back(std::min(part, n - at));
  }
  if (static_cast<int>(sizes->size()) != node.OutputCount()) {
    node.Refuse("{} parts for {} outputs", sizes->size(), node.OutputCount());
  }
  int64_t begin = 0;
  for (int i = 0; i < node.OutputCount(); ++i) {
    const int64_t size = (*sizes)[static_cast<size_t>(i)];
    if (size < 1 || size > n - begin) node.Refuse("parts of {} elements that do not fit", n);
    if (node.IsRead(i)) {
      View part = Sliced(node, view, axis, begin, begin + size, 1, node.Name());
      part.sole = false;
      node.Emit(std::move(part), i);
    }
    begin += size;
  }
}

// One index, every n-th index, or what nearest-neighbour resizing takes.
void ReadGather(NodeReader& node) {
  const View view = node.Data(0);
  const int axis = node.Axis(node.Int("axis", 0), view.shape.size());
  const int64_t n = view.shape[static_cast<size_t>(axis)];
  const Constant& given = node.Constants(1, "indices");
  if (given.IsFloat() || given.shape.size() > 1 || given.Count() == 0) {
    node.Refuse("indices of {}; supported: one index or a list", ToString(given.shape));
  }
  std::vector<int64_t> indices = given.Ints();
  for (int64_t& index : indices) {
    if (index < -n || index >= n) node.Refuse("index {} of {}", index, n);
    if (index < 0) index += n;
  }
  const int64_t first = indices[0];
  if (indices.size() == 1) {
    View one = Sliced(node, view, axis, first, first + 1, 1, node.Name());
    if (given.shape.empty()) one = WithoutAxis(one, axis);
    return node.EmitView(std::move(one));
  }
  const auto count = static_cast<int64_t>(indices.size());
  const int64_t step = indices[1] - first;
  bool even = step > 0;
  for (int64_t i = 0; i < count; ++i) {
    even = even && indices[static_cast<size_t>(i)] == first + i * step;
  }
  if (even) {
    const int64_t end = first + (count - 1) * step + 1;
    return node.EmitView(Sliced(node, view, axis, first, end, step, node.Name()));
  }
  if (!IsNearest(indices, n)) {
    node.RefuseText("indices in no order that is supported",
                    "supported: one index, every n-th, or floor(i * in / out)");
  }
  node.Emit(Stretched(node, view, axis, count));
}

void ReadConcat(NodeReader& node) {
  Importer& importer = node.Model();
  std::vector<View> views;
  for (int i = 0; i < node.InputCount(); ++i) views.push_back(node.Data(i));
  if (views.empty()) node.Refuse("no inputs");
  if (views[0].real) {
    // All with the codes that the result is quantised to; without such they are alike.
    const auto target = TargetOf(importer, node.OutputName());
    for (size_t i = 0; target && i < views.size(); ++i)
      views[i] = CodesTo(node, fmt::format("{}.codes{}", node.Name(), i), views[i], *target);
  }
  const int axis = node.Axis(node.Int("axis", 1), views[0].shape.size());
  const auto a = static_cast<size_t>(axis);
  Shape shape = views[0].shape;
  shape[a] = 0;
  for (const View& view : views) {
    Shape rest = view.shape;
    if (rest.size() == shape.size()) rest[a] = 0;
    if (rest != shape) node.Refuse("the other axes differ");
  }
  for (const View& view : views) shape[a] += view.shape[a];
  if (views.size() == 1) return node.EmitView(views[0]);
  // All under the same axes, the joined one among them.
  const bool alike = std::ranges::all_of(views, [&](const View& view) {
    return view.axes == views[0].axes && view.axes[a] >= 0 &&
           importer.Graph().At(view.tensor).shape.size() ==
               importer.Graph().At(views[0].tensor).shape.size();
  });
  if (!alike) {
    const std::vector<int> wanted = CanonicalAxes(shape);
    for (View& view : views) view = importer.Arrange(view, wanted, node.Name() + ".order");
  }
  View out = views[0];
  if (out.axes[a] < 0) node.Refuse("along axis {}, which no tensor of the graph has", axis);
  std::vector<graph::TensorId> tensors;
  for (const View& view : views) tensors.push_back(view.tensor);
  out.tensor = importer.Append(node.Name(), graph::Concat{out.axes[a]}, std::move(tensors));
  out.shape = shape;
  out.sole = importer.Reads(node.OutputName()) == 1;
  node.Emit(std::move(out));
}

}  // namespace platypus::onnx_io
