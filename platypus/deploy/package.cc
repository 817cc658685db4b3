#include "platypus/deploy/package.h"

#include <algorithm>

#include "platypus/base/embedded.h"
#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/hash.h"
#include "platypus/deploy/c_text.h"
#include "platypus/deploy/emission.h"
#include "platypus/deploy/emit_features.h"
#include "platypus/deploy/shared_functions.h"

namespace platypus::deploy {
namespace fs = std::filesystem;

std::string Top(const Emission& e, const std::string& file, const std::string& what) {
  return Banner(file, what, e.request.generator_version);
}

std::string Open(const std::string& guard, const std::string& includes) {
  return fmt::format(
      "#ifndef {0}\n#define {0}\n\n{1}\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n", guard,
      includes);
}

std::string Close(const std::string& guard) {
  return fmt::format("\n#ifdef __cplusplus\n}}\n#endif\n\n#endif /* {} */\n", guard);
}

bool Classifies(const Emission& e) { return !e.request.classes.empty(); }

bool CallsCmsisNn(const Emission& e) {
  return std::ranges::any_of(e.net.layers,
                             [](const CLayer& layer) { return !layer.library.empty(); });
}

int64_t InLength(const Emission& e) { return e.net.in_channels * e.net.in_positions; }

bool NeedsFloatKernels(const Emission& e) {
  return !e.net.is_integer ||
         std::any_of(e.net.layers.begin(), e.net.layers.end(), [](const CLayer& layer) {
           const std::string& called = layer.call ? layer.call->function : layer.code;
           return called.find("_f32") != std::string::npos;
         });
}

namespace {
std::string HashOf(const CNetwork& net) {
  std::string all;
  for (const Table& table : net.tables) all += table.name + table.values;
  return HashText(all);
}
}  // namespace

// The same whichever kernels are called.
std::string ModelHash(const Emission& e) {
  return CallsCmsisNn(e) ? ModelHash(*e.request.network) : HashOf(e.net);
}
std::string ModelHash(const graph::Graph& network) { return HashOf(LowerToC(network)); }

namespace {

constexpr const char* kLicence =
    "Permission to use, copy, modify, and/or distribute this software for any purpose with or "
    "without fee is "
    "hereby granted.\n\nTHE SOFTWARE IS PROVIDED \"AS IS\" AND THE AUTHOR DISCLAIMS ALL "
    "WARRANTIES WITH REGARD TO "
    "THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO "
    "EVENT SHALL THE AUTHOR BE "
    "LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES "
    "WHATSOEVER RESULTING FROM "
    "LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER "
    "TORTIOUS ACTION, ARISING "
    "OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.\n";

void AddRuntime(const Emission& e, Package& package) {
  std::vector<std::string> wanted = FeatureRuntimeFiles(*e.request.pipeline);
  for (const std::string& file : NetworkRuntimeFiles(e)) wanted.push_back(file);
  for (const embedded::File& file : embedded::runtime_files()) {
    const std::string path(file.path);
    if (path.starts_with("rt/") && std::count(wanted.begin(), wanted.end(), path.substr(3)) > 0) {
      package[path] = std::string(file.content);
    }
  }
}

}  // namespace

Emission MakeEmission(const PackageRequest& request) {
  Check(!request.prefix.empty() && request.network != nullptr && request.pipeline != nullptr,
        "incomplete request");
  for (const char c : request.prefix) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') {
      Fail(Category::kConfiguration, "compilation.prefix: '{}' is not a C identifier",
           request.prefix);
    }
  }
  if (std::isdigit(static_cast<unsigned char>(request.prefix[0])) != 0 ||
      request.prefix.size() > kLongestPrefix) {
    Fail(Category::kConfiguration,
         "compilation.prefix: '{}' must begin with a letter and have at most {} characters "
         "(external names of 31 "
         "characters are all that C99 promises to tell apart)",
         request.prefix, kLongestPrefix);
  }
  const int64_t outputs = NumElements(request.network->Output().shape);
  if (!request.classes.empty() && static_cast<int64_t>(request.classes.size()) != outputs) {
    Fail(Category::kModel, "{} classes for {} outputs of the network", request.classes.size(),
         outputs);
  }
  if (request.error_threshold && outputs != NumElements(request.network->Input().shape)) {
    Fail(Category::kModel, "{} outputs of an autoencoder for {} inputs", outputs,
         NumElements(request.network->Input().shape));
  }
  if (request.kernels == config::Kernels::kCmsisNn && request.char_bits != 8) {
    Fail(Category::kConfiguration,
         "compilation.kernels: cmsis_nn needs a char of 8 bits, that of {} has {}", request.device,
         request.char_bits);
  }
  Emission e = {request,
                request.prefix,
                Upper(request.prefix),
                LowerToC(*request.network, request.char_bits, request.optimise, request.kernels),
                {}};
  e.functions = ShareFunctions(e.net, request.optimise);
  return e;
}

Package Generate(const PackageRequest& request) {
  const Emission e = MakeEmission(request);
  Package package;
  EmitFeatures(request, package);
  EmitNetwork(e, package);
  EmitConfig(e, package);
  EmitApplication(e, package);
  EmitSelfTest(e, package);
  AddRuntime(e, package);
  EmitBuildFiles(e, package);
  EmitCompatTi(e, package);
  package["LICENSE"] = kLicence;
  EmitDocuments(e, package);
  return package;
}

void Write(const Package& package, const fs::path& folder) {
  const fs::path temporary = folder.lexically_normal().string() + ".writing";
  fs::remove_all(temporary);
  for (const auto& [path, content] : package) WriteFile(temporary / path, content);
  fs::remove_all(folder);
  fs::rename(temporary, folder);
}

}  // namespace platypus::deploy
