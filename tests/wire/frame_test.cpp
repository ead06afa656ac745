#include "common/wire/frame.h"

#include <cmath>
#include <limits>

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <federation.capnp.h>
#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/base/random.h"
#include "tests/wire/messages.h"

namespace tributary::wire {
namespace {

using testing::HasSubstr;

template <class Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Error::Kind::Malformed) << e.what();
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos) << "one line";
    return e.what();
  }
  return {};
}

std::string refusal_of(const Message& message) {
  return refusal([&] { from_payload(payload_of(to_frame(message))); });
}

// A payload built by hand, for what to_frame never writes.
template <class Build>
Bytes payload_built(Build build) {
  capnp::MallocMessageBuilder builder;
  build(builder.initRoot<schema::Message>());
  const auto words = capnp::messageToFlatArray(builder);
  const auto bytes = words.asBytes();
  Bytes payload(bytes.size());
  std::memcpy(payload.data(), bytes.begin(), bytes.size());
  return payload;
}

std::string refusal_of_payload(const Bytes& payload, const WireLimits& limits = {}) {
  return refusal([&] { from_payload(payload, limits); });
}

TEST(Frame, EveryMessageComesBackWithEveryField) {
  const std::vector<Message> messages = one_of_each();
  ASSERT_EQ(messages.size(), std::variant_size_v<Message>);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    ASSERT_EQ(messages[i].index(), i);
    EXPECT_TRUE(same(from_payload(payload_of(to_frame(messages[i]))), messages[i])) << name_of(messages[i]);
  }
}

TEST(Frame, DefaultsComeBackToo) {
  Welcome welcome;
  welcome.run = std::string(32, '0');
  Data data;
  data.bytes = Bytes(1);
  for (const Message& message :
       std::initializer_list<Message>{Hello{}, welcome, Offer{}, Decline{}, Fetch{}, data, Update{}, Verdict{},
                                      RoundClosed{}, Wait{}, Ping{}, Pong{}, Goodbye{}, Proceed{}}) {
    EXPECT_TRUE(same(from_payload(payload_of(to_frame(message))), message)) << name_of(message);
  }
}

TEST(Frame, TheLengthInFrontIsThatOfThePayload) {
  for (const Message& message : one_of_each()) {
    const Bytes frame = to_frame(message);
    std::uint32_t length = 0;
    std::memcpy(&length, frame.data(), 4);
    EXPECT_EQ(length + 4, frame.size()) << name_of(message);
  }
}

// data_head() knows how Cap'n Proto lays Data out; this says when that is no longer so.
TEST(Frame, DataIsLaidOutAsCapnProtoDoes) {
  for (const std::size_t size : {1u, 7u, 8u, 9u, 4096u, 100'003u, kMaxChunkBytes}) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + 1);
    const Bytes expected = payload_built([&](schema::Message::Builder message) {
      auto chunk = message.initData();
      chunk.setOffset(0x0123456789abcdef);
      chunk.setBytes({reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()});
    });
    const Bytes payload = payload_of(data_frame(0x0123456789abcdef, bytes));
    EXPECT_TRUE(same(from_payload(payload), Data{0x0123456789abcdef, bytes})) << size;
    if (size < 4096) {  // a builder splits a larger message into segments
      EXPECT_TRUE(payload == expected) << size;
    }
    EXPECT_TRUE(same(from_payload(expected), Data{0x0123456789abcdef, bytes})) << "in several segments";
  }
}

TEST(Frame, ViewDataLooksIntoThePayload) {
  const Bytes payload = payload_of(to_frame(Data{5, to_bytes("hello")}));
  const auto view = view_data(payload);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->offset, 5u);
  EXPECT_EQ(as_text(view->bytes), "hello");
  EXPECT_GE(view->bytes.data(), payload.data());
  EXPECT_LE(view->bytes.data() + view->bytes.size(), payload.data() + payload.size());
  EXPECT_FALSE(view_data(payload_of(to_frame(Ping{1}))));
  EXPECT_THAT(refusal([&] { view_data(Bytes(16)); }), HasSubstr("malformed message"));
}

