// The three kernels of a convolution on one block of 16 samples and one core, beside the core's
// peak.
#include <benchmark/benchmark.h>

#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <vector>

#include "bench/peak.h"
#include "platypus/train/convolution.h"
#include "platypus/train/kernels.h"

namespace platypus::train {
namespace {

using Floats = hwy::AlignedFreeUniquePtr<float[]>;

Floats MakeFloats(int64_t count) {
  Floats floats = hwy::AllocateAligned<float>(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    floats[static_cast<size_t>(i)] = 0.01f * static_cast<float>(i % 97 - 48);
  return floats;
}

void SetRate(benchmark::State& state, double flops) {
  state.counters["FLOP/s"] =
      benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
  state.SetLabel(TargetName());
}

void FusedMultiplyAddPeak(benchmark::State& state) {
  const PeakTile tile;
  for (auto _ : state) {
    tile.Run();
    benchmark::ClobberMemory();
  }
  SetRate(state, PeakTile::Flops());
}
BENCHMARK(FusedMultiplyAddPeak);

// Arguments of the convolutions: input channels, outputs, kernel, length, stride, groups.
struct Layer {
  explicit Layer(const benchmark::State& state)
      : ins(state.range(0)),
        outs(state.range(1)),
        kernel(state.range(2)),
        length(state.range(3)),
        stride(state.range(4)),
        groups(state.range(5)),
        out_length((length - 1) / stride + 1),
        convolution(Op(), {ins, length, 1}, {outs, out_length, 1}) {}

  graph::Conv2d Op() const {
    const int half = static_cast<int>(kernel / 2);
    return {static_cast<int>(outs),
            {static_cast<int>(kernel), 1},
            {static_cast<int>(stride), 1},
            {},
            {half, 0, half, 0},
            static_cast<int>(groups),
            true,
            {}};
  }
  double Flops() const {
    const int64_t fused = Weights() * out_length * kLanes;
    return 2.0 * static_cast<double>(fused);
  }
  int64_t Weights() const { return ins / groups * outs * kernel; }

  int64_t ins, outs, kernel, length, stride, groups, out_length;
  Convolution convolution;
};

std::vector<float> Packed(const Layer& layer) {
  const std::vector<float> weight(static_cast<size_t>(layer.Weights()), 0.1f);
  std::vector<float> packed(static_cast<size_t>(layer.convolution.PackedSize()));
  layer.convolution.Pack(weight, packed);
  return packed;
}

void ConvForward(benchmark::State& state) {
  const Layer layer(state);
  const std::vector<float> packed = Packed(layer);
  const std::vector<float> bias(static_cast<size_t>(layer.outs), 0.5f);
  const Floats x = MakeFloats(layer.convolution.Input().Plane() * layer.ins * kLanes);
  const Floats y = MakeFloats(layer.outs * layer.out_length * kLanes);
  for (auto _ : state) {
    layer.convolution.Forward(x.get(), packed, bias.data(), y.get());
    benchmark::ClobberMemory();
  }
  SetRate(state, layer.Flops());
}

void ConvBackwardInput(benchmark::State& state) {
  const Layer layer(state);
  const std::vector<float> packed = Packed(layer);
  const Floats dy = MakeFloats(layer.convolution.Gradient().Plane() * layer.outs * kLanes);
  const Floats dx = MakeFloats(layer.ins * layer.length * kLanes);
  for (auto _ : state) {
    layer.convolution.BackwardInput(dy.get(), packed, dx.get());
    benchmark::ClobberMemory();
  }
  SetRate(state, layer.Flops());
}

void ConvBackwardWeight(benchmark::State& state) {
  const Layer layer(state);
  const Floats x = MakeFloats(layer.convolution.Input().Plane() * layer.ins * kLanes);
  const Floats dy = MakeFloats(layer.convolution.Gradient().Plane() * layer.outs * kLanes);
  std::vector<float> dw(static_cast<size_t>(layer.Weights()), 0.0f);
  for (auto _ : state) {
    layer.convolution.BackwardWeight(x.get(), dy.get(), dw.data());
    benchmark::ClobberMemory();
  }
  SetRate(state, layer.Flops());
}

void Shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"in", "out", "kernel", "length", "stride", "groups"});
  b->Args({1, 8, 5, 512, 1, 1});
  b->Args({8, 8, 5, 512, 1, 1});
  b->Args({8, 16, 5, 256, 1, 1});
  b->Args({8, 16, 3, 256, 1, 1});
  b->Args({16, 32, 3, 128, 2, 1});
  b->Args({16, 16, 3, 128, 1, 16});
  b->Args({16, 6, 3, 64, 1, 1});
  b->Args({256, 64, 1, 1, 1, 1});  // a linear layer
}
BENCHMARK(ConvForward)->Apply(Shapes);
BENCHMARK(ConvBackwardInput)->Apply(Shapes);
BENCHMARK(ConvBackwardWeight)->Apply(Shapes);

}  // namespace
}  // namespace platypus::train
