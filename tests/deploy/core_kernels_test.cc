// Every integer kernel, for every pair of code types and every number of weight bits, on every
// core.
#include <gtest/gtest.h>

#include "platypus/deploy/verify.h"
#include "platypus/graph/quantization.h"
#include "tests/deploy/random_graphs.h"

namespace platypus::deploy {
namespace {

using fixtures::Codes;
using fixtures::Scaling;
using graph::Graph;
using graph::TensorId;

constexpr Codes kTypes[] = {fixtures::kSigned, fixtures::kUnsigned, fixtures::kSixteenBits};

// One network of many branches; all results are brought to 8 bits and joined, so that none is lost.
// bits: of the weights; 0: kernels that have none.
class Bank {
 public:
  explicit Bank(int bits) : bits_(bits) {
    const TensorId input = fixtures::AddInput(g_, random_, fixtures::kSigned);
    for (const Codes& in : kTypes) {
      const TensorId line =
          fixtures::AddRequantize(g_, random_, Name("in"), input, 60.0, Scaling::kNarrow, in, true);
      const TensorId image = graph::Append(g_, Name("image"), graph::Reshape{{6, 4, 3}}, {line});
      if (bits == 0) {
        AddOthers(line, image);
        continue;
      }
      for (const Codes& out : kTypes) AddWeighted(line, image, out);
    }
    graph::Append(g_, "join", graph::Concat{0}, parts_);
  }
  const Graph& Network() const { return g_; }

 private:
  std::string Name(const std::string& kind) { return kind + "." + std::to_string(g_.nodes.size()); }

  void Collect(TensorId t) {
    if (g_.At(t).dtype != DType::kInt8) {
      t = fixtures::AddRequantize(g_, random_, Name("code"), t, fixtures::SpreadOf(g_.At(t).dtype),
                                  Scaling::kNarrow, fixtures::kSigned, true);
    }
    if (g_.At(t).shape.size() > 1) t = graph::Append(g_, Name("flat"), graph::Flatten{}, {t});
    parts_.push_back(t);
  }

  void AddConv(TensorId in, const graph::Conv2d& op, const Codes& out) {
    const auto scaling = static_cast<Scaling>(parts_.size() % 4);
    Collect(fixtures::AddConv(g_, random_, Name("conv"), in, op, scaling, out, bits_));
  }

  // Kernels along one axis and across two.
  void AddWeighted(TensorId line, TensorId image, const Codes& out) {
    graph::Conv2d op;
    op.out_channels = 6;  // four channels together, two alone
    op.kernel = {5, 1};
    op.padding = {2, 0, 2, 0};
    if (out.lo == fixtures::kSigned.lo) AddConv(line, op, out);
    op.kernel = {3, 2};
    op.padding = {1, 1, 0, 0};
    op.dilation = {1, 2};
    if (out.lo != fixtures::kSigned.lo) AddConv(image, op, out);
    op.groups = 2;
    AddConv(image, op, out);
    op.groups = 6;
    AddConv(image, op, out);
    AddOfFours(line, out);
    const TensorId flat = graph::Append(g_, Name("flat"), graph::Flatten{}, {line});
    Collect(
        fixtures::AddLinear(g_, random_, Name("linear"), flat, 5, Scaling::kNarrow, out, bits_));
  }

  // Where channels come in fours and eights: windows of one line, of several, deep ones.
  void AddOfFours(TensorId line, const Codes& out) {
    const TensorId wide = graph::Append(g_, Name("wide"), graph::Reshape{{8, 9, 1}}, {line});
    graph::Conv2d op;
    op.out_channels = 8;
    op.kernel = {5, 1};
    op.padding = {2, 0, 2, 0};
    AddConv(wide, op, out);
    op.groups = 8;
    AddConv(wide, op, out);
    op.groups = 1;
    op.kernel = {1, 1};
    op.padding = {};
    AddConv(wide, op, out);
    const TensorId flat_image =
        graph::Append(g_, Name("flat_image"), graph::Reshape{{1, 6, 12}}, {line});
    op.kernel = {4, 3};
    op.padding = {2, 1, 1, 1};
    AddConv(flat_image, op, out);
    const TensorId deep = graph::Append(g_, Name("deep"), graph::Reshape{{24, 1, 3}}, {line});
    op.kernel = {1, 3};
    op.padding = {0, 1, 0, 1};
    AddConv(deep, op, out);
    const TensorId eights = graph::Append(g_, Name("eights"), graph::Reshape{{8, 3, 3}}, {line});
    op.groups = 8;
    op.kernel = {3, 3};
    op.padding = {1, 1, 1, 1};
    AddConv(eights, op, out);
  }

