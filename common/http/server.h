// common/http/server.h
//
// An HTTP/1.1 server for machines and operators: the predictor's door, the coordinator's admin page. RESTinio reads and
// writes the messages; what it leaves open is closed here: connections are counted before they are read from, a TLS
// handshake has a deadline, a request whose framing could be understood in two ways (parser_rules.h) is refused and its
// connection closed, and nothing is allocated by claim.
//
// A request that breaks the grammar of HTTP, or takes longer than its time, ends its connection without an answer; what
// is well-formed but not taken is answered by a status of 400 or above. One request of a connection is handled at a
// time; the next is read when it has been answered.
//
// Life: construct (listens from then on); somebody runs `io` on any number of threads; stop(); destroy after the
// threads have ended. Handlers are called on those threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <asio/io_context.hpp>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/http/message.h"

namespace tributary::http {

struct Limits {
  std::uint64_t max_body_bytes = 16u << 20;  // of a request; more is answered by 413
  // Further connections wait in the system's queue. With max_body_bytes this is what senders can make us hold.
  std::size_t max_connections = 256;
  // Of one client's address (allowance.h); more are answered by 429 and Retry-After, unseen by the handler. 0 = any.
  std::uint64_t requests_per_second = 0;
  // For a whole request to arrive, and of silence between two. The three are looked at once a second.
  Duration read = std::chrono::seconds(30);
  Duration handle = std::chrono::seconds(60);  // for the answer to be made
  Duration write = std::chrono::seconds(30);   // for the answer to be taken
  Duration handshake = std::chrono::seconds(5);
};

// PEM files of the server's certificate (with the chain, if any) and its key.
struct TlsFiles {
  Path certificate, key;
};

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0 = any free one
  std::string name;        // of the key or option that says where, for messages: "serve.listen"
  Limits limits = {};
  std::unique_ptr<TlsFiles> tls = nullptr;  // null = plain
};

struct Request {
  std::string method;     // "GET"
  std::string path;       // without query, percent signs decoded; begins with '/'
  std::string query;      // behind the '?', as it came
  std::string_view body;  // valid while the Exchange lives
  Fields fields;
};

// A stream of server-sent events. Any thread.
class EventStream {
 public:
  virtual ~EventStream() = default;
  // Sends one event of one name and one line of data. Returns false when the peer has gone or takes no more: it has
  // been given up then.
  virtual bool send(std::string_view event, std::string_view data) = 0;
};

// One request and its only answer. Any thread. One that is destroyed unanswered is answered by 500.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const Request& request() const = 0;
  // REQUIRES: not answered yet.
  virtual void answer(Response response) = 0;
  // The answer is a stream that lasts until it is destroyed.
  virtual std::shared_ptr<EventStream> stream() = 0;
};

// Answers the exchange, or moves it away to answer it later. What it throws is answered: Error by the status that fits
// its kind, all else by 500.
using Handler = std::function<void(std::unique_ptr<Exchange>& exchange)>;

class Server {
 public:
  // Throws Unavailable when it cannot listen there, Malformed when the TLS files are of no use. `io` must outlive it.
  Server(asio::io_context& io, const ServerOptions& options, Handler handler);
  ~Server();

  // "http://127.0.0.1:8080".
  std::string address() const;
  std::uint16_t port() const;
  // Reads the TLS files again: connections from now on see the new certificate. Throws as the constructor; the old one
  // then stays. Any thread.
  void reload_tls();
  // No further connections. Any thread; idempotent.
  void stop();
  // Connections now.
  std::size_t connections() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Whether `host` names this machine's loopback and nothing else.
bool is_loopback(std::string_view host);
// "HOST:PORT", "[::1]:8080", or ":8080" for 127.0.0.1. Throws Malformed naming `what`.
std::pair<std::string, std::uint16_t> parse_address(std::string_view text, std::string_view what);

}  // namespace tributary::http
