#include "platypus/deploy/linked_parts.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <sstream>

#include "platypus/base/files.h"
#include "platypus/base/process.h"
#include "platypus/deploy/layer_sources.h"

namespace platypus::deploy {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kUnit = 2;  // octets: instructions begin at multiples of it

// "layer_12" -> 12; -1 for other names.
int LayerOf(const std::string& function) {
  constexpr std::string_view kPrefix = "layer_";
  if (!function.starts_with(kPrefix)) return -1;
  char* end = nullptr;
  const long number = std::strtol(function.c_str() + kPrefix.size(), &end, 10);
  return end == function.c_str() + kPrefix.size() ? -1 : static_cast<int>(number);
}

// For each unit of a section of code, the layer that it belongs to by the line tables, or -1: the
// function that is said to stand there, or one that it was inlined into, is that of the layer.
std::vector<int> LayersOfCode(const LinkMap::Section& section, const Core& core,
                              const fs::path& build) {
  const auto units = static_cast<size_t>(section.octets / kUnit);
  std::vector<int> layers(units, -1);
  std::string program = core.compiler;
  program.replace(program.rfind("gcc"), 3, "addr2line");
  constexpr size_t kAtOnce = 1000;  // so that the answer is not cut
  for (size_t begin = 0; begin < units; begin += kAtOnce) {
    std::vector<std::string> command = {program, "-a", "-f", "-i", "-s", "-e", "a.elf"};
    for (size_t i = begin; i < std::min(units, begin + kAtOnce); ++i)
      command.push_back(fmt::format("{:#x}", section.address + static_cast<int64_t>(i) * kUnit));
    const ProcessResult answer = RunProcess(command, build, 60);
    if (answer.status != 0) return layers;
    // An address, then function and place, line by line, from the innermost outwards.
    size_t i = begin;
    std::istringstream lines(answer.output);
    bool is_function = false;
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("0x")) {
        i = static_cast<size_t>((std::strtoll(line.c_str(), nullptr, 16) - section.address) /
                                kUnit);
        is_function = true;
        continue;
      }
      if (is_function && i < units && LayerOf(line) >= 0) layers[i] = LayerOf(line);
      is_function = !is_function;
    }
  }
  return layers;
}

// ".text.net_run" -> "net_run"; ".rodata" -> "".
std::string NameOf(const std::string& section) {
  const size_t dot = section.find('.', 1);
  return dot == std::string::npos ? "" : section.substr(dot + 1);
}

}  // namespace

void AddLinkedParts(const LinkMap& map, const Core& core, const Facts& facts, const fs::path& build,
                    VerifyResult& result) {
  const std::string network = facts.prefix + ".o";
  const std::vector<LayerSource> sources =
      ReadLayerSources(ReadFile(build / (facts.prefix + ".c")));
  std::map<std::string, int64_t> shared;
  const auto find_table = [&](const std::string& symbol) -> LinkedPart* {
    for (LayerCost& layer : result.layers) {
      for (LinkedPart& table : layer.tables) {
        if (table.symbol == symbol) return &table;
      }
    }
    return nullptr;
  };
  const auto owner_of_constant = [&](const std::string& name) -> LayerCost* {
    for (size_t i = 0; i < std::min(sources.size(), result.layers.size()); ++i) {
      if (sources[i].text.find(" " + name + " =") != std::string::npos ||
          sources[i].text.find(" " + name + "[") != std::string::npos)
        return &result.layers[i];
    }
    return nullptr;
  };
  for (const LinkMap::Section& section : map.sections) {
    const std::string name = NameOf(section.name);
    if (section.FromLibrary()) {
      shared["C library"] += section.octets;
    } else if (section.object.starts_with(kCmsisNnObjects)) {
      shared["CMSIS-NN"] += section.octets;
    } else if (section.object == facts.prefix + "_app.o") {
      shared["application"] += section.octets;
    } else if (section.object == facts.prefix + "_fe.o") {
      shared["features"] += section.octets;
    } else if (section.object == facts.prefix + "_weights.o") {
      if (LinkedPart* table = find_table(name)) {
        table->octets += section.octets;
      } else {
        shared["tables"] += section.octets;
      }
    } else if (section.object != network) {
      // "rt_tm_fe.o" -> "rt/tm_fe.c"
      std::string file = section.object.substr(0, section.object.size() - 1) + "c";
      if (file.starts_with("rt_")) file[2] = '/';
      shared[file] += section.octets;
    } else if (!section.name.starts_with(".text")) {
      LayerCost* owner = owner_of_constant(name);
      (owner == nullptr ? shared["network"] : owner->constant_octets) += section.octets;
    } else {
      int64_t rest = section.octets;
      for (const int layer : LayersOfCode(section, core, build)) {
        if (layer < 0 || static_cast<size_t>(layer) >= result.layers.size()) continue;
        result.layers[static_cast<size_t>(layer)].code_octets += kUnit;
        rest -= kUnit;
      }
      // A function that several layers call, or a part of the runtime, has a section of its own.
      const bool own = !name.empty() && !name.starts_with(facts.prefix + "_");
      if (rest > 0) shared[own && LayerOf(name) < 0 ? name : "network"] += rest;
    }
  }
  for (const auto& [name, octets] : shared) result.shared.push_back({name, name, octets});
}

}  // namespace platypus::deploy
