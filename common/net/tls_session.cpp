#include "common/net/tls_session.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <openssl/err.h>
#include <sys/socket.h>

#include "common/base/error.h"

namespace tributary::net {

namespace {

constexpr std::size_t kRecordBytes = 16 * 1024;  // of plain text in one TLS record
constexpr std::size_t kRecordOverhead = 256;     // header, padding, tag; and a KeyUpdate that is due
constexpr std::size_t kOutBytes = 4 * (kRecordBytes + kRecordOverhead);  // encrypted between two system calls
constexpr std::size_t kInBytes = 64 * 1024;
constexpr std::size_t kTurnBytes = 256 * 1024;
constexpr Duration kTimeToTakeAnAlert = std::chrono::seconds(1);

// Of the buffer for what becomes of them when it is encrypted.
std::size_t out_capacity(const std::vector<ByteSpan>& parts) {
  std::size_t bytes = 0;
  for (const ByteSpan part : parts) bytes += part.size() + (part.size() / kRecordBytes + 1) * kRecordOverhead;
  return std::min(kOutBytes, bytes);
}

std::string describe(const asio::ip::tcp::socket& socket) {
  asio::error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error) return "an unknown address";
  const std::string address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port());
}

// Whether a peer that sends this alert has something against us, not against what arrived.
bool refuses(int alert) {
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_PROTOCOL_VERSION:
    case TLS13_AD_CERTIFICATE_REQUIRED:
    case SSL_AD_NO_APPLICATION_PROTOCOL:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::span<std::byte> TransferBuffer::space(std::size_t capacity) {
  if (capacity_ < capacity) grow(capacity);
  return {memory_.get() + end_, capacity_ - end_};
}

void TransferBuffer::append(ByteSpan bytes) {
  if (capacity_ - end_ < bytes.size()) grow(std::max(end_ - begin_ + bytes.size(), 2 * (end_ - begin_)));
  std::memcpy(memory_.get() + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
}

void TransferBuffer::consume(std::size_t count) {
  begin_ += count;
  if (begin_ == end_) begin_ = end_ = 0;
}

void TransferBuffer::release() {
  memory_.reset();
  begin_ = end_ = capacity_ = 0;
}

void TransferBuffer::grow(std::size_t capacity) {
  auto memory = std::make_unique_for_overwrite<std::byte[]>(capacity);
  if (!empty()) std::memcpy(memory.get(), memory_.get() + begin_, end_ - begin_);
  memory_ = std::move(memory);
  end_ -= begin_;
  begin_ = 0;
  capacity_ = capacity;
}

// OpenSSL's view of the connection. Writing goes to a buffer and always succeeds: callers leave room before they
// encrypt. Reading comes from a buffer that the socket fills, and asks to be called again when there is nothing; the end
// of the stream is seen by the session, not by OpenSSL. (OpenSSL's own read-ahead moves all that it holds to the front
// of its buffer for every record.)
struct TlsSession::Bio {
  static int write(BIO* bio, const char* data, std::size_t length, std::size_t* written) {
    auto& session = *static_cast<TlsSession*>(BIO_get_data(bio));
    session.out_.append(std::as_bytes(std::span(data, length)));
    *written = length;
    return 1;
  }
  static int read(BIO* bio, char* data, std::size_t length, std::size_t* count) {
    auto& session = *static_cast<TlsSession*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (session.in_.empty() && !session.fill()) {
      BIO_set_retry_read(bio);
      return 0;
    }
    const ByteSpan pending = session.in_.pending();
    *count = std::min(length, pending.size());
    std::memcpy(data, pending.data(), *count);
    session.in_.consume(*count);
    return 1;
  }
  static long control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }
  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }
  static BIO_METHOD* make_method() {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tributary session");
    expect_openssl(method != nullptr && BIO_meth_set_write_ex(method, write) == 1 &&
                       BIO_meth_set_read_ex(method, read) == 1 && BIO_meth_set_ctrl(method, control) == 1 &&
                       BIO_meth_set_create(method, create) == 1,
                   "describe a connection to OpenSSL");
    return method;
  }
  static BIO* make(TlsSession* session) {
    static BIO_METHOD* const method = make_method();  // for the life of the process
    BIO* bio = BIO_new(method);
    expect_openssl(bio != nullptr, "connect OpenSSL");
    BIO_set_data(bio, session);
    return bio;
  }
};

