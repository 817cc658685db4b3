#ifndef PLATYPUS_REPORT_DATA_H_
#define PLATYPUS_REPORT_DATA_H_

#include <string>

#include "platypus/pipeline/summary.h"

namespace platypus::report {

// What the page's scripts draw, as one JSON object. Curves and clouds are thinned to what a picture
// can show and numbers shortened, so that it stays small. Without the octets '<', '>' and '&': it
// can stand in a script element.
std::string PageData(const pipeline::RunSummary& summary);

}  // namespace platypus::report

#endif  // PLATYPUS_REPORT_DATA_H_
