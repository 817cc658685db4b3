include(GNUInstallDirs)
if(TARGET platypus_cli)
  install(TARGETS platypus_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY examples/ DESTINATION ${CMAKE_INSTALL_DATADIR}/platypus/examples
        FILES_MATCHING PATTERN "*.yaml" PATTERN "README.md")
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
# Of the libraries within the program's report page.
install(FILES platypus/report/assets/third_party/LICENSE.txt DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME LICENSE.report)

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
