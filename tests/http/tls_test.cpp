// HTTP under TLS: who vouches for the server, certificates that change while it runs, peers that do not shake hands.
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/net/pki.h"
#include "tests/http/harness.h"

namespace tributary::http::testing {
namespace {

class Tls : public ::testing::Test {
 protected:
  Tls() : folder_(std::filesystem::temp_directory_path() / ("tributary-http-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
    authority_ = net::make_authority("orchard", net::valid_for_days(clock_, 10));
    write_text_file(folder_ / "authority.crt", authority_.certificate);
    issue("127.0.0.1");
  }
  ~Tls() override { std::filesystem::remove_all(folder_); }

  void issue(const std::string& host) {
    const auto issued = net::issue(authority_, net::CertificateRole::Coordinator, "coordinator", {host},
                                   net::valid_for_days(clock_, 5));
    write_text_file(folder_ / "server.crt", issued.certificate);
    write_text_file(folder_ / "server.key", issued.key);
  }
  ServerOptions options() const {
    ServerOptions options;
    options.tls = std::make_unique<TlsFiles>(TlsFiles{folder_ / "server.crt", folder_ / "server.key"});
    options.limits.handshake = std::chrono::milliseconds(300);
    options.limits.max_connections = 4;
    return options;
  }
  Address trusted(const RunningServer& server) const {
    Address address = server.address(true);
    address.authority = folder_ / "authority.crt";
    return address;
  }
  static void hello(std::unique_ptr<Exchange>& exchange) { exchange->answer({.body = "hello"}); }

  SystemClock clock_;
  Path folder_;
  net::IssuedCertificate authority_;
};

TEST_F(Tls, ServesWhoTrustsItsAuthority) {
  RunningServer server(hello, options());
  EXPECT_EQ(call(trusted(server), {}).body, "hello");
  EXPECT_TRUE(server.server().address().starts_with("https://"));
}

TEST_F(Tls, AClientRefusesAnotherAuthorityAndAnotherHost) {
  RunningServer server(hello, options());
  EXPECT_THROW(call(server.address(true), {}), Error);
  Address elsewhere = trusted(server);
  elsewhere.host = "127.0.0.2";  // the same server, by a name that its certificate does not have
  EXPECT_THROW(call(elsewhere, {}), Error);
}

TEST_F(Tls, ANewCertificateIsShownFromTheReloadOn) {
  issue("10.1.1.1");
  RunningServer server(hello, options());
  EXPECT_THROW(call(trusted(server), {}), Error);
  issue("127.0.0.1");
  server.server().reload_tls();
  EXPECT_EQ(call(trusted(server), {}).body, "hello");
}

TEST_F(Tls, AReloadOfRubbishLeavesTheOldCertificate) {
  RunningServer server(hello, options());
  write_text_file(folder_ / "server.crt", "rubbish");
  EXPECT_THROW(server.server().reload_tls(), Error);
  EXPECT_EQ(call(trusted(server), {}).body, "hello");
}

TEST_F(Tls, PeersThatNeverShakeHandsGiveTheirPlacesBack) {
  RunningServer server(hello, options());
  std::vector<std::unique_ptr<RawLine>> silent;
  for (int i = 0; i < 4; ++i) silent.push_back(std::make_unique<RawLine>(server.server().port()));
  EXPECT_EQ(call(trusted(server), {}).body, "hello");
}

}  // namespace
}  // namespace tributary::http::testing
