include(GNUInstallDirs)
if(TARGET platypus_cli)
  install(TARGETS platypus_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(CODE "file(CREATE_LINK platypus \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/mmcli\" SYMBOLIC)")
  # What the program says of itself: the page of man, and what shells complete.
  set(shell_files ${CMAKE_BINARY_DIR}/shell)
  set(made)
  foreach(file "platypus.1=help --man" "platypus.bash=completion bash" "_platypus=completion zsh"
               "platypus.fish=completion fish")
    string(REGEX REPLACE "=.*" "" name "${file}")
    string(REGEX REPLACE ".*=" "" arguments "${file}")
    add_custom_command(OUTPUT ${shell_files}/${name}
                       COMMAND ${CMAKE_COMMAND} -E make_directory ${shell_files}
                       COMMAND sh -c "$<TARGET_FILE:platypus_cli> ${arguments} > ${shell_files}/${name}"
                       DEPENDS platypus_cli VERBATIM)
    list(APPEND made ${shell_files}/${name})
  endforeach()
  add_custom_target(shell_files ALL DEPENDS ${made})
  file(WRITE ${CMAKE_BINARY_DIR}/mmcli.1 ".so man1/platypus.1\n")
  install(FILES ${shell_files}/platypus.1 ${CMAKE_BINARY_DIR}/mmcli.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  foreach(name platypus mmcli)
    install(FILES ${shell_files}/platypus.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME ${name})
  endforeach()
  install(FILES ${shell_files}/_platypus DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  foreach(name platypus mmcli)
    install(FILES ${shell_files}/platypus.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d RENAME ${name}.fish)
  endforeach()
endif()
# The library, every room that it is made of, and what find_package(Platypus) needs.
set(PLATYPUS_CMAKE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/Platypus)
set(PLATYPUS_LIBRARIES platypus_api registry_files report_assets runtime_files platypus_runtime)
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
