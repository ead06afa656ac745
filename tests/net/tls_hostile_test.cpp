// Peers that are not ours: garbage, silence, other protocols, and OpenSSL clients that break a single rule.
#include <thread>

#include <asio/redirect_error.hpp>
#include <asio/write.hpp>
#include <gmock/gmock.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "common/net/tls.h"
#include "tests/net/harness.h"

namespace tributary::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

asio::awaitable<void> serve(Runtime& runtime, Listener& listener, std::shared_ptr<const Credentials> own,
                            ChannelLimits limits, TimePoint deadline) {
  asio::ip::tcp::socket socket = co_await listener.next();
  const auto channel = co_await accept(runtime, std::move(socket), own, admit_all, limits, deadline);
  while (co_await channel->receive(deadline)) {
  }
}

asio::awaitable<void> join(Runtime& runtime, std::uint16_t port, std::shared_ptr<const Credentials> own,
                           TimePoint deadline) {
  co_await connect(runtime, "127.0.0.1", port, own, "coordinator", {}, deadline);
}

// A plain TCP peer that connects, says `words` and either hangs up or stays until it is told to leave.
asio::awaitable<void> say(Runtime& runtime, std::uint16_t port, std::string words, bool hang_up) {
  asio::ip::tcp::socket socket(runtime.io());
  co_await socket.async_connect({asio::ip::make_address("127.0.0.1"), port}, asio::use_awaitable);
  co_await asio::async_write(socket, asio::buffer(words), asio::use_awaitable);
  char answer[4096];
  asio::error_code over;
  while (!hang_up && !over) {
    co_await socket.async_read_some(asio::buffer(answer), asio::redirect_error(asio::use_awaitable, over));
  }
}

class HostilePeer : public testing::Test {
 protected:
  TimePoint soon() const { return clock_.now() + seconds(20); }
  std::string server_hears(const std::string& words, bool hang_up, Duration patience = seconds(20)) {
    Listener listener(*runtime_);
    return run_together(*runtime_, serve(*runtime_, listener, authority_.coordinator(), {}, clock_.now() + patience),
                        say(*runtime_, listener.port(), words, hang_up))[0];
  }

  SystemClock clock_;
  std::unique_ptr<Runtime> runtime_ = make_runtime(clock_, 1);
  Authority authority_{clock_};
};

