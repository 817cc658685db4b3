#include "apps/command.h"

#include <nlohmann/json.hpp>

#include "platypus/config/load.h"
#include "platypus/data/check.h"
#include "platypus/features/pipeline.h"

namespace platypus::apps {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct Arguments {
  std::string dataset;
  std::string task;
  std::string config;
  std::string registry;
  bool json = false;
};

// What is to be checked, and for what.
struct Subject {
  config::Config config;
  std::string task;
  int64_t rows_per_sample = 0;
};

Subject FromConfiguration(const Arguments& a, const config::Registry& registry) {
  const config::Loaded loaded = config::Load(a.config, {}, registry);
  Subject subject{loaded.config, loaded.config.common.task_type};
  if (!a.dataset.empty()) subject.config.dataset.input_data_path = a.dataset;
  const config::FeatureExtraction& settings = loaded.config.data_processing_feature_extraction;
  NullSink silent;
  const features::Pipeline pipeline = features::MakePipeline(settings, 1, silent);
  subject.rows_per_sample = int64_t{pipeline.RowsPerSample()} * pipeline.decimation;
  return subject;
}

Subject FromFolder(const Arguments& a) {
  if (a.dataset.empty()) {
    throw Error(Category::kUsage, "check needs a data set",
                "name its folder, or a configuration: -c");
  }
  Subject subject;
  subject.config.dataset.input_data_path = a.dataset;
  if (a.task.empty()) {
    const auto guessed = data::GuessCategory(a.dataset);
    if (!guessed && fs::is_regular_file(a.dataset)) {
      throw Error(Category::kUsage, fmt::format("{} does not tell its task", a.dataset),
                  "-t names it, as in -t generic_timeseries_classification");
    }
    subject.config.common.task_category =
        guessed.value_or(config::TaskCategory::kTimeseriesClassification);
  }
  subject.task = a.task;
  return subject;
}

void ChooseTask(Subject& subject, const std::string& task, const config::Registry& registry) {
  const config::Value* entry = registry.tasks.Find(task);
  if (entry == nullptr) {
    throw Error(Category::kUsage, fmt::format("there is no task '{}'", task),
                Suggest(task, registry.tasks.Names()));
  }
  const std::optional<config::TaskCategory> category =
      config::CategoryNamed(entry->Text("category"));
  if (!category) {
    throw Error(Category::kUsage, fmt::format("{} does not run in this version", task),
                "time series do");
  }
  subject.config.common.task_category = *category;
  subject.config.dataset.data_dir = entry->Text("data_dir");
  subject.task = task;
}

Json ToJson(const data::DatasetReport& report, const Subject& subject) {
  Json json;
  json["dataset"] = subject.config.dataset.input_data_path;
  json["category"] = config::Name(subject.config.common.task_category);
  json["data_path"] = report.data_path.string();
  json["files"] = report.files;
  json["octets"] = report.octets;
  json["rows"] = report.rows;
  json["shortest"] = report.shortest;
  json["longest"] = report.longest;
  json["size"] = data::SizeName(report.rows);
  json["columns"] = report.columns;
  json["time_step"] = report.time_step > 0 ? Json(report.time_step) : Json(nullptr);
  json["classes"] = Json::array();
  for (const data::ClassCount& c : report.classes)
    json["classes"].push_back({{"name", c.name}, {"files", c.files}, {"rows", c.rows}});
  json["splits"] = report.splits;
  json["has_lists"] = report.has_lists;
  json["findings"] = Json::array();
  for (const data::Finding& f : report.findings) {
    json["findings"].push_back({{"severity", data::Name(f.severity)},
                                {"kind", f.kind},
                                {"file", f.file},
                                {"line", f.line > 0 ? Json(f.line) : Json(nullptr)},
                                {"found", f.found},
                                {"advice", f.advice}});
  }
  return json;
}

void PrintLine(const char* what, const std::string& text) { fmt::print("{:<11} {}\n", what, text); }

void Print(const data::DatasetReport& report, const Subject& subject) {
  PrintLine("data set", subject.config.dataset.input_data_path);
  PrintLine("layout", config::Name(subject.config.common.task_category));
  if (report.files > 0) {
    PrintLine("recordings",
              fmt::format("{}, {} rows ({}), {} to {} rows each, {:.1f} MB", report.files,
                          report.rows, data::SizeName(report.rows), report.shortest, report.longest,
                          static_cast<double>(report.octets) / 1e6));
    PrintLine("columns",
              fmt::format("{}: {}", report.columns.size(), fmt::join(report.columns, ", ")));
    for (const data::ClassCount& c : report.classes)
      PrintLine("class", fmt::format("{}: {} recordings, {} rows", c.name, c.files, c.rows));
    std::string splits;
    for (const char* split : {"train", "val", "test"}) {
      const auto found = report.splits.find(split);
      if (found != report.splits.end())
        splits += fmt::format("{}{} {}", splits.empty() ? "" : " / ", found->second, split);
    }
    PrintLine("split", splits + (report.has_lists ? " (lists of the data set)" : ""));
  }
  if (report.time_step > 0) PrintLine("time step", fmt::format("{:g}", report.time_step));
  if (report.findings.empty()) fmt::print("\nnothing to remark\n");
  for (const data::Finding& f : report.findings) {
    fmt::print("\n{:<8} {}{}\n", data::Name(f.severity),
               f.file.empty() ? ""
               : f.line > 0   ? fmt::format("{}:{}: ", f.file, f.line)
                              : f.file + ": ",
               f.found);
    if (!f.advice.empty()) fmt::print("{:<8} {}\n", "", f.advice);
  }
}

int CheckCommand(const Arguments& a, const Globals& globals) {
  const config::Registry registry = config::LoadRegistry(a.registry);
  Subject subject = a.config.empty() ? FromFolder(a) : FromConfiguration(a, registry);
  if (!a.task.empty()) ChooseTask(subject, a.task, registry);
  data::DatasetReport report;
  {
    const auto log = OpenLog(globals);
    ThreadPool pool(0);
    report = data::Check(subject.config, subject.rows_per_sample, pool, *log);
  }
  if (a.json) {
    fmt::print(
        "{}\n",
        ToJson(report, subject).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    Print(report, subject);
  }
  for (const data::Finding& f : report.findings) {
    if (f.severity == data::Severity::kError) return ExitCode(Category::kData);
  }
  return 0;
}

}  // namespace

Command AddCheck(CLI::App& program, const Globals& globals) {
  CLI::App* parser = program.add_subcommand(
      "check",
      "look at a data set before anything is trained\nExample: platypus check recordings -t "
      "generic_timeseries_classification\nExit status 3 if there are errors; nothing is written.");
  const auto a = std::make_shared<Arguments>();
  parser->add_option("DATASET", a->dataset, "folder or archive (that of the configuration)");
  parser->add_option("-t,--task,--task_type", a->task, "task (found out from the folders)");
  parser->add_option("-c,--config", a->config,
                     "configuration that says what is used, and how long a sample is");
  parser->add_option("--registry", a->registry, "folder with tasks of your own");
  parser->add_flag("--json", a->json, "for programs");
  return {parser, [a, &globals] { return CheckCommand(*a, globals); }};
}

}  // namespace platypus::apps
