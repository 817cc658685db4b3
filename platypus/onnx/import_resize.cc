// Images of another size.
#include <cmath>

#include "platypus/onnx/importer.h"
#include "tm_resize.h"

namespace platypus::onnx_io {
namespace {

// One axis: its extents and ONNX's scale out / in, which may be another than their quotient.
struct Stretch {
  int64_t in = 1;
  int64_t out = 1;
  float scale = 1.0f;
};

// Where in the input ONNX looks for result i.
double Coordinate(const std::string& transformation, const Stretch& s, int64_t i) {
  const auto at = static_cast<double>(i);
  // The quotient of float32 numbers in float32, as ONNX Runtime computes it.
  const auto asymmetric = static_cast<double>(static_cast<float>(i) / s.scale);
  const auto half = static_cast<double>((static_cast<float>(i) + 0.5f) / s.scale - 0.5f);
  if (transformation == "asymmetric") return asymmetric;
  if (transformation == "pytorch_half_pixel") return s.out > 1 ? half : 0.0;
  if (transformation == "align_corners") {
    return s.out > 1 ? at * static_cast<double>(s.in - 1) / static_cast<double>(s.out - 1) : 0.0;
  }
  return half;
}

double Rounded(const std::string& rounding, double x) {
  if (rounding == "floor") return std::floor(x);
  if (rounding == "ceil") return std::ceil(x);
  if (rounding == "round_prefer_ceil") return std::floor(x + 0.5);
  return std::ceil(x - 0.5);
}

// Whether ONNX takes the rows that our nearest neighbours are: floor(i * in / out).
bool IsOurNearest(const std::string& transformation, const std::string& rounding,
                  const Stretch& s) {
  for (int64_t i = 0; i < s.out; ++i) {
    const double x = Rounded(rounding, Coordinate(transformation, s, i));
    if (std::min(std::max(x, 0.0), static_cast<double>(s.in - 1)) !=
        static_cast<double>(i * s.in / s.out)) {
      return false;
    }
  }
  return true;
}

// Half-pixel centres of the quotient of the extents.
bool IsOurLinear(const std::string& transformation, const Stretch& s) {
  if (s.in == s.out) return true;
  const float quotient = static_cast<float>(s.out) / static_cast<float>(s.in);
  return transformation != "asymmetric" && transformation != "align_corners" &&
         std::abs(s.scale - quotient) <= 1e-6f * quotient &&
         (transformation == "half_pixel" || s.out > 1);
}

void Resize(NodeReader& node, const View& view, const std::vector<Stretch>& stretches,
            const std::string& mode, const std::string& transformation,
            const std::string& rounding) {
  graph::Resize op;
  op.output = {node.Small("rows", stretches[2].out), 1};
  if (stretches.size() > 3) op.output.w = node.Small("columns", stretches[3].out);
  if (mode == "linear") op.mode = graph::Resize::Mode::kBilinear;
  for (size_t i = 0; i < stretches.size(); ++i) {
    const Stretch& s = stretches[i];
    if (i < 2 && s.out != s.in) node.Refuse("channels cannot be resized");
    if (s.out < 1 || !CountElements({s.out})) node.Refuse("size {}", s.out);
    if (mode == "nearest" ? !IsOurNearest(transformation, rounding, s)
                          : !IsOurLinear(transformation, s)) {
      node.RefuseText(
          fmt::format("{} from {} to {} with coordinate_transformation_mode '{}' and nearest_mode "
                      "'{}' takes other places than ours",
                      mode, s.in, s.out, transformation, rounding),
          "supported: nearest with asymmetric and floor (or what takes the same rows), linear with "
          "half_pixel");
    }
  }
  const bool codes = node.IsInteger(view);
  if (!codes || op.mode == graph::Resize::Mode::kNearest) {
    return node.Emit(ImageView(node, node.Append(node.Name(), op, view)));
  }
  // Sums of codes times whole weights, whose sum is `parts`.
  const auto parts = [](const Stretch& s) {
    return int64_t{tm_stretch_of(static_cast<tm_i32>(s.in), static_cast<tm_i32>(s.out)).parts};
  };
  const int64_t all = parts(stretches[2]) * (stretches.size() > 3 ? parts(stretches[3]) : 1);
  const View sums = node.Append(node.Name(), op, view);
  Target target;
  if (view.real) {
    target = *TargetOf(node.Model(), node.OutputName());
  } else if (node.Model().Graph().At(view.tensor).dtype == DType::kUInt8) {
    target.lo = 0;
    target.hi = 255;
  }
  const Real real = view.real.value_or(Real{});
  View codes_view = view;
  codes_view.real = real;
  View out = RequantizeTo(node, node.Name() + ".requantize", sums,
                          {real.scale / static_cast<double>(all)}, {-real.zero * all},
                          LargestCode(node.Model(), codes_view) * static_cast<double>(all), target);
  if (!view.real) out.real.reset();
  node.Emit(ImageView(node, out));
}

// Extents from sizes or scales, whichever is there.
std::vector<Stretch> Stretches(const NodeReader& node, const View& view, const Constant* scales,
                               const Constant* sizes) {
  const Constant* given = sizes != nullptr ? sizes : scales;
  if (given == nullptr || given->Count() != view.shape.size()) {
    node.Refuse("sizes or scales must have {} numbers", view.shape.size());
  }
  std::vector<Stretch> stretches;
  const std::vector<float> numbers = given->Floats();
  for (size_t i = 0; i < view.shape.size(); ++i) {
    Stretch s{view.shape[i], 0, numbers[i]};
    const float out = sizes != nullptr ? numbers[i] : static_cast<float>(s.in) * s.scale;
    if (!(out >= 1.0f && out <= static_cast<float>(kMostElements))) {
      node.Refuse("axis {} gets {} elements", i, out);
    }
    s.out = static_cast<int64_t>(std::floor(out));
    if (sizes != nullptr) s.scale = static_cast<float>(s.out) / static_cast<float>(s.in);
    stretches.push_back(s);
  }
  return stretches;
}

}  // namespace

void ReadResize(NodeReader& node) {
  const View view = Image(node, 0);
  const bool first = node.Model().Opset() < 11;  // inputs X, scales and asymmetric floor
  const std::string mode = node.Choice("mode", "nearest", {"nearest", "linear"});
  const std::string transformation =
      node.Choice("coordinate_transformation_mode", first ? "asymmetric" : "half_pixel",
                  {"asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"});
  const std::string rounding =
      node.Choice("nearest_mode", first ? "floor" : "round_prefer_floor",
                  {"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"});
  node.Ignore({"cubic_coeff_a", "extrapolation_value", "exclude_outside"});
  if (node.Int("antialias", 0) != 0) node.Refuse("antialias; supported: 0");
  if (node.Has("axes")) node.Refuse("axes; supported: sizes or scales of all axes");
  node.Choice("keep_aspect_ratio_policy", "stretch", {"stretch"});
  const auto input = [&](int i, const char* what) -> const Constant* {
    if (!node.HasInput(i)) return nullptr;
    const Constant& constant = node.Constants(i, what);
    return constant.Count() == 0 ? nullptr : &constant;
  };
  const Constant* scales = input(first ? 1 : 2, "scales");
  const Constant* sizes = first ? nullptr : input(3, "sizes");
  Resize(node, view, Stretches(node, view, scales, sizes), mode, transformation, rounding);
}

void ReadUpsample(NodeReader& node) {
  const View view = Image(node, 0);
  const std::string mode = node.Choice("mode", "nearest", {"nearest", "linear"});
  if (node.Has("scales")) {
    std::vector<float> scales = node.Floats("scales");
    const auto count = static_cast<int64_t>(scales.size());
    const Constant constant{{count}, std::move(scales)};
    return Resize(node, view, Stretches(node, view, &constant, nullptr), mode, "asymmetric",
                  "floor");
  }
  Resize(node, view, Stretches(node, view, &node.Constants(1, "scales"), nullptr), mode,
         "asymmetric", "floor");
}

}  // namespace platypus::onnx_io
