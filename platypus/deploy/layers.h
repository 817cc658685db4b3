#ifndef PLATYPUS_DEPLOY_LAYERS_H_
#define PLATYPUS_DEPLOY_LAYERS_H_

#include <optional>
#include <string>
#include <vector>

#include "platypus/config/config.h"
#include "platypus/deploy/memory_plan.h"
#include "platypus/graph/graph.h"

// A network as the generated C runs it: operators that share a loop joined, arrays in the order
// that the kernels read, activations placed in the arena.
namespace platypus::deploy {

// A constant table of the weights file.
struct Table {
  std::string name;  // C identifier
  std::string type;  // "tm_i8", ...
  int64_t count = 0;
  std::string values;
  int64_t octets = 0;
  // The same values as macros of the runtime (tm_weights.h) arrange them on each core; empty: as
  // they are.
  std::string pairs;  // of octets, two to a char of 16 bits
  std::string fours;  // of codes of 8 bits, wide where that saves time
};

// "static const <type> <name> = {...};", of a structure of the runtime.
struct Constant {
  std::string type;  // "tm_shape"
  std::string name;
  std::vector<std::string> fields;  // their values, in the order of the structure
};

struct Argument {
  std::string type;  // "const tm_u8 *", "tm_i32", or that of a Constant
  std::string text;  // an expression, or a Constant's name
  std::string name;  // of the parameter
};

// A call that layers like this one may share: two layers may have one function where function and
// types are the same.
struct Call {
  std::string function;  // of the runtime
  std::vector<Argument> arguments;
};

struct CLayer {
  std::string name;     // node name
  std::string comment;  // what it does, shapes, MACs
  std::string code;     // body of the layer's function, unless it is a call
  std::optional<Call> call;
  std::vector<Constant> constants;  // before the function
  std::string definitions;          // other ones
  std::string header;  // of the runtime, beside tm_kernels.h, that declares what it calls
  int64_t macs = 0;
  int weight_bits = 0;         // of codes as they are stored; 0: none
  std::vector<size_t> tables;  // of CNetwork::tables
  int64_t table_octets = 0;
  int64_t activation_octets = 0;
  // Where values are kept: ids of the graph's tensors, and of copies in another order.
  std::vector<graph::TensorId> inputs;
  graph::TensorId output = -1;
  std::vector<graph::TensorId> overwrites;  // inputs whose place its output may take
  // Its output may lie over inputs[0] if it begins at least this many octets before it.
  std::optional<int64_t> lead;
  std::vector<graph::TensorId> scratch;  // memory that it needs while it runs
  // What it computes: a tensor of the graph, and where it stands afterwards. -1: a part of one.
  graph::TensorId tensor = -1;
  bool channels_last = true;
  bool lowered = false;  // codes 0 to 255 stand there 128 lower
  std::string pool;      // name of a pool's node that it computes, too, line by line
  std::string library;   // function of CMSIS-NN that computes it; the layer returns a tm_status
  std::string kept;      // why none does, where that was asked for
  int64_t offset = -1;   // octets into the arena; -1: the caller's output
  bool uses_arena = false, uses_in = false, uses_out = false;
};

struct CNetwork {
  std::vector<CLayer> layers;
  std::vector<Table> tables;
  MemoryPlan memory;
  int char_bits = 8;           // of the core that memory is planned for
  bool is_integer = false;     // somewhere; floats may stand around it
  std::string arena_type;      // "tm_u8", "tm_i16" or "tm_f32": the widest that is kept there
  bool arena_mixes = false;    // codes of 8 bits among wider ones
  graph::TensorId input = -1;  // tensor that run() is given
  std::string in_type;         // element types of run(): "tm_i8", "tm_u8", "tm_i16", "tm_f32"
  std::string out_type;
  // Of codes: x -> codes, of each channel or of all.
  std::vector<float> in_offset, in_multiplier, in_power;
  float in_lo = 0, in_hi = 0;
  float in_scale = 1.0f;
  float out_scale = 1.0f;
  int32_t in_zero_point = 0;
  int32_t out_zero_point = 0;
  int64_t in_channels = 1, in_positions = 1;
  int64_t out_elements = 1;

  bool TakesCodes() const { return in_type != "tm_f32"; }
  bool GivesCodes() const { return out_type != "tm_f32"; }
};

// Error (model) for an operator that has no C form.
CNetwork LowerToC(const graph::Graph& network, int char_bits = 8,
                  config::Optimise optimise = config::Optimise::kBalanced,
                  config::Kernels kernels = config::Kernels::kPlatypus);

// What CMSIS-NN computes of a network that was lowered for it, and why not the rest.
std::string DescribeLibrary(const CNetwork& network);

// Octets of an element of a type of the runtime ("tm_i8") on a core whose char has `char_bits`.
int64_t ElementOctets(const std::string& type, int char_bits);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_LAYERS_H_