TEST(FramedBlob, IsTheDataFramesOfItsChunksInParts) {
  Bytes blob(1001);
  for (std::size_t i = 0; i < blob.size(); ++i) blob[i] = static_cast<std::byte>(i);
  const FramedBlob framed(blob, 300);
  ASSERT_EQ(framed.chunks(), 4u);
  EXPECT_EQ(framed.blob_bytes(), 1001u);
  EXPECT_TRUE(framed.blob() == blob);
  for (std::size_t i = 0; i < framed.chunks(); ++i) {
    Bytes frame;
    for (const ByteSpan part : framed.frame(i)) frame.insert(frame.end(), part.begin(), part.end());
    const auto chunk = ByteSpan(blob).subspan(i * 300, std::min<std::size_t>(300, blob.size() - i * 300));
    EXPECT_TRUE(frame == data_frame(i * 300, chunk)) << i;
  }
}

TEST(FramedBlob, ItsFramesPointIntoTheBlob) {
  const FramedBlob framed(Bytes(600), 300);
  EXPECT_EQ(framed.frame(1)[1].data(), framed.blob().data() + 300);
  EXPECT_EQ(framed.frame(1)[1].size(), 300u);
}

TEST(FramedBlob, AnEmptyBlobHasNoChunks) {
  EXPECT_EQ(FramedBlob(Bytes()).chunks(), 0u);
}

TEST(FramedBlob, AWholeNumberOfChunksHasNoEmptyLastOne) {
  EXPECT_EQ(FramedBlob(Bytes(600), 300).chunks(), 2u);
}

// ---------------------------------------------------------------------------------------------- what is sent

TEST(Frame, ReasonsAreMadeFitToSend) {
  const auto sent = [](const std::string& reason) {
    return std::get<Decline>(from_payload(payload_of(to_frame(Decline{1, reason})))).reason;
  };
  EXPECT_EQ(sent("two\nlines\tand \x1b[31m"), "two lines and ?[31m");
  EXPECT_EQ(sent("caf\xc3\xa9"), "caf\xc3\xa9");
  EXPECT_EQ(sent("broken \xc3"), "broken ?");
  EXPECT_EQ(sent(std::string(5000, 'x')), std::string(1024, 'x'));
}

// ---------------------------------------------------------------------------------------------- what is refused

TEST(FrameLimits, NumbersOutOfRangeAreRefusedByName) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const auto offer_with = [](auto change) {
    Offer offer;
    change(offer);
    return refusal_of(offer);
  };
  for (const double bad : {nan, inf, -inf, -1.0, 1e300}) {
    EXPECT_THAT(refusal_of(Welcome{"f", std::string(32, 'a'), bad}), HasSubstr("welcome.pingSeconds is out of range"));
    EXPECT_THAT(refusal_of(Wait{bad, ""}), HasSubstr("wait.seconds"));
    EXPECT_THAT(refusal_of(Goodbye{"", bad}), HasSubstr("goodbye.retrySeconds"));
    EXPECT_THAT(offer_with([&](Offer& o) { o.deadline_seconds = bad; }), HasSubstr("offer.deadlineSeconds"));
    EXPECT_THAT(offer_with([&](Offer& o) { o.plan.learning_rate = bad; }), HasSubstr("plan.learningRate "));
    EXPECT_THAT(offer_with([&](Offer& o) { o.plan.learning_rate_decay = bad; }), HasSubstr("plan.learningRateDecay"));
    EXPECT_THAT(offer_with([&](Offer& o) { o.plan.momentum = bad; }), HasSubstr("plan.momentum"));
    EXPECT_THAT(offer_with([&](Offer& o) { o.plan.weight_decay = bad; }), HasSubstr("plan.weightDecay"));
    EXPECT_THAT(offer_with([&](Offer& o) { o.plan.clip_norm = bad; }), HasSubstr("plan.clipNorm"));
    EXPECT_THAT(offer_with([&](Offer& o) { o.plan.proximal_mu = bad; }), HasSubstr("plan.proximalMu"));
    EXPECT_THAT(offer_with([&](Offer& o) { o.plan.epochs = bad; }), HasSubstr("plan.epochs"));
    EXPECT_THAT(offer_with([&](Offer& o) { o.plan.max_seconds = bad; }), HasSubstr("plan.maxSeconds"));
    Update update;
    update.train_accuracy = bad;
    EXPECT_THAT(refusal_of(update), HasSubstr("update.trainAccuracy"));
    update.train_accuracy = 1;
    update.train_seconds = bad;
    EXPECT_THAT(refusal_of(update), HasSubstr("update.trainSeconds"));
    update.train_seconds = 0;
    update.decode_seconds = bad;
    EXPECT_THAT(refusal_of(update), HasSubstr("update.decodeSeconds"));
    update.decode_seconds = 0;
    update.encode_seconds = bad;
    EXPECT_THAT(refusal_of(update), HasSubstr("update.encodeSeconds"));
  }
  for (const double bad : {nan, inf, -inf, 1e31, -1e31}) {
    Update update;
    update.train_loss = bad;
    EXPECT_THAT(refusal_of(update), HasSubstr("update.trainLoss"));
  }
  Update update;
  update.train_loss = -3;
  EXPECT_EQ(refusal_of(update), "");
}