TlsSession::TlsSession(Runtime& runtime, asio::ip::tcp::socket socket,
                       std::shared_ptr<const TlsCredentials> credentials, PeerCheck check, ChannelLimits limits)
    : runtime_(runtime),
      socket_(std::move(socket)),
      credentials_(std::move(credentials)),
      check_(std::move(check)),
      limits_(limits),
      assembler_(limits.max_payload_bytes) {
  peer_.address = describe(socket_);
  asio::error_code ignored;  // a line that is lost already shows at the first operation
  socket_.non_blocking(true, ignored);
  socket_.native_non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.set_option(asio::socket_base::keep_alive(true), ignored);
}

TlsSession::~TlsSession() = default;

std::string TlsSession::who() const {
  if (!peer_.name.empty()) return peer_.name + " at " + peer_.address;
  return (check_.name.empty() ? std::string("the peer") : check_.name) + " at " + peer_.address;
}

void TlsSession::start_tls() {
  ssl_ = credentials_->start(check_, runtime_.clock().unix_seconds());
  BIO* bio = Bio::make(this);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_msg_callback(ssl_.get(), on_tls_message);
  SSL_set_msg_callback_arg(ssl_.get(), this);
}

void TlsSession::on_tls_message(int written, int /*version*/, int type, const void* /*data*/, std::size_t /*length*/,
                                SSL* /*ssl*/, void* session) {
  auto& self = *static_cast<TlsSession*>(session);
  if (written == 0 && type == SSL3_RT_HANDSHAKE && self.established_) ++self.handshake_messages_;
}

asio::awaitable<void> TlsSession::handshake(TimePoint at) {
  const auto self = shared_from_this();
  Deadline deadline{at, "the handshake took too long", nullptr};
  // A silent connection is given nothing. The client speaks first.
  if (check_.role == CertificateRole::Participant) {
    while (!fill()) co_await await_input(deadline);
  }
  start_tls();
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) break;
    if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) {
      const Error error = explain_failure();
      deadline = {std::min(at, runtime_.clock().now() + kTimeToTakeAnAlert), "closed", nullptr};
      co_await drain(deadline);
      end_and_throw(error);
    }
    co_await flush_all(deadline);
    if (has_drained()) co_await await_input(deadline);
  }
  co_await flush_all(deadline);
  if (in_.empty()) in_.release();
  established_ = true;
  identify_peer();
}

void TlsSession::identify_peer() {
  const unsigned char* protocol = nullptr;
  unsigned int length = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &length);
  if (length == 0) end_and_throw(Error(Error::Kind::Refused, "refused " + who() + ": does not speak tributary/1"));
  X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  TRIBUTARY_CHECK(certificate != nullptr && SSL_get_verify_result(ssl_.get()) == X509_V_OK);
  peer_.name = name_of(certificate);
  peer_.serial = serial_of(certificate);
}

void TlsSession::admitted(ChannelLimits limits) {
  admitted_ = true;
  limits_ = limits;
  assembler_ = FrameAssembler(limits.max_payload_bytes);
}

// Reads what the socket has into `space`; 0 when there is nothing now or any more.
std::size_t TlsSession::pull(std::span<std::byte> space) {
  for (;;) {
    const ssize_t count = ::recv(socket_.native_handle(), space.data(), space.size(), 0);
    if (count > 0) {
      traffic_.bytes_in += static_cast<std::uint64_t>(count);
      return static_cast<std::size_t>(count);
    }
    if (count == 0) {
      input_ended_ = true;
      return 0;
    }
    if (errno == EINTR) continue;
    drained_ = true;
    if (errno != EAGAIN && errno != EWOULDBLOCK) input_error_ = errno;
    return 0;
  }
}

