#include "platypus/deploy/shared_functions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "platypus/base/error.h"
#include "tm_shape.h"

namespace platypus::deploy {
namespace {

struct Field {
  const char* type;
  const char* name;
  bool is_address = false;  // of a table: no two layers have the same
  bool decides = false;     // which loop runs: always literal
  // Convolutions of one function may have other values of it, multiples of this; 0: they have none.
  int multiple = 0;
  bool outermost = false;  // in the loop around all others
};

// The members of the runtime's structures (rt/tm_shape.h, tm_weights.h, tm_kernels.h).
const std::vector<Field>& FieldsOf(const std::string& type) {
  static const std::map<std::string, std::vector<Field>> kFields = {
      {"tm_shape",
       {{.type = "tm_i32", .name = "in_h", .multiple = 1},
        {.type = "tm_i32", .name = "in_w", .multiple = 1},
        {.type = "tm_i32", .name = "in_c", .multiple = 8},
        {.type = "tm_i32", .name = "out_h", .multiple = 1},
        {.type = "tm_i32", .name = "out_w", .multiple = 1},
        {.type = "tm_i32", .name = "out_c", .multiple = 4, .outermost = true},
        {"tm_i32", "kernel_h"},
        {"tm_i32", "kernel_w"},
        {.type = "tm_i32", .name = "stride_h", .multiple = 1},
        {.type = "tm_i32", .name = "stride_w", .multiple = 1},
        {.type = "tm_i32", .name = "dilation_h", .decides = true},
        {.type = "tm_i32", .name = "dilation_w", .decides = true},
        {.type = "tm_i32", .name = "pad_h", .multiple = 1},
        {.type = "tm_i32", .name = "pad_w", .multiple = 1}}},
      {"tm_weights",
       {{.type = "const void *", .name = "codes", .is_address = true},
        {.type = "int", .name = "bits", .decides = true}}},
      {"tm_requant",
       {{.type = "const tm_i32 *", .name = "offset", .is_address = true},
        {.type = "const tm_i16 *", .name = "multiplier", .is_address = true},
        {.type = "const tm_u8 *", .name = "shift", .is_address = true},
        {"tm_i32", "lo"},
        {"tm_i32", "hi"},
        {.type = "int", .name = "wide", .decides = true},
        {.type = "int", .name = "shared", .decides = true},
        {.type = "int", .name = "nearest", .decides = true},
        {"tm_i32", "zero"}}}};
  const auto found = kFields.find(type);
  Check(found != kFields.end(), "no structure {} of the runtime", type);
  return found->second;
}

bool IsAddress(const std::string& type) { return type.ends_with('*'); }

const Constant* ConstantOf(const CLayer& layer, const Argument& argument) {
  const auto found = std::ranges::find(layer.constants, argument.text, &Constant::name);
  return found == layer.constants.end() ? nullptr : &*found;
}

int64_t Positions(const Constant& shape) {
  return std::stoll(shape.fields[3]) * std::stoll(shape.fields[4]);  // out_h, out_w
}
tm_i32 Step(const Constant& shape) {
  return std::stoi(shape.fields[2]) * std::stoi(shape.fields[9]);  // in_c, stride_w
}
bool IsShort(const Constant& shape) { return Positions(shape) <= TM_SHORT; }

// Not a grouped or transposed one.
bool IsConvolution(const std::string& kernel) {
  return kernel.starts_with("tm_conv_") && !kernel.starts_with("tm_conv_transposed_");
}

bool IsOpen(const Field& field, const std::string& value) {
  return field.multiple > 0 && std::stoi(value) % field.multiple == 0;
}

// What layers may have in another way than others of their function.
enum class Open { kAddresses, kOutermost, kSizes, kEverything };

// What layers of one function have in common.
std::string KeyOf(const CLayer& layer, Open open) {
  std::string key = layer.call->function;
  const auto add = [&](const std::string& text, bool is_parameter, bool decides) {
    key += "|";
    if (text == "NULL" || decides || (open != Open::kEverything && !is_parameter)) key += text;
  };
  for (const Argument& argument : layer.call->arguments) {
    const Constant* constant = ConstantOf(layer, argument);
    if (constant == nullptr) {
      add(argument.text, IsAddress(argument.type), false);
      continue;
    }
    const std::vector<Field>& fields = FieldsOf(constant->type);
    for (size_t i = 0; i < fields.size(); ++i) {
      // A fully connected layer has little to win: its weights are most of it. Where positions are
      // near each other their distance is literal in the instructions of Armv6-M.
      const bool any = IsConvolution(layer.call->function) &&
                       IsOpen(fields[i], constant->fields[i]) && Positions(*constant) > 1 &&
                       ((open == Open::kSizes && !tm_is_near(Step(*constant))) ||
                        (open == Open::kOutermost && fields[i].outermost));
      add(constant->fields[i], fields[i].is_address || any, fields[i].decides);
    }
    if (open == Open::kSizes && constant->type == "tm_shape")
      key += IsShort(*constant) ? "|short" : "|long";
  }
  return key;
}

// The layers that share a function, and the function while it is written.
class Sharing {
 public:
  Sharing(CNetwork& network, std::vector<size_t> layers, Open open)
      : network_(network),
        open_(open),
        layers_(std::move(layers)),
        first_(network.layers[layers_[0]]),
        calls_(layers_.size()) {
    const std::string& kernel = first_.call->function;
    name_ = fmt::format("{}_{}", kernel.substr(kernel.find('_') + 1), layers_[0]);
  }

