#include "platypus/deploy/stream_pools.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "platypus/base/error.h"
#include "tm_bands.h"

namespace platypus::deploy {
namespace {

using graph::TensorId;

// Columns of an output of one row that are computed at a time: enough for kernels that take several
// together.
constexpr int kColumns = 32;

bool FeedsPools(const std::string& function) {
  return (function.starts_with("tm_conv_") && !function.starts_with("tm_conv_transposed_")) ||
         function.starts_with("tm_depthwise_") || function.starts_with("tm_grouped_");
}
bool IsPool(const std::string& function) {
  return function.starts_with("tm_max_pool_") || function.starts_with("tm_sum_pool_") ||
         function.starts_with("tm_avg_pool_");
}

const Argument& ArgumentOf(const CLayer& layer, const char* name) {
  const auto found = std::ranges::find(layer.call->arguments, name, &Argument::name);
  Check(found != layer.call->arguments.end(), "{} has no argument {}", layer.call->function, name);
  return *found;
}

tm_shape ShapeOf(const CLayer& layer) {
  const auto constant =
      std::ranges::find(layer.constants, ArgumentOf(layer, "s").text, &Constant::name);
  Check(constant != layer.constants.end(), "layer {} has no shape", layer.name);
  tm_shape s = {};
  tm_i32* const fields[] = {&s.in_h,       &s.in_w,       &s.in_c,     &s.out_h,    &s.out_w,
                            &s.out_c,      &s.kernel_h,   &s.kernel_w, &s.stride_h, &s.stride_w,
                            &s.dilation_h, &s.dilation_w, &s.pad_h,    &s.pad_w};
  for (size_t i = 0; i < std::size(fields); ++i) *fields[i] = std::stoi(constant->fields.at(i));
  return s;
}

// A call in the loop over bands: its operands move along.
std::string CallInBand(const CLayer& layer, const std::string& x, const std::string& shape,
                       const std::string& y) {
  std::string text;
  for (const Argument& argument : layer.call->arguments) {
    const std::string& name = argument.name;
    text += fmt::format("{}{}", text.empty() ? "" : ", ",
                        name == "x"   ? x
                        : name == "s" ? shape
                        : name == "y" ? y
                                      : argument.text);
  }
  return fmt::format("{}({});", layer.call->function, text);
}

int64_t OctetsOf(const Argument& operand, int char_bits) {  // "const tm_u8 *"
  const size_t begin = operand.type.find("tm_");
  return ElementOctets(operand.type.substr(begin, operand.type.find(' ', begin) - begin),
                       char_bits);
}

struct Stream {
  CLayer layer;  // both
  TensorId strip = -1;
  Storage kept_there;
};

class Streams {
 public:
  Streams(const CNetwork& network, const std::map<TensorId, Storage>& storage)
      : network_(network), storage_(storage) {
    for (size_t i = 0; i + 1 < network.layers.size(); ++i) {
      if (MayStream(i)) Add(i);
    }
  }

  std::set<size_t> All() const {
    std::set<size_t> all;
    for (const auto& [first, stream] : streams_) all.insert(first);
    return all;
  }

  std::vector<CLayer> Layers(const std::set<size_t>& chosen) const {
    std::vector<CLayer> layers;
    for (size_t i = 0; i < network_.layers.size(); ++i) {
      const bool streams = chosen.contains(i);
      layers.push_back(streams ? streams_.at(i).layer : network_.layers[i]);
      if (streams) ++i;
    }
    return layers;
  }
  std::map<TensorId, Storage> StorageOf(const std::set<size_t>& chosen) const {
    std::map<TensorId, Storage> storage = storage_;
    for (const size_t i : chosen) storage[streams_.at(i).strip] = streams_.at(i).kept_there;
    return storage;
  }

 private:
  bool MayStream(size_t i) const {
    const CLayer& layer = network_.layers[i];
    const CLayer& pool = network_.layers[i + 1];
    if (!layer.call || !FeedsPools(layer.call->function)) return false;
    if (!pool.call || !IsPool(pool.call->function)) return false;
    const auto reads = [&](const CLayer& other) {
      return std::ranges::count(other.inputs, layer.output) > 0;
    };
    return reads(pool) && std::ranges::count_if(network_.layers, reads) == 1;
  }

