#include "platypus/report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "platypus/pipeline/plots.h"
#include "platypus/plot/charts.h"
#include "platypus/plot/drawing.h"
#include "platypus/report/svg.h"

namespace platypus::report {
namespace {

constexpr const char* kLight = "--card:#f6f8fa;--good:#0f7b57;";
constexpr const char* kDark = "--card:#1c222b;--good:#4fd6a6;";
constexpr const char* kStyle = R"(
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1120px;margin:0 auto;padding:32px 24px 64px}h1{font-size:26px;line-height:1.25;margin:0}h2{font-size:18px;margin:40px 0 12px;padding-top:12px;border-top:1px solid var(--line)}
p{margin:4px 0 12px;color:var(--soft)}.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:20px 0}.card{background:var(--card);border-radius:8px;padding:12px 14px}
.card b{display:block;font-size:22px;line-height:1.3}.card span{color:var(--soft);font-size:13px}.badge{display:inline-block;padding:2px 10px;border-radius:12px;font-size:13px;font-weight:600;border:1px solid}
.good{color:var(--good)}.bad{color:var(--bad)}.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:20px}figure{margin:0;max-width:640px}figcaption{font-size:13px;color:var(--soft)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:13.5px}th,td{padding:5px 10px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}th:first-child,td:first-child,.text{text-align:left}
th{color:var(--soft);font-weight:600}td.wrap{white-space:normal;overflow-wrap:anywhere;text-align:left}svg{width:100%;height:auto}.grid{stroke:var(--line)}.tick{font-size:11px;fill:var(--soft)}.axis{font-size:12px;fill:var(--soft)}
.mark{stroke:var(--soft);stroke-dasharray:4 4}.block{fill-opacity:.7;stroke:var(--page)}.b0{fill:var(--p0)}.b1{fill:var(--p1)}.b2{fill:var(--p2)}.b3{fill:var(--p3)}
td.hit{background:color-mix(in srgb,var(--p1) var(--w),transparent)}td.miss{background:color-mix(in srgb,var(--bad) var(--w),transparent)}@media print{main{padding:0}}
)";

std::string Percent(double share) {
  return std::isfinite(share) ? fmt::format("{:.2f}&nbsp;%", 100 * share) : "–";
}

std::string Number(double value, int digits = 3) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : "–";
}

std::string Thousands(int64_t value) {
  std::string text = std::to_string(value);
  for (auto i = static_cast<std::ptrdiff_t>(text.size()) - 3; i > 0; i -= 3)
    text.insert(static_cast<size_t>(i), "\u2009");
  return text;
}

std::string Card(const std::string& value, const std::string& what) {
  return fmt::format("<div class=\"card\"><b>{}</b><span>{}</span></div>", value, what);
}

using Cells = std::vector<std::string>;  // HTML already

std::string Table(const Cells& head, const std::vector<Cells>& rows) {
  std::string html = "<div class=\"scroll\"><table><thead><tr>";
  for (const std::string& cell : head) html += "<th scope=\"col\">" + cell + "</th>";
  html += "</tr></thead><tbody>";
  for (const Cells& row : rows) {
    html += "<tr>";
    for (const std::string& cell : row)
      html += cell.starts_with("<td") ? cell : "<td>" + cell + "</td>";
    html += "</tr>";
  }
  return html + "</tbody></table></div>";
}

const deploy::VerifyResult* Deepest(const pipeline::RunSummary& s) {
  const deploy::VerifyResult* best = nullptr;
  for (const deploy::VerifyResult& r : s.verify) {
    if (r.ran && (best == nullptr || r.instructions > 0)) best = &r;
  }
  return best;
}

// The one figure that says what a network is worth on the test split.
struct Figure {
  std::string name, value;
};
Figure FigureOf(const pipeline::NetworkSummary& network, const pipeline::Goal& goal) {
  if (network.anomaly) return {"AUROC", Number(network.anomaly->auroc)};
  if (const auto* classes = std::get_if<train::ClassificationMetrics>(&*network.test))
    return {"accuracy", Percent(classes->accuracy)};
  const auto& values = std::get<train::RegressionMetrics>(*network.test);
  if (goal.Forecasts()) return {"SMAPE", Number(values.mean.smape, 2) + "&nbsp;%"};
  return {"R²", Number(values.mean.r2)};
}

