# tributary_public_headers(OUT DIRECTORY)
#   The headers of a room that other rooms and installed programs may include. A header says of itself, in its first
#   lines, that it is not one: "Private to the room", or "(internal to ...)".
# tributary_room_directories(OUT)
#   The folders of all rooms, each once.

include_guard()

function(tributary_public_headers out directory)
  file(GLOB headers CONFIGURE_DEPENDS ${directory}/*.h)
  set(public "")
  foreach(header IN LISTS headers)
    file(READ ${header} text LIMIT 1200)
    string(REPLACE "\n// " " " text "${text}")
    if(NOT text MATCHES "Private to the room|\\(internal")
      list(APPEND public ${header})
    endif()
  endforeach()
  set(${out} ${public} PARENT_SCOPE)
endfunction()

function(tributary_room_directories out)
  get_property(rooms GLOBAL PROPERTY TRIBUTARY_ROOMS)
  set(directories "")
  foreach(room IN LISTS rooms)
    get_target_property(directory ${room} SOURCE_DIR)
    list(APPEND directories ${directory})
  endforeach()
  list(REMOVE_DUPLICATES directories)
  set(${out} ${directories} PARENT_SCOPE)
endfunction()