  void Add(size_t i) {
    const CLayer& layer = network_.layers[i];
    const CLayer& pool = network_.layers[i + 1];
    const tm_shape s = ShapeOf(layer);
    const tm_shape p = ShapeOf(pool);
    // Positions of a pointwise layer are one line, those of the pool may be several.
    if (s.out_h != p.in_h || s.out_w != p.in_w || (p.out_h == 1 && (p.in_h > 1 || s.in_h > 1)))
      return;
    const tm_i32 windows = p.out_h > 1 ? 1 : std::max(1, kColumns / p.stride_w);
    int64_t values = 0;  // most that stand in the strip
    int64_t lead = 0;
    tm_band b;
    tm_begin_bands(&b);
    int64_t written = 0;
    while (tm_next_band(s, p, windows, &b) != 0) {
      // Later lines read nothing before b.x.
      for (const int char_bits : {8, network_.char_bits})
        lead = std::max(lead, written * OctetsOf(ArgumentOf(pool, "y"), char_bits) -
                                  b.x * OctetsOf(ArgumentOf(layer, "x"), char_bits));
      written = b.y + int64_t{b.pool.out_h} * b.pool.out_w * b.pool.out_c;
      values = std::max(values, int64_t{b.pool.in_h} * b.pool.in_w * b.pool.in_c);
      // A window that lies in padding.
      if (b.pool.in_h < 1 || b.pool.in_w < 1 || b.layer.in_h < 1 || b.layer.in_w < 1) return;
    }
    streams_[i] = {Joined(layer, pool, windows, lead),
                   layer.output,
                   {storage_.at(layer.output).type,
                    values * OctetsOf(ArgumentOf(layer, "y"), network_.char_bits)}};
  }

  static CLayer Joined(const CLayer& layer, const CLayer& pool, tm_i32 windows, int64_t lead) {
    CLayer both = layer;
    both.call.reset();
    both.comment = layer.comment + "; " + pool.comment;
    both.pool = pool.name;
    both.constants.insert(both.constants.end(), pool.constants.begin(), pool.constants.end());
    both.tables.insert(both.tables.end(), pool.tables.begin(), pool.tables.end());
    both.table_octets += pool.table_octets;
    both.header = "tm_bands.h";
    both.scratch = {layer.output};
    both.output = pool.output;
    both.tensor = pool.tensor;
    both.activation_octets = pool.activation_octets;
    both.lead = lead;
    const std::string of_strip = ArgumentOf(layer, "y").type;
    both.code = fmt::format(
        R"({0}strip = {1};
  tm_band b;
  tm_begin_bands(&b);
  while (tm_next_band({2}, {3}, {4}, &b)) {{
    memmove(strip, strip + b.from, (size_t)b.kept * sizeof *strip);
    {5}
    {6}
  }})",
        of_strip, ArgumentOf(layer, "y").text, ArgumentOf(layer, "s").text,
        ArgumentOf(pool, "s").text, windows,
        CallInBand(layer, ArgumentOf(layer, "x").text + " + b.x", "b.layer", "strip + b.kept"),
        CallInBand(pool, "strip", "b.pool", ArgumentOf(pool, "y").text + " + b.y"));
    return both;
  }

  const CNetwork& network_;
  const std::map<TensorId, Storage>& storage_;
  std::map<size_t, Stream> streams_;  // by the convolution's index
};

}  // namespace

void StreamPools(CNetwork& network, std::map<TensorId, Storage>& storage, TensorId in,
                 TensorId out) {
  const Streams streams(network, storage);
  const auto octets = [&](const std::set<size_t>& chosen) {
    return PlanArena(streams.Layers(chosen), streams.StorageOf(chosen), in, out).arena_octets;
  };
  std::set<size_t> chosen = streams.All();
  if (chosen.empty()) return;
  int64_t least = octets(chosen);
  for (const size_t i : streams.All()) {
    std::set<size_t> others = chosen;
    others.erase(i);
    const int64_t without = octets(others);
    if (without > least) continue;
    chosen = others;
    least = without;
  }
  if (least > octets({}) / 4 * 3) return;
  storage = streams.StorageOf(chosen);
  network.layers = streams.Layers(chosen);
}

}  // namespace platypus::deploy