// Reads up to a buffer full into the empty buffer. False when there is nothing now.
bool TlsSession::fill() {
  in_.filled(pull(in_.space(kInBytes)));
  return !in_.empty();
}

// Writes what is encrypted. False when the socket takes no more now.
bool TlsSession::flush() {
  while (!out_.empty()) {
    const ByteSpan pending = out_.pending();
    const ssize_t count = ::send(socket_.native_handle(), pending.data(), pending.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      out_.consume(static_cast<std::size_t>(count));
      traffic_.bytes_out += static_cast<std::uint64_t>(count);
      turn_bytes_ += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return false;
    } else if (errno != EINTR) {
      end(std::strerror(errno), false);
      require_open();
    }
  }
  return true;
}

asio::awaitable<void> TlsSession::wait(asio::ip::tcp::socket::wait_type readiness, Deadline& deadline) {
  if (!deadline.timer) {
    deadline.timer = runtime_.at(deadline.at, [this, what = deadline.what] { end(what, false); });
  }
  asio::error_code error;
  co_await socket_.async_wait(readiness, asio::redirect_error(asio::use_awaitable, error));
  turn_bytes_ = 0;
  if (error) end(error.message(), false);
  require_open();
}

asio::awaitable<void> TlsSession::flush_all(Deadline& deadline) {
  while (!flush()) co_await wait(asio::ip::tcp::socket::wait_write, deadline);
  out_.release();
}

// Waits for bytes after pull() found none. REQUIRES: OpenSSL has taken all of in_.
asio::awaitable<void> TlsSession::await_input(Deadline& deadline) {
  in_.release();
  require_input();
  co_await wait(asio::ip::tcp::socket::wait_read, deadline);
  drained_ = false;
}

void TlsSession::require_input() {
  if (input_error_ != 0)
    end_and_throw(Error(Error::Kind::Disconnected, "lost " + who() + ": " + std::strerror(input_error_)));
  if (input_ended_) end_and_throw(Error(Error::Kind::Disconnected, "lost " + who() + ": it cut the line"));
}

asio::awaitable<void> TlsSession::give_turn() {
  turn_bytes_ = 0;
  co_await asio::post(socket_.get_executor(), asio::use_awaitable);
  require_open();
}

asio::awaitable<void> TlsSession::send(std::vector<ByteSpan> parts, TimePoint at) {
  const auto self = shared_from_this();
  require_open();
  TRIBUTARY_CHECK(!sending_);
  sending_ = true;
  Deadline deadline{at, "the deadline passed while sending", nullptr};
  const std::size_t capacity = out_capacity(parts);
  for (ByteSpan part : parts) {
    while (!part.empty()) {
      const std::size_t record = std::min(kRecordBytes, part.size());
      if (out_.space(capacity).size() < record + kRecordOverhead) {
        while (!flush()) co_await wait(asio::ip::tcp::socket::wait_write, deadline);
        if (turn_bytes_ >= kTurnBytes) co_await give_turn();
      }
      std::size_t count = 0;
      ERR_clear_error();
      if (SSL_write_ex(ssl_.get(), part.data(), record, &count) != 1) end_and_throw(explain_failure());
      part = part.subspan(count);
    }
  }
  co_await flush_all(deadline);
  sending_ = false;
}

TlsSession::Read TlsSession::read_record() {
  std::size_t count = 0;
  const std::span<std::byte> space = assembler_.space();
  ERR_clear_error();
  const int result = SSL_read_ex(ssl_.get(), space.data(), space.size(), &count);
  if (handshake_messages_ > limits_.max_key_updates) {
    end_and_throw(Error(Error::Kind::Malformed, "refused " + who() + ": it sent more than " +
                                                    std::to_string(limits_.max_key_updates) + " key updates"));
  }
  if (result == 1) {
    turn_bytes_ += count;
    try {
      assembler_.filled(count);
    } catch (const Error& e) {
      end_and_throw(Error(e.kind(), who() + " " + e.what()));
    }
    return Read::Bytes;
  }
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Read::Blocked;
    case SSL_ERROR_ZERO_RETURN:
      return Read::End;
    default:
      end_and_throw(explain_failure());
  }
}

