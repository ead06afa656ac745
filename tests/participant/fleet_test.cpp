#include "participant/fleet.h"

#include <filesystem>
#include <thread>

#include <asio/ip/tcp.hpp>
#include <asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <unistd.h>

#include "common/net/tls.h"
#include "tests/participant/scripted_coordinator.h"

namespace tributary::participant::testing {
namespace {

using ::testing::HasSubstr;

std::string reason_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing thrown";
}

class FleetTest : public ::testing::Test {
 protected:
  FleetTest() { std::filesystem::create_directories(folder_); }
  ~FleetTest() override { std::filesystem::remove_all(folder_); }

  net::Bundle enroll(const std::string& name, std::uint16_t port = 7143, const std::string& file = "") const {
    const auto issued = net::issue(authority_, net::CertificateRole::Participant, name, {}, validity_);
    net::Bundle bundle{name, "coordinator", "127.0.0.1", port, issued.key, issued.certificate, authority_.certificate};
    write_text_file(folder_ / (file.empty() ? name + ".bundle" : file), net::write_bundle(bundle));
    return bundle;
  }
  data::DataSource csv(const std::string& file) const {
    data::DataSource source;
    source.format = "csv";
    source.file = folder_ / file;
    source.csv.header = false;
    return source;
  }
  void write(const std::string& file, const std::string& text) const { write_text_file(folder_ / file, text); }

  SystemClock clock_;
  RealFiles files_;
  Path folder_ =
      std::filesystem::temp_directory_path() / ("tributary-fleet-" + std::to_string(getpid()) + "-" +
                                                ::testing::UnitTest::GetInstance()->current_test_info()->name());
  net::Validity validity_ = net::valid_for_days(clock_, 10);
  net::IssuedCertificate authority_ = net::make_authority("orchard", validity_);
};

TEST_F(FleetTest, AFolderGivesItsBundlesSortedAndNothingElse) {
  enroll("carol");
  enroll("alice");
  write("notes.txt", "not a bundle");
  const auto bundles = read_bundles({}, folder_);
  ASSERT_EQ(bundles.size(), 2u);
  EXPECT_EQ(bundles[0].name, "alice");
  EXPECT_EQ(bundles[1].name, "carol");
}

TEST_F(FleetTest, BundlesThatCannotBeHostedTogetherAreNamed) {
  EXPECT_THAT(reason_of([&] { read_bundles({}, folder_); }), HasSubstr("holds no *.bundle"));
  enroll("alice");
  enroll("alice", 7143, "copy.bundle");
  EXPECT_THAT(reason_of([&] { read_bundles({}, folder_); }), HasSubstr("copy.bundle: another bundle"));
}

TEST_F(FleetTest, AFileThatAllUseIsLoadedOnceAndCutByEachOnesIndex) {
  write("all.csv", "1,2,0\n3,4,1\n5,6,0\n");
  write("alice.index", "0\n2\n");
  write("bob.index", "1\n");
  data::DataSource source = csv("all.csv");
  source.index = folder_ / "{name}.index";
  SharedExamples examples(source);
  const data::View alice = examples.of("alice"), bob = examples.of("bob");
  EXPECT_EQ(alice.dataset, bob.dataset);
  EXPECT_EQ(alice.indices, (std::vector<std::uint32_t>{0, 2}));
  EXPECT_EQ(bob.indices, (std::vector<std::uint32_t>{1}));
}

TEST_F(FleetTest, AFileOfEachOnesOwnIsFoundByItsName) {
  write("alice.csv", "1,2,0\n3,4,1\n");
  write("bob.csv", "5,6,0\n");
  SharedExamples examples(csv("{name}.csv"));
  EXPECT_EQ(examples.of("alice").size(), 2u);
  EXPECT_EQ(examples.of("bob").size(), 1u);
}

TEST_F(FleetTest, AServerThatIsNoneIsNamed) {
  const net::Bundle alice = enroll("alice");
  const auto runtime = net::make_runtime(clock_, 1);
  for (const std::string server : {"host", "host:", "host:0", "host:65536", "host:seven"})
    EXPECT_THAT(reason_of([&] { connect_with(*runtime, alice, server); }), HasSubstr("server '" + server + "'"));
  EXPECT_THAT(reason_of([&] { connect_with(*runtime, alice, "ho st:1"); }), HasSubstr("server"));
}

// A coordinator on a thread of its own that gives everybody one round.
class OneRound {
 public:
  OneRound(const Clock& clock, std::shared_ptr<const net::Credentials> credentials, int participants)
      : runtime_(net::make_runtime(clock, 1)),
        credentials_(std::move(credentials)),
        acceptor_(runtime_->io(), {asio::ip::make_address("127.0.0.1"), 0}),
        gate_(runtime_->io()),
        left_(participants) {
    gate_.spawn("listen", listen());
    thread_ = std::thread([this] { runtime_->io().run(); });
  }
  ~OneRound() { thread_.join(); }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  asio::awaitable<void> listen() {
    while (left_-- > 0) gate_.spawn("session", serve(co_await acceptor_.async_accept(asio::use_awaitable)));
  }
  asio::awaitable<void> serve(asio::ip::tcp::socket socket) {
    try {
      auto channel = co_await net::accept(*runtime_, std::move(socket), credentials_, admit, {},
                                          runtime_->clock().now() + std::chrono::seconds(20));
      Talk talk(*runtime_, std::move(channel));
      co_await talk.welcome();
      co_await talk.round(published_, published_.offer(1));
      co_await talk.goodbye();
    } catch (const Error& e) {
      if (e.kind() != Error::Kind::Refused) ADD_FAILURE() << e.what();
    }
  }
  static std::string admit(const net::PeerIdentity& peer) { return peer.name == "mallory" ? "revoked" : ""; }

