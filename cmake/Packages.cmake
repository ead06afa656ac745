# Every third-party package, found once. The Debian packages that hold them are listed in dependencies.txt.
# Install.cmake makes the installed package's tributaryPackages.cmake of this file: there TRIBUTARY_WITHOUT_TORCH is set
# when no room that was asked for needs LibTorch.

include_guard()
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS program_options)
if(NOT TARGET CapnProto::capnp)  # its package cannot be found twice
  find_package(CapnProto REQUIRED)
endif()
find_package(Protobuf REQUIRED)

# xxHash: only its header is used, and only by the room base itself.
find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)

# Asio is header-only and has no CMake package on Debian 12.
find_path(ASIO_INCLUDE_DIR asio.hpp REQUIRED)
add_library(tributary_asio INTERFACE)
add_library(tributary::asio ALIAS tributary_asio)
target_compile_definitions(tributary_asio INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED ASIO_HAS_CO_AWAIT ASIO_HAS_STD_COROUTINE)
target_link_libraries(tributary_asio INTERFACE Threads::Threads)
set_target_properties(tributary_asio PROPERTIES EXPORT_NAME asio)

# RESTinio on stand-alone Asio: headers, and the parser that they use.
find_path(RESTINIO_INCLUDE_DIR restinio/all.hpp REQUIRED)
find_library(HTTP_PARSER_LIBRARY http_parser REQUIRED)
find_package(fmt REQUIRED)
add_library(tributary_restinio INTERFACE)
add_library(tributary::restinio ALIAS tributary_restinio)
target_compile_definitions(tributary_restinio INTERFACE RESTINIO_ASIO_STANDALONE)
target_include_directories(tributary_restinio SYSTEM INTERFACE ${RESTINIO_INCLUDE_DIR})
target_link_libraries(tributary_restinio INTERFACE ${HTTP_PARSER_LIBRARY} fmt::fmt)
set_target_properties(tributary_restinio PROPERTIES EXPORT_NAME restinio)

# ONNX: its headers need these definitions to agree with the library that Debian built.
find_path(ONNX_INCLUDE_DIR onnx/onnx_pb.h REQUIRED)
find_library(ONNX_LIBRARY onnx REQUIRED)
find_library(ONNX_PROTO_LIBRARY onnx_proto REQUIRED)
add_library(tributary_onnx INTERFACE)
add_library(tributary::onnx ALIAS tributary_onnx)
target_compile_definitions(tributary_onnx INTERFACE ONNX_NAMESPACE=onnx ONNX_ML=1)
target_include_directories(tributary_onnx SYSTEM INTERFACE ${ONNX_INCLUDE_DIR})
target_link_libraries(tributary_onnx INTERFACE ${ONNX_LIBRARY} ${ONNX_PROTO_LIBRARY} protobuf::libprotobuf)
set_target_properties(tributary_onnx PROPERTIES EXPORT_NAME onnx)

# zstd has no CMake package on Debian 12.
find_path(ZSTD_INCLUDE_DIR zstd.h REQUIRED)
find_library(ZSTD_LIBRARY zstd REQUIRED)
add_library(tributary_zstd INTERFACE)
add_library(tributary::zstd ALIAS tributary_zstd)
target_include_directories(tributary_zstd SYSTEM INTERFACE ${ZSTD_INCLUDE_DIR})
target_link_libraries(tributary_zstd INTERFACE ${ZSTD_LIBRARY})
set_target_properties(tributary_zstd PROPERTIES EXPORT_NAME zstd)

# The MQTT client library; what needs it says so where it is missing.
find_path(MOSQUITTO_INCLUDE_DIR mosquitto.h)
find_library(MOSQUITTO_LIBRARY mosquitto)
if(MOSQUITTO_INCLUDE_DIR AND MOSQUITTO_LIBRARY)
  add_library(tributary_mosquitto INTERFACE)
  add_library(tributary::mosquitto ALIAS tributary_mosquitto)
  target_include_directories(tributary_mosquitto SYSTEM INTERFACE ${MOSQUITTO_INCLUDE_DIR})
  target_link_libraries(tributary_mosquitto INTERFACE ${MOSQUITTO_LIBRARY})
  set_target_properties(tributary_mosquitto PROPERTIES EXPORT_NAME mosquitto)
endif()

# LibTorch, as a target whose headers are system headers and whose flags do not leak.
if(NOT TRIBUTARY_WITHOUT_TORCH)
  find_package(Torch REQUIRED)
  add_library(tributary_torch INTERFACE)
  add_library(tributary::torch ALIAS tributary_torch)
  target_include_directories(tributary_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
  target_link_libraries(tributary_torch INTERFACE ${TORCH_LIBRARIES})
  set_target_properties(tributary_torch PROPERTIES EXPORT_NAME torch)

  # oneDNN, which LibTorch is built on; called directly where quantised graphs run.
  find_path(DNNL_INCLUDE_DIR dnnl.hpp REQUIRED)
  find_library(DNNL_LIBRARY dnnl REQUIRED)
  add_library(tributary_dnnl INTERFACE)
  add_library(tributary::dnnl ALIAS tributary_dnnl)
  target_include_directories(tributary_dnnl SYSTEM INTERFACE ${DNNL_INCLUDE_DIR})
  target_link_libraries(tributary_dnnl INTERFACE ${DNNL_LIBRARY})
  set_target_properties(tributary_dnnl PROPERTIES EXPORT_NAME dnnl)
endif()

if(TRIBUTARY_BUILD_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
if(TRIBUTARY_BUILD_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
