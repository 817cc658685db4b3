#ifndef PLATYPUS_TRAIN_ENGINE_H_
#define PLATYPUS_TRAIN_ENGINE_H_

#include <hwy/aligned_allocator.h>

#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "platypus/train/network.h"
#include "platypus/train/plan.h"
#include "platypus/train/rounding.h"

namespace platypus::train {

// What a Network runs on: a plan, its memory, and one step's state. A slot is the memory of one
// block of samples: in training every block has its own, in prediction the blocks of a thread share
// one.
struct Network::Impl {
  // A batch norm at work.
  struct NormState {
    std::vector<double> sums,
        squares;  // [block][channel]: of the way forward, then of the way back
    std::vector<double> mean, variance;  // that normalise in this step
    std::vector<NormGradient> gradient;
    bool running = false;  // this step normalises with running values
    // sqrt(running variance + epsilon) as the step began: what weights are folded by.
    std::vector<float> deviation;
    std::vector<double> folding;  // gradient of gamma / deviation through rounded weights
  };
  struct RangeState {
    std::vector<float> low, high;  // [block]
    std::vector<double> slopes;    // [block]: gradient of a learned step
  };

  Impl(const graph::Graph& graph, int64_t batch);

  // network.cc: what both ways need.
  // Room for `slots` blocks at once, and for gradients when training.
  void Allocate(int64_t slots, int threads);
  void SetCount(const Batch& batch);
  Outcome Total() const;
  void Prepare(ThreadPool& pool);
  void RefreshNorm(const Stored& t);
  void RefreshRange(const Stored& t);
  const float* Fetch(int s, int64_t slot, float* to);
  const float* FetchBordered(const ConvolutionLayer& layer, int64_t slot, float* to);
  Pass MakePass(const LocalLayer& l, int64_t block, int64_t slot, float* temporary);

  // weights.cc
  void PackWeights(const LayerKind& layer);
  WeightRounding RoundingOf(const graph::WeightQuantizer& quantizer) const;
  WeightArray ArrayOf(const RoundedArray& a) const;
  float FactorOf(const RoundedArray& a, size_t channel) const;
  void Round(const RoundedArray& a);
  void BackwardRounding(ThreadPool& pool);
  void BackwardRounding(const RoundedArray& a);
  void KeepStepsPositive();

  // forward.cc
  // Runs block by block as far as the next barrier; `then` follows a block's last layer at once,
  // while its values are in the caches.
  using BlockStep = std::function<void(int64_t block, float* temporary)>;
  void ForwardAll(const Batch& batch, bool observe, const BlockStep& then, ThreadPool& pool);
  void PredictAll(const Batch& batch, std::span<float> logits, ThreadPool& pool);
  void Load(const Batch& batch, int64_t block, int64_t slot);
  void Forward(const LayerKind& layer, int64_t block, int64_t slot, float* temporary);
  void ForwardJoin(const JoinLayer& l, int64_t slot, float* temporary);
  void Measure(const NormLayer& l, int64_t block);
  void Measure(const RangeLayer& l, int64_t block);
  void Reduce(const NormLayer& l);
  void Reduce(const RangeLayer& l);
  void Follow(const RangeLayer& l);
  // Of the first blocks together.
  static std::pair<float, float> Extremes(const RangeState& range, int64_t blocks);

  // backward.cc
  void TrainAll(const Batch& batch, const Loss& loss, ThreadPool& pool);
  void Compare(const Batch& batch, const Loss& loss, int64_t block, float* temporary);
  void MeasureGradient(int s, int64_t block);
  void ReduceNormGradient(int s);
  void ReduceStepGradient(int s);
  size_t Reach(size_t part);
  void TakeBack(int s, int64_t c, int64_t block, const Rows& rows, float* to);
  const float* OutputGradient(int s, int64_t block, float* to);
  const float* BorderedGradient(const ConvolutionLayer& l, int64_t block, float* to);
  void BackwardPass(const BackwardPart& part, int64_t block, float* temporary);
  void Backward(size_t index, int64_t block, float* temporary);
  void Backward(const ConvolutionLayer& l, bool add, int64_t block, float* temporary);
  void Backward(const PoolLayer& l, bool add, int64_t block, float* temporary);
  void Backward(const LocalLayer& l, bool add, int64_t block, float* temporary);
  void Backward(const JoinLayer& l, const std::vector<char>& add, int64_t block, float* temporary);
  void ReduceWeights(ThreadPool& pool);

  Stored& At(int s) { return plan.stored[static_cast<size_t>(s)]; }
  NormState& NormOf(const Stored& t) { return norms[static_cast<size_t>(t.norm)]; }
  const Range& RangeOf(const Stored& t) const { return plan.ranges[static_cast<size_t>(t.range)]; }
  float* Limits(const Range& range) {
    return (range.op.learned_step ? plan.parameters : plan.state).data() + range.values;
  }
  std::vector<Pointwise>& PointsOf(int s) { return points[static_cast<size_t>(s)]; }
  Pointwise StepsOf(int s, int64_t c) {
    return At(s).IsPlain() ? Pointwise{} : PointsOf(s)[static_cast<size_t>(c)];
  }
  float* Data(int s, int64_t slot) {
    return arena.get() + static_cast<size_t>(slot) * plan.arena_floats + At(s).offset;
  }
  float* Gradient(int s, int64_t block) {
    return gradient_arena.get() + static_cast<size_t>(block) * plan.gradient_floats +
           At(s).gradient;
  }
  const float* Mask(int64_t block) const { return masks.data() + block * kLanes; }
  int64_t Lanes(int64_t block) const {
    const int64_t left = count - block * kLanes;
    return left < 0 ? 0 : (left < kLanes ? left : kLanes);
  }
  int64_t UsedBlocks() const { return (count + kLanes - 1) / kLanes; }

  // step(block, thread, scratch) for every block that has samples.
  template <typename Step>
  void ForBlocks(ThreadPool& pool, Step step) {
    const auto run = [&](int64_t block, int thread) {
      step(block, thread, scratch.get() + static_cast<size_t>(thread) * plan.scratch_floats);
    };
    // A reference fits into std::function: nothing is allocated.
    pool.Run(UsedBlocks(), std::function<void(int64_t, int)>(std::ref(run)));
  }

  graph::Graph graph;
  Plan plan;
  int64_t blocks = 0;  // room for
  int64_t count = 0;   // samples of this step
  bool training = false;
  uint64_t draw = 0;  // this step's random numbers
  int epoch = 0;
  int epochs = 1;
  bool norms_move = false;   // in this step
  bool ranges_move = false;  // in this step
  std::vector<NormState> norms;
  std::vector<RangeState> ranges;
  std::vector<std::vector<Pointwise>> points;  // [stored][channel]; empty where plain

  std::vector<float> gradients, packed;
  std::vector<float> folded, effective;  // of parameters that are rounded: before and after
  std::vector<float> partial;            // [block][parameter]: weight gradients
  int scratch_threads = 0;
  int64_t arena_slots = 0;
  hwy::AlignedFreeUniquePtr<float[]> arena, gradient_arena, scratch;
  std::vector<float> masks;        // [block][lane]: 1 where there is a sample
  double weight = 0;               // of the step's samples
  std::vector<BlockLoss> results;  // [block]
};

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_ENGINE_H_