std::string Headline(const pipeline::RunSummary& s) {
  std::string html =
      fmt::format("<h1>{} on {}</h1><p>{} · {} · for {}</p>", Escape(s.model), Escape(s.dataset),
                  Escape(s.task_type), Escape(s.version), Escape(s.device));
  const deploy::VerifyResult* core = Deepest(s);
  bool ran = false;
  int64_t differ = 0;
  for (const deploy::VerifyResult& r : s.verify) {
    ran = ran || r.ran;
    differ += r.mismatches + r.recording_mismatches;
  }
  if (ran) {
    html += differ == 0
                ? "<span class=\"badge good\">generated C = host, bit for bit</span>"
                : fmt::format("<span class=\"badge bad\">{} results differ from the host</span>",
                              differ);
  }
  for (const std::string& name : s.not_beaten) {
    html += fmt::format(" <span class=\"badge bad\">no better than: {}</span>", Escape(name));
  }
  html += "<div class=\"cards\">";
  for (const auto& [network, name] :
       {std::pair{&s.float_network, "float"}, {&s.quantized_network, "8-bit integers"}}) {
    if (!network->present || !network->test) continue;
    const Figure figure = FigureOf(*network, s.goal);
    html += Card(figure.value, figure.name + ", " + name);
  }
  if (core != nullptr) {
    if (std::isfinite(core->accuracy))
      html += Card(Percent(core->accuracy), "accuracy, C on " + Escape(core->core));
    if (core->flash_bytes > 0) html += Card(Thousands(core->flash_bytes), "octets of flash");
    html += Card(Thousands(core->ram_bytes), "octets of RAM");
    if (core->instructions > 0)
      html += Card(Thousands(core->instructions), "instructions an inference");
  }
  return html + "</div>";
}

std::string FigureHtml(const std::string& svg, double width) {
  // Letters of a picture are at most a little larger than the page's; a sheet takes both columns.
  constexpr double kSheet = 760;
  return fmt::format("<figure style=\"max-width:{:.0f}px{}\">{}</figure>", width * 1.1,
                     width > kSheet ? ";grid-column:1/-1" : "", svg);
}

std::string FigureHtml(const plot::Plot& picture) {
  const plot::Drawing drawing = plot::Layout(picture);
  return FigureHtml(plot::SvgElement(drawing), drawing.width);
}

std::string Curves(const pipeline::RunSummary& s) {
  std::string html =
      "<h2>Training</h2><p>Dashed: the best epoch of each phase, which is the one that is "
      "exported.</p><div class=\"two\">";
  for (const plot::Curves& curves : pipeline::CurvesOf(s)) {
    plot::Plot picture;
    picture.title = curves.quantity + " by epoch";
    picture.panels.push_back(plot::CurvesPanel(curves));
    html += FigureHtml(picture);
  }
  return html + "</div>";
}

std::string Pictures(const pipeline::RunSummary& s) {
  if (s.pictures.empty()) return "";
  std::string html = "<h2>Pictures</h2><div class=\"two\">";
  for (const pipeline::Picture& picture : s.pictures)
    html += FigureHtml(picture.svg, picture.width);
  return html + "</div>";
}

std::string Confusion(const pipeline::NetworkSummary& network,
                      const std::vector<std::string>& classes, const char* title) {
  Cells head = {"truth"};
  for (const std::string& name : classes) head.push_back(Escape(name));
  head.insert(head.end(), {"recall", "precision"});
  std::vector<Cells> rows;
  const auto& test = std::get<train::ClassificationMetrics>(*network.test);
  const auto& m = test.confusion;
  for (size_t r = 0; r < m.size(); ++r) {
    int64_t real = 0;
    int64_t predicted = 0;
    for (size_t k = 0; k < m.size(); ++k) {
      real += m[r][k];
      predicted += m[k][r];
    }
    Cells row = {Escape(r < classes.size() ? classes[r] : std::to_string(r))};
    for (size_t c = 0; c < m[r].size(); ++c) {
      const double share = real > 0 ? static_cast<double>(m[r][c]) / static_cast<double>(real) : 0;
      row.push_back(fmt::format("<td class=\"{}\" style=\"--w:{:.0f}%\">{}</td>",
                                r == c ? "hit" : "miss", 70 * share, m[r][c]));
    }
    row.push_back(real > 0 ? Percent(static_cast<double>(m[r][r]) / static_cast<double>(real))
                           : "–");
    row.push_back(predicted > 0
                      ? Percent(static_cast<double>(m[r][r]) / static_cast<double>(predicted))
                      : "–");
    rows.push_back(std::move(row));
  }
  return fmt::format("<div><h3>{}</h3><p>macro F1 {} · AUROC {}</p>{}</div>", title,
                     Number(test.f1_macro), Number(test.auroc), Table(head, rows));
}