  void AddOthers(TensorId line, TensorId image) {
    const Codes& signed_codes = fixtures::kSigned;
    Collect(
        graph::Append(g_, Name("max"), graph::MaxPool{{3, 1}, {2, 1}, {}, {1, 0, 1, 0}}, {line}));
    Collect(graph::Append(g_, Name("pad"), graph::Pad{{1, 0, 2, 1}, 5.0f}, {image}));
    Collect(graph::Append(g_, Name("slice"), graph::Slice{1, 1, 4, 2}, {image}));
    Collect(graph::Append(g_, Name("turn"), graph::Transpose{{2, 0, 1}}, {image}));
    Collect(graph::Append(g_, Name("near"), graph::Resize{{7, 2}}, {image}));
    Collect(graph::Append(g_, Name("pair"), graph::Concat{1}, {image, image}));
    for (const Codes& out : kTypes) {
      Collect(fixtures::AddMeanPool(g_, random_, Name("mean"), image,
                                    {{2, 3}, {1, 2}, {1, 1, 0, 1}}, out));
      const graph::Resize op{{9, 5}, graph::Resize::Mode::kBilinear};
      Collect(fixtures::AddBilinear(g_, random_, Name("blend"), image, op, out));
      const TensorId other = fixtures::AddRequantize(g_, random_, Name("other"), image,
                                                     fixtures::SpreadOf(g_.At(image).dtype),
                                                     Scaling::kNarrow, out, false);
      Collect(graph::Append(g_, Name("add"),
                            graph::AddRequantize{300, 5000, 12, signed_codes.lo, signed_codes.hi},
                            {image, other}));
      const TensorId real = graph::Append(g_, Name("real"), graph::Dequantize{0.01f, 3}, {image});
      Collect(fixtures::AddQuantize(g_, random_, Name("quantize"), real, out, out.lo == 0));
    }
  }

  int bits_;
  Graph g_ = graph::MakeGraph("bank", {6, 12, 1});
  Random random_{7, "bank"};
  std::vector<TensorId> parts_;
};

using config::Optimise;

struct Place {
  std::string core;
  int bits = 8;
  Optimise optimise = Optimise::kBalanced;

  std::string Name() const {
    std::string name = core + std::to_string(bits);
    if (optimise == Optimise::kSize) name += "Size";
    if (optimise == Optimise::kSpeed) name += "Speed";
    std::erase(name, '-');
    return name;
  }
  friend void PrintTo(const Place& place, std::ostream* out) { *out << place.Name(); }
};

std::vector<Place> Places() {
  std::vector<Place> places;
  for (const char* core : {"host", "cortex-m0plus", "cortex-m4", "cortex-m55", "riscv32"}) {
    for (const int bits : {8, 4, 2, 0}) places.push_back({core, bits});
  }
  // Loops that other modes choose: each on a core that has them.
  for (const char* core : {"host", "cortex-m0plus", "cortex-m4"})
    places.push_back({core, 8, Optimise::kSize});
  places.push_back({"host", 4, Optimise::kSize});
  for (const char* core : {"host", "cortex-m0plus", "cortex-m4"})
    places.push_back({core, 8, Optimise::kSpeed});
  places.push_back({"cortex-r5f", 8});  // the Cortex-M4's loops
  for (const char* core : {"cortex-m0plus", "cortex-m4"})
    places.push_back({core, 4, Optimise::kSpeed});
  return places;
}

class CoreKernelsTest : public testing::TestWithParam<Place> {};

TEST_P(CoreKernelsTest, EveryKernelIsTheInterpreters) {
  const Bank bank(GetParam().bits);
  for (const auto& [name, array] : bank.Network().parameters) {
    if (!name.ends_with(".weight")) continue;
    EXPECT_EQ(graph::CodeBits(array.Int8s()), GetParam().bits) << name;
  }
  const VerifyResult result =
      fixtures::VerifyOn(GetParam().core, bank.Network(), 20, 3, GetParam().optimise);
  if (!result.ran) GTEST_SKIP() << result.notice;
  EXPECT_EQ(result.samples, 20);
  EXPECT_EQ(result.mismatches, 0) << result.first_difference;
}

INSTANTIATE_TEST_SUITE_P(Places, CoreKernelsTest, testing::ValuesIn(Places()),
                         [](const auto& info) { return info.param.Name(); });

}  // namespace
}  // namespace platypus::deploy
