# Run by ctest: see CMakeLists.txt.
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${work_directory} RESULT_VARIABLE result OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "failed: ${command}\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${work_directory})
file(MAKE_DIRECTORY ${work_directory})
run(${cpack} -G DEB --config ${build_directory}/CPackConfig.cmake -B ${work_directory}/made)
file(GLOB package ${work_directory}/made/tributary_*.deb)
run(${dpkg_deb} -x ${package} ${work_directory}/root)
run(${dpkg_deb} -e ${package} ${work_directory}/control)

foreach(file usr/bin/tributary-coordinator usr/bin/tributary-participant usr/bin/tributary-model usr/bin/tributary-simulate
        usr/lib/tributary/tributary-evaluation.so usr/share/man/man1/tributary-coordinator.1 usr/share/doc/tributary/copyright
        etc/tributary/coordinator.conf etc/tributary/participant.conf etc/tributary/predictor.conf)
  if(NOT EXISTS ${work_directory}/root/${file})
    message(FATAL_ERROR "the package lacks ${file}")
  endif()
endforeach()
foreach(unit coordinator participant predictor)
  file(STRINGS ${work_directory}/root/lib/systemd/system/tributary-${unit}.service hardened
       REGEX "^(User=tributary|NoNewPrivileges=yes|ProtectSystem=strict|CapabilityBoundingSet=)$")
  list(LENGTH hardened settings)
  if(NOT settings EQUAL 4)
    message(FATAL_ERROR "tributary-${unit}.service is not hardened: ${hardened}")
  endif()
endforeach()

# The example configurations are good ones, and the coordinator finds its module where the package puts it.
set(bin ${work_directory}/root/usr/bin)
set(etc ${work_directory}/root/etc/tributary)
file(WRITE ${work_directory}/examples.csv "a,b,label\n1,0,0\n0,1,1\n1,0.1,0\n0.1,1,1\n")
run(${bin}/tributary-coordinator init F --name orchard)
run(${bin}/tributary-coordinator enroll F alice --bundle alice.bundle)
run(${bin}/tributary-coordinator run F --config ${etc}/coordinator.conf --model=linear:2-2 --check-config
    --evaluation.format=csv --evaluation.file=examples.csv)
run(${bin}/tributary-participant run --bundle alice.bundle --config ${etc}/participant.conf --data.file=examples.csv
    --check-config)
run(${bin}/tributary-model new linear:2-2 --out small.onnx)
run(${bin}/tributary-participant serve small.onnx --config ${etc}/predictor.conf --serve.listen=127.0.0.1:0 --check-config)
file(REMOVE_RECURSE ${work_directory})
