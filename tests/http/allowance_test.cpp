#include "common/http/allowance.h"

#include <gtest/gtest.h>

#include "tests/http/harness.h"

namespace tributary::http {
namespace {

using std::chrono::milliseconds;

class AllowanceTest : public ::testing::Test {
 protected:
  // How many of `count` requests of the address are allowed now.
  int allowed(const std::string& address, int count) {
    int taken = 0;
    for (int i = 0; i < count; ++i) taken += allowance_.take(asio::ip::make_address(address), now_) ? 1 : 0;
    return taken;
  }

  Allowance allowance_{3};
  TimePoint now_ = TimePoint{} + std::chrono::hours(1);
};

TEST_F(AllowanceTest, ThreeASecondAndThreeInTheNext) {
  EXPECT_EQ(allowed("10.0.0.1", 5), 3);
  now_ += milliseconds(999);
  EXPECT_EQ(allowed("10.0.0.1", 5), 0);
  now_ += milliseconds(1);
  EXPECT_EQ(allowed("10.0.0.1", 5), 3);
}

TEST_F(AllowanceTest, OneClientCostsAnotherNothing) {
  EXPECT_EQ(allowed("10.0.0.1", 1000), 3);
  EXPECT_EQ(allowed("10.0.0.2", 2), 2);
}

TEST_F(AllowanceTest, AnIpv6NetworkIsOneClient) {
  EXPECT_EQ(allowed("2001:db8:0:1::1", 2), 2);
  EXPECT_EQ(allowed("2001:db8:0:1:ffff::7", 2), 1);
  EXPECT_EQ(allowed("2001:db8:0:2::1", 2), 2);
}

TEST_F(AllowanceTest, AnIpv4AddressWrittenAsIpv6IsTheSameClient) {
  EXPECT_EQ(allowed("10.0.0.1", 2), 2);
  EXPECT_EQ(allowed("::ffff:10.0.0.1", 2), 1);
}

TEST_F(AllowanceTest, MoreClientsThanAreCountedWaitForTheNextSecond) {
  const auto client = [](std::uint32_t i) { return asio::ip::make_address_v4(0x0a000000u + i); };
  for (std::uint32_t i = 0; i < Allowance::kMaxClients; ++i) ASSERT_TRUE(allowance_.take(client(i), now_));
  EXPECT_FALSE(allowance_.take(client(Allowance::kMaxClients), now_));
  EXPECT_TRUE(allowance_.take(client(0), now_)) << "who is counted already goes on";
  now_ += std::chrono::seconds(1);
  EXPECT_TRUE(allowance_.take(client(Allowance::kMaxClients), now_));
}

TEST_F(AllowanceTest, NoneMeansAnyNumber) {
  Allowance none(0);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(none.take(asio::ip::make_address("10.0.0.1"), now_));
}

TEST(Server, AClientThatAsksTooOftenHears429AndKeepsItsConnection) {
  ServerOptions options;
  options.limits.requests_per_second = 2;
  int handled = 0;
  testing::RunningServer server(
      [&](std::unique_ptr<Exchange>& exchange) {
        ++handled;
        exchange->answer({.body = "yes"});
      },
      options);
  testing::RawLine line(server.server().port());
  const std::string ask = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  const auto began = SystemClock().now();
  for (int i = 0; i < 2; ++i) {
    line.say(ask);
    EXPECT_NE(line.hear_until("yes").find("200 OK"), std::string::npos);
  }
  line.say(ask);
  const std::string heard = line.hear_until("}\n");
  if (SystemClock().now() - began >= milliseconds(900))
    GTEST_SKIP() << "the machine is too slow to ask three times a second";
  EXPECT_NE(heard.find("429 Too Many Requests"), std::string::npos) << heard;
  EXPECT_NE(heard.find("Retry-After: 1"), std::string::npos) << heard;
  EXPECT_EQ(heard.find("Connection: close"), std::string::npos) << heard;
  EXPECT_EQ(handled, 2);
}

}  // namespace
}  // namespace tributary::http
