#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "platypus/base/hash.h"
#include "platypus/deploy/c_text.h"
#include "platypus/deploy/emission.h"

namespace platypus::deploy {
namespace {

nlohmann::ordered_json LayersJson(const Emission& e) {
  auto layers = nlohmann::ordered_json::array();
  for (const CLayer& layer : e.net.layers) {
    auto tables = nlohmann::ordered_json::array();
    for (const size_t table : layer.tables) tables.push_back(TableSymbol(e, table));
    layers.push_back({{"name", layer.name},
                      {"what", layer.comment},
                      {"macs", layer.macs},
                      {"weight_bits", layer.weight_bits},
                      {"weight_octets", layer.table_octets},
                      {"activation_octets", layer.activation_octets},
                      {"tables", tables}});
  }
  return layers;
}

nlohmann::ordered_json TablesJson(const Emission& e) {
  auto tables = nlohmann::ordered_json::array();
  for (size_t i = 0; i < e.net.tables.size(); ++i) {
    const Table& table = e.net.tables[i];
    tables.push_back({{"symbol", TableSymbol(e, i)},
                      {"name", "w_" + table.name},
                      {"type", table.type},
                      {"count", table.count},
                      {"octets", table.octets}});
  }
  return tables;
}

int64_t TableOctets(const Emission& e) {
  int64_t octets = 0;
  for (const Table& table : e.net.tables) octets += table.octets;
  return octets;
}

// Of codes that take twice the octets where the core has DSP instructions.
int64_t WideCodes(const Emission& e) {
  int64_t codes = 0;
  for (const Table& table : e.net.tables) codes += table.fours.empty() ? 0 : table.count;
  return codes;
}

std::string ReportJson(const Emission& e) {
  nlohmann::ordered_json json;
  json["evidence"] = "estimated";
  json["layers"] = LayersJson(e);
  json["tables"] = TablesJson(e);
  json["constants_octets"] = TableOctets(e);
  if (const int64_t wide = WideCodes(e); wide > 0)
    json["constants_octets_with_dsp"] = TableOctets(e) + wide;
  json["arena_octets"] = e.net.memory.arena_octets;
  json["arena_lower_bound_octets"] = e.net.memory.lower_bound_octets;
  return json.dump(2) + "\n";
}

std::string Report(const Emission& e) {
  std::string text = fmt::format(
      "# {}: layers and memory\n\n| # | layer | MACs | weights, octets | activations, octets "
      "|\n|--:|---|--:|--:|--:|\n",
      e.m);
  for (size_t i = 0; i < e.net.layers.size(); ++i) {
    const CLayer& layer = e.net.layers[i];
    text += fmt::format("| {} | {} | {} | {} | {} |\n", i, CString(layer.comment), layer.macs,
                        layer.table_octets, layer.activation_octets);
  }
  const bool few = std::any_of(e.net.layers.begin(), e.net.layers.end(), [](const CLayer& layer) {
    return layer.weight_bits == 4 || layer.weight_bits == 2;
  });
  if (few) {
    text +=
        "\nWeights of 4 bits are stored two to an octet, of 2 bits four; activations of 8 bits or "
        "fewer "
        "have an octet each.\n";
  }
  if (const int64_t wide = WideCodes(e); wide > 0) {
    text += fmt::format(
        "\nCores with the Arm DSP extension, Helium apart, keep {} weights of 8 bits in 16: {} "
        "octets "
        "of constants there (-DTM_WIDE_WEIGHTS=0: as elsewhere).\n",
        wide, TableOctets(e) + wide);
  }
  return text +
         fmt::format(
             "\nConstants: {} octets. Arena: {} octets; no plan can do with less than {}.\n"
             "Exact by construction. Code size, stack and instructions are measured by `platypus "
             "verify`.\n",
             TableOctets(e), e.net.memory.arena_octets, e.net.memory.lower_bound_octets);
}

// How the README shows the application's use.
struct Use {
  std::string what, code;
};
Use UseOf(const Emission& e) {
  if (Classifies(e)) {
    return {"classes",
            fmt::format("    tm_i32 decided = {0}_app_push(&app, rows, count);   /* -1: not "
                        "yet */\n    if (decided >= 0) puts({0}_class_names[decided]);\n",
                        e.m)};
  }
  if (e.request.error_threshold) {
    return {"anomalies",
            fmt::format("    if ({0}_app_push(&app, rows, count) == 1) alarm(app.error); "
                        "  /* above RECONSTRUCTION_ERROR_THRESHOLD */\n",
                        e.m)};
  }
  return {"values",
          fmt::format("    if ({0}_app_push(&app, rows, count) > 0) use(app.values);   /* "
                      "{1}_OUT_LEN values in real units */\n",
                      e.m, e.upper)};
}

constexpr const char* kLibraryUse =
    R"(- Layers are computed by CMSIS-NN 7.0 or later (github.com/ARM-software/CMSIS-NN); REPORT.md says which. Every build wants
  the folder of its sources: `make CMSIS_NN_DIR=FOLDER check`, `cmake -DCMSIS_NN_DIR=FOLDER`, or an environment variable. Elsewhere
  compile its `Source/{BasicMath,Convolution,FullyConnected,NNSupport,Pooling,Transpose}Functions/*_{s8,q7}*.c` and this package with
  `-DCMSIS_NN_USE_SINGLE_ROUNDING` and its `Include`: other rounding gives other results. `_run` returns `TM_ERROR_SIZE` where a
  release refuses a layer's sizes, whatever the values: run the self-test once.
)";

std::string Readme(const Emission& e) {
  std::string facts;
  for (const auto& [name, value] : e.request.facts)
    facts += fmt::format("| {} | {} |\n", CString(name), CString(value));
  const Use use = UseOf(e);
  return fmt::format(R"(# {0}

C99 source of one trained network, from samples to {3}: no heap, no recursion, no double, no library but `sqrtf`.

| | |
|---|---|
{2}
Use it:

    #include "{0}_app.h"
    static {0}_app app;
    {0}_app_init(&app);
    /* whenever rows have arrived, in portions of any size: */
{4}
- `{0}.h` the network alone; `{0}_fe.h` feature extraction alone; `{0}_config.h` every constant.
- Build with the files of `sources.txt`, the CMakeLists.txt or the Makefile (`make check` runs the self-test here).
  Compile with `-ffp-contract=off` (or your compiler's name for it): features then have the host's bits. With GCC before 14
  also with `-fno-delete-null-pointer-checks`: GCC 12 drops stores whose address it has split into a sum without a pointer.
- `cmake/` has toolchain files; `make -C bare_metal CORE=cortex-m4` plays the self-test on a board that QEMU emulates;
  `compat_ti/` offers the names that applications for TI's compiler call.
- `make play_csv`, then `./play_csv < rows.csv` prints a result for every sample in a recording.
- `main_selftest.c` on your board: `test_result` becomes 1 when it computes what the host computed.
- Memory: {1} octets for the activations, inside the context; see REPORT.md.
{5})",
                     e.m, e.net.memory.arena_octets, facts, use.what, use.code,
                     CallsCmsisNn(e) ? kLibraryUse : "");
}

std::string Manifest(const Emission& e, const Package& package) {
  nlohmann::ordered_json json;
  json["schema"] = 1;
  json["generator"] = e.request.generator_version;
  json["prefix"] = e.m;
  json["model_hash"] = ModelHash(e);
  json["task_type"] = e.request.task_type;
  json["device"] = e.request.device;
  json["char_bits"] = e.request.char_bits;
  if (CallsCmsisNn(e)) json["kernels"] = "cmsis_nn";
  json["classes"] = e.request.classes;
  if (e.request.error_threshold) json["error_threshold"] = *e.request.error_threshold;
  json["input"] = {{"shape", e.request.network->Input().shape},
                   {"order", "channel, height, width"},
                   {"type", e.net.in_type},
                   {"scale", e.net.in_scale},
                   {"zero_point", e.net.in_zero_point}};
  json["output"] = {{"length", e.net.out_elements},
                    {"type", e.net.out_type},
                    {"scale", e.net.out_scale},
                    {"zero_point", e.net.out_zero_point}};
  auto chain = nlohmann::ordered_json::array();
  for (const features::Stage& stage : e.request.pipeline->stages)
    chain.push_back(features::Name(stage));
  const features::Pipeline& p = *e.request.pipeline;
  json["features"] = {{"variables", p.variables},
                      {"frame_size", p.frame_size},
                      {"hop", p.hop},
                      {"frames", p.frame_concat},
                      {"frame_skip", p.frame_skip},
                      {"decimation", p.decimation},
                      {"sample_divisor", p.scale},
                      {"chain", chain}};
  auto facts = nlohmann::ordered_json::object();
  for (const auto& [name, value] : e.request.facts) facts[name] = value;
  json["facts"] = facts;
  json["golden_sets"] = e.request.golden.size();
  json["arena_octets"] = e.net.memory.arena_octets;
  json["licence"] = "0BSD";
  auto files = nlohmann::ordered_json::object();
  for (const auto& [path, content] : package) files[path] = HashText(content);
  json["files"] = files;
  return json.dump(2, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

void EmitDocuments(const Emission& e, Package& package) {
  package["REPORT.md"] = Report(e);
  package["report.json"] = ReportJson(e);
  package["README.md"] = Readme(e);
  package["manifest.json"] = Manifest(e, package);
}

}  // namespace platypus::deploy
