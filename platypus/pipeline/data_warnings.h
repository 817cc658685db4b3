#ifndef PLATYPUS_PIPELINE_DATA_WARNINGS_H_
#define PLATYPUS_PIPELINE_DATA_WARNINGS_H_

#include <vector>

#include "platypus/base/parallel.h"
#include "platypus/data/dataset.h"
#include "platypus/data/findings.h"

namespace platypus::pipeline {

// Errors and warnings of `platypus check` as far as recordings that have been read tell of them;
// `recordings` in the order train, val, test, `rows_per_sample` raw rows.
std::vector<data::Finding> DataWarnings(const data::Dataset& dataset,
                                        const std::vector<data::Recording>& recordings,
                                        bool detects_anomalies, int64_t rows_per_sample,
                                        ThreadPool& pool);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_DATA_WARNINGS_H_
