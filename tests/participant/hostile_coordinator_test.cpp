#include <gmock/gmock.h>

#include "tests/participant/scripted_coordinator.h"

namespace tributary::participant::testing {
namespace {

using ::testing::HasSubstr;

// A coordinator that breaks the protocol loses the line with a reason; the participant stays whole.
struct Attack {
  std::string name;
  std::function<asio::awaitable<void>(Talk&, const Publication&)> script;
  std::string reason;
};
void PrintTo(const Attack& attack, std::ostream* out) {
  *out << attack.name;
}

asio::awaitable<void> offer_and_see_a_fetch(Talk& talk, wire::Offer offer) {
  co_await talk.welcome();
  co_await talk.send(offer);
  const wire::Message fetch = co_await talk.receive();
  EXPECT_TRUE(std::holds_alternative<wire::Fetch>(fetch));
}

asio::awaitable<void> first_data(Talk& talk, const Publication& published, wire::Message data) {
  co_await offer_and_see_a_fetch(talk, published.offer(1));
  co_await talk.send(data);
}

asio::awaitable<void> say(Talk& talk, wire::Message message) {
  co_await talk.welcome();
  co_await talk.send(message);
}

Bytes beginning(const Publication& published, std::size_t size) {
  Bytes bytes(size);
  std::copy_n(published.skeleton.begin(), std::min(size, published.skeleton.size()), bytes.begin());
  return bytes;
}

std::vector<Attack> attacks() {
  return {
      {"DataThatNobodyAskedFor",
       [](Talk& talk, const Publication&) {
         return say(talk, wire::Data{0, Bytes(1000)});
       },
       "was not asked for"},
      {"DataWithAGap",
       [](Talk& talk, const Publication& p) {
         return first_data(talk, p, wire::Data{10, beginning(p, 10)});
       },
       "was not asked for, from 10"},
      {"MoreDataThanAnnounced",
       [](Talk& talk, const Publication& p) {
         return first_data(talk, p, wire::Data{0, beginning(p, p.skeleton.size() + 1)});
       },
       "more than the"},
      {"BytesOfAnotherBlob",
       [](Talk& talk, const Publication& p) {
         return first_data(talk, p, wire::Data{0, Bytes(p.skeleton.size(), std::byte{7})});
       },
       "not those of the digest"},
      {"HelloFromACoordinator", [](Talk& talk, const Publication&) { return say(talk, wire::Hello{}); }, "sent Hello"},
      {"AnUpdateFromACoordinator", [](Talk& talk, const Publication&) { return say(talk, wire::Update{}); },
       "sent Update"},
      {"WelcomeTwice",
       [](Talk& talk, const Publication&) {
         return say(talk, wire::Welcome{"orchard", kRun, 20});
       },
       "sent Welcome"},
      {"OfferBeforeWelcome",
       [](Talk& talk, const Publication& p) -> asio::awaitable<void> {
         co_await talk.receive();
         co_await talk.send(p.offer(1));
       },
       "answered Hello with Offer"},
      {"AVerdictOnWhatWasNeverSent",
       [](Talk& talk, const Publication& p) -> asio::awaitable<void> {
         co_await offer_and_see_a_fetch(talk, p.offer(1));
         co_await talk.send(verdict(1));
       },
       "accepted an update before it had all of it"},
      {"BytesThatAreNoMessage",
       [](Talk& talk, const Publication&) -> asio::awaitable<void> {
         co_await talk.welcome();
         ByteWriter frame;
         frame.put(std::uint32_t{16});
         frame.put_bytes(Bytes(16, std::byte{255}));
         const Bytes bytes = frame.take();
         co_await talk.channel().send(bytes, TimePoint::max());
       },
       "message"},
      {"AFrameLongerThanAllowed",
       [](Talk& talk, const Publication&) -> asio::awaitable<void> {
         co_await talk.welcome();
         ByteWriter frame;
         frame.put(std::uint32_t{1u << 31});
         const Bytes bytes = frame.take();
         co_await talk.channel().send(bytes, TimePoint::max());
       },
       "2147483648"},
      {"ALineThatIsCut",
       [](Talk& talk, const Publication& p) -> asio::awaitable<void> {
         co_await offer_and_see_a_fetch(talk, p.offer(1));
         talk.cut();
       },
       "lost coordinator"},
      {"ALineClosedWithoutGoodbye",
       [](Talk& talk, const Publication&) -> asio::awaitable<void> {
         co_await talk.welcome();
         talk.channel().close();
       },
       "closed the line"},
      {"SilenceInsteadOfAWelcome",
       [](Talk& talk, const Publication&) -> asio::awaitable<void> {
         co_await talk.receive();
         co_await talk.receive();
       },
       "the deadline passed"},
  };
}

class AgainstAttacks : public ParticipantTest, public ::testing::WithParamInterface<Attack> {};

TEST_P(AgainstAttacks, TheLineEndsAndTheNextSessionWorks) {
  const Publication published("linear:4-2");
  coordinator([&](Talk& talk) { return GetParam().script(talk, published); });
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    co_await talk.round(published, published.offer(1));
    co_await talk.goodbye();
  });
  AgentOptions patient = options();
  patient.max_retries = 2;
  agent(std::move(patient), fixed_examples(some_examples()));
  const AgentEnd end = run();
  EXPECT_TRUE(end.orderly) << end.reason;
  EXPECT_EQ(end.rounds, 1u);
  ASSERT_EQ(diary.reasons.size(), 1u);
  EXPECT_THAT(diary.reasons[0], HasSubstr(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(Attacks, AgainstAttacks, ::testing::ValuesIn(attacks()),
                         [](const auto& instance) { return instance.param.name; });

// An offer that asks for what this participant does not do is declined; the session goes on.
struct Demand {
  std::string name;
  std::function<void(wire::Offer&)> change;
  std::string reason;
};
void PrintTo(const Demand& demand, std::ostream* out) {
  *out << demand.name;
}

std::vector<Demand> demands() {
  return {
      {"AModelBeyondTheLimit", [](wire::Offer& o) { o.model_bytes = 1u << 30; }, "a model of 1073741824 bytes"},
      {"AnEdgeCopyBeyondTheLimit", [](wire::Offer& o) { o.edge_bytes = UINT64_MAX; }, "an edge copy of"},
      {"AModelOfNothing", [](wire::Offer& o) { o.model_bytes = 0; }, "a model of 0 bytes"},
      {"AnUnknownLoss", [](wire::Offer& o) { o.plan.loss = "cross_entropi"; }, "cross_entropy"},
      {"ALearningRateOutOfRange", [](wire::Offer& o) { o.plan.learning_rate = 1e9; }, "training.learning_rate"},
      {"AMomentumOfOne", [](wire::Offer& o) { o.plan.momentum = 1; }, "training.momentum"},
      {"NoEpochs", [](wire::Offer& o) { o.plan.epochs = 0; }, "training.epochs"},
      {"TheRoundingOfThreeBits", [](wire::Offer& o) { o.plan.quantized_bits = 3; }, "edge.bits is 3"},
      {"TheRoundingOfFloats", [](wire::Offer& o) { o.plan.quantized_bits = 32; }, "rounding of 32 bits"},
      {"MoreLevelsThanBitsHold",
       [](wire::Offer& o) {
         o.plan.quantized_bits = 4;
         o.plan.quantized_levels = 8;
       },
       "at most 7"},
      {"TheRoundingOfAnotherCopy", [](wire::Offer& o) { o.plan.quantized_bits = 4; }, "integers of more bits"},
      {"TheRoundingOfOtherBlocks",
       [](wire::Offer& o) {
         o.plan.quantized_bits = 8;
         o.plan.quantized_block = 64;
       },
       "shares its scales in another way"},
      {"AModelThatIsNone",
       [](wire::Offer& o) {
         o.model = o.edge;
         o.model_bytes = o.edge_bytes;
       },
       "not a packed model"},
      {"AnEdgeCopyThatIsNone",
       [](wire::Offer& o) {
         o.edge = o.model;
         o.edge_bytes = o.model_bytes;
       },
       "edge copy"},
      {"LabelsThatTheLossDoesNotTake", [](wire::Offer& o) { o.plan.loss = "mean_squared_error"; }, "outputs"},
  };
}

class AgainstDemands : public ParticipantTest, public ::testing::WithParamInterface<Demand> {};

TEST_P(AgainstDemands, TheOfferIsDeclinedWithAReasonAndTheSessionGoesOn) {
  const Publication published("linear:4-2");
  wire::Offer offer = published.offer(1);
  GetParam().change(offer);
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    const Answer answer = co_await talk.answer_to(published, offer);
    EXPECT_THAT(std::get<wire::Decline>(answer).reason, HasSubstr(GetParam().reason));
    EXPECT_EQ(std::get<wire::Decline>(answer).round, 1u);
    co_await talk.round(published, published.offer(2));
    co_await talk.goodbye();
  });
  AgentOptions modest = options();
  modest.max_model_bytes = 1 << 20;
  agent(std::move(modest), fixed_examples(some_examples()));
  const AgentEnd end = run();
  EXPECT_TRUE(end.orderly) << end.reason;
  EXPECT_EQ(end.rounds, 1u);
}

INSTANTIATE_TEST_SUITE_P(Demands, AgainstDemands, ::testing::ValuesIn(demands()),
                         [](const auto& instance) { return instance.param.name; });

class HostileCoordinatorTest : public ParticipantTest {};

TEST_F(HostileCoordinatorTest, AModelThatUnpacksBeyondTheLimitIsDeclined) {
  const Publication published("mlp:4-4000-2");  // zeros pack well
  AgentOptions modest = options();
  modest.max_model_bytes = 32 << 10;
  ASSERT_LT(published.skeleton.size(), modest.max_model_bytes);
  wire::Offer offer = published.offer(1);
  offer.edge_bytes = 100;
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    const Answer answer = co_await talk.answer_to(published, offer);
    EXPECT_THAT(std::get<wire::Decline>(answer).reason, HasSubstr("unpacks to more than 32768 bytes"));
    EXPECT_EQ(talk.fetched.size(), 1u) << "the edge copy of a model that cannot be run is not fetched";
    co_await talk.goodbye();
  });
  agent(std::move(modest), fixed_examples(some_examples()));
  EXPECT_TRUE(run().orderly);
}

TEST_F(HostileCoordinatorTest, AFloodOfPingsAndOffersCostsNothingButAnswers) {
  const Publication published("linear:4-2");
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome(kRun, 0);
    for (std::uint64_t i = 0; i < 1000; ++i) {
      co_await talk.send(wire::Ping{i});
      co_await talk.send(published.offer(i));
    }
    for (;;) {
      const wire::Message message = co_await talk.receive();
      if (const auto* update = std::get_if<wire::Update>(&message)) {
        EXPECT_EQ(update->round, 999u);
        break;
      }
      if (const auto* fetch = std::get_if<wire::Fetch>(&message)) co_await talk.send_blob(published.blob(fetch->blob));
    }
    co_await talk.goodbye();
  });
  EXPECT_TRUE(run_alice().orderly);
}

}  // namespace
}  // namespace tributary::participant::testing
