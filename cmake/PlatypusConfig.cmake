# For find_package(Platypus): the target platypus::platypus. The libraries that Platypus stands on are found as its own build finds them.
include("${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/PlatypusTargets.cmake")