// Figures of values, network beside what needs none.
std::string ValuesTable(const pipeline::RunSummary& s) {
  std::vector<Cells> rows;
  const auto add = [&](const std::string& name, const train::RegressionMetrics& m) {
    rows.push_back({Escape(name), Number(m.mean.smape, 2), Number(m.mean.r2),
                    Number(std::sqrt(m.mean.mse)), Number(m.mean.mae)});
  };
  for (const auto& [network, name] : {std::pair{&s.float_network, "network, float"},
                                      {&s.quantized_network, "network, 8-bit integers"}}) {
    if (network->present && network->test)
      add(name, std::get<train::RegressionMetrics>(*network->test));
  }
  for (const pipeline::Baseline& baseline : s.baselines) add(baseline.name, baseline.values);
  return Table({"test split", "SMAPE, %", "R²", "RMSE", "MAE"}, rows);
}

// Target by target and, for forecasts, step by step.
std::string OutputsTable(const pipeline::RunSummary& s) {
  const auto& test = std::get<train::RegressionMetrics>(*pipeline::Last(s).test);
  const size_t targets = s.goal.targets.size();
  if (test.outputs.size() < 2 || targets == 0) return "";
  std::vector<Cells> rows;
  for (size_t i = 0; i < test.outputs.size(); ++i) {
    const auto& of = test.outputs[i];
    rows.push_back({Escape(s.goal.targets[i % targets]), std::to_string(i / targets + 1),
                    Number(of.smape, 2), Number(of.r2), Number(std::sqrt(of.mse)), Number(of.mae)});
  }
  return "<h3>By target and step ahead</h3>" +
         Table({"target", "step", "SMAPE, %", "R²", "RMSE", "MAE"}, rows);
}

std::string AnomalyTables(const pipeline::RunSummary& s) {
  const pipeline::AnomalyTest& test = *pipeline::Last(s).anomaly;
  std::vector<Cells> rows;
  const auto add = [&](const std::string& name, const pipeline::Detection& d) {
    rows.push_back({Escape(name), Number(d.k, 1), fmt::format("{:.6g}", d.threshold),
                    Percent(d.Recall()), Percent(d.Precision()), Percent(d.F1()),
                    Percent(d.FalsePositiveRate())});
  };
  add("in effect (in the C)", test.chosen);
  add("best F1 of the sweep", test.best);
  std::string html =
      Table({"threshold", "k", "error", "recall", "precision", "F1", "false alarms"}, rows);
  rows.clear();
  for (const auto& [network, name] : {std::pair{&s.float_network, "network, float"},
                                      {&s.quantized_network, "network, 8-bit integers"}}) {
    if (network->anomaly) rows.push_back({name, Number(network->anomaly->auroc)});
  }
  for (const pipeline::Baseline& baseline : s.baselines)
    rows.push_back({Escape(baseline.name), Number(baseline.auroc)});
  return html + Table({"test split", "AUROC"}, rows);
}

