// common/base/error.h
//
// The one exception type. A kind says what the catcher can do; the message is one line that names the file, key or
// peer and what to do about it. Expected outcomes are values, not errors. Third-party exceptions are translated into
// Error once, in the sources that meet them.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace tributary {

class Error : public std::runtime_error {
 public:
  enum class Kind {
    Malformed,     // input (file, configuration, message) breaks its rules: refuse it, drop the peer, tell the user
    Unsupported,   // well-formed, but asks for what this program does not do
    Refused,       // not allowed: authentication, enrolment, revocation
    Overloaded,    // a limit is reached: try again later, or raise the limit
    Unavailable,   // a file, port, disk or program is missing or fails
    Disconnected,  // the line to a peer is lost or a deadline passed: reconnect
    Corrupt,       // stored data contradicts its checksum: stop, never guess
    Internal,      // a bug of ours
  };

  Error(Kind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  Kind kind() const noexcept { return kind_; }

 private:
  Kind kind_;
};

// "malformed", "unsupported", ...: for logs and metrics.
std::string_view name_of(Error::Kind kind);

[[noreturn]] void fail(Error::Kind kind, const std::string& message);

// Throws Internal; the body of TRIBUTARY_CHECK.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

// Own bugs only: always on, never reachable by input.
#define TRIBUTARY_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::tributary::check_failed(#condition, __FILE__, __LINE__))

}  // namespace tributary