  // The function's text. Its layers call it afterwards.
  std::string Write() {
    for (size_t a = 0; a < first_.call->arguments.size(); ++a) {
      if (ConstantOf(first_, first_.call->arguments[a]) != nullptr) {
        AddConstant(a);
      } else {
        AddPlain(a);
      }
    }
    std::vector<std::string> parameters;
    for (const Argument& parameter : parameters_)
      parameters.push_back(Declaration(parameter.type, parameter.name));
    if (open_ == Open::kSizes) AddAssumptions();
    std::string text = fmt::format(
        "\n/* Layers {}: what they have in common is literal. */\n{}{} void {}({}) "
        "{{\n{}{}  {}({});\n}}\n",
        fmt::join(layers_, ", "), definitions_,
        open_ == Open::kSizes ? "TM_SHARED_SIZES" : "TM_SHARED", name_, fmt::join(parameters, ", "),
        locals_, assignments_, first_.call->function, fmt::join(passed_, ", "));
    for (size_t m = 0; m < layers_.size(); ++m) {
      CLayer& layer = network_.layers[layers_[m]];
      layer.call = {name_, std::move(calls_[m])};
      std::erase_if(layer.constants,
                    [&](const Constant& constant) { return unused_.contains(constant.name); });
    }
    return text;
  }

 private:
  const CLayer& Member(size_t m) const { return network_.layers[layers_[m]]; }

  static std::string Declaration(const std::string& type, const std::string& name) {
    return IsAddress(type) ? type + name : type + " " + name;
  }

  // The values that the layers have in one place: the same, or a parameter's.
  std::optional<std::string> Common(const std::vector<std::string>& values) const {
    const bool same = std::ranges::all_of(values, [&](const auto& v) { return v == values[0]; });
    return same ? std::optional(values[0]) : std::nullopt;
  }

  void AddParameter(const std::string& type, const std::string& name,
                    const std::vector<std::string>& values) {
    parameters_.push_back({type, values[0], name});
    for (size_t m = 0; m < values.size(); ++m) calls_[m].push_back({type, values[m], name});
  }

  void AddPlain(size_t a) {
    const Argument& argument = first_.call->arguments[a];
    std::vector<std::string> values;
    for (size_t m = 0; m < layers_.size(); ++m) values.push_back(Member(m).call->arguments[a].text);
    // Addresses in the arena are the layer's.
    if (const auto common = Common(values);
        common && (!IsAddress(argument.type) || *common == "NULL")) {
      passed_.push_back(*common);
      return;
    }
    AddParameter(argument.type, argument.name, values);
    passed_.push_back(argument.name);
  }

  // What decides between loops of which a function has no use for more than one.
  void AddAssumptions() {
    for (size_t a = 0; a < first_.call->arguments.size(); ++a) {
      const Argument& argument = first_.call->arguments[a];
      const Constant* constant = ConstantOf(first_, argument);
      if (constant == nullptr || constant->type != "tm_shape") continue;
      const auto least = [&](size_t field) {
        int value = std::stoi(constant->fields[field]);
        for (size_t m = 1; m < layers_.size(); ++m) {
          const Constant& other = *ConstantOf(Member(m), Member(m).call->arguments[a]);
          value = std::min(value, std::stoi(other.fields[field]));
        }
        return value;
      };
      assignments_ += fmt::format(
          "  TM_ASSUME({0}.in_c >= {1} && {0}.out_c >= {2} && {0}.out_h * {0}.out_w {3} "
          "TM_SHORT);\n",
          argument.name, least(2), least(5), IsShort(*constant) ? "<=" : ">");
    }
  }