std::string TestResults(const pipeline::RunSummary& s) {
  if (!pipeline::Last(s).test) return "";
  if (!s.goal.Classifies()) {
    std::string html = "<h2>Test split</h2>";
    html += s.goal.DetectsAnomalies() ? AnomalyTables(s) : ValuesTable(s) + OutputsTable(s);
    return html;
  }
  std::string html = "<h2>Test split</h2><div class=\"two\">";
  if (s.float_network.present) html += Confusion(s.float_network, s.goal.classes, "Float");
  if (s.quantized_network.present)
    html += Confusion(s.quantized_network, s.goal.classes, "8-bit integers");
  html += "</div>";
  const pipeline::NetworkSummary& last = pipeline::Last(s);
  std::vector<plot::RocSeries> curves;
  for (size_t c = 0; c < last.roc.size(); ++c) {
    const train::RocCurve& roc = last.roc[c];
    curves.push_back({c < s.goal.classes.size() ? s.goal.classes[c] : "", roc.false_positive_rate,
                      roc.true_positive_rate, roc.threshold, roc.area});
  }
  html += "<div class=\"two\"><div>" + FigureHtml(plot::RocPlot(curves)) + "</div>";
  std::vector<const pipeline::FileSummary*> files;
  for (const pipeline::FileSummary& file : s.test_files) files.push_back(&file);
  const auto wrong = [](const pipeline::FileSummary* file) {
    int64_t count = 0;
    for (size_t c = 0; c < file->predicted.size(); ++c)
      count += static_cast<int>(c) == file->label ? 0 : file->predicted[c];
    return count;
  };
  std::stable_sort(files.begin(), files.end(),
                   [&](const auto* a, const auto* b) { return wrong(a) > wrong(b); });
  std::vector<Cells> rows;
  constexpr size_t kMost = 12;
  for (size_t i = 0; i < files.size() && i < kMost; ++i) {
    int64_t total = 0;
    for (const int64_t count : files[i]->predicted) total += count;
    rows.push_back(
        {Escape(files[i]->name), std::to_string(total), std::to_string(wrong(files[i]))});
  }
  html += fmt::format(
      "<div><h3>Recordings, most mistakes first</h3>{}<p>{} recordings in all.</p></div></div>",
      Table({"recording", "samples", "wrong"}, rows), files.size());
  return html;
}

std::string Accelerator(const pipeline::RunSummary& s) {
  if (!s.npu) return "";
  const std::string head =
      fmt::format("<h3>On the neural accelerator of {}</h3><p>", Escape(s.device));
  if (s.npu->empty()) return head + "By its published limits every layer fits.</p>";
  std::vector<Cells> rows;
  for (const deploy::NpuFinding& f : *s.npu) {
    rows.push_back({Escape(f.layer), "<td class=\"text\">" + Escape(f.type) + "</td>",
                    "<td class=\"wrap\">" + Escape(f.problem) + "</td>",
                    "<td class=\"wrap\">" + Escape(f.advice) + "</td>"});
  }
  return head +
         "By its published limits these layers would be left to the processor. The generated C "
         "does not use it.</p>" +
         Table({"layer", "type", "found", "legal"}, rows);
}

std::string Deployment(const pipeline::RunSummary& s) {
  if (s.layers.empty()) return "";
  std::string html =
      "<h2>Verification</h2><p>Every test sample through the generated C, and raw recordings "
      "through feature extraction and network.</p>";
  std::vector<Cells> rows;
  for (const deploy::VerifyResult& r : s.verify) {
    if (!r.ran) {
      rows.push_back({Escape(r.core),
                      fmt::format("<td class=\"wrap\" colspan=\"9\">{}</td>", Escape(r.notice))});
      continue;
    }
    rows.push_back({Escape(r.core), std::to_string(r.samples), std::to_string(r.mismatches),
                    std::to_string(r.recordings), std::to_string(r.recording_mismatches),
                    fmt::format("{:.2g}", r.max_feature_difference), Thousands(r.flash_bytes),
                    Thousands(r.ram_bytes), Thousands(r.stack_bytes), Thousands(r.instructions),
                    Thousands(r.feature_instructions)});
  }
  html += Table({"core", "samples", "differ", "recordings", "differ", "features off by", "flash",
                 "RAM", "stack", "instructions", "for features"},
                rows);
  html += "<h2>Network and memory</h2>";
  rows.clear();
  for (const pipeline::LayerSummary& layer : s.layers) {
    rows.push_back({Escape(layer.name), "<td class=\"text\">" + Escape(layer.type) + "</td>",
                    Escape(layer.shape), Thousands(layer.parameters), Thousands(layer.macs),
                    Thousands(layer.weight_octets), Thousands(layer.activation_octets)});
  }
  html += Table(
      {"layer", "type", "output", "parameters", "MACs", "weights, octets", "activations, octets"},
      rows);
  html += Accelerator(s);
  std::vector<Block> blocks;
  double layers = 1;
  for (const auto& b : s.memory.buffers) {
    blocks.push_back({static_cast<double>(b.first_layer), static_cast<double>(b.last_layer + 1),
                      static_cast<double>(b.offset), static_cast<double>(b.offset + b.size),
                      fmt::format("{} octets", b.size)});
    layers = std::max(layers, static_cast<double>(b.last_layer + 1));
  }
  html += fmt::format("<h3>Arena: {} octets</h3>", Thousands(s.memory.arena_octets));
  return html + BlocksSvg("Memory plan", blocks, layers, static_cast<double>(s.memory.arena_octets),
                          static_cast<double>(s.memory.lower_bound_octets));
}

