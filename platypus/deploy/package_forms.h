#ifndef PLATYPUS_DEPLOY_PACKAGE_FORMS_H_
#define PLATYPUS_DEPLOY_PACKAGE_FORMS_H_

#include <string>
#include <vector>

#include "platypus/deploy/package.h"

// A package as development environments take it in.
namespace platypus::deploy {

// Names of the forms: "arduino", "ccs", "iar", "keil", "platformio", "zephyr".
std::vector<std::string> Forms();

// What a form may have to say of where the package goes.
struct Destination {
  std::string folder;    // name of the package's folder in the project
  std::string part;      // as its vendor calls it; empty: none known
  std::string compiler;  // "cl2000", "tiarmclang" or "c29clang"; empty: none known
  std::string options;   // of that compiler
};

// The files of a package in a form: the same and its project files; for Arduino the sources move
// below src/ and what is no use there goes. Error (usage) for a form that there is not, or that
// cannot be had for this destination.
Package InForm(const Package& package, const std::string& form, const Destination& destination);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_PACKAGE_FORMS_H_
