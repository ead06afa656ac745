// The door over real TLS on 127.0.0.1: who is let in, and who is sent away while inside.
#include "coordinator/listener.h"

#include <filesystem>
#include <iostream>
#include <map>

#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/model/zoo.h"
#include "common/net/pki.h"
#include "common/wire/frame.h"

namespace tributary::coordinator {
namespace {

using testing::HasSubstr;

class Silent final : public Observer {
 public:
  void round_finished(const RoundRecord& /*record*/) override {}
  void peer_refused(const std::string& kind) override { ++refused[kind]; }
  std::map<std::string, int> refused;
};

constexpr std::int64_t kDay = 24 * 60 * 60;  // in seconds

// A certificate that must not open the door.
struct BadCertificate {
  std::string name;
  std::string words;  // of the refusal, as the participant hears it
  net::CertificateRole role = net::CertificateRole::Participant;
  std::string subject = "alice";
  std::int64_t from = -kDay, to = 100 * kDay;  // seconds from now
  enum class Issuer { Ours, Another, Itself } issuer = Issuer::Ours;
};

const std::vector<BadCertificate>& bad_certificates() {
  using enum BadCertificate::Issuer;
  using enum net::CertificateRole;
  static const std::vector<BadCertificate> all = {
      {"Expired", "certificate expired or not yet valid", Participant, "alice", -kDay, -30},
      {"Early", "certificate expired or not yet valid", Participant, "alice", kDay, 100 * kDay},
      {"OfAnotherAuthority", "not issued by this federation's authority", Participant, "alice", -kDay, 100 * kDay,
       Another},
      {"SelfSigned", "not issued by this federation's authority", Participant, "alice", -kDay, 100 * kDay, Itself},
      {"OfACoordinator", "wrong role", Coordinator, "alice"},
      {"OfNobodyEnrolled", "not enrolled", Participant, "mallory"},
      {"NotTheOneEnrolled", "not enrolled", Participant, "alice"},
  };
  return all;
}

// Another date; time as it is.
class AnotherDay final : public Clock {
 public:
  explicit AnotherDay(std::int64_t later) : later_(later) {}
  TimePoint now() const override { return system_.now(); }
  std::int64_t unix_seconds() const override { return system_.unix_seconds() + later_; }

