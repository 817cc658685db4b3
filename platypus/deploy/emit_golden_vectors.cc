#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "platypus/base/error.h"
#include "platypus/deploy/c_text.h"
#include "platypus/deploy/emission.h"

namespace platypus::deploy {
namespace {

// What neither ends a comment nor continues it in the next line.
std::string InComment(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 32 || u > 126 || c == '*' || c == '\\' || c == '?') c = '_';
  }
  return result;
}

std::string Integer(float value) { return fmt::format("{:.0f}", value); }

std::string Decimal(float value) {
  std::string text = CFloat(value);
  text.pop_back();  // as in the reference's file, without suffix
  return text;
}

// All elements in one line, a comma behind each.
std::string Array(const std::string& declaration, const std::vector<float>& values, bool integers) {
  std::string text = declaration + " { ";
  for (const float value : values) text += (integers ? Integer(value) : Decimal(value)) + ", ";
  return text + "} ;\n";
}

// The newest frame of [rows][variables] as [variables][frame size].
std::vector<float> NewestFrame(const std::vector<float>& rows, const features::Pipeline& pipeline) {
  const auto width = static_cast<size_t>(pipeline.variables);
  const size_t size = static_cast<size_t>(pipeline.frame_size) * width;
  std::vector<float> values;
  values.reserve(size);
  for (size_t v = 0; v < width; ++v) {
    for (size_t i = rows.size() - size + v; i < rows.size(); i += width) values.push_back(rows[i]);
  }
  return values;
}

std::string OutputType(const Emission& e) {
  if (e.net.out_type == "tm_f32") return "float";
  if (e.net.out_type == "tm_i8") return "int8_t";
  if (e.net.out_type == "tm_u8") return "uint8_t";
  return e.net.out_type == "tm_i16" ? "int16_t" : "int32_t";
}

// The three arrays of a sample.
std::string Set(const Emission& e, size_t index) {
  const GoldenSample& sample = e.request.golden[index];
  std::string about = "//";
  if (Classifies(e)) {
    about += fmt::format("Class: {} ",
                         InComment(e.request.classes.at(static_cast<size_t>(sample.label))));
  }
  about += fmt::format("(Index: {}): ", InComment(sample.source));
  const std::vector<float> raw = NewestFrame(sample.raw, *e.request.pipeline);
  const bool integers =
      std::all_of(raw.begin(), raw.end(), [](float v) { return std::trunc(v) == v; });
  const std::string type = OutputType(e);
  std::string text = fmt::format("// SET {}\n", index);
  text += about + "ADC Data\n" +
          Array(fmt::format("float raw_input_test[{}]=", raw.size()), raw, integers);
  text += "\n" + about + "Extracted Features\n" +
          Array(fmt::format("float model_test_input[{}] =", sample.features.size()),
                sample.features, false);
  text += "\n" + about + "Expected Model Output\n" +
          Array(fmt::format("{} golden_output[{}] =", type, sample.output.size()), sample.output,
                type != "float");
  return text;
}

std::string TestVector(const Emission& e) {
  Check(!e.request.golden.empty(), "no golden vectors");
  std::string text =
      "#if defined(__C29__) || defined(__TMS320C2000__)\n#include \"device.h\"\n#else\n"
      "#include <stdint.h>\n#endif\n\n"
      "/* One set at a time: SET 0 is active, the others stand in comments. To use another one,\n"
      " * put SET 0 in a comment and take the marks of that comment away. */\n";
  text += "\n\n" + Set(e, 0) + "\n";
  for (size_t i = 1; i < e.request.golden.size(); ++i) text += "\n/*\n" + Set(e, i) + "*/\n";
  return text;
}

std::string ModelAux(const Emission& e) {
  std::string names;
  for (const std::string& name : e.request.classes) {
    names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", CString(name));
  }
  return fmt::format(
      "#ifndef MODEL_AUX_H_\n#define MODEL_AUX_H_\n\n#define NUMBER_OF_CLASSES {}\n"
      "static const char *const classIdToName[NUMBER_OF_CLASSES] = {{{}}};\n\n"
      "#endif /* MODEL_AUX_H_ */\n",
      e.request.classes.size(), names);
}

}  // namespace

std::string UserInputConfig(const Emission& e) {
  return "#ifndef INPUT_CONFIG_H_\n#define INPUT_CONFIG_H_\n\n" + CompatibilityMacros(e) +
         "\n\n#endif /* INPUT_CONFIG_H_ */\n";
}

Package GoldenVectors(const PackageRequest& request) {
  const Emission e = MakeEmission(request);
  Package package;
  package["golden_vectors/user_input_config.h"] = UserInputConfig(e);
  package["golden_vectors/test_vector.c"] = TestVector(e);
  if (Classifies(e)) package["model_aux.h"] = ModelAux(e);
  return package;
}

}  // namespace platypus::deploy
