#ifndef PLATYPUS_DEPLOY_EMISSION_H_
#define PLATYPUS_DEPLOY_EMISSION_H_

#include <string>
#include <vector>

#include "platypus/deploy/layers.h"
#include "platypus/deploy/package.h"

// What the parts of a package are written from. Each Emit function adds its files to the package.
namespace platypus::deploy {

struct Emission {
  const PackageRequest& request;
  std::string m;      // prefix of every name
  std::string upper;  // of macros
  CNetwork net;
  std::string functions;  // C functions that several layers call
};

// <m>.h, <m>.c, <m>_weights.h, <m>_weights.c
void EmitNetwork(const Emission& e, Package& package);
// <m>_config.h
void EmitConfig(const Emission& e, Package& package);
// The lines "#define FE_..." of that file, and the other names that existing projects use.
std::string CompatibilityMacros(const Emission& e);
// Those lines as user_input_config.h.
std::string UserInputConfig(const Emission& e);
// compat_ti/: the package under the names that applications for TI's compiler call
void EmitCompatTi(const Emission& e, Package& package);
// <m>_app.h, <m>_app.c, host/play_csv.c
void EmitApplication(const Emission& e, Package& package);
// <m>_test_vectors.h and .c, <m>_selftest.c, main_selftest.c
void EmitSelfTest(const Emission& e, Package& package);
// sources.txt, CMakeLists.txt, Makefile, cmake/, bare_metal/: after all C files of the library
void EmitBuildFiles(const Emission& e, Package& package);
// REPORT.md, report.json, README.md and, last, manifest.json with the hashes of all other files
void EmitDocuments(const Emission& e, Package& package);

// The request, checked, and what its network becomes.
Emission MakeEmission(const PackageRequest& request);
// The comment at the top of a file; the guard, includes and extern "C" of a header, and its end.
std::string Top(const Emission& e, const std::string& file, const std::string& what);
std::string Open(const std::string& guard, const std::string& includes);
std::string Close(const std::string& guard);

// The linker's name of CNetwork::tables[table].
std::string TableSymbol(const Emission& e, size_t table);
int64_t InLength(const Emission& e);
bool Classifies(const Emission& e);  // or gives values
// Whether CMSIS-NN computes a layer, so that the package is built with it.
bool CallsCmsisNn(const Emission& e);
// Whether <m>.c includes rt/tm_float.h.
bool NeedsFloatKernels(const Emission& e);
// Names of runtime files (below rt/) that <m>.c needs.
std::vector<std::string> NetworkRuntimeFiles(const Emission& e);
// SHA-256 of the network's constants.
std::string ModelHash(const Emission& e);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_EMISSION_H_