TEST(FrameLimits, RunsAreHexadecimal) {
  EXPECT_THAT(refusal_of(Welcome{"f", "short", 1}), HasSubstr("welcome.run"));
  EXPECT_THAT(refusal_of(Welcome{"f", std::string(32, 'g'), 1}), HasSubstr("welcome.run"));
  EXPECT_THAT(refusal_of(Welcome{"f", "../../../../../../../../etc/pass", 1}), HasSubstr("welcome.run"));
}

TEST(FrameLimits, TextsAreShortAndClean) {
  const auto reason = [](const std::string& text) {
    return refusal_of_payload(payload_built([&](schema::Message::Builder m) { m.initDecline().setReason(text); }));
  };
  EXPECT_EQ(reason(std::string(1024, 'x')), "");
  EXPECT_THAT(reason(std::string(1025, 'x')), HasSubstr("decline.reason has 1025 bytes, at most 1024"));
  for (const char* dirty :
       {"a\nb", "\x1b[2J", "\x7f", "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xc2\x9b", "\xe2\x80\xa8"}) {
    EXPECT_THAT(reason(dirty), HasSubstr("decline.reason holds control characters or is not UTF-8"));
  }
  EXPECT_THAT(refusal_of_payload(payload_built([&](schema::Message::Builder m) { m.initDecline().setReason("four"); }),
                                 {.max_text_bytes = 3}),
              HasSubstr("at most 3"));
}

TEST(FrameLimits, ListsAreShort) {
  Hello hello;
  hello.encodings = std::vector<std::string>(64, "int8");
  hello.held = std::vector<Digest>(8);
  EXPECT_EQ(refusal_of(hello), "");
  hello.encodings.emplace_back("one more");
  EXPECT_THAT(refusal_of(hello), HasSubstr("hello.encodings has 65 entries, at most 64"));
  hello.encodings.clear();
  hello.held.emplace_back();
  EXPECT_THAT(refusal_of(hello), HasSubstr("hello.held has 9 entries, at most 8"));
}

TEST(FrameLimits, TheLargestHelloIsRead) {
  Hello hello;
  hello.software = std::string(1024, 's');
  hello.encodings = std::vector<std::string>(64, std::string(1024, 'e'));
  hello.held = std::vector<Digest>(8, digest_of("x"));
  EXPECT_TRUE(same(from_payload(payload_of(to_frame(hello))), hello));
}

TEST(FrameLimits, DigestsHaveThirtyTwoBytes) {
  for (const std::size_t size : {0u, 31u, 33u}) {
    const std::vector<kj::byte> raw(size);
    const Bytes payload = payload_built([&](schema::Message::Builder m) {
      m.initFetch().setBlob({raw.data(), raw.size()});
    });
    EXPECT_THAT(refusal_of_payload(payload), HasSubstr("fetch.blob has " + std::to_string(size) + " bytes"));
  }
  EXPECT_THAT(refusal_of_payload(payload_built([](schema::Message::Builder m) { m.initOffer(); })),
              HasSubstr("offer.model has 0 bytes"));
}

TEST(FrameLimits, ADifferenceIsOfferedWithItsBaseAndItsDigestOrNotAtAll) {
  Offer offer;
  EXPECT_FALSE(std::get<Offer>(from_payload(payload_of(to_frame(offer)))).delta);
  const std::vector<kj::byte> digest(32);
  const auto offer_with = [&](std::size_t base, std::size_t delta) {
    return refusal_of_payload(payload_built([&](schema::Message::Builder m) {
      auto to = m.initOffer();
      to.setModel({digest.data(), digest.size()});
      to.setEdge({digest.data(), digest.size()});
      to.setDeltaBase({digest.data(), base});
      if (delta > 0) to.setDelta({digest.data(), delta});
    }));
  };
  EXPECT_EQ(offer_with(32, 32), "");
  EXPECT_THAT(offer_with(31, 32), HasSubstr("offer.deltaBase has 31 bytes"));
  EXPECT_THAT(offer_with(32, 0), HasSubstr("offer.delta has 0 bytes"));
}