TEST_F(HostilePeer, GarbageInsteadOfAHandshakeIsMalformed) {
  EXPECT_THAT(server_hears("this is no handshake at all, is it?", false),
              AllOf(HasSubstr("malformed: the peer at 127.0.0.1:"), HasSubstr("TLS 1.3")));
  EXPECT_THAT(server_hears("GET / HTTP/1.1\r\nHost: x\r\n\r\n", false), HasSubstr("malformed: "));
  EXPECT_THAT(server_hears(std::string(100'000, '\0'), false), HasSubstr("malformed: "));
}

TEST_F(HostilePeer, ASilentConnectionIsClosedAtItsDeadline) {
  EXPECT_THAT(server_hears("", false, milliseconds(10)),
              AllOf(HasSubstr("disconnected: "), HasSubstr("the handshake took too long")));
}

TEST_F(HostilePeer, HalfAHandshakeIsClosedAtItsDeadline) {
  const std::string half_client_hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  EXPECT_THAT(server_hears(half_client_hello, false, milliseconds(10)), HasSubstr("the handshake took too long"));
}

TEST_F(HostilePeer, AConnectionThatIsHungUpIsALostLine) {
  EXPECT_THAT(server_hears("", true), AllOf(HasSubstr("disconnected: lost the peer at"), HasSubstr("cut")));
}

asio::awaitable<void> answer(Listener& listener, std::string words, bool hang_up) {
  asio::ip::tcp::socket socket = co_await listener.next();
  co_await asio::async_write(socket, asio::buffer(words), asio::use_awaitable);
  char heard[4096];
  asio::error_code over;
  while (!hang_up && !over) {
    co_await socket.async_read_some(asio::buffer(heard), asio::redirect_error(asio::use_awaitable, over));
  }
}

TEST_F(HostilePeer, AParticipantIsNotHarmedByWhateverAnswers) {
  Listener listener(*runtime_);
  const auto alice = authority_.participant();
  const auto join_it = [&](TimePoint deadline) { return join(*runtime_, listener.port(), alice, deadline); };
  EXPECT_THAT(run_together(*runtime_, join_it(soon()), answer(listener, "SSH-2.0-OpenSSH\r\n", false))[0],
              HasSubstr("malformed: coordinator at"));
  EXPECT_THAT(run_together(*runtime_, join_it(soon()), answer(listener, "", true))[0], HasSubstr("disconnected: "));
  EXPECT_THAT(run_together(*runtime_, join_it(clock_.now() + milliseconds(10)), answer(listener, "", false))[0],
              HasSubstr("disconnected: "));
}

TEST_F(HostilePeer, WhereNobodyListensConnectSaysSo) {
  std::uint16_t port = 0;
  {
    const Listener gone(*runtime_);
    port = gone.port();
  }
  EXPECT_THAT(run_together(*runtime_, join(*runtime_, port, authority_.participant(), soon()))[0],
              AllOf(HasSubstr("disconnected: cannot connect to 127.0.0.1:"), HasSubstr("refused")));
}

// ---------------------------------------------------------------------- an OpenSSL client of the old school

// Speaks TLS as told, blocking, on a thread of its own.
class RawClient {
 public:
  RawClient(const IssuedCertificate* own, const std::function<void(SSL_CTX*)>& adapt)
      : context_(SSL_CTX_new(TLS_method())) {
    ::signal(SIGPIPE, SIG_IGN);  // who floods writes on when the line is cut
    static const unsigned char kProtocol[] = "\x0btributary/1";
    SSL_CTX_set_alpn_protos(context_, kProtocol, 12);
    if (own != nullptr) use(*own);
    adapt(context_);
    ssl_ = SSL_new(context_);
  }
  ~RawClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    if (fd_ >= 0) ::close(fd_);
  }
  void connect(std::uint16_t port) {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    SSL_set_fd(ssl_, fd_);
    handshake_done_ = SSL_connect(ssl_) == 1;
  }
  SSL* ssl() { return ssl_; }
  bool handshake_done() const { return handshake_done_; }
  // Reads until the server ends the line.
  void wait_for_the_end() {
    char heard[1024];
    while (SSL_read(ssl_, heard, sizeof heard) > 0) {
    }
  }

 private:
  void use(const IssuedCertificate& own) {
    BIO* certificate = BIO_new_mem_buf(own.certificate.data(), static_cast<int>(own.certificate.size()));
    BIO* key = BIO_new_mem_buf(own.key.data(), static_cast<int>(own.key.size()));
    X509* x509 = PEM_read_bio_X509(certificate, nullptr, nullptr, nullptr);
    EVP_PKEY* pkey = PEM_read_bio_PrivateKey(key, nullptr, nullptr, nullptr);
    SSL_CTX_use_certificate(context_, x509);
    SSL_CTX_use_PrivateKey(context_, pkey);
    X509_free(x509);
    EVP_PKEY_free(pkey);
    BIO_free(certificate);
    BIO_free(key);
  }

  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  int fd_ = -1;
  bool handshake_done_ = false;
};

class RawPeer : public HostilePeer {
 protected:
  // A server that ends the line shall be an error to the client, not its death.
  RawPeer() { ::signal(SIGPIPE, SIG_IGN); }

  // What accept() or the session behind it ends with.
  std::string server_against(const IssuedCertificate* own, const std::function<void(SSL_CTX*)>& adapt,
                             const std::function<void(RawClient&)>& after, ChannelLimits limits = {}) {
    Listener listener(*runtime_);
    std::thread client([&, port = listener.port()] {
      RawClient raw(own, adapt);
      raw.connect(port);
      if (raw.handshake_done()) after(raw);
    });
    const std::string error =
        run_together(*runtime_, serve(*runtime_, listener, authority_.coordinator(), limits, soon()))[0];
    client.join();
    return error;
  }
  IssuedCertificate alice_ = authority_.certificate(CertificateRole::Participant, "alice");
  static void as_it_is(SSL_CTX*) {}
  static void wait(RawClient& raw) { raw.wait_for_the_end(); }
};

TEST_F(RawPeer, AFaithfulClientIsLetInAndReadsTheAdmission) {
  std::string admission;
  EXPECT_EQ(server_against(&alice_, as_it_is,
                           [&](RawClient& raw) {
                             char heard[64];
                             const int count = SSL_read(raw.ssl(), heard, sizeof heard);
                             admission.assign(heard, count > 0 ? static_cast<std::size_t>(count) : 0);
                             SSL_shutdown(raw.ssl());
                           }),
            "");
  EXPECT_EQ(admission, std::string("\x01\x00\x00\x00\x00", 5));
}

TEST_F(RawPeer, WithoutACertificateNobodyComesIn) {
  EXPECT_THAT(server_against(nullptr, as_it_is, wait),
              AllOf(HasSubstr("refused: refused the peer at"), HasSubstr("showed no certificate")));
}

TEST_F(RawPeer, WithoutTheProtocolsNameNobodyComesIn) {
  EXPECT_THAT(server_against(
                  &alice_, [](SSL_CTX* context) { SSL_CTX_set_alpn_protos(context, nullptr, 0); }, wait),
              HasSubstr("does not speak tributary/1"));
  const auto another = [](SSL_CTX* context) {
    SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>("\x02h2"), 3);
  };
  EXPECT_THAT(server_against(&alice_, another, wait), HasSubstr("does not speak tributary/1"));
}

TEST_F(RawPeer, OlderTlsIsRefused) {
  const auto old = [](SSL_CTX* context) { SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION); };
  EXPECT_THAT(server_against(&alice_, old, wait), AllOf(HasSubstr("malformed: "), HasSubstr("TLS 1.3")));
}

