#include "platypus/data/stand_in.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "platypus/base/error.h"
#include "platypus/base/random.h"
#include "platypus/data/formula.h"
#include "platypus/data/generated_folder.h"
#include "platypus/data/synthetic.h"

namespace platypus::data {
namespace fs = std::filesystem;
namespace {

using config::Value;

// A name and its formula.
using Line = std::pair<std::string, std::string>;

struct ClassForm {
  std::string name;  // "" where there are no classes
  int64_t files = 0;
  std::vector<double> constants;  // in the order of Recipe::constants
};

struct Recipe {
  DatasetForm form;
  std::string about;
  int decimals = 3;
  double rate = 1;  // rows a second
  std::vector<std::string> constants;
  std::vector<Line> once;     // of a recording
  std::vector<Line> signals;  // of a row, not written
  std::vector<Line> columns;
  std::vector<ClassForm> classes;
};

double Number(const Value& entry, const char* key, double fallback) {
  const Value* value = entry.Find(key);
  if (value == nullptr) return fallback;
  const auto number = config::ToReal(*value);
  if (!number) {
    throw Error(Category::kConfiguration, fmt::format("{} is not a number", key), "", value->where);
  }
  return *number;
}

std::string Replace(std::string text, const std::string& what, const std::string& with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

// name: formula. A name that holds {1..20} stands for twenty, whose formulas see their number
// as {n}.
std::vector<Line> ReadLines(const Value& entry, const char* key) {
  std::vector<Line> lines;
  const Value* map = entry.Find(key);
  if (map == nullptr) return lines;
  for (const auto& [name, formula] : map->entries) {
    const size_t open = name.find('{');
    const size_t dots = name.find("..");
    const size_t close = name.find('}');
    if (open == std::string::npos) {
      lines.emplace_back(name, formula.text);
      continue;
    }
    const auto number = [&](size_t from, size_t to) {
      const auto parsed = config::ToInteger(config::Scalar(name.substr(from, to - from)));
      if (!parsed) {
        throw Error(Category::kConfiguration, fmt::format("'{}' is no row of names", name),
                    "for example 'ntc{1..20}'", formula.where);
      }
      return *parsed;
    };
    if (dots == std::string::npos || close == std::string::npos || dots < open || close < dots) {
      number(0, open);
    }
    const int64_t last = number(dots + 2, close);
    for (int64_t n = number(open + 1, dots); n <= last; ++n) {
      lines.emplace_back(name.substr(0, open) + std::to_string(n) + name.substr(close + 1),
                         Replace(formula.text, "{n}", std::to_string(n)));
    }
  }
  return lines;
}

const Value& Entry(const config::Registry& registry, const std::string& name) {
  const Value* entry = registry.datasets.Find(name);
  if (entry == nullptr) {
    throw Error(Category::kUsage, fmt::format("there is no generated data set '{}'", name),
                Suggest(name, StandInNames(registry)));
  }
  return *entry;
}

// The entry that holds the recipe: `like` names another one.
const Value& RecipeEntry(const config::Registry& registry, const std::string& name) {
  const Value& entry = Entry(registry, name);
  const std::string other = entry.Text("like");
  return other.empty() ? entry : Entry(registry, other);
}

Recipe ReadRecipe(const config::Registry& registry, const std::string& name) {
  const Value& entry = RecipeEntry(registry, name);
  Recipe recipe;
  recipe.form.url = Entry(registry, name).Text("url");
  recipe.form.rows = static_cast<int64_t>(Number(entry, "rows", 0));
  recipe.about = entry.Text("about");
  recipe.decimals = static_cast<int>(Number(entry, "decimals", 3));
  recipe.rate = Number(entry, "rate", 1);
  recipe.once = ReadLines(entry, "once");
  recipe.signals = ReadLines(entry, "signals");
  recipe.columns = ReadLines(entry, "columns");
  for (const Line& column : recipe.columns) recipe.form.columns.push_back(column.first);
  const auto files = static_cast<int64_t>(Number(entry, "files", 10));
  const Value* classes = entry.Find("classes");
  recipe.form.has_classes = classes != nullptr;
  if (classes == nullptr) {
    recipe.classes.push_back({"", files, {}});
  } else {
    for (const auto& [label, values] : classes->entries) {
      for (const auto& [constant, value] : values.entries) {
        if (constant != "files" &&
            std::count(recipe.constants.begin(), recipe.constants.end(), constant) == 0) {
          recipe.constants.push_back(constant);
        }
      }
    }
    for (const auto& [label, values] : classes->entries) {
      recipe.form.classes.push_back(label);
      ClassForm form{label, static_cast<int64_t>(Number(values, "files", double(files))), {}};
      for (const std::string& constant : recipe.constants)
        form.constants.push_back(Number(values, constant.c_str(), 0));
      recipe.classes.push_back(std::move(form));
    }
  }
  const bool whole = recipe.form.rows > 0 && !recipe.columns.empty() && recipe.rate > 0 &&
                     recipe.decimals >= 0 && recipe.decimals <= 12;
  if (!whole) {
    throw Error(Category::kConfiguration,
                fmt::format("data set '{}' needs rows, rate and columns", name), "", entry.where);
  }
  return recipe;
}

std::string ToCsv(const Recipe& recipe, const ClassForm& form, int64_t file, Random random) {
  std::vector<std::string> names = {"t", "row", "file", "rows"};
  for (const std::string& constant : recipe.constants) names.push_back(constant);
  for (const auto* lines : {&recipe.once, &recipe.signals, &recipe.columns}) {
    for (const Line& line : *lines) names.push_back(line.first);
  }
  std::vector<double> values(names.size());
  std::vector<double> before;
  values[2] = static_cast<double>(file);
  values[3] = static_cast<double>(recipe.form.rows);
  std::copy(form.constants.begin(), form.constants.end(), values.begin() + 4);
  size_t next = 4 + recipe.constants.size();
  for (const Line& line : recipe.once) {
    values[next++] = Formula(line.second, names).Evaluate(values, {}, random);
  }
  const size_t first_of_row = next;
  const size_t first_column = first_of_row + recipe.signals.size();
  std::vector<Formula> formulas;
  std::string text;
  for (const Line& line : recipe.signals) formulas.emplace_back(line.second, names);
  for (const Line& line : recipe.columns) {
    formulas.emplace_back(line.second, names);
    text += (text.empty() ? "" : ",") + line.first;
  }
  text += '\n';
  for (int64_t row = 0; row < recipe.form.rows; ++row) {
    values[0] = static_cast<double>(row) / recipe.rate;
    values[1] = static_cast<double>(row);
    for (size_t i = 0; i < formulas.size(); ++i) {
      values[first_of_row + i] = formulas[i].Evaluate(values, before, random);
      if (!std::isfinite(values[first_of_row + i])) {
        throw Error(Category::kConfiguration,
                    fmt::format("'{}' is not finite in row {}", names[first_of_row + i], row));
      }
    }
    for (size_t i = first_column; i < values.size(); ++i) {
      const double scale = std::pow(10.0, recipe.decimals);
      const double rounded = std::round(values[i] * scale) / scale + 0.0;  // no minus zero
      fmt::format_to(std::back_inserter(text), "{}{:.{}f}", i == first_column ? "" : ",", rounded,
                     recipe.decimals);
    }
    text += '\n';
    before = values;
  }
  return text;
}

bool IsBuiltIn(const std::string& name) {
  const std::vector<std::string>& names = SyntheticNames();
  return std::count(names.begin(), names.end(), name) > 0;
}

}  // namespace

std::vector<std::string> StandInNames(const config::Registry& registry) {
  std::vector<std::string> names = SyntheticNames();
  for (const std::string& name : registry.datasets.Names()) {
    if (!IsBuiltIn(name)) names.push_back(name);
  }
  return names;
}

DatasetForm FormOf(const config::Registry& registry, const std::string& name) {
  return ReadRecipe(registry, name).form;
}

void WriteStandIn(const config::Registry& registry, const std::string& name, const fs::path& folder,
                  uint64_t seed, ThreadPool& pool, ProgressSink& sink) {
  const std::string like = IsBuiltIn(name) ? name : Entry(registry, name).Text("like");
  if (IsBuiltIn(like)) {
    WriteSynthetic(like, folder, seed, pool, sink);
    return;
  }
  const Recipe recipe = ReadRecipe(registry, name);
  std::vector<std::pair<const ClassForm*, int64_t>> files;
  for (const ClassForm& form : recipe.classes) {
    for (int64_t i = 0; i < form.files; ++i) files.emplace_back(&form, i);
  }
  std::string readme = fmt::format(
      "# {}, synthetic\n\n{}\n\nComputed by `platypus init {}` with seed {}: {} recordings of {} "
      "rows. Nothing in them was measured.\n",
      name, recipe.about, name, seed, files.size(), recipe.form.rows);
  if (!recipe.form.url.empty()) {
    readme += fmt::format("The data set that they stand in for: {}\n", recipe.form.url);
  }
  const auto file = [&](int64_t i) -> GeneratedFile {
    const auto& [form, number] = files[static_cast<size_t>(i)];
    const std::string stem = Replace(form->name.empty() ? "synthetic" : form->name, " ", "_");
    const fs::path place = form->name.empty() ? "files" : fs::path("classes") / form->name;
    return {place / fmt::format("{}_{:02}.csv", stem, number),
            ToCsv(recipe, *form, number, Random(seed, fmt::format("{} {}", name, i)))};
  };
  WriteGenerated(name, folder, readme, static_cast<int64_t>(files.size()), file, pool, sink);
}

}  // namespace platypus::data