 private:
  SystemClock system_;
  std::int64_t later_;  // seconds
};

class ListenerTest : public testing::Test {
 protected:
  ListenerTest() {
    log::set_level(log::Level::Off);
    folder_ = std::filesystem::temp_directory_path() / ("tributary-listener-" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    Federation federation;
    federation.name = "orchard";
    federation.host = "127.0.0.1";
    federation.port = 7143;
    init_federation(folder_, federation, clock_);
    settings_.federation = "orchard";
    settings_.round.participants = Share::parse("100");  // the first round never starts
    settings_.workers = 1;
  }
  ~ListenerTest() override { std::filesystem::remove_all(folder_); }

  net::Bundle enroll(const std::string& name) {
    const Path file = folder_ / (name + ".bundle");
    coordinator::enroll(folder_, name, file, clock_);
    return net::read_bundle(read_text_file(file), file.string());
  }
  // Opens the door, runs `visit`, and closes everything.
  void with_listener(asio::awaitable<void> (ListenerTest::*visit)(net::Bundle), net::Bundle bundle) {
    enrollment_.emplace(folder_);
    runtime_ = net::make_runtime(clock_, 1);
    server_.reset();
    store_ = std::make_unique<store::RunStore>(files_, folder_ / "store", store::StoreOptions());
    server_ = std::make_unique<Server>(*runtime_, *store_, settings_, graph_, nullptr, observer_);
    ListenOptions options;
    options.host = "127.0.0.1";
    options.limits = settings_.limits;
    listener_ = std::make_unique<Listener>(*runtime_, *server_, coordinator_credentials(folder_, clock_), *enrollment_,
                                           options);
    const std::string address = listener_->address();
    port_ = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    net::Gate gate(runtime_->io());
    gate.spawn("listener", listener_->run());
    gate.spawn("run", run_server());
    gate.spawn("visit", visit_and_stop((this->*visit)(std::move(bundle))));
    runtime_->io().run();
    EXPECT_EQ(gate.running(), 0U);
    EXPECT_EQ(gate.leaked_exceptions(), 0U);
  }

  asio::awaitable<std::unique_ptr<net::Channel>> connect(net::Bundle bundle) {
    const auto own = net::Credentials::from_pem(bundle.key, bundle.certificate, bundle.authority, "test", clock_);
    co_return co_await net::connect(*runtime_, "127.0.0.1", port_, own, "coordinator", {}, soon());
  }
  // Why the door stays closed; empty when it opens.
  asio::awaitable<std::string> refusal(net::Bundle bundle) {
    std::string why;
    try {
      (void)co_await connect(std::move(bundle));
    } catch (const Error& e) {
      why = e.what();
    }
    co_return why;
  }
  asio::awaitable<wire::Message> next(net::Channel& channel) {
    const auto payload = co_await channel.receive(soon());
    EXPECT_TRUE(payload);
    co_return payload ? wire::from_payload(*payload) : wire::Message(wire::Pong{});
  }
  TimePoint soon() const { return clock_.now() + std::chrono::seconds(20); }

  // What the participant shows: believed by itself, on a day when it is valid.
  std::shared_ptr<const net::Credentials> made(const BadCertificate& bad) {
    const std::int64_t now = clock_.unix_seconds();
    const net::Validity validity{now + bad.from, now + bad.to};
    const std::string own = read_text_file(folder_ / "authority.crt");
    net::IssuedCertificate authority{read_text_file(folder_ / "authority.key"), own, ""};
    if (bad.issuer != BadCertificate::Issuer::Ours)
      authority = net::make_authority("orchard", {now - 1000 * kDay, now + 1000 * kDay});
    const net::IssuedCertificate shown = bad.issuer == BadCertificate::Issuer::Itself
                                             ? authority
                                             : net::issue(authority, bad.role, bad.subject, {}, validity);
    const AnotherDay day(bad.to - 60);  // the federation is a few minutes old
    return net::Credentials::from_pem(shown.key, shown.certificate, authority.certificate, "test", day);
  }

 public:  // the visits, which tests name
  asio::awaitable<void> shows_bad_certificates(net::Bundle /*of somebody enrolled*/) {
    int refused = 0;
    for (const BadCertificate& bad : bad_certificates()) {
      std::string why;
      try {
        const auto own = made(bad);
        (void)co_await net::connect(*runtime_, "127.0.0.1", port_, own, "coordinator", {}, soon());
      } catch (const Error& e) {
        why = e.what();
      }
      EXPECT_THAT(why, HasSubstr(bad.words)) << bad.name;
      // The server has heard of it when the next one comes; the last is waited for.
      ++refused;
      const TimePoint patience = soon();
      while (observer_.refused["not let in"] < refused && clock_.now() < patience)
        co_await runtime_->sleep_until(clock_.now() + std::chrono::milliseconds(5));
      EXPECT_EQ(observer_.refused["not let in"], refused) << bad.name;
      EXPECT_TRUE(server_->connected().empty()) << bad.name;
    }
  }

  // The one that is enrolled comes last, when strangers have taken all places.
  asio::awaitable<void> comes_when_all_places_are_taken(net::Bundle bundle) {
    std::vector<asio::ip::tcp::socket> strangers;
    for (int i = 0; i < 12; ++i) {
      strangers.emplace_back(runtime_->io());
      co_await strangers.back().async_connect({asio::ip::make_address("127.0.0.1"), port_}, asio::use_awaitable);
    }
    const std::string why = co_await refusal(std::move(bundle));
    EXPECT_EQ(why, "");
    EXPECT_EQ(observer_.refused["unfinished handshake"], 12 + 1 - 4);
  }

  asio::awaitable<void> says_nothing(net::Bundle /*of nobody*/) {
    asio::ip::tcp::socket silent(runtime_->io());
    co_await silent.async_connect({asio::ip::make_address("127.0.0.1"), port_}, asio::use_awaitable);
    const TimePoint begun = clock_.now();
    char heard = 0;
    asio::error_code over;
    (void)co_await silent.async_read_some(asio::buffer(&heard, 1), asio::redirect_error(asio::use_awaitable, over));
    EXPECT_TRUE(over);
    EXPECT_NEAR(seconds(clock_.now() - begun), settings_.limits.handshake_seconds, 0.3);
  }

  asio::awaitable<void> is_let_in_and_revoked(net::Bundle bundle) {
    const auto channel = co_await connect(bundle);
    const Bytes hello = wire::to_frame(wire::Hello{});
    co_await channel->send(hello, soon());
    const wire::Message welcome = co_await next(*channel);
    EXPECT_EQ(std::get<wire::Welcome>(welcome).federation, "orchard");
    EXPECT_THAT(server_->connected(), testing::ElementsAre(bundle.name));

    const TimePoint revoked = clock_.now();
    coordinator::revoke(folder_, bundle.name, clock_);
    const wire::Message goodbye = co_await next(*channel);
    EXPECT_EQ(std::get<wire::Goodbye>(goodbye).reason, "revoked");
    EXPECT_EQ(std::get<wire::Goodbye>(goodbye).retry_seconds, 0);
    const double took = seconds(clock_.now() - revoked);
    EXPECT_LT(took, 1.0);
    std::cout << took << " s from revoke to goodbye\n";
    EXPECT_TRUE(server_->connected().empty());
    const std::string why = co_await refusal(bundle);
    EXPECT_THAT(why, HasSubstr("revoked"));
  }

  asio::awaitable<void> comes_with_an_old_certificate(net::Bundle bundle) {
    const std::string why = co_await refusal(std::move(bundle));
    EXPECT_THAT(why, HasSubstr("revoked"));
    EXPECT_TRUE(server_->connected().empty());
  }

  asio::awaitable<void> is_enrolled_while_the_door_is_open(net::Bundle bundle) {
    std::string why = co_await refusal(std::move(bundle));
    EXPECT_EQ(why, "");
    const net::Bundle bobs = enroll("bob");
    co_await runtime_->sleep_until(clock_.now() + std::chrono::seconds(1));
    why = co_await refusal(bobs);
    EXPECT_EQ(why, "");
  }

 protected:
  SystemClock clock_;
  RealFiles files_;
  std::unique_ptr<store::RunStore> store_;
  Path folder_;
  Settings settings_;
  model::Graph graph_ = model::make_zoo_model("mlp:4-3", 1);
  Silent observer_;
  std::optional<Enrollment> enrollment_;
  std::unique_ptr<net::Runtime> runtime_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Listener> listener_;
  std::uint16_t port_ = 0;

 private:
  asio::awaitable<void> run_server() {
    const Ending ending = co_await server_->run();
    EXPECT_EQ(ending.why, "the visit is over");
  }
  asio::awaitable<void> visit_and_stop(asio::awaitable<void> visit) {
    try {
      co_await std::move(visit);
    } catch (const std::exception& e) {
      ADD_FAILURE() << e.what();
    }
    server_->stop("the visit is over");
    listener_->stop();
  }
};

TEST_F(ListenerTest, WhoIsRevokedIsSentAwayWithinASecondAndStaysOutside) {
  with_listener(&ListenerTest::is_let_in_and_revoked, enroll("alice"));
}

TEST_F(ListenerTest, AnOldCertificateDoesNotOpenTheDoorAfterANewEnrolment) {
  const net::Bundle old = enroll("alice");
  coordinator::revoke(folder_, "alice", clock_);
  std::filesystem::remove(folder_ / "alice.bundle");
  enroll("alice");
  with_listener(&ListenerTest::comes_with_an_old_certificate, old);
}

TEST_F(ListenerTest, WhoIsEnrolledLaterIsLetInWithoutARestart) {
  with_listener(&ListenerTest::is_enrolled_while_the_door_is_open, enroll("alice"));
}

TEST_F(ListenerTest, NoBadCertificateOpensTheDoorAndEachIsCounted) {
  with_listener(&ListenerTest::shows_bad_certificates, enroll("alice"));
}

TEST_F(ListenerTest, WhoCanProveItselfGetsAPlaceThoughStrangersHoldAll) {
  settings_.limits.unauthenticated = 4;
  with_listener(&ListenerTest::comes_when_all_places_are_taken, enroll("alice"));
}

TEST_F(ListenerTest, ASilentConnectionIsClosedInTime) {
  settings_.limits.handshake_seconds = 0.2;
  with_listener(&ListenerTest::says_nothing, enroll("alice"));
}

TEST_F(ListenerTest, APortInUseIsNamed) {
  with_listener(&ListenerTest::is_enrolled_while_the_door_is_open, enroll("alice"));
  asio::ip::tcp::acceptor taken(runtime_->io(), {asio::ip::make_address("127.0.0.1"), 0}, false);
  ListenOptions options;
  options.host = "127.0.0.1";
  options.port = taken.local_endpoint().port();
  try {
    Listener listener(*runtime_, *server_, coordinator_credentials(folder_, clock_), *enrollment_, options);
    FAIL() << "it listens";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("set listen.host and listen.port"));
  }
}

}  // namespace
}  // namespace tributary::coordinator
