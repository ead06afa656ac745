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

run(${CMAKE_COMMAND} -S ${source_directory} -B ${work_directory}/build -G ${generator}
    -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_CXX_COMPILER=${compiler} -D CMAKE_CXX_FLAGS=${flags}
    -D tributary_version=${tributary_version})
run(${CMAKE_COMMAND} --build ${work_directory}/build)
run(${work_directory}/build/app)
file(REMOVE_RECURSE ${work_directory})