// What the samples are like, split by split.
std::string Samples(const pipeline::RunSummary& s) {
  std::vector<Cells> rows;
  for (const auto& [split, of] : s.statistics) {
    for (const auto& [name, count] : of.classes)
      rows.push_back({Escape(split), Escape(name), Thousands(count), "", "", "", ""});
    const auto add = [&, &split = split](const std::string& what, const pipeline::Statistics& v) {
      rows.push_back({Escape(split), Escape(what), "", fmt::format("{:.6g}", v.minimum),
                      fmt::format("{:.6g}", v.maximum), fmt::format("{:.6g}", v.mean),
                      fmt::format("{:.6g}", v.deviation)});
    };
    add("features", of.features);
    for (const auto& [name, target] : of.targets) add(name, target);
  }
  if (rows.empty()) return "";
  return "<h2>Samples</h2>" +
         Table({"split", "of", "samples", "from", "to", "mean", "deviation"}, rows);
}

std::string Provenance(const pipeline::RunSummary& s) {
  std::vector<Cells> rows;
  for (const auto& [stage, seconds] : s.seconds)
    rows.push_back({Escape(stage), fmt::format("{:.2f}", seconds)});
  std::string html =
      "<h2>Time and origin</h2><div class=\"two\">" + Table({"stage", "seconds"}, rows);
  rows.clear();
  const auto fact = [&](const char* name, const std::string& value) {
    rows.push_back({name, "<td class=\"wrap\">" + Escape(value) + "</td>"});
  };
  fact("run", s.run_folder);
  fact("package", s.package_path.empty() ? "none" : s.package_path);
  fact("seed", std::to_string(s.seed));
  fact("data set SHA-256", s.dataset_hash);
  fact("configuration SHA-256", s.config_hash);
  fact("model SHA-256", s.model_hash);
  for (const auto& [split, count] : s.samples) fact("samples", fmt::format("{} {}", split, count));
  html += Table({"fact", "value"}, rows) + "</div>";
  if (!s.notices.empty()) {
    html += "<h3>Notices</h3><ul>";
    for (const std::string& notice : s.notices) html += "<li>" + Escape(notice) + "</li>";
    html += "</ul>";
  }
  if (!s.skipped.empty()) {
    rows.clear();
    for (const auto& [file, reason] : s.skipped)
      rows.push_back({Escape(file), "<td class=\"wrap\">" + Escape(reason) + "</td>"});
    html += "<h3>Recordings passed over</h3>" + Table({"recording", "reason"}, rows);
  }
  return html;
}

}  // namespace

std::string RenderReport(const pipeline::RunSummary& s) {
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
         "content=\"width=device-width,initial-scale=1\"><title>" +
         Escape(s.model + " on " + s.dataset) + "</title><style>:root{" + plot::PaletteCss(false) +
         kLight + "}@media(prefers-color-scheme:dark){:root{" + plot::PaletteCss(true) + kDark +
         "}}" + kStyle + "</style></head><body><main>" + Headline(s) + Curves(s) + TestResults(s) +
         Pictures(s) + Deployment(s) + Samples(s) + Provenance(s) + "</main></body></html>\n";
}

}  // namespace platypus::report
