// Views: the axes of the file against those of the graph's tensors.
#include <algorithm>
#include <numeric>

#include "platypus/onnx/importer.h"

namespace platypus::onnx_io {
namespace {

// The view with its axes in another order; the tensor stays.
View Permuted(const View& view, const std::vector<int>& order) {
  View result = view;
  for (size_t i = 0; i < order.size(); ++i) {
    result.shape[i] = view.shape[static_cast<size_t>(order[i])];
    result.axes[i] = view.axes[static_cast<size_t>(order[i])];
  }
  return result;
}

Shape LongExtents(const Shape& shape) {
  Shape extents;
  for (const int64_t extent : shape) {
    if (extent > 1) extents.push_back(extent);
  }
  return extents;
}

// The same elements under another shape, in the file's order.
void Reshape(NodeReader& node, const Shape& shape) {
  Importer& importer = node.Model();
  View view = node.Data(0);
  if (LongExtents(view.shape) == LongExtents(shape)) {
    std::vector<int> axes;
    for (const int axis : LongAxes(view.shape))
      axes.push_back(view.axes[static_cast<size_t>(axis)]);
    view.shape = shape;
    view.axes.assign(shape.size(), -1);
    const std::vector<int> targets = LongAxes(shape);
    for (size_t i = 0; i < targets.size(); ++i)
      view.axes[static_cast<size_t>(targets[i])] = axes[i];
    return node.EmitView(std::move(view));
  }
  const View ordered = importer.InOrder(view, node.Name() + ".order");
  const std::vector<int> wanted = CanonicalAxes(shape);
  Shape target;
  for (const int axis : wanted) target.push_back(axis < 0 ? 1 : shape[static_cast<size_t>(axis)]);
  graph::Op op = graph::Reshape{target};
  if (target.size() == 1 && importer.Graph().At(ordered.tensor).shape.size() == 3) {
    op = graph::Flatten{};
  }
  View result = node.Append(node.Name(), op, ordered);
  result.shape = shape;
  result.axes.assign(shape.size(), -1);
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] >= 0) result.axes[static_cast<size_t>(wanted[i])] = static_cast<int>(i);
  }
  node.Emit(std::move(result));
}

}  // namespace

std::vector<int> LongAxes(const Shape& shape) {
  std::vector<int> axes;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] > 1) axes.push_back(static_cast<int>(i));
  }
  return axes;
}

std::vector<int> CanonicalAxes(const Shape& shape) {
  std::vector<int> axes(shape.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (axes.size() > 1 && shape[0] == 1) axes.erase(axes.begin());
  while (axes.size() > 3) {
    const auto one =
        std::ranges::find_if(axes, [&](int axis) { return shape[static_cast<size_t>(axis)] == 1; });
    if (one == axes.end()) {
      Fail(Category::kModel, "a tensor of {}; supported: at most three axes longer than 1",
           ToString(shape));
    }
    axes.erase(one);
  }
  if (axes.empty()) return {-1};
  if (axes.size() == 2) axes.push_back(-1);
  return axes;
}

View Importer::Arrange(const View& view, const std::vector<int>& wanted, const std::string& name) {
  Shape target;
  std::vector<int> from;  // the tensor's axes longer than 1, in the wanted order
  for (const int axis : wanted) {
    target.push_back(axis < 0 ? 1 : view.shape[static_cast<size_t>(axis)]);
    if (target.back() > 1) from.push_back(view.axes[static_cast<size_t>(axis)]);
  }
  Check(from.size() == LongAxes(view.shape).size(), "arrangement of {} as {}", ToString(view.shape),
        ToString(target));
  View result = view;
  const std::string node_name = view.name.empty() ? name : view.name;
  if (!std::ranges::is_sorted(from)) {
    // Rank 3, for only then is there an order to change; free places take the axes of 1.
    std::vector<int> rest;
    for (int axis = 0; axis < 3; ++axis) {
      if (std::ranges::find(from, axis) == from.end()) rest.push_back(axis);
    }
    graph::Transpose transpose;
    size_t next = 0;
    size_t next_free = 0;
    for (size_t i = 0; i < 3; ++i) {
      transpose.order[i] = target[i] > 1 ? from[next++] : rest[next_free++];
    }
    result.tensor = Append(node_name, transpose, {result.tensor});
  }
  const Shape& shape = graph_.At(result.tensor).shape;
  if (shape != target) {
    graph::Op op = graph::Reshape{target};
    if (shape.size() == 3 && target.size() == 1) op = graph::Flatten{};
    result.tensor = Append(node_name, op, {result.tensor});
  }
  std::ranges::fill(result.axes, -1);
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] >= 0) result.axes[static_cast<size_t>(wanted[i])] = static_cast<int>(i);
  }
  result.name.clear();
  return result;
}

View Importer::Canonical(const View& view, const std::string& name) {
  return Arrange(view, CanonicalAxes(view.shape), name);
}

View Importer::ToFront(const View& view, int axis, const std::string& name) {
  if (view.axes[static_cast<size_t>(axis)] == 0) return view;
  std::vector<int> wanted = {axis};
  for (const int other : LongAxes(view.shape)) {
    if (other != axis) wanted.push_back(other);
  }
  if (wanted.size() > 3) {
    Fail(Category::kModel, "a tensor of {}; supported: at most three axes longer than 1",
         ToString(view.shape));
  }
  wanted.resize(3, -1);
  return Arrange(view, wanted, name);
}