TEST(FrameLimits, DataHasBytesButNotTooMany) {
  EXPECT_THAT(refusal_of(Data{0, {}}), HasSubstr("data has 0 bytes"));
  const Bytes payload = payload_of(to_frame(Data{0, Bytes(100)}));
  EXPECT_EQ(refusal_of_payload(payload, {.max_chunk_bytes = 100}), "");
  EXPECT_THAT(refusal_of_payload(payload, {.max_chunk_bytes = 99}), HasSubstr("1 to 99"));
}

TEST(FrameLimits, AnUnknownKindIsRefused) {
  // The tag of the union is the first 16 bits of the root's data, behind the segment table and the root pointer.
  Bytes payload = payload_of(to_frame(Ping{1}));
  payload[16] = std::byte{200};
  EXPECT_THAT(refusal_of_payload(payload), HasSubstr("of a kind that this version does not know"));
}

TEST(FrameLimits, NothingMayFollowTheMessage) {
  Bytes payload = payload_of(to_frame(Ping{1}));
  payload.resize(payload.size() + 8);
  EXPECT_THAT(refusal_of_payload(payload), HasSubstr("bytes follow the message"));
  payload.resize(payload.size() - 4);
  EXPECT_THAT(refusal_of_payload(payload), HasSubstr("not a whole number of 8-byte words"));
  EXPECT_THAT(refusal_of_payload({}), HasSubstr("not a whole number of 8-byte words"));
}

// Sixty-four texts that are one and the same: the message is small, what it unfolds to is not.
TEST(FrameLimits, AMessageDoesNotUnfoldToMoreThanItIs) {
  Bytes payload = payload_built([](schema::Message::Builder m) {
    auto list = m.initHello().initEncodings(64);
    list.set(0, std::string(1024, 'x'));
  });
  // Finds the list's first pointer (it alone points to 1025 bytes) and aims all the others at the same text.
  constexpr std::uint64_t kSize = std::uint64_t{1025 << 3 | 2} << 32;
  std::size_t at = 0;
  std::uint64_t pointer = 0;
  for (std::size_t i = 0; i + 8 <= payload.size() && at == 0; i += 8) {
    std::memcpy(&pointer, payload.data() + i, 8);
    if ((pointer & 0xffffffff00000000) == kSize) at = i;
  }
  ASSERT_NE(at, 0u);
  for (std::uint64_t i = 1; i < 64; ++i) {
    const std::uint64_t same_target = pointer - (i << 2);
    std::memcpy(payload.data() + at + 8 * i, &same_target, 8);
  }
  EXPECT_THAT(refusal_of_payload(payload), HasSubstr("malformed message"));
}

TEST(FrameRobustness, EveryTruncationIsRefused) {
  for (const Message& message : one_of_each()) {
    const Bytes whole = payload_of(to_frame(message));
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_NE(refusal_of_payload(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))), "")
          << name_of(message) << " cut to " << size;
    }
  }
}

// Whatever a bit does, the outcome is a message within the limits or one line of refusal.
TEST(FrameRobustness, AnyFlippedBitIsAMessageOrMalformed) {
  for (const Message& message : one_of_each()) {
    const Bytes whole = payload_of(to_frame(message));
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
      Bytes flipped = whole;
      flipped[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
      refusal([&] {
        const Message read = from_payload(flipped);
        EXPECT_EQ(refusal_of(read), "") << "what was read can be sent";
      });
    }
  }
}

TEST(FrameRobustness, RandomBytesAreMalformed) {
  RandomStream random(1, "frames");
  for (int i = 0; i < 2000; ++i) {
    Bytes payload(8 * (1 + random.below(32)));
    for (std::byte& byte : payload) byte = static_cast<std::byte>(random.below(random.below(4) == 0 ? 256 : 4));
    refusal([&] { from_payload(payload); });
  }
}

}  // namespace
}  // namespace tributary::wire
