// One contract, two channels: every test runs over the loopback and over TLS on real sockets.
#include "common/net/channel.h"

#include <utility>

#include <asio/post.hpp>
#include <gmock/gmock.h>

#include "common/net/tls.h"
#include "tests/net/harness.h"

namespace tributary::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

using Ends = std::pair<std::unique_ptr<Channel>, std::unique_ptr<Channel>>;

asio::awaitable<void> open_server(Runtime& runtime, Listener& listener, std::shared_ptr<const Credentials> own,
                                  ChannelLimits limits, std::unique_ptr<Channel>& end, TimePoint deadline) {
  asio::ip::tcp::socket socket = co_await listener.next();
  end = co_await accept(runtime, std::move(socket), std::move(own), admit_all, limits, deadline);
}

asio::awaitable<void> open_client(Runtime& runtime, std::uint16_t port, std::shared_ptr<const Credentials> own,
                                  ChannelLimits limits, std::unique_ptr<Channel>& end, TimePoint deadline) {
  end = co_await connect(runtime, "127.0.0.1", port, std::move(own), "coordinator", limits, deadline);
}

Bytes pattern(std::size_t size, unsigned seed = 1) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 31 + seed + (i >> 8));
  return bytes;
}

class ChannelContract : public testing::TestWithParam<const char*> {
 protected:
  // first is the coordinator's end, second alice's.
  void open(ChannelLimits limits = {}) {
    if (GetParam() == std::string("loopback")) {
      std::tie(coordinator_, alice_) =
          loopback(*runtime_, {"coordinator", "01", "here"}, {"alice", "02", "there"}, limits);
      return;
    }
    const Authority authority(clock_);
    Listener listener(*runtime_);
    ASSERT_THAT(
        run_together(*runtime_, open_server(*runtime_, listener, authority.coordinator(), limits, coordinator_, soon()),
                     open_client(*runtime_, listener.port(), authority.participant(), limits, alice_, soon())),
        ElementsAre("", ""));
  }
  TimePoint soon() const { return clock_.now() + seconds(20); }
  template <class... Bodies>
  std::vector<std::string> run(Bodies... bodies) {
    return run_together(*runtime_, std::move(bodies)...);
  }

  SystemClock clock_;
  std::unique_ptr<Runtime> runtime_ = make_runtime(clock_, 1);
  std::unique_ptr<Channel> coordinator_, alice_;
};

asio::awaitable<void> send_one(Channel& channel, ByteSpan frame, TimePoint deadline) {
  co_await channel.send(frame, deadline);
}

asio::awaitable<void> send_frames(Channel& channel, std::vector<Bytes> payloads, TimePoint deadline) {
  for (const Bytes& payload : payloads) {
    const Bytes frame = frame_of(payload);
    co_await channel.send(frame, deadline);
  }
}

asio::awaitable<void> receive_into(Channel& channel, std::vector<std::optional<Bytes>>& got, std::size_t count,
                                   TimePoint deadline) {
  while (got.size() < count) got.push_back(co_await channel.receive(deadline));
}

asio::awaitable<void> receive_to_the_end(Channel& channel, std::vector<Bytes>& got, TimePoint deadline) {
  while (auto payload = co_await channel.receive(deadline)) got.push_back(std::move(*payload));
}

asio::awaitable<void> close_it(Channel& channel) {
  channel.close();
  co_return;
}

asio::awaitable<void> destroy(std::unique_ptr<Channel>& channel) {
  channel.reset();
  co_return;
}

TEST_P(ChannelContract, EachEndKnowsTheOthersName) {
  open();
  EXPECT_EQ(coordinator_->peer().name, "alice");
  EXPECT_EQ(alice_->peer().name, "coordinator");
  EXPECT_FALSE(coordinator_->peer().serial.empty());
  EXPECT_FALSE(coordinator_->peer().address.empty());
}

TEST_P(ChannelContract, FramesOfEverySizeArriveWholeAndInOrder) {
  open();
  std::vector<Bytes> payloads;
  for (const std::size_t size : {0u, 1u, 3u, 16383u, 16384u, 16385u, 65536u, 70000u, 262145u, 1u << 20}) {
    payloads.push_back(pattern(size, static_cast<unsigned>(size)));
  }
  std::vector<std::optional<Bytes>> got;
  EXPECT_THAT(run(send_frames(*coordinator_, payloads, soon()), receive_into(*alice_, got, payloads.size(), soon())),
              ElementsAre("", ""));
  ASSERT_EQ(got.size(), payloads.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_TRUE(got[i].has_value());
    EXPECT_TRUE(*got[i] == payloads[i]) << "payload of " << payloads[i].size() << " bytes";
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(got[i]->data()) % 8, 0u);
  }
}

