// What must not reach a handler: requests that are malformed, ambiguous, too large or too slow. Each ends with a status
// of 400 or above or a closed connection, and the next client is served.
#include <atomic>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "tests/http/harness.h"

namespace tributary::http::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class HostileRequests : public ::testing::Test {
 protected:
  static ServerOptions options() {
    ServerOptions options;
    options.limits.max_body_bytes = 1000;
    options.limits.max_connections = 8;
    options.limits.read = std::chrono::seconds(2);
    return options;
  }

  std::string send(const std::string& bytes) {
    RawLine line(server_.server().port());
    line.say(bytes);
    return line.hear_all();
  }
  // The answer to the first request, and that nothing of it was handled, nor anything behind it.
  void expect_refused(const std::string& bytes, const std::string& status = "") {
    SCOPED_TRACE(bytes.substr(0, 200));
    const int before = handled_;
    const std::string answer = send(bytes + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(handled_, before) << answer;
    EXPECT_THAT(answer, StartsWith(status.empty() ? "" : "HTTP/1.1 " + status));
    EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 5")) << answer;
    EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos) << answer;
  }
  void expect_others_are_served() { EXPECT_EQ(call(server_.address(), {}).body, "hello"); }

  std::atomic<int> handled_ = 0;
  RunningServer server_{[this](std::unique_ptr<Exchange>& exchange) {
                          ++handled_;
                          Response response;
                          response.body =
                              exchange->request().method == "POST" ? std::string(exchange->request().body) : "hello";
                          exchange->answer(std::move(response));
                        },
                        options()};
};

const std::string kPost = "POST / HTTP/1.1\r\nHost: h\r\n";

TEST_F(HostileRequests, TwoLengthsAreRefusedEvenEqualOnes) {
  expect_refused(kPost + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello");
  expect_refused(kPost + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello");
  expect_refused(kPost + "Content-Length: 5, 5\r\n\r\nhello");
  expect_others_are_served();
}

TEST_F(HostileRequests, ALengthBesideAnEncodingIsRefusedInEitherOrder) {
  expect_refused(kPost + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  expect_refused(kPost + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n");
  expect_others_are_served();
}

TEST_F(HostileRequests, OnlyChunkedOnceIsAnEncoding) {
  expect_refused(kPost + "Transfer-Encoding: gzip\r\n\r\n");
  expect_refused(kPost + "Transfer-Encoding: identity\r\n\r\n");
  expect_refused(kPost + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n");
  expect_refused(kPost + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501");
  expect_refused(kPost + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n");
  expect_refused(kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400");
  expect_refused(kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n");
  expect_refused(kPost + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n");
  expect_refused("POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400");
}

TEST_F(HostileRequests, BadChunksEndTheConnection) {
  const std::string head = kPost + "Transfer-Encoding: chunked\r\n\r\n";
  for (const char* chunks : {"x\r\n", "-1\r\n", "5\r\nhelloX", "ffffffffffffffffff\r\n", "5\r\nhello\r\nz\r\n", "\r\n",
                             "0x5\r\nhello\r\n", "3e9\r\n", "5 5\r\nhello\r\n"}) {
    std::string bytes = head + chunks;
    if (std::string_view(chunks) == "3e9\r\n") bytes += std::string(1001, 'a') + "\r\n";  // 1001: above the limit
    expect_refused(bytes);
  }
  expect_others_are_served();
}

TEST_F(HostileRequests, AWellFormedChunkedBodyIsTaken) {
  EXPECT_THAT(
      send(kPost + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"),
      ::testing::AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("\r\n\r\nhello")));
}

TEST_F(HostileRequests, LengthsThatAreNoNumbersAreRefused) {
  for (const char* length : {"-1", "+5", "5x", "0x5", "99999999999999999999999", "", " ", "5 5", "1e3"})
    expect_refused(kPost + "Content-Length: " + length + "\r\n\r\nhello");
}

TEST_F(HostileRequests, ABodyAnnouncedBeyondTheLimitIsRefusedBeforeItIsRead) {
  expect_refused(kPost + "Content-Length: 1001\r\n\r\n", "413");
  expect_refused(kPost + "Content-Length: 18446744073709551614\r\n\r\n");
}

TEST_F(HostileRequests, HeadsThatAreTooLargeEndTheConnection) {
  expect_refused("GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n");
  expect_refused("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n");
  expect_refused("GET / HTTP/1.1\r\nHost: h\r\n" + std::string(300, 'x') + ": 1\r\n\r\n");
  std::string many;
  for (int i = 0; i < 200; ++i) many += "X" + std::to_string(i) + ": 1\r\n";
  expect_refused("GET / HTTP/1.1\r\nHost: h\r\n" + many + "\r\n");
  expect_others_are_served();
}

TEST_F(HostileRequests, VersionsHostsAndProtocolsThatAreNotOursAreRefused) {
  expect_refused("GET / HTTP/1.1\r\n\r\n", "400");
  expect_refused("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400");
  expect_refused("GET / HTTP/2.0\r\nHost: h\r\n\r\n", "505");
  expect_refused("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "501");
  expect_refused("CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n");
  expect_refused(kPost + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello", "417");
  expect_refused("GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", "400");
  expect_refused("GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", "400");
  expect_refused("GET !200 HTTP/1.1\r\nHost: h\r\n\r\n");
  expect_refused("NONSENSE\r\n\r\n");
  expect_refused(std::string("GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n", 38));
  expect_others_are_served();
}

TEST_F(HostileRequests, ASlowOneIsCutOffAndOthersAreServedMeanwhile) {
  RawLine slow(server_.server().port());
  slow.say(kPost + "Content-Length: 5\r\n\r\nhe");
  expect_others_are_served();
  EXPECT_EQ(slow.hear_all(), "");
}

TEST_F(HostileRequests, IdleOnesGiveTheirPlacesBack) {
  std::vector<std::unique_ptr<RawLine>> idle;
  for (int i = 0; i < 8; ++i) idle.push_back(std::make_unique<RawLine>(server_.server().port()));
  expect_others_are_served();  // once the first are cut off
}

TEST_F(HostileRequests, AThousandMutationsHarmNobody) {
  const std::string whole = kPost + "Content-Length: 10\r\nX-A: b\r\n\r\n0123456789";
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 1000; ++i) {
    std::string bytes = whole;
    const std::size_t at = random() % bytes.size();
    switch (random() % 4) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes.erase(at, 1 + random() % 5);
        break;
      case 2:
        bytes.insert(at, 1 + random() % 5, static_cast<char>(random()));
        break;
      default:
        bytes.resize(at);
    }
    RawLine line(server_.server().port());
    ASSERT_TRUE(line.connected());
    line.say(bytes);
  }
  expect_others_are_served();
}

}  // namespace
}  // namespace tributary::http::testing