// Signed with its own key, under alice's name.
IssuedCertificate self_signed() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -1000);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 100'000);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("alice"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_sign(certificate, key, EVP_sha256());
  BIO* bio = BIO_new(BIO_s_mem());
  const auto text = [bio] {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string pem(data, static_cast<std::size_t>(size));
    BIO_reset(bio);
    return pem;
  };
  IssuedCertificate issued;
  PEM_write_bio_X509(bio, certificate);
  issued.certificate = text();
  PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  issued.key = text();
  BIO_free(bio);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return issued;
}

TEST_F(RawPeer, ASelfSignedCertificateIsRefused) {
  const IssuedCertificate own = self_signed();
  EXPECT_THAT(server_against(&own, as_it_is, wait), AllOf(HasSubstr("refused: "), HasSubstr("self-signed")));
}

TEST_F(RawPeer, AnotherFederationsCertificateIsRefusedByTheCoordinatorToo) {
  for (const char* name : {"meadow", "orchard"}) {
    const Authority other(clock_, name);
    const IssuedCertificate own = other.certificate(CertificateRole::Participant, "alice");
    EXPECT_THAT(server_against(&own, as_it_is, wait),
                AllOf(HasSubstr("refused: "), HasSubstr("not issued by this federation's authority")))
        << name;
  }
}

TEST_F(RawPeer, AFloodOfKeyUpdatesIsEnded) {
  const auto flood = [](RawClient& raw) {
    for (int i = 0; i < 100 && SSL_key_update(raw.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1; ++i) {
      if (SSL_do_handshake(raw.ssl()) != 1) break;
    }
    raw.wait_for_the_end();
  };
  EXPECT_THAT(server_against(&alice_, as_it_is, flood, {.max_key_updates = 5}),
              AllOf(HasSubstr("malformed: refused alice at"), HasSubstr("more than 5 key updates")));
}

TEST_F(RawPeer, AFewKeyUpdatesAreFine) {
  const auto few = [](RawClient& raw) {
    for (int i = 0; i < 5; ++i) {
      SSL_key_update(raw.ssl(), SSL_KEY_UPDATE_REQUESTED);
      SSL_do_handshake(raw.ssl());
    }
    const Bytes frame = frame_of("hello");
    SSL_write(raw.ssl(), frame.data(), static_cast<int>(frame.size()));
    SSL_shutdown(raw.ssl());
    raw.wait_for_the_end();  // what the server sent is read, so that closing does not reset the line
  };
  EXPECT_EQ(server_against(&alice_, as_it_is, few, {.max_key_updates = 5}), "");
}

TEST_F(RawPeer, ABrokenRecordEndsTheSession) {
  const auto corrupt = [](RawClient& raw) {
    const std::string forged(
        "\x17\x03\x03\x00\x20"
        "0123456789abcdef0123456789abcdef",
        37);
    ASSERT_EQ(::send(SSL_get_fd(raw.ssl()), forged.data(), forged.size(), MSG_NOSIGNAL), 37);
    raw.wait_for_the_end();
  };
  // Nothing shows that alice sent it: it is not held against her.
  EXPECT_THAT(server_against(&alice_, as_it_is, corrupt), HasSubstr("disconnected: lost alice at 127.0.0.1:"));
}

TEST_F(RawPeer, TheServerGivesNoTickets) {
  int tickets = -1;
  const auto count = [&](RawClient& raw) {
    char heard[64];
    SSL_read(raw.ssl(), heard, sizeof heard);
    tickets = SSL_SESSION_is_resumable(SSL_get_session(raw.ssl()));
    SSL_shutdown(raw.ssl());
  };
  EXPECT_EQ(server_against(&alice_, as_it_is, count), "");
  EXPECT_EQ(tickets, 0);
}

}  // namespace
}  // namespace tributary::net