TEST_P(ChannelContract, BothDirectionsCarryMuchAtOnce) {
  open();
  const std::vector<Bytes> down(6, pattern(1 << 20, 7)), up(6, pattern(900'001, 9));
  std::vector<std::optional<Bytes>> at_alice, at_coordinator;
  EXPECT_THAT(run(send_frames(*coordinator_, down, soon()), send_frames(*alice_, up, soon()),
                  receive_into(*alice_, at_alice, 6, soon()), receive_into(*coordinator_, at_coordinator, 6, soon())),
              ElementsAre("", "", "", ""));
  for (const auto& payload : at_alice) EXPECT_TRUE(payload && *payload == down[0]);
  for (const auto& payload : at_coordinator) EXPECT_TRUE(payload && *payload == up[0]);
  EXPECT_GE(coordinator_->traffic().bytes_out, 6u << 20);
  EXPECT_EQ(coordinator_->traffic().bytes_out, alice_->traffic().bytes_in);
  EXPECT_EQ(coordinator_->traffic().bytes_in, alice_->traffic().bytes_out);
}

asio::awaitable<void> send_bytewise(Channel& channel, Bytes frame, TimePoint deadline) {
  for (std::size_t i = 0; i < frame.size(); ++i) co_await channel.send(ByteSpan(frame).subspan(i, 1), deadline);
}

TEST_P(ChannelContract, AFrameThatComesByteByByteIsAFrame) {
  open();
  std::vector<std::optional<Bytes>> got;
  EXPECT_THAT(run(send_bytewise(*alice_, frame_of("slowly"), soon()), receive_into(*coordinator_, got, 1, soon())),
              ElementsAre("", ""));
  ASSERT_TRUE(got[0]);
  EXPECT_EQ(as_text(*got[0]), "slowly");
}

TEST_P(ChannelContract, AnOrderlyCloseIsTheEndBehindTheFramesBefore) {
  open();
  std::vector<Bytes> got;
  EXPECT_THAT(run(send_frames(*alice_, {to_bytes("one"), to_bytes("two")}, soon())), ElementsAre(""));
  alice_->close();
  EXPECT_THAT(run(receive_to_the_end(*coordinator_, got, soon())), ElementsAre(""));
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(as_text(got[1]), "two");
}

TEST_P(ChannelContract, DestructionCutsTheLine) {
  open();
  alice_.reset();
  std::vector<Bytes> got;
  EXPECT_THAT(run(receive_to_the_end(*coordinator_, got, soon())),
              ElementsAre(AllOf(HasSubstr("disconnected: lost alice at "), HasSubstr("cut"))));
}

TEST_P(ChannelContract, AnEndInTheMiddleOfAFrameIsALostLine) {
  open();
  const Bytes frame = frame_of("a whole frame");
  std::vector<Bytes> got;
  EXPECT_THAT(run(send_one(*alice_, ByteSpan(frame).first(7), soon())), ElementsAre(""));
  alice_->close();
  EXPECT_THAT(run(receive_to_the_end(*coordinator_, got, soon())), ElementsAre(HasSubstr("disconnected: lost alice")));
  EXPECT_TRUE(got.empty());
}

TEST_P(ChannelContract, AClosedChannelRefusesEverything) {
  open();
  coordinator_->close();
  coordinator_->close();
  std::vector<Bytes> got;
  const Bytes frame = frame_of("x");
  EXPECT_THAT(run(send_one(*coordinator_, frame, soon())), ElementsAre(HasSubstr("disconnected: lost alice")));
  EXPECT_THAT(run(receive_to_the_end(*coordinator_, got, soon())), ElementsAre(HasSubstr("disconnected: lost alice")));
}

TEST_P(ChannelContract, AReceiveWhoseDeadlinePassesClosesTheChannel) {
  open();
  std::vector<Bytes> got;
  EXPECT_THAT(run(receive_to_the_end(*coordinator_, got, clock_.now() - seconds(1))),
              ElementsAre(AllOf(HasSubstr("disconnected"), HasSubstr("alice"), HasSubstr("deadline"))));
  EXPECT_THAT(run(receive_to_the_end(*coordinator_, got, soon())), ElementsAre(HasSubstr("disconnected")));
}

TEST_P(ChannelContract, ASendToAPeerThatDoesNotReadWaitsUntilItsDeadline) {
  open();
  const std::vector<Bytes> much(64, pattern(1 << 20));
  EXPECT_THAT(run(send_frames(*coordinator_, much, clock_.now() + milliseconds(50))),
              ElementsAre(AllOf(HasSubstr("disconnected"), HasSubstr("deadline"))));
  EXPECT_LT(coordinator_->traffic().bytes_out, 32u << 20);
}

TEST_P(ChannelContract, AnOversizeAnnouncementIsRefusedNamingPeerAndLimit) {
  open({.max_payload_bytes = 1000});
  ByteWriter announcement;
  announcement.put(std::uint32_t{1001});
  std::vector<Bytes> got;
  EXPECT_THAT(run(send_one(*alice_, announcement.bytes(), soon()), receive_to_the_end(*coordinator_, got, soon())),
              ElementsAre("", AllOf(HasSubstr("malformed: alice at"), HasSubstr("1001"), HasSubstr("at most 1000"))));
  EXPECT_THAT(run(receive_to_the_end(*coordinator_, got, soon())), ElementsAre(HasSubstr("disconnected")));
}

TEST_P(ChannelContract, TheLargestPayloadAllowedPasses) {
  open({.max_payload_bytes = 1000});
  std::vector<std::optional<Bytes>> got;
  EXPECT_THAT(run(send_frames(*alice_, {pattern(1000)}, soon()), receive_into(*coordinator_, got, 1, soon())),
              ElementsAre("", ""));
}

TEST_P(ChannelContract, CloseEndsAPendingReceive) {
  open();
  std::vector<Bytes> got;
  EXPECT_THAT(run(receive_to_the_end(*coordinator_, got, soon()), close_it(*coordinator_)),
              ElementsAre(HasSubstr("disconnected: lost alice"), ""));
}

TEST_P(ChannelContract, CloseEndsAPendingSend) {
  open();
  const std::vector<Bytes> much(64, pattern(1 << 20));
  const auto closing = runtime_->at(clock_.now() + milliseconds(20), [&] { coordinator_->close(); });
  EXPECT_THAT(run(send_frames(*coordinator_, much, soon())), ElementsAre(HasSubstr("disconnected: lost alice")));
}

TEST_P(ChannelContract, DestructionEndsAPendingReceive) {
  open();
  std::vector<Bytes> got;
  EXPECT_THAT(run(receive_to_the_end(*coordinator_, got, soon()), destroy(coordinator_)),
              ElementsAre(HasSubstr("disconnected: lost alice"), ""));
}

asio::awaitable<void> upload_for_ever(Channel& channel, TimePoint deadline) {
  const Bytes frame = frame_of(Bytes(1 << 20));
  for (;;) co_await channel.send(frame, deadline);
}

asio::awaitable<void> hear_one_then_end(Channel& channel, std::optional<Bytes>& told, bool& ended, TimePoint deadline) {
  told = co_await channel.receive(deadline);
  ended = !(co_await channel.receive(deadline)).has_value();
  channel.close();
}

asio::awaitable<void> say_goodbye(Channel& channel, TimePoint deadline) {
  co_await channel.receive(deadline);
  const Bytes goodbye = frame_of("goodbye");
  co_await channel.send(goodbye, deadline);
  co_await channel.finish(deadline);
}

TEST_P(ChannelContract, FinishBringsTheLastFrameToAPeerInTheMiddleOfAnUpload) {
  open();
  std::optional<Bytes> told;
  bool ended = false;
  EXPECT_THAT(run(upload_for_ever(*alice_, soon()), hear_one_then_end(*alice_, told, ended, soon()),
                  say_goodbye(*coordinator_, soon())),
              ElementsAre(HasSubstr("disconnected: lost coordinator"), "", ""));
  ASSERT_TRUE(told);
  EXPECT_EQ(as_text(*told), "goodbye");
  EXPECT_TRUE(ended);
}

TEST_P(ChannelContract, FinishGivesUpAtItsDeadline) {
  open();
  EXPECT_THAT(run(coordinator_->finish(clock_.now() + milliseconds(10))), ElementsAre(""));
  std::vector<Bytes> got;
  EXPECT_THAT(run(receive_to_the_end(*coordinator_, got, soon())), ElementsAre(HasSubstr("disconnected")));
  EXPECT_THAT(run(receive_to_the_end(*alice_, got, soon())), ElementsAre(""));
}

INSTANTIATE_TEST_SUITE_P(Kinds, ChannelContract, testing::Values("loopback", "tls"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace tributary::net
