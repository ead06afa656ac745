# What `cmake --install` lays down: the programs, the public headers and libraries of every room, and the CMake package
# `tributary`:
#   find_package(tributary REQUIRED COMPONENTS model codec)   # without COMPONENTS: every room
#   target_link_libraries(app PRIVATE tributary::model tributary::codec)
# Each room is a component and an export of its own, so that who uses no room that trains needs no LibTorch.

include(CMakePackageConfigHelpers)
include(Headers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tributary)
get_property(rooms GLOBAL PROPERTY TRIBUTARY_ROOMS)

# The rooms that `target` links, directly or through others, itself included; and whether LibTorch is among it all.
function(collect_needs target out_rooms out_torch)
  set(found ${target})
  set(open ${target})
  set(torch FALSE)
  while(open)
    list(POP_FRONT open next)
    get_target_property(links ${next} LINK_LIBRARIES)
    foreach(link IN LISTS links)
      if(link STREQUAL "tributary::torch")
        set(torch TRUE)
      elseif(TARGET ${link})
        get_target_property(real ${link} ALIASED_TARGET)
        if(real IN_LIST rooms AND NOT real IN_LIST found)
          list(APPEND found ${real})
          list(APPEND open ${real})
        endif()
      endif()
    endforeach()
  endwhile()
  set(${out_rooms} ${found} PARENT_SCOPE)
  set(${out_torch} ${torch} PARENT_SCOPE)
endfunction()

function(room_names out)
  set(names "")
  foreach(target IN LISTS ARGN)
    get_target_property(name ${target} EXPORT_NAME)
    list(APPEND names ${name})
  endforeach()
  set(${out} ${names} PARENT_SCOPE)
endfunction()

# Libraries. What tributaryConfig.cmake has to know of each room is collected in TRIBUTARY_ROOM_FACTS.
set(TRIBUTARY_ROOM_FACTS "")
room_names(TRIBUTARY_ROOM_NAMES ${rooms})
foreach(room IN LISTS rooms)
  room_names(name ${room})
  collect_needs(${room} needs needs_torch)
  room_names(needs ${needs})
  string(APPEND TRIBUTARY_ROOM_FACTS
    "set(_tributary_${name}_needs ${needs})\nset(_tributary_${name}_needs_torch ${needs_torch})\n")
  install(TARGETS ${room} EXPORT tributary-${name} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT tributary-${name} NAMESPACE tributary:: DESTINATION ${package_dir})
endforeach()
string(REPLACE ";" " " TRIBUTARY_ROOM_FACTS "${TRIBUTARY_ROOM_FACTS}")

# Headers, under include/tributary as they lie in the source tree.
tributary_room_directories(directories)
foreach(directory IN LISTS directories)
  tributary_public_headers(headers ${directory})
  file(RELATIVE_PATH place ${PROJECT_SOURCE_DIR} ${directory})
  install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tributary/${place})
endforeach()

# Third-party targets. The installed rooms name them (tributary::onnx); tributaryPackages.cmake, which is Packages.cmake
# with imported targets in place of our own, makes them anew where the package is used. The export that knows their
# names in this build is therefore never installed.
get_property(top_targets DIRECTORY ${PROJECT_SOURCE_DIR} PROPERTY BUILDSYSTEM_TARGETS)
foreach(target IN LISTS top_targets)
  get_target_property(name ${target} EXPORT_NAME)
  if(target MATCHES "^tributary_" AND name)
    install(TARGETS ${target} EXPORT tributary-packages)
  endif()
endforeach()
install(EXPORT tributary-packages NAMESPACE tributary:: DESTINATION ${package_dir} EXCLUDE_FROM_ALL)

file(READ ${CMAKE_CURRENT_LIST_DIR}/Packages.cmake packages)
string(REPLACE "include_guard()\n" "" packages "${packages}")
string(REGEX REPLACE "find_package\\(([^)\n]*) REQUIRED" "find_dependency(\\1" packages "${packages}")
string(REGEX REPLACE "add_library\\(tributary_([a-z0-9]+) INTERFACE\\)"
  "if(NOT TARGET tributary::\\1)\n  add_library(tributary::\\1 INTERFACE IMPORTED)\nendif()" packages "${packages}")
string(REGEX REPLACE " *(add_library\\([a-z0-9:]+ ALIAS|set_target_properties\\([a-z0-9_]+ PROPERTIES EXPORT_NAME)[^\n]*\n" ""
  packages "${packages}")
string(REGEX REPLACE "\\(tributary_([a-z0-9]+) " "(tributary::\\1 " packages "${packages}")
string(REGEX REPLACE "if\\(TRIBUTARY_BUILD_[A-Z]+\\)" "if(FALSE)" packages "${packages}")
file(WRITE ${PROJECT_BINARY_DIR}/package/tributaryPackages.cmake "${packages}")

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/tributaryConfig.cmake.in
  ${PROJECT_BINARY_DIR}/package/tributaryConfig.cmake INSTALL_DESTINATION ${package_dir}
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/tributaryConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/package/tributaryConfig.cmake
  ${PROJECT_BINARY_DIR}/package/tributaryConfigVersion.cmake
  ${PROJECT_BINARY_DIR}/package/tributaryPackages.cmake
  DESTINATION ${package_dir})

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
