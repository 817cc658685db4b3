#ifndef PLATYPUS_ZOO_OPTIONS_H_
#define PLATYPUS_ZOO_OPTIONS_H_

#include <cstdint>
#include <map>
#include <string>

#include "platypus/config/value.h"
#include "platypus/zoo/record.h"

namespace platypus::zoo {

// The options of a network: those that its layer list declares (`declared`, may be null), a map of
// names to a default or [default, least, most], each with the value of `given` (a map, or null)
// instead if there is one. A default that is true or false makes a switch, 0 or 1. `given` may
// repeat what the data decide (variables, input_features, num_classes, num_outputs), but not
// contradict it. Error (model) with the place of the value, what is legal and the nearest name.
std::map<std::string, int64_t> ReadOptions(const std::string& network,
                                           const config::Value* declared,
                                           const config::Value& given, const Sizes& sizes);

}  // namespace platypus::zoo

#endif  // PLATYPUS_ZOO_OPTIONS_H_
