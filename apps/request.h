#ifndef PLATYPUS_APPS_REQUEST_H_
#define PLATYPUS_APPS_REQUEST_H_

#include <exception>
#include <string>
#include <vector>

#include "apps/options.h"
#include "platypus/base/error.h"
#include "platypus/config/load.h"

// From what was typed behind run, train or compile to a configuration.
namespace platypus::apps {

struct Request {
  Action action = Action::kRun;
  std::string config;  // file; empty: the options say everything. Of compile: or the ONNX file
  TypedOptions typed;
  std::vector<std::string> sets;
  bool synthetic_data = false;  // needs no recordings
};

// All that is wrong with a command line.
class Problems : public std::exception {
 public:
  explicit Problems(std::vector<Error> errors) : errors_(std::move(errors)) {}
  const std::vector<Error>& errors() const {
    return errors_;
  }  // NOLINT(readability-identifier-naming)
  const char* what() const noexcept override { return errors_.front().what(); }

 private:
  std::vector<Error> errors_;
};

// The file with the options and --set laid over it. Without a file the options name task, device
// and model, and recordings stand in a project's folder; compile needs nothing but the ONNX file.
// Throws Problems.
config::Document MakeDocument(const Request& request, const config::Registry& registry);

// The text of a value of it; empty if there is none.
std::string TextOf(const config::Value& document, const char* section, const char* key);

// Whether it compiles an ONNX file without recordings.
bool IsForAFileAlone(const config::Document& document);

// The document as mmcli writes it: over the values that mmcli starts from, as YAML.
std::string ShowDocument(const config::Document& document, const config::Registry& registry);

}  // namespace platypus::apps

#endif  // PLATYPUS_APPS_REQUEST_H_
