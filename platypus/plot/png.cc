#include <cairo.h>
#ifdef PLATYPUS_CAIRO
#include <dlfcn.h>
#endif

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <type_traits>

#include "platypus/base/error.h"
#include "platypus/plot/drawing.h"

#ifdef __SANITIZE_ADDRESS__
// Fontconfig keeps three patterns for good, however much is drawn.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libfontconfig"; }
#endif

namespace platypus::plot {
namespace {

// Cairo brings twenty other libraries, which every start of the program would pay for; so it is
// loaded when the first picture is drawn.
struct Cairo {
#define PLATYPUS_CAIRO_FUNCTIONS(X) \
  X(image_surface_create)           \
  X(surface_destroy)                \
  X(surface_status)                 \
  X(surface_write_to_png_stream)    \
  X(create)                         \
  X(destroy)                        \
  X(scale)                          \
  X(set_source_rgba)                \
  X(paint)                          \
  X(move_to)                        \
  X(line_to)                        \
  X(new_path)                       \
  X(stroke)                         \
  X(fill)                           \
  X(rectangle)                      \
  X(arc)                            \
  X(set_line_width)                 \
  X(set_line_join)                  \
  X(set_dash)                       \
  X(select_font_face)               \
  X(set_font_size)                  \
  X(text_extents)                   \
  X(show_text)                      \
  X(save)                           \
  X(restore)                        \
  X(translate)                      \
  X(rotate)
// NOLINTNEXTLINE(bugprone-macro-parentheses): a name cannot have any
#define PLATYPUS_CAIRO_POINTER(name) decltype(&cairo_##name) name = nullptr;
  PLATYPUS_CAIRO_FUNCTIONS(PLATYPUS_CAIRO_POINTER)
#undef PLATYPUS_CAIRO_POINTER
  std::string problem;  // empty: all is there
};

#ifdef PLATYPUS_CAIRO  // name of the shared library

Cairo LoadCairo() {
  Cairo cairo;
  void* const library = dlopen(PLATYPUS_CAIRO, RTLD_NOW | RTLD_LOCAL);
  const auto take = [&](auto& function, const char* name) {
    void* const symbol = library == nullptr ? nullptr : dlsym(library, name);
    if (symbol == nullptr && cairo.problem.empty()) {
      const char* const reason = dlerror();
      cairo.problem = reason == nullptr ? name : reason;
    }
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(symbol);
  };
#define PLATYPUS_CAIRO_TAKE(name) take(cairo.name, "cairo_" #name);
  PLATYPUS_CAIRO_FUNCTIONS(PLATYPUS_CAIRO_TAKE)
#undef PLATYPUS_CAIRO_TAKE
  return cairo;
}

#else

Cairo LoadCairo() {
  Cairo cairo;
#define PLATYPUS_CAIRO_TAKE(name) cairo.name = cairo_##name;
  PLATYPUS_CAIRO_FUNCTIONS(PLATYPUS_CAIRO_TAKE)
#undef PLATYPUS_CAIRO_TAKE
  return cairo;
}

#endif
#undef PLATYPUS_CAIRO_FUNCTIONS

const Cairo& Loaded() {
  static const Cairo library = LoadCairo();
  return library;
}

cairo_status_t Append(void* to, const unsigned char* data, unsigned int count) {
  static_cast<std::string*>(to)->append(reinterpret_cast<const char*>(data), count);
  return CAIRO_STATUS_SUCCESS;
}

class Painter {
 public:
  Painter(const Cairo& cairo, cairo_t* context) : c_(cairo), to_(context) {}

  void operator()(const Stroke& stroke) {
    if (stroke.points.empty()) return;
    Use(stroke.paint);
    c_.new_path(to_);
    c_.move_to(to_, stroke.points[0].x, stroke.points[0].y);
    for (const Point& p : stroke.points) c_.line_to(to_, p.x, p.y);
    c_.set_line_width(to_, stroke.width);
    c_.set_line_join(to_, CAIRO_LINE_JOIN_ROUND);
    const double dashes[] = {6, 4};
    c_.set_dash(to_, dashes, stroke.dashed ? 2 : 0, 0);
    c_.stroke(to_);
  }
  void operator()(const Discs& discs) {
    Use(discs.paint);
    for (const Point& centre : discs.centres) {
      c_.new_path(to_);
      c_.arc(to_, centre.x, centre.y, discs.radius, 0, 2 * std::numbers::pi);
      c_.fill(to_);
    }
  }
  void operator()(const Box& box) {
    Use(box.paint);
    c_.new_path(to_);
    c_.rectangle(to_, box.x, box.y, box.width, box.height);
    c_.fill(to_);
  }
  void operator()(const Text& text) {
    Use(text.paint);
    c_.select_font_face(to_, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL,
                        text.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    c_.set_font_size(to_, text.size);
    const std::string valid = ValidUtf8(text.text);
    cairo_text_extents_t extents;
    c_.text_extents(to_, valid.c_str(), &extents);
    const double shift = text.anchor == Label::Anchor::kStart    ? 0
                         : text.anchor == Label::Anchor::kMiddle ? -extents.x_advance / 2
                                                                 : -extents.x_advance;
    c_.save(to_);
    c_.translate(to_, text.at.x, text.at.y);
    c_.rotate(to_, text.degrees * std::numbers::pi / 180);
    c_.move_to(to_, shift, 0);
    c_.show_text(to_, valid.c_str());
    c_.restore(to_);
  }

 private:
  void Use(const Paint& paint) {
    const uint32_t colour = LightColour(paint);
    const auto part = [&](int bit) { return static_cast<double>((colour >> bit) & 0xff) / 255; };
    c_.set_source_rgba(to_, part(16), part(8), part(0), paint.opacity);
  }

  const Cairo& c_;
  cairo_t* to_;
};

}  // namespace

bool CanDrawPng() { return Loaded().problem.empty(); }

std::string Png(const Drawing& drawing, double scale) {
  const Cairo& cairo = Loaded();
  if (!cairo.problem.empty()) {
    throw Error(Category::kToolchain, fmt::format("cannot draw PNG: {}", cairo.problem),
                "install Cairo (libcairo2)");
  }
  constexpr double kMost = 30000;  // Cairo's limit is 32767
  scale = std::min(scale, kMost / std::max({drawing.width, drawing.height, 1.0}));
  const std::unique_ptr<cairo_surface_t, decltype(cairo.surface_destroy)> surface(
      cairo.image_surface_create(CAIRO_FORMAT_RGB24,
                                 static_cast<int>(std::ceil(drawing.width * scale)),
                                 static_cast<int>(std::ceil(drawing.height * scale))),
      cairo.surface_destroy);
  const std::unique_ptr<cairo_t, decltype(cairo.destroy)> context(cairo.create(surface.get()),
                                                                  cairo.destroy);
  cairo.set_source_rgba(context.get(), 1, 1, 1, 1);
  cairo.paint(context.get());
  cairo.scale(context.get(), scale, scale);
  Painter painter(cairo, context.get());
  for (const Shape& shape : drawing.shapes) std::visit(painter, shape);
  std::string png;
  const cairo_status_t status = cairo.surface_write_to_png_stream(surface.get(), Append, &png);
  Check(status == CAIRO_STATUS_SUCCESS && cairo.surface_status(surface.get()) == status,
        "Cairo could not draw \"{}\" (status {})", drawing.title, static_cast<int>(status));
  return png;
}

}  // namespace platypus::plot
