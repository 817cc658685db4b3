#ifndef TESTS_ORACLE_NETWORK_CASE_H_
#define TESTS_ORACLE_NETWORK_CASE_H_

#include <ostream>

#include "platypus/config/registry.h"
#include "platypus/zoo/zoo.h"

namespace platypus {

// A network of the zoo, by class id, with the input to build it for.
struct NetworkCase {
  const char* network;
  Shape input;
  friend void PrintTo(const NetworkCase& c, std::ostream* out) { *out << c.network; }
};

// Three outputs, initial weights.
inline graph::Graph Build(const NetworkCase& c) {
  config::Training training;
  training.model_training_id = training.model_name = c.network;
  return zoo::Build(training, config::LoadRegistry(), c.input, 3, 5);
}

}  // namespace platypus

#endif  // TESTS_ORACLE_NETWORK_CASE_H_
