include(GNUInstallDirs)
if(TARGET platypus_cli)
  install(TARGETS platypus_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
# The library, every room that it is made of, and what find_package(Platypus) needs.
set(PLATYPUS_CMAKE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/Platypus)
set(PLATYPUS_LIBRARIES platypus_api registry_files runtime_files platypus_runtime)
foreach(room base analysis plot config graph features data zoo exec train quantize onnx deploy pipeline report)
  list(APPEND PLATYPUS_LIBRARIES platypus_${room})
endforeach()
install(TARGETS ${PLATYPUS_LIBRARIES} EXPORT PlatypusTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/platypus COMPONENT development)
install(EXPORT PlatypusTargets NAMESPACE platypus:: DESTINATION ${PLATYPUS_CMAKE_FOLDER} COMPONENT development)
install(FILES cmake/PlatypusConfig.cmake cmake/dependencies.cmake DESTINATION ${PLATYPUS_CMAKE_FOLDER}
        COMPONENT development)
install(FILES platypus/platypus.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/platypus COMPONENT development)

install(DIRECTORY examples/ DESTINATION ${CMAKE_INSTALL_DATADIR}/platypus/examples
        FILES_MATCHING PATTERN "*.yaml" PATTERN "README.md" PATTERN "main.cc" PATTERN "CMakeLists.txt")
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME platypus)
set(CPACK_PACKAGE_CONTACT "The Platypus authors")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
if(LIBCURL_LOADED)  # dpkg-shlibdeps does not see it
  set(CPACK_DEBIAN_PACKAGE_DEPENDS "libcurl4 (>= 7.85)")
endif()
if(CAIRO_LOADED)  # pictures are written as SVG alone without it
  set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libcairo2 (>= 1.16)")
endif()
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS
    "gcc-arm-none-eabi, libnewlib-arm-none-eabi, qemu-system-arm, gcc-riscv64-unknown-elf, picolibc-riscv64-unknown-elf, qemu-system-misc")
include(CPack)
