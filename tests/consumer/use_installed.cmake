# Run by ctest: see CMakeLists.txt.
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "failed: ${command}\n${output}")
  endif()
endfunction()

set(prefix ${work_directory}/prefix)
file(REMOVE_RECURSE ${work_directory})
run(${CMAKE_COMMAND} --install ${build_directory} --prefix ${prefix})

# No flag of our own build, and no path into the source or build tree, may reach who uses the package.
file(GLOB_RECURSE package_files ${prefix}/lib*/tributary*.cmake)
if(NOT package_files)
  message(FATAL_ERROR "no CMake package in ${prefix}")
endif()
foreach(file IN LISTS package_files)
  file(STRINGS ${file} leaks REGEX "-Werror|-Wall|-Wconversion|-fsanitize|${build_directory}|${project_directory}")
  if(leaks)
    message(FATAL_ERROR "${file} leaks from the build: ${leaks}")
  endif()
endforeach()

function(build_app name)
  set(build ${work_directory}/${name})
  run(${CMAKE_COMMAND} -S ${source_directory}/${name} -B ${build} -G ${generator}
      -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_CXX_COMPILER=${compiler} -D CMAKE_CXX_FLAGS=${flags}
      -D tributary_version=${tributary_version} -D project_directory=${project_directory})
  run(${CMAKE_COMMAND} --build ${build})
endfunction()

build_app(app)
run(${work_directory}/app/app)
build_app(agent)
# Without a bundle it says how it is called.
execute_process(COMMAND ${work_directory}/agent/app RESULT_VARIABLE result ERROR_VARIABLE said)
if(NOT result EQUAL 2 OR NOT said MATCHES "FILE.bundle")
  message(FATAL_ERROR "the agent did not run: ${result} ${said}")
endif()
file(REMOVE_RECURSE ${work_directory})
