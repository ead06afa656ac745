// common/http/client.h
//
// One HTTP request to a server at a time, blocking, with a deadline for each read and write: for commands that ask a
// running program, and for tests. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/http/message.h"

namespace tributary::http {

struct Address {
  std::string host;
  std::uint16_t port = 0;
  bool tls = false;
  Path authority = {};  // PEM file of who vouches for the server; empty: the system's authorities
};

// "http://HOST:PORT" or "https://HOST:PORT". Throws Malformed naming `what`.
Address parse_url(std::string_view url, std::string_view what);

struct Call {
  std::string method = "GET";
  std::string target = "/";
  Fields fields = {};
  std::string body = {};
  Duration patience = std::chrono::seconds(10);
  std::uint64_t max_answer_bytes = 64u << 20;
};

// The answer, whatever its status. Throws Unavailable (nobody listens there), Disconnected (the line is lost, or no
// answer in time), Refused (its certificate does not verify for that host), Malformed (what answers does not speak
// HTTP), Overloaded (a longer answer).
Response call(const Address& server, const Call& call);

}  // namespace tributary::http
