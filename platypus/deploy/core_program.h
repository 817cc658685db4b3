#ifndef PLATYPUS_DEPLOY_CORE_PROGRAM_H_
#define PLATYPUS_DEPLOY_CORE_PROGRAM_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "platypus/deploy/verify.h"

// A package built for a core with the harness of runtime/verify, and run there.
namespace platypus::deploy {

struct Core {
  std::string name;
  std::string compiler;
  std::string compiler_package;
  std::vector<std::string> flags;
  std::string emulator;  // empty: runs here
  std::string emulator_package;
  std::vector<std::string> machine;  // how the emulator is to load a.elf
  std::string instruction_clock;     // of the emulator, so that core.c counts exactly
  std::string script;                // linker script
};

// Error (usage) for a name that Cores() does not have.
const Core& FindCore(const std::string& name);
// What is not installed of what the core needs, and the command that installs it; empty: all there.
std::string MissingTool(const Core& core);

// What the package says of itself.
struct Facts {
  std::string prefix;
  int char_bits = 8;  // of the core that it is for
  config::Kernels kernels = config::Kernels::kPlatypus;
  int64_t in_length = 0;
  int64_t out_length = 0;
  std::string out_type;  // "tm_f32", "tm_i8", "tm_u8" or "tm_i16"
  int64_t rows = 0;
  int64_t variables = 1;
};
// Error (data) for a folder that is no package, or a damaged one.
Facts ReadManifest(const std::filesystem::path& package);
// Why the package cannot be built, and what helps: it calls CMSIS-NN and the environment variable
// CMSIS_NN_DIR is not set; empty: it can. Error (configuration) if the folder has no CMSIS-NN.
std::string MissingLibrary(const Facts& facts);
// Error (data) unless every array of the set has the length that the package asks for.
void RequireFit(const TestSet& set, const Facts& facts);

// Folders Source/...Functions of CMSIS-NN with what packages call, and what that calls.
inline constexpr std::array kCmsisNnParts = {"BasicMath", "Convolution", "FullyConnected",
                                             "NNSupport", "Pooling",     "Transpose"};
// How objects of CMSIS-NN's files begin.
inline const std::string kCmsisNnObjects = "cmsis_nn_";

// Copies the package into the folder `build` and builds it there for a core.
void Build(const Core& core, const Facts& facts, const std::filesystem::path& package,
           const std::filesystem::path& build);

// What the harness is to do (runtime/verify/harness.c).
enum class Mode : uint32_t { kPlay = 0, kCount = 1, kTrace = 2 };

// Samples first ... first + samples - 1 and the first recordings, for the harness.
void WriteInput(const TestSet& set, Mode mode, int64_t first, int64_t samples, size_t recordings,
                int64_t in_length, const std::filesystem::path& file);

// Runs the program; what it prints. `counting`: instructions move the emulator's clock.
std::string Play(const Core& core, const std::filesystem::path& build, bool counting);

// The two numbers behind "count NAME"; zeros if it is not there.
std::pair<int64_t, int64_t> Count(const std::string& output, const std::string& name);

// Runs the first sample and recording in counting mode; Error (toolchain) if a block of known
// length is counted wrong.
std::string PlayCounting(const Core& core, const Facts& facts, const TestSet& set,
                         const std::filesystem::path& build);

// What each layer takes, of what PlayCounting printed; names and multiply-accumulates are the
// package's own (report.json).
std::vector<LayerCost> LayerCosts(const std::string& output, const std::filesystem::path& package);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_CORE_PROGRAM_H_