View Importer::InOrder(const View& view, const std::string& name) {
  std::vector<int> from;
  for (const int axis : LongAxes(view.shape)) from.push_back(view.axes[static_cast<size_t>(axis)]);
  if (std::ranges::is_sorted(from)) return view;
  std::vector<int> wanted = LongAxes(view.shape);
  wanted.resize(3, -1);
  return Arrange(view, wanted, name);
}

void ReadTranspose(NodeReader& node) {
  const View view = node.Data(0);
  const std::vector<int64_t> perm = node.Ints("perm");
  std::vector<int> order;
  for (const int64_t axis : perm) order.push_back(node.Axis(axis, view.shape.size()));
  if (perm.empty()) {
    for (size_t i = view.shape.size(); i-- > 0;) order.push_back(static_cast<int>(i));
  }
  std::vector<int> sorted = order;
  std::ranges::sort(sorted);
  if (sorted.size() != view.shape.size() || std::ranges::adjacent_find(sorted) != sorted.end()) {
    node.Refuse("perm is no order of {} axes", view.shape.size());
  }
  node.EmitView(Permuted(view, order));
}

void ReadReshape(NodeReader& node) {
  const View view = node.Data(0);
  const bool zero_is_zero = node.Int("allowzero", 0) != 0;
  const auto given = node.IntsFrom("shape", 1);
  if (!given) node.Refuse("no shape");
  Shape shape = *given;
  int64_t known = 1;
  int64_t* open = nullptr;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && !zero_is_zero && i < view.shape.size()) shape[i] = view.shape[i];
    if (shape[i] == -1 && open == nullptr) {
      open = &shape[i];
    } else if (shape[i] < 1 || shape[i] > kMostElements || known > kMostElements) {
      node.Refuse("{} cannot be seen as {}", ToString(view.shape), ToString(*given));
    } else {
      known *= shape[i];
    }
  }
  const int64_t count = NumElements(view.shape);
  if (open != nullptr) *open = count / known;
  if (known > count || CountElements(shape) != count) {
    node.Refuse("{} cannot be seen as {}", ToString(view.shape), ToString(*given));
  }
  Reshape(node, shape);
}

void ReadFlatten(NodeReader& node) {
  const View view = node.Data(0);
  const int64_t axis = node.Int("axis", 1);
  const auto rank = static_cast<int64_t>(view.shape.size());
  const auto split = axis == rank ? rank : node.Axis(axis, view.shape.size());
  const auto middle = view.shape.begin() + split;
  Reshape(node, {NumElements(Shape(view.shape.begin(), middle)),
                 NumElements(Shape(middle, view.shape.end()))});
}

void ReadSqueeze(NodeReader& node) {
  View view = node.Data(0);
  const auto given = node.IntsFrom("axes", 1);
  std::vector<bool> dropped(view.shape.size(), false);
  for (size_t i = 0; !given && i < dropped.size(); ++i) dropped[i] = view.shape[i] == 1;
  for (const int64_t axis : given.value_or(std::vector<int64_t>{})) {
    const auto i = static_cast<size_t>(node.Axis(axis, view.shape.size()));
    if (view.shape[i] != 1) node.Refuse("axis {} has {} elements", axis, view.shape[i]);
    dropped[i] = true;
  }
  for (size_t i = dropped.size(); i-- > 0;) {
    if (!dropped[i]) continue;
    view.shape.erase(view.shape.begin() + static_cast<std::ptrdiff_t>(i));
    view.axes.erase(view.axes.begin() + static_cast<std::ptrdiff_t>(i));
  }
  node.EmitView(std::move(view));
}

void ReadUnsqueeze(NodeReader& node) {
  View view = node.Data(0);
  const auto given = node.IntsFrom("axes", 1);
  if (!given || given->size() > 8) node.Refuse("no axes, or more than 8");
  std::vector<int> axes;
  for (const int64_t axis : *given) {
    axes.push_back(node.Axis(axis, view.shape.size() + given->size()));
  }
  std::ranges::sort(axes);
  if (std::ranges::adjacent_find(axes) != axes.end()) node.Refuse("an axis is named twice");
  for (const int axis : axes) {
    view.shape.insert(view.shape.begin() + axis, 1);
    view.axes.insert(view.axes.begin() + axis, -1);
  }
  node.EmitView(std::move(view));
}

void ReadShape(NodeReader& node) {
  const Shape& shape = node.Data(0).shape;
  const auto rank = static_cast<int64_t>(shape.size());
  const auto place = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + rank : i, 0, rank); };
  const int64_t begin = place(node.Int("start", 0));
  const int64_t end = std::max(begin, place(node.Int("end", rank)));
  std::vector<int64_t> extents(shape.begin() + begin, shape.begin() + end);
  const auto count = static_cast<int64_t>(extents.size());
  node.Model().Set(node.OutputName(), Constant{{count}, std::move(extents)});
}

// To the shape that it has; enlarging is for Add and Mul (import_arithmetic.cc).
void ReadExpand(NodeReader& node) {
  View view = node.Data(0);
  const Constant& shape = node.Constants(1, "shape");
  if (shape.IsFloat() || shape.Count() > view.shape.size()) node.Refuse("it adds axes");
  const size_t first = view.shape.size() - shape.Count();
  for (size_t i = 0; i < shape.Count(); ++i) {
    const int64_t extent = shape.Ints()[i];
    if (extent != 1 && extent != view.shape[first + i]) {
      node.Refuse("it repeats axis {}; supported: the shape that the input has", first + i);
    }
  }
  node.EmitView(std::move(view));
}

}  // namespace platypus::onnx_io