  // Few fields that differ are parameters, of more the structure is one.
  void AddConstant(size_t a) {
    constexpr int64_t kFew = 3;
    const Argument& argument = first_.call->arguments[a];
    const std::vector<Field>& fields = FieldsOf(argument.type);
    std::vector<std::vector<std::string>> values(fields.size());
    std::vector<std::string> names;
    for (size_t m = 0; m < layers_.size(); ++m) {
      const Constant& constant = *ConstantOf(Member(m), Member(m).call->arguments[a]);
      names.push_back(constant.name);
      for (size_t f = 0; f < fields.size(); ++f) values[f].push_back(constant.fields[f]);
    }
    const auto differ =
        std::ranges::count_if(values, [&](const auto& of_field) { return !Common(of_field); });
    if (differ == 0) {
      definitions_ += Definition(*ConstantOf(first_, argument));
      unused_.insert(names.begin(), names.end());
      passed_.push_back(names[0]);
      return;
    }
    passed_.push_back(argument.name);
    if (differ > kFew) {
      const std::string pointer = argument.name + "_of";
      for (std::string& name : names) name.insert(0, "&");
      AddParameter(fmt::format("const {} *", argument.type), pointer, names);
      locals_ += fmt::format("  {} {} = *{};\n", argument.type, argument.name, pointer);
    } else {
      unused_.insert(names.begin(), names.end());
      locals_ += fmt::format("  {} {};\n", argument.type, argument.name);
    }
    for (size_t f = 0; f < fields.size(); ++f) {
      const std::optional<std::string> common = Common(values[f]);
      const int multiple = fields[f].multiple;
      // So that the compiler knows that no loop is left over.
      const bool known =
          !common && multiple > 1 && std::ranges::all_of(values[f], [&](const std::string& value) {
            return IsOpen(fields[f], value);
          });
      std::string value = common.value_or(fields[f].name);
      if (differ > kFew && !common) {
        if (!known) continue;
        value = fmt::format("{}.{} & -{}", argument.name, value, multiple);
      } else if (known) {
        value += multiple == 4 ? "_fours" : "_eights";
        for (std::string& number : values[f]) number = std::to_string(std::stoi(number) / multiple);
        AddParameter(fields[f].type, value, values[f]);
        value.insert(0, fmt::format("{} * ", multiple));
      } else if (!common) {
        AddParameter(fields[f].type, value, values[f]);
      }
      assignments_ += fmt::format("  {}.{} = {};\n", argument.name, fields[f].name, value);
    }
  }

  CNetwork& network_;
  const Open open_;
  std::vector<size_t> layers_;
  const CLayer first_;  // as it was
  std::string name_;
  std::vector<Argument> parameters_;
  std::vector<std::vector<Argument>> calls_;  // of each layer: the arguments
  std::vector<std::string> passed_;           // to the kernel
  std::string definitions_, locals_, assignments_;
  std::set<std::string> unused_;  // constants of layers
};

}  // namespace

std::string ShareFunctions(CNetwork& network, config::Optimise optimise) {
  std::map<size_t, std::string> texts;  // by the first layer
  std::set<size_t> alone;
  for (size_t i = 0; i < network.layers.size(); ++i) {
    if (network.layers[i].call) alone.insert(i);
  }
  const auto share = [&](Open open) {
    std::map<std::string, std::vector<size_t>> groups;
    for (const size_t i : alone) groups[KeyOf(network.layers[i], open)].push_back(i);
    for (const auto& [key, layers] : groups) {
      if (layers.size() == 1) continue;
      texts[layers[0]] = Sharing(network, layers, open).Write();
      for (const size_t i : layers) alone.erase(i);
    }
  };
  switch (optimise) {
    case config::Optimise::kSize:
      share(Open::kEverything);
      break;
    case config::Optimise::kBalanced:
      share(Open::kOutermost);
      share(Open::kSizes);
      break;
    case config::Optimise::kSpeed:
      share(Open::kAddresses);
      break;
  }
  std::string all;
  for (const auto& [layer, text] : texts) all += text;
  return all;
}

std::string Definition(const Constant& constant) {
  const std::vector<std::string>& f = constant.fields;
  if (constant.type != "tm_shape") {
    return fmt::format("static const {} {} = {{{}}};\n", constant.type, constant.name,
                       fmt::join(f, ", "));
  }
  return fmt::format(
      "static const tm_shape {} = {{\n    {}, {}, {}, /* in: height, width, channels */\n    {}, "
      "{}, {}, /* out */\n    {}}}; /* kernel, stride, dilation, padding */\n",
      constant.name, f[0], f[1], f[2], f[3], f[4], f[5], fmt::join(f.begin() + 6, f.end(), ", "));
}

std::string Statement(const Call& call) {
  std::vector<std::string> texts;
  for (const Argument& argument : call.arguments) texts.push_back(argument.text);
  return fmt::format("{}({});", call.function, fmt::join(texts, ", "));
}

}  // namespace platypus::deploy
