# `cpack -G DEB` in the build folder: tributary_VERSION_ARCH.deb with the programs, systemd units, man pages and example
# configuration (packaging/). Libraries and headers are not in it: they are for `cmake --install`.

set(packaging ${PROJECT_SOURCE_DIR}/packaging)
install(FILES ${packaging}/man/tributary-coordinator.1 ${packaging}/man/tributary-participant.1
              ${packaging}/man/tributary-model.1 ${packaging}/man/tributary-simulate.1
        DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT programs)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright COMPONENT programs)
install(FILES ${PROJECT_SOURCE_DIR}/docs/operating.md ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT programs)
install(DIRECTORY ${packaging}/kubernetes DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples COMPONENT programs)
file(GLOB scenarios ${PROJECT_SOURCE_DIR}/simulations/*.conf)
install(FILES ${scenarios} DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples/simulations COMPONENT programs)
install(FILES ${packaging}/Containerfile DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples COMPONENT programs)
# Absolute places: only in the package, never where `cmake --install` is asked to go.
install(FILES ${packaging}/systemd/tributary-coordinator.service ${packaging}/systemd/tributary-participant.service
              ${packaging}/systemd/tributary-predictor.service
        DESTINATION /lib/systemd/system COMPONENT system EXCLUDE_FROM_ALL)
install(FILES ${packaging}/systemd/tributary.sysusers DESTINATION /usr/lib/sysusers.d RENAME tributary.conf
        COMPONENT system EXCLUDE_FROM_ALL)
install(FILES ${packaging}/etc/coordinator.conf ${packaging}/etc/participant.conf ${packaging}/etc/predictor.conf
        DESTINATION /etc/tributary COMPONENT system EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tributary)
set(CPACK_PACKAGE_VENDOR Tributary)
set(CPACK_PACKAGE_CONTACT "Tributary <tributary@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Federated learning over mutual TLS: coordinator, participants, predictor")
set(CPACK_COMPONENTS_ALL programs system)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS libopenblas0-pthread)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${packaging}/debian/postinst ${packaging}/debian/prerm ${packaging}/debian/postrm
                                       ${packaging}/debian/conffiles)
include(CPack)
