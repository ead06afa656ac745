// common/http/restinio.h
//
// The parts of RESTinio 0.6.16 that we use: its connections, settings and message builders, without its acceptor.
// Private to the room: server.cpp and parser_rules.cpp include it, nobody else.
#pragma once

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wextra"
#include <restinio/asio_include.hpp>

// RESTinio calls this, and the house builds Asio without what is deprecated: everywhere, so that all of a program means
// the same by Asio's inline functions.
namespace asio {
template <class Pointer>
Pointer buffer_cast(const const_buffer& buffer) noexcept {
  return static_cast<Pointer>(buffer.data());
}
}  // namespace asio

// Order matters: connection.hpp does not include all that it uses.
// clang-format off
#include <restinio/traits.hpp>
#include <restinio/settings.hpp>
#include <restinio/message_builders.hpp>
#include <restinio/impl/tls_socket.hpp>
#include <restinio/impl/connection.hpp>
// clang-format on
#pragma GCC diagnostic pop
