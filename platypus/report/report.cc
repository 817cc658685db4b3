#include "platypus/report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>

#include "platypus/base/embedded.h"
#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/plot/drawing.h"
#include "platypus/report/data.h"
#include "platypus/report/figures.h"

namespace platypus::report {
namespace {

using pipeline::RunState;
using pipeline::RunSummary;

constexpr const char* kRefresh = "<meta http-equiv=\"refresh\" content=\"3\">\n";
// Besides the palette of the pictures.
constexpr const char* kLight =
    "--back:#f4f6f9;--card:#ffffff;--tip:#ffffff;--good:#0f7b57;--tight:#a86200;--accent:#2864dc;";
constexpr const char* kDark =
    "--back:#0e1116;--card:#171c23;--tip:#232a34;--good:#4fd6a6;--tight:#ffb45c;--accent:#6ea0ff;";

std::string Escape(std::string_view text) { return plot::EscapeXml(text); }

std::string_view Asset(std::string_view path) {
  for (const embedded::File& file : embedded::report_assets()) {
    if (file.path == path) return file.content;
  }
  Fail(Category::kInternal, "the report has no part named {}", path);
}

// {{name}} stands for a value, or for a file of the assets.
std::string Fill(std::string_view page, const std::map<std::string, std::string>& values) {
  std::string html;
  while (true) {
    const size_t open = page.find("{{");
    html += page.substr(0, open);
    if (open == std::string_view::npos) return html;
    const size_t close = page.find("}}", open);
    const std::string name(page.substr(open + 2, close - open - 2));
    const auto value = values.find(name);
    html += value == values.end() ? Asset(name) : std::string_view(value->second);
    page.remove_prefix(close + 2);
  }
}

std::string Cards(const std::vector<Figure>& figures) {
  std::string html;
  for (const Figure& figure : figures) {
    html += fmt::format("<div class=\"card\"><b>{}</b><span>{}</span></div>", Escape(figure.value),
                        Escape(figure.name));
  }
  return html;
}

std::string TrainingCards(const RunSummary& s) {
  std::string html;
  for (const std::vector<Figure>& phase : TrainingFigures(s))
    html += "<div class=\"cards small\">" + Cards(phase) + "</div>";
  return html;
}

std::string StateText(const RunSummary& s) {
  switch (s.state) {
    case RunState::kRunning:
      return s.stage.empty() || s.stage == "train" ? "Training…" : "Running…";
    case RunState::kComplete:
      return "Complete";
    case RunState::kFailed:
      return "Failed";
    case RunState::kInterrupted:
      return "Interrupted";
  }
  return "";
}

const char* StateClass(RunState state) {
  switch (state) {
    case RunState::kRunning:
      return "running";
    case RunState::kComplete:
      return "complete";
    case RunState::kFailed:
    case RunState::kInterrupted:
      return "over";
  }
  return "";
}

std::string EpochsText(const RunSummary& s) {
  const auto trained = [](const pipeline::NetworkSummary& network) {
    return std::count_if(network.history.begin(), network.history.end(),
                         [](const train::Epoch& epoch) { return epoch.number > 0; });
  };
  std::string text;
  if (const auto n = trained(s.float_network); n > 0) text = fmt::format("{} float epochs", n);
  if (const auto n = trained(s.quantized_network); n > 0)
    text += fmt::format("{}{} quant epochs", text.empty() ? "" : " · ", n);
  if (text.empty() && s.state == RunState::kRunning) return "waiting for training data";
  return text;
}

std::string Badges(const RunSummary& s) {
  bool ran = false;
  int64_t differ = 0;
  for (const deploy::VerifyResult& r : s.verify) {
    ran = ran || r.ran;
    differ += r.mismatches + r.recording_mismatches;
  }
  std::string html;
  if (ran) {
    html += differ == 0
                ? "<span class=\"badge good\">generated C = host, bit for bit</span>"
                : fmt::format("<span class=\"badge bad\">{} results differ from the host</span>",
                              differ);
  }
  if (!s.fits) html += "<span class=\"badge bad\">does not fit the device</span>";
  for (const std::string& name : s.not_beaten)
    html += fmt::format("<span class=\"badge bad\">no better than: {}</span>", Escape(name));
  return html;
}

// What was done, what is being done, how long it will take.
std::string Progress(const RunSummary& s) {
  if (s.state != RunState::kRunning) return "";
  std::string html = "<div id=\"stage\"><ol>";
  for (const auto& [stage, seconds] : s.seconds)
    html += fmt::format("<li>{} <small>{}</small></li>", Escape(stage), Duration(seconds));
  const double share = std::clamp(s.share_done, 0.0, 1.0);
  if (!s.stage.empty()) {
    html += fmt::format("<li aria-current=\"step\">{} <small>{:.0f} %</small></li>",
                        Escape(s.stage), 100 * share);
  }
  html += fmt::format("</ol><progress max=\"1\" value=\"{:.3f}\" aria-label=\"{}\"></progress>",
                      share, Escape(s.stage));
  html += "<p>";
  if (s.seconds_left) html += fmt::format("about {} left ", Duration(*s.seconds_left));
  return html + "<button type=\"button\" id=\"pause\">Hold this page</button></p></div>";
}

std::string Headline(const RunSummary& s) {
  std::string facts;
  for (const std::string& fact :
       {s.task_type, s.device.empty() ? "" : "for " + s.device, EpochsText(s), s.version}) {
    if (!fact.empty()) facts += (facts.empty() ? "" : " · ") + Escape(fact);
  }
  return fmt::format(
             "<div class=\"head\"><div><h1>{} <span>on</span> {}</h1><p>{}</p></div><div "
             "class=\"tools\"><span class=\"state {}\">{}</span><button type=\"button\" "
             "id=\"theme\" aria-label=\"Light or dark\" title=\"Light or dark\">◐</button></div>"
             "</div><div class=\"badges\">{}</div>",
             Escape(s.model.empty() ? "A network" : s.model),
             Escape(s.dataset.empty() ? "a data set" : s.dataset), facts, StateClass(s.state),
             StateText(s), Badges(s)) +
         Progress(s);
}

std::string Banner(const RunSummary& s) {
  if (s.state != RunState::kFailed && s.state != RunState::kInterrupted) return "";
  std::string html =
      fmt::format("<div class=\"banner\" role=\"alert\"><h2>The run {}{}</h2>",
                  s.state == RunState::kFailed ? "failed" : "was interrupted",
                  s.stage.empty() ? "" : fmt::format(" in stage “{}”", Escape(s.stage)));
  if (!s.error.empty()) html += "<p class=\"error\">" + Escape(s.error) + "</p>";
  if (!s.hint.empty()) html += "<p>" + Escape(s.hint) + "</p>";
  return html + "<p>Below is what was known until then.</p></div>";
}

std::string Pictures(const RunSummary& s) {
  std::string html;
  for (const pipeline::Picture& picture : s.pictures) {
    // Letters of a picture are at most a little larger than the page's; a sheet takes both columns.
    constexpr double kSheet = 760;
    html += fmt::format("<figure class=\"panel{}\" style=\"max-width:{:.0f}px\">{}</figure>",
                        picture.width > kSheet ? " sheet" : "", picture.width * 1.1, picture.svg);
  }
  return html;
}

}  // namespace

std::string RenderReport(const RunSummary& s) {
  const std::string pictures = Pictures(s);
  return Fill(Asset("page.html"),
              {{"refresh", s.state == RunState::kRunning ? kRefresh : ""},
               {"title", Escape(fmt::format("{}: {} on {}", StateText(s), s.model, s.dataset))},
               {"light", plot::PaletteCss(false) + kLight},
               {"dark", plot::PaletteCss(true) + kDark},
               {"state", StateClass(s.state)},
               {"headline", Headline(s)},
               {"banner", Banner(s)},
               {"figures", Cards(ResultFigures(s))},
               {"training_figures", TrainingCards(s)},
               {"pictures", pictures},
               {"pictures_hidden", pictures.empty() ? " hidden" : ""},
               {"version", Escape(s.version)},
               {"run", PageData(s)}});
}

void WriteReport(const RunSummary& summary, const std::filesystem::path& file) {
  WriteFile(file, RenderReport(summary));
}

}  // namespace platypus::report