  Publication published_{"linear:2-2"};
  std::unique_ptr<net::Runtime> runtime_;
  std::shared_ptr<const net::Credentials> credentials_;
  asio::ip::tcp::acceptor acceptor_;
  net::Gate gate_;
  int left_;
  std::thread thread_;
};

class FleetOverTls : public FleetTest {
 protected:
  int run(const std::vector<std::string>& names) {
    write("all.csv", "1,2,0\n3,4,1\n5,6,0\n");
    const auto issued =
        net::issue(authority_, net::CertificateRole::Coordinator, "coordinator", {"127.0.0.1"}, validity_);
    OneRound coordinator(
        clock_,
        net::Credentials::from_pem(issued.key, issued.certificate, authority_.certificate, "coordinator", clock_),
        static_cast<int>(names.size()));
    FleetOptions options;
    options.server = "127.0.0.1:" + std::to_string(coordinator.port());
    Fleet fleet(clock_, files_, options);
    SharedExamples examples(csv("all.csv"));
    for (const auto& name : names) fleet.add(enroll(name), examples.of(name));
    ::testing::internal::CaptureStdout();
    const int code = fleet.run();
    output = ::testing::internal::GetCapturedStdout();
    return code;
  }
  std::string output;
};

TEST_F(FleetOverTls, ManyParticipantsTakePartAndEndInOrder) {
  EXPECT_EQ(run({"alice", "bob", "carol"}), 0);
  for (const std::string name : {"alice", "bob", "carol"}) {
    EXPECT_THAT(output, HasSubstr(name + "  joined orchard\n"));
    EXPECT_THAT(output, HasSubstr(name + "  round 1  3 examples  loss "));
    EXPECT_THAT(output, HasSubstr(name + "  ended after 1 round: the run is over\n"));
  }
}

TEST_F(FleetOverTls, OneThatIsRefusedMakesTheExitCodeButTheOthersGoOn) {
  EXPECT_EQ(run({"alice", "mallory"}), 1);
  EXPECT_THAT(output, HasSubstr("alice  ended after 1 round"));
  EXPECT_THAT(output, HasSubstr("mallory  ended after 0 rounds: "));
  EXPECT_THAT(output, HasSubstr("revoked"));
}

}  // namespace
}  // namespace tributary::participant::testing
