#include "platypus/train/recurrent_kernels.h"

#include "platypus/train/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "platypus/train/recurrent_kernels.cc"
#include <hwy/foreach_target.h>  // compiles this file again for each instruction set
#include <hwy/highway.h>
// After highway.h, and again for each instruction set.
#include "platypus/train/activations-inl.h"

HWY_BEFORE_NAMESPACE();
namespace platypus::train::HWY_NAMESPACE {
// unit(at, in_sequence): offsets of a unit's lanes in a vector of a step and in a sequence.
template <typename Unit>
HWY_INLINE void ForUnits(int64_t hidden, int64_t row, Unit unit) {
  for (int64_t j = 0; j < hidden; ++j) {
    for (size_t lane = 0; lane < kLanes; lane += hn::Lanes(D())) {
      const auto l = static_cast<int64_t>(lane);
      unit(j * kLanes + l, j * row + l);
    }
  }
}

void CellForwardImpl(Cell cell, const CellStep& s) {
  const D d;
  const int64_t n = s.hidden * kLanes;  // from gate to gate of a step
  const int64_t m = s.hidden * s.row;   // of a sequence
  const auto gate = [&](int64_t k, int64_t at, int64_t there) HWY_ATTR {
    return hn::Add(hn::Load(d, s.gates_x + k * m + there), hn::Load(d, s.gates_h + k * n + at));
  };
  const auto give = [&](V h, int64_t at, int64_t there) HWY_ATTR {
    hn::Store(h, d, s.h + at);
    hn::Store(h, d, s.states + there);
  };
  switch (cell) {
    case Cell::kRnn:
      ForUnits(s.hidden, s.row, [&](int64_t at, int64_t there) HWY_ATTR {
        give(TanhOf(gate(0, at, there)), at, there);
      });
      return;
    case Cell::kGru:
      ForUnits(s.hidden, s.row, [&](int64_t at, int64_t there) HWY_ATTR {
        const V r = SigmoidOf(gate(0, at, there));
        const V z = SigmoidOf(gate(1, at, there));
        const V from_state = hn::Load(d, s.gates_h + 2 * n + at);
        const V candidate =
            TanhOf(hn::MulAdd(r, from_state, hn::Load(d, s.gates_x + 2 * m + there)));
        hn::Store(r, d, s.kept + at);
        hn::Store(z, d, s.kept + n + at);
        hn::Store(candidate, d, s.kept + 2 * n + at);
        hn::Store(from_state, d, s.kept + 3 * n + at);
        // (1 - z) n + z h
        give(hn::MulAdd(z, hn::Sub(hn::Load(d, s.h + at), candidate), candidate), at, there);
      });
      return;
    case Cell::kLstm:
      ForUnits(s.hidden, s.row, [&](int64_t at, int64_t there) HWY_ATTR {
        const V i = SigmoidOf(gate(0, at, there));
        const V f = SigmoidOf(gate(1, at, there));
        const V g = TanhOf(gate(2, at, there));
        const V o = SigmoidOf(gate(3, at, there));
        V c = hn::Mul(i, g);
        if (s.kept_before != nullptr) {
          c = hn::MulAdd(f, hn::Load(d, s.kept_before + 4 * n + at), c);
        }
        const V tanh_c = TanhOf(c);
        hn::Store(i, d, s.kept + at);
        hn::Store(f, d, s.kept + n + at);
        hn::Store(g, d, s.kept + 2 * n + at);
        hn::Store(o, d, s.kept + 3 * n + at);
        hn::Store(c, d, s.kept + 4 * n + at);
        hn::Store(tanh_c, d, s.kept + 5 * n + at);
        give(hn::Mul(o, tanh_c), at, there);
      });
      return;
  }
}

void CellBackwardImpl(Cell cell, const CellStepBack& s) {
  const D d;
  const int64_t n = s.hidden * kLanes;
  const int64_t m = s.hidden * s.row;
  const auto kept = [&](int64_t k, int64_t at)
                        HWY_ATTR { return hn::Load(d, s.kept + k * n + at); };
  const auto gradient = [&](int64_t at, int64_t there) HWY_ATTR {
    return hn::Add(hn::Load(d, s.dh + at), hn::Load(d, s.gradient + there));
  };
  const auto give = [&](int64_t k, V x, V h, int64_t at, int64_t there) HWY_ATTR {
    hn::Store(h, d, s.dgates + k * n + at);
    hn::Store(h, d, s.dgates_h + k * m + there);
    hn::Store(x, d, s.dgates_x + k * m + there);
  };
  switch (cell) {
    case Cell::kRnn:
      ForUnits(s.hidden, s.row, [&](int64_t at, int64_t there) HWY_ATTR {
        const V dgate = hn::Mul(gradient(at, there), TanhSlope(hn::Load(d, s.h_after + there)));
        give(0, dgate, dgate, at, there);
        hn::Store(hn::Zero(d), d, s.dh + at);
      });
      return;
    case Cell::kGru:
      ForUnits(s.hidden, s.row, [&](int64_t at, int64_t there) HWY_ATTR {
        const V r = kept(0, at);
        const V z = kept(1, at);
        const V candidate = kept(2, at);
        const V dh = gradient(at, there);
        const V dn = hn::Mul(hn::NegMulAdd(dh, z, dh), TanhSlope(candidate));
        const V dr = hn::Mul(hn::Mul(dn, kept(3, at)), SigmoidSlope(r));
        const V dz = hn::Mul(hn::Mul(dh, hn::Sub(hn::Load(d, s.h_before + there), candidate)),
                             SigmoidSlope(z));
        give(0, dr, dr, at, there);
        give(1, dz, dz, at, there);
        give(2, dn, hn::Mul(dn, r), at, there);
        hn::Store(hn::Mul(dh, z), d, s.dh + at);
      });
      return;
    case Cell::kLstm:
      ForUnits(s.hidden, s.row, [&](int64_t at, int64_t there) HWY_ATTR {
        const V i = kept(0, at);
        const V f = kept(1, at);
        const V g = kept(2, at);
        const V o = kept(3, at);
        const V tanh_c = kept(5, at);
        const V dh = gradient(at, there);
        const V dc = hn::MulAdd(hn::Mul(dh, o), TanhSlope(tanh_c), hn::Load(d, s.dc + at));
        const V before =
            s.kept_before != nullptr ? hn::Load(d, s.kept_before + 4 * n + at) : hn::Zero(d);
        const V di = hn::Mul(hn::Mul(dc, g), SigmoidSlope(i));
        const V df = hn::Mul(hn::Mul(dc, before), SigmoidSlope(f));
        const V dg = hn::Mul(hn::Mul(dc, i), TanhSlope(g));
        const V dout = hn::Mul(hn::Mul(dh, tanh_c), SigmoidSlope(o));
        give(0, di, di, at, there);
        give(1, df, df, at, there);
        give(2, dg, dg, at, there);
        give(3, dout, dout, at, there);
        hn::Store(hn::Mul(dc, f), d, s.dc + at);
        hn::Store(hn::Zero(d), d, s.dh + at);
      });
      return;
  }
}

}  // namespace platypus::train::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace platypus::train {

HWY_EXPORT(CellForwardImpl);
HWY_EXPORT(CellBackwardImpl);

int64_t KeptRows(Cell cell, int64_t hidden) {
  switch (cell) {
    case Cell::kRnn:
      return 0;
    case Cell::kGru:
      return 4 * hidden;
    case Cell::kLstm:
      return 6 * hidden;
  }
  return 0;
}

void CellForward(Cell cell, const CellStep& step) {
  HWY_DYNAMIC_DISPATCH(CellForwardImpl)(cell, step);
}
void CellBackward(Cell cell, const CellStepBack& step) {
  HWY_DYNAMIC_DISPATCH(CellBackwardImpl)(cell, step);
}

}  // namespace platypus::train
#endif  // HWY_ONCE