asio::awaitable<std::optional<Bytes>> TlsSession::receive(TimePoint at) {
  const auto self = shared_from_this();
  require_open();
  Deadline deadline{at, "the deadline passed while waiting for it", nullptr};
  while (!assembler_.complete()) {
    switch (read_record()) {
      case Read::Bytes:
        break;
      case Read::Blocked:
        // A message of TLS itself is also told so, and more may lie in OpenSSL's buffer behind it.
        if (has_drained()) co_await await_input(deadline);
        break;
      case Read::End:
        if (!assembler_.at_boundary()) {
          end_and_throw(Error(Error::Kind::Disconnected, "lost " + who() + ": it ended in the middle of a frame"));
        }
        end("it closed the line", true);
        co_return std::nullopt;
    }
    if (turn_bytes_ >= kTurnBytes) co_await give_turn();
  }
  if (in_.empty()) in_.release();
  co_return assembler_.take();
}

// Ends our direction and throws away what still arrives until the peer ends, too. Unread bytes would make the system
// answer with a reset, which destroys what the peer has not read yet: the reason why we leave.
asio::awaitable<void> TlsSession::drain(Deadline& deadline) {
  try {
    co_await flush_all(deadline);
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send);
    while (!input_ended_ && input_error_ == 0) {
      in_.release();
      if (!fill() && !input_ended_ && input_error_ == 0) {
        in_.release();
        co_await wait(asio::ip::tcp::socket::wait_read, deadline);
      }
    }
  } catch (const std::exception&) {
    // The line is gone: nobody is left to tell.
  }
}

asio::awaitable<void> TlsSession::finish(TimePoint at) {
  const auto self = shared_from_this();
  Deadline deadline{at, "closed", nullptr};
  if (!closed_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    co_await drain(deadline);
  }
  end("closed", false);
}

void TlsSession::end(const std::string& why, bool orderly) {
  if (closed_) return;
  if (orderly && established_ && !sending_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    const ByteSpan farewell = out_.pending();
    if (!farewell.empty()) {
      const ssize_t count = ::send(socket_.native_handle(), farewell.data(), farewell.size(), MSG_NOSIGNAL);
      if (count > 0) traffic_.bytes_out += static_cast<std::uint64_t>(count);
    }
  }
  closed_ = true;
  why_ = why;
  asio::error_code ignored;
  socket_.close(ignored);
  in_.release();
  out_.release();
}

void TlsSession::require_open() const {
  if (closed_) fail(Error::Kind::Disconnected, "lost " + who() + ": " + why_);
}

void TlsSession::end_and_throw(const Error& error) {
  if (!closed_ && ssl_) flush();  // an alert may wait
  end(error.what(), false);
  throw error;
}

// What OpenSSL's failure means, for the log.
Error TlsSession::explain_failure() {
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  const std::string details = take_openssl_error();
  if (!check_.refusal.empty()) return {Error::Kind::Refused, "refused " + who() + ": " + check_.refusal};
  if (reason > SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) {
    const std::string words = words_for_alert(reason - SSL_AD_REASON_OFFSET);
    // Bits that were changed on the way end in an alert, too, and are nobody's refusal.
    if (!admitted_ && refuses(reason - SSL_AD_REASON_OFFSET))
      return {Error::Kind::Refused, who() + " refused us: " + words};
    return {Error::Kind::Disconnected, "lost " + who() + ": it ended the session: " + words};
  }
  switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return {Error::Kind::Refused, "refused " + who() + ": it showed no certificate"};
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case SSL_R_CALLBACK_FAILED:  // on_client_hello
      return {Error::Kind::Refused, "refused " + who() + ": it does not speak tributary/1"};
    default:
      break;
  }
  // Whoever is on the way can damage a record: that is not held against the peer.
  if (established_) return {Error::Kind::Disconnected, "lost " + who() + ": its TLS records are damaged: " + details};
  return {Error::Kind::Malformed, who() + " does not speak TLS 1.3 as it should: " + details};
}

}  // namespace tributary::net
