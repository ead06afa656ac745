#include "common/wire/frame.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <federation.capnp.h>

#include "common/base/error.h"
#include "common/wire/text_rules.h"

namespace tributary::wire {

namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kWordBytes = sizeof(capnp::word);
constexpr std::size_t kSpareWords = 64;  // that reading may reach besides the payload's own
constexpr std::size_t kMaxHeld = 8;
constexpr std::size_t kRunCharacters = 32;
constexpr double kMaxSeconds = 1e9;
constexpr double kMaxHyperparameter = 1e12;
constexpr double kMaxLoss = 1e30;

[[noreturn]] void refuse(const std::string& why) {
  fail(Error::Kind::Malformed, "malformed message: " + why);
}

// ---------------------------------------------------------------------------------------------------- writing

std::string text(const std::string& value) {
  return clean_text(value, WireLimits{}.max_text_bytes);
}

capnp::Data::Reader digest(const Digest& value) {
  return {reinterpret_cast<const kj::byte*>(value.bytes.data()), value.bytes.size()};
}

capnp::Data::Reader checksum(const Checksum& value) {
  return {reinterpret_cast<const kj::byte*>(value.bytes.data()), value.bytes.size()};
}

void write(const Hello& from, schema::Hello::Builder to) {
  to.setProtocol(from.protocol);
  to.setSoftware(text(from.software));
  auto encodings = to.initEncodings(static_cast<unsigned>(from.encodings.size()));
  for (unsigned i = 0; i < encodings.size(); ++i) encodings.set(i, text(from.encodings[i]));
  auto held = to.initHeld(static_cast<unsigned>(from.held.size()));
  for (unsigned i = 0; i < held.size(); ++i) held.set(i, digest(from.held[i]));
  to.setExamples(from.examples);
  to.setDifferences(from.differences);
}

void write(const Welcome& from, schema::Welcome::Builder to) {
  to.setFederation(text(from.federation));
  to.setRun(text(from.run));
  to.setPingSeconds(from.ping_seconds);
}

void write(const Plan& from, schema::Plan::Builder to) {
  to.setLoss(text(from.loss));
  to.setLearningRate(from.learning_rate);
  to.setLearningRateDecay(from.learning_rate_decay);
  to.setMomentum(from.momentum);
  to.setWeightDecay(from.weight_decay);
  to.setClipNorm(from.clip_norm);
  to.setProximalMu(from.proximal_mu);
  to.setBatchSize(from.batch_size);
  to.setMaxSteps(from.max_steps);
  to.setEpochs(from.epochs);
  to.setMaxSeconds(from.max_seconds);
  to.setOnline(from.online);
  to.setHedgeBeta(from.hedge_beta);
  to.setHedgeFloor(from.hedge_floor);
  to.setQuantizedBits(from.quantized_bits);
  to.setQuantizedLevels(from.quantized_levels);
  to.setQuantizedBlock(from.quantized_block);
  to.setPruned(from.pruned);
}

void write(const Offer& from, schema::Offer::Builder to) {
  to.setRound(from.round);
  to.setModel(digest(from.model));
  to.setModelBytes(from.model_bytes);
  to.setEdge(digest(from.edge));
  to.setEdgeBytes(from.edge_bytes);
  to.setEncoding(text(from.encoding));
  to.setSeed(from.seed);
  to.setDeadlineSeconds(from.deadline_seconds);
  write(from.plan, to.initPlan());
  if (from.delta) {
    to.setDeltaBase(digest(from.delta->base));
    to.setDelta(digest(from.delta->delta));
    to.setDeltaBytes(from.delta->delta_bytes);
  }
}

void write(const Decline& from, schema::Decline::Builder to) {
  to.setRound(from.round);
  to.setReason(text(from.reason));
}

void write(const Fetch& from, schema::Fetch::Builder to) {
  to.setBlob(digest(from.blob));
  to.setOffset(from.offset);
}

void write(const Update& from, schema::Update::Builder to) {
  to.setRound(from.round);
  to.setEdge(digest(from.edge));
  to.setChecksum(checksum(from.checksum));
  to.setBlobBytes(from.blob_bytes);
  to.setEncoding(text(from.encoding));
  to.setExamples(from.examples);
  to.setTrainLoss(from.train_loss);
  to.setTrainAccuracy(from.train_accuracy);
  to.setTrainSeconds(from.train_seconds);
  to.setDecodeSeconds(from.decode_seconds);
  to.setEncodeSeconds(from.encode_seconds);
  to.setPeakRssBytes(from.peak_rss_bytes);
  to.setAwaits(from.awaits);
}

void write(const Proceed& from, schema::Proceed::Builder to) {
  to.setRound(from.round);
  to.setOffset(from.offset);
}

void write(const Verdict& from, schema::Verdict::Builder to) {
  to.setRound(from.round);
  to.setAccepted(from.accepted);
  to.setReason(text(from.reason));
}

void write(const RoundClosed& from, schema::RoundClosed::Builder to) {
  to.setRound(from.round);
  to.setReason(text(from.reason));
}

void write(const Wait& from, schema::Wait::Builder to) {
  to.setSeconds(from.seconds);
  to.setReason(text(from.reason));
}

void write(const Ping& from, schema::Ping::Builder to) {
  to.setNumber(from.number);
}
void write(const Pong& from, schema::Pong::Builder to) {
  to.setNumber(from.number);
}

void write(const Goodbye& from, schema::Goodbye::Builder to) {
  to.setReason(text(from.reason));
  to.setRetrySeconds(from.retry_seconds);
}

struct Writer {
  schema::Message::Builder to;

  void operator()(const Hello& m) { write(m, to.initHello()); }
  void operator()(const Welcome& m) { write(m, to.initWelcome()); }
  void operator()(const Offer& m) { write(m, to.initOffer()); }
  void operator()(const Decline& m) { write(m, to.initDecline()); }
  void operator()(const Fetch& m) { write(m, to.initFetch()); }
  void operator()(const Data& m) {
    to.initData().setOffset(m.offset);
    to.getData().setBytes({reinterpret_cast<const kj::byte*>(m.bytes.data()), m.bytes.size()});
  }
  void operator()(const Update& m) { write(m, to.initUpdate()); }
  void operator()(const Verdict& m) { write(m, to.initVerdict()); }
  void operator()(const RoundClosed& m) { write(m, to.initRoundClosed()); }
  void operator()(const Wait& m) { write(m, to.initWait()); }
  void operator()(const Ping& m) { write(m, to.initPing()); }
  void operator()(const Pong& m) { write(m, to.initPong()); }
  void operator()(const Goodbye& m) { write(m, to.initGoodbye()); }
  void operator()(const Proceed& m) { write(m, to.initProceed()); }
};

Bytes frame_of(capnp::MessageBuilder& builder) {
  const std::size_t payload = capnp::computeSerializedSizeInWords(builder) * kWordBytes;
  Bytes frame(kLengthBytes + payload);
  const auto length = static_cast<std::uint32_t>(payload);
  std::memcpy(frame.data(), &length, kLengthBytes);
  kj::ArrayOutputStream stream(kj::arrayPtr(reinterpret_cast<kj::byte*>(frame.data() + kLengthBytes), payload));
  capnp::writeMessage(stream, builder);
  return frame;
}

// Everything of a Data frame but the bytes. They are the message's last object and its last word is the pointer to
// them, so this is the frame of an empty Data whose three lengths (frame, segment, list) are made those of `count`
// bytes: building the message with the bytes in it would copy them twice more.
Bytes data_head(std::uint64_t offset, std::size_t count) {
  capnp::MallocMessageBuilder builder(16);
  auto chunk = builder.initRoot<schema::Message>().initData();
  chunk.setOffset(offset);
  chunk.initBytes(0);
  Bytes head = frame_of(builder);
  const std::size_t words = (count + kWordBytes - 1) / kWordBytes;
  const auto add = [&head](std::size_t at, std::size_t more) {
    std::uint32_t number = 0;
    std::memcpy(&number, head.data() + at, sizeof number);
    number += static_cast<std::uint32_t>(more);
    std::memcpy(head.data() + at, &number, sizeof number);
  };
  constexpr std::size_t kListSizeShift = 3;  // below it the size of an element
  add(0, words * kWordBytes);
  add(kLengthBytes + 4, words);  // behind the number of segments
  add(head.size() - 4, count << kListSizeShift);
  return head;
}

// Zeroes behind so many bytes in a frame.
std::size_t padding_of(std::size_t bytes) {
  return (kWordBytes - bytes % kWordBytes) % kWordBytes;
}

// ---------------------------------------------------------------------------------------------------- reading

// The values of a message, each checked against what the schema says of it.
class Checker {
 public:
  explicit Checker(const WireLimits& limits) : limits_(limits) {}

  std::string text(capnp::Text::Reader from, const char* field) const {
    const std::string_view value(from.begin(), from.size());
    if (value.size() > limits_.max_text_bytes) {
      refuse(std::string(field) + " has " + std::to_string(value.size()) + " bytes, at most " +
             std::to_string(limits_.max_text_bytes) + " are allowed");
    }
    if (!is_clean_text(value)) refuse(std::string(field) + " holds control characters or is not UTF-8");
    return std::string(value);
  }

  static Digest digest(capnp::Data::Reader from, const char* field) {
    Digest value;
    if (from.size() != value.bytes.size()) {
      refuse(std::string(field) + " has " + std::to_string(from.size()) + " bytes, a digest has 32");
    }
    std::memcpy(value.bytes.data(), from.begin(), value.bytes.size());
    return value;
  }

  static Checksum checksum(capnp::Data::Reader from, const char* field) {
    Checksum value;
    if (from.size() != value.bytes.size()) {
      refuse(std::string(field) + " has " + std::to_string(from.size()) + " bytes, a checksum has 16");
    }
    std::memcpy(value.bytes.data(), from.begin(), value.bytes.size());
    return value;
  }

  static double number(double value, double low, double high, const char* field) {
    if (!(value >= low && value <= high)) refuse(std::string(field) + " is out of range");
    return value;
  }
  static double duration(double value, const char* field) { return number(value, 0, kMaxSeconds, field); }
  static double hyperparameter(double value, const char* field) { return number(value, 0, kMaxHyperparameter, field); }

  void list(std::size_t entries, std::size_t most, const char* field) const {
    if (entries > std::min(most, limits_.max_list_entries)) {
      refuse(std::string(field) + " has " + std::to_string(entries) + " entries, at most " +
             std::to_string(std::min(most, limits_.max_list_entries)) + " are allowed");
    }
  }

  DataView chunk(schema::Chunk::Reader from) const {
    const capnp::Data::Reader bytes = from.getBytes();
    if (bytes.size() == 0 || bytes.size() > limits_.max_chunk_bytes) {
      refuse("data has " + std::to_string(bytes.size()) + " bytes, it must have 1 to " +
             std::to_string(limits_.max_chunk_bytes));
    }
    return {from.getOffset(), std::as_bytes(std::span(bytes.begin(), bytes.size()))};
  }

 private:
  const WireLimits& limits_;
};

Hello read(schema::Hello::Reader from, const Checker& check) {
  Hello to;
  to.protocol = from.getProtocol();
  to.software = check.text(from.getSoftware(), "hello.software");
  const auto encodings = from.getEncodings();
  check.list(encodings.size(), SIZE_MAX, "hello.encodings");
  for (const auto encoding : encodings) to.encodings.push_back(check.text(encoding, "hello.encodings"));
  const auto held = from.getHeld();
  check.list(held.size(), kMaxHeld, "hello.held");
  for (const auto blob : held) to.held.push_back(Checker::digest(blob, "hello.held"));
  to.examples = from.getExamples();
  to.differences = from.getDifferences();
  return to;
}

Welcome read(schema::Welcome::Reader from, const Checker& check) {
  Welcome to;
  to.federation = check.text(from.getFederation(), "welcome.federation");
  to.run = check.text(from.getRun(), "welcome.run");
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (to.run.size() != kRunCharacters || !std::all_of(to.run.begin(), to.run.end(), is_hex)) {
    refuse("welcome.run is not 32 lower-case hexadecimal characters");
  }
  to.ping_seconds = Checker::duration(from.getPingSeconds(), "welcome.pingSeconds");
  return to;
}

Plan read(schema::Plan::Reader from, const Checker& check) {
  Plan to;
  to.loss = check.text(from.getLoss(), "plan.loss");
  to.learning_rate = Checker::hyperparameter(from.getLearningRate(), "plan.learningRate");
  to.learning_rate_decay = Checker::hyperparameter(from.getLearningRateDecay(), "plan.learningRateDecay");
  to.momentum = Checker::hyperparameter(from.getMomentum(), "plan.momentum");
  to.weight_decay = Checker::hyperparameter(from.getWeightDecay(), "plan.weightDecay");
  to.clip_norm = Checker::hyperparameter(from.getClipNorm(), "plan.clipNorm");
  to.proximal_mu = Checker::hyperparameter(from.getProximalMu(), "plan.proximalMu");
  to.batch_size = from.getBatchSize();
  to.max_steps = from.getMaxSteps();
  to.epochs = Checker::hyperparameter(from.getEpochs(), "plan.epochs");
  to.max_seconds = Checker::duration(from.getMaxSeconds(), "plan.maxSeconds");
  to.online = from.getOnline();
  to.hedge_beta = Checker::hyperparameter(from.getHedgeBeta(), "plan.hedgeBeta");
  to.hedge_floor = Checker::hyperparameter(from.getHedgeFloor(), "plan.hedgeFloor");
  to.quantized_bits = from.getQuantizedBits();
  to.quantized_levels = from.getQuantizedLevels();
  to.quantized_block = from.getQuantizedBlock();
  to.pruned = from.getPruned();
  return to;
}

Offer read(schema::Offer::Reader from, const Checker& check) {
  Offer to;
  to.round = from.getRound();
  to.model = Checker::digest(from.getModel(), "offer.model");
  to.model_bytes = from.getModelBytes();
  to.edge = Checker::digest(from.getEdge(), "offer.edge");
  to.edge_bytes = from.getEdgeBytes();
  to.encoding = check.text(from.getEncoding(), "offer.encoding");
  to.seed = from.getSeed();
  to.deadline_seconds = Checker::duration(from.getDeadlineSeconds(), "offer.deadlineSeconds");
  to.plan = read(from.getPlan(), check);
  if (from.hasDeltaBase()) {
    to.delta = DeltaOffer{Checker::digest(from.getDeltaBase(), "offer.deltaBase"),
                          Checker::digest(from.getDelta(), "offer.delta"), from.getDeltaBytes()};
  }
  return to;
}

Update read(schema::Update::Reader from, const Checker& check) {
  Update to;
  to.round = from.getRound();
  to.edge = Checker::digest(from.getEdge(), "update.edge");
  to.checksum = Checker::checksum(from.getChecksum(), "update.checksum");
  to.blob_bytes = from.getBlobBytes();
  to.encoding = check.text(from.getEncoding(), "update.encoding");
  to.examples = from.getExamples();
  to.train_loss = Checker::number(from.getTrainLoss(), -kMaxLoss, kMaxLoss, "update.trainLoss");
  to.train_accuracy = Checker::number(from.getTrainAccuracy(), 0, 1, "update.trainAccuracy");
  to.train_seconds = Checker::duration(from.getTrainSeconds(), "update.trainSeconds");
  to.decode_seconds = Checker::duration(from.getDecodeSeconds(), "update.decodeSeconds");
  to.encode_seconds = Checker::duration(from.getEncodeSeconds(), "update.encodeSeconds");
  to.peak_rss_bytes = from.getPeakRssBytes();
  to.awaits = from.getAwaits();
  return to;
}

Proceed read(schema::Proceed::Reader from, const Checker& /*check*/) {
  return {from.getRound(), from.getOffset()};
}

Data read(schema::Chunk::Reader from, const Checker& check) {
  const DataView view = check.chunk(from);
  return {view.offset, Bytes(view.bytes.begin(), view.bytes.end())};
}

Decline read(schema::Decline::Reader from, const Checker& check) {
  return {from.getRound(), check.text(from.getReason(), "decline.reason")};
}

Fetch read(schema::Fetch::Reader from, const Checker& /*check*/) {
  return {Checker::digest(from.getBlob(), "fetch.blob"), from.getOffset()};
}

Verdict read(schema::Verdict::Reader from, const Checker& check) {
  return {from.getRound(), from.getAccepted(), check.text(from.getReason(), "verdict.reason")};
}

RoundClosed read(schema::RoundClosed::Reader from, const Checker& check) {
  return {from.getRound(), check.text(from.getReason(), "roundClosed.reason")};
}

Wait read(schema::Wait::Reader from, const Checker& check) {
  return {Checker::duration(from.getSeconds(), "wait.seconds"), check.text(from.getReason(), "wait.reason")};
}

Ping read(schema::Ping::Reader from, const Checker& /*check*/) {
  return {from.getNumber()};
}
Pong read(schema::Pong::Reader from, const Checker& /*check*/) {
  return {from.getNumber()};
}

Goodbye read(schema::Goodbye::Reader from, const Checker& check) {
  return {check.text(from.getReason(), "goodbye.reason"),
          Checker::duration(from.getRetrySeconds(), "goodbye.retrySeconds")};
}

Message read(schema::Message::Reader from, const Checker& check) {
  switch (from.which()) {
    case schema::Message::HELLO:
      return read(from.getHello(), check);
    case schema::Message::WELCOME:
      return read(from.getWelcome(), check);
    case schema::Message::OFFER:
      return read(from.getOffer(), check);
    case schema::Message::DECLINE:
      return read(from.getDecline(), check);
    case schema::Message::FETCH:
      return read(from.getFetch(), check);
    case schema::Message::DATA:
      return read(from.getData(), check);
    case schema::Message::UPDATE:
      return read(from.getUpdate(), check);
    case schema::Message::VERDICT:
      return read(from.getVerdict(), check);
    case schema::Message::ROUND_CLOSED:
      return read(from.getRoundClosed(), check);
    case schema::Message::WAIT:
      return read(from.getWait(), check);
    case schema::Message::PING:
      return read(from.getPing(), check);
    case schema::Message::PONG:
      return read(from.getPong(), check);
    case schema::Message::GOODBYE:
      return read(from.getGoodbye(), check);
    case schema::Message::PROCEED:
      return read(from.getProceed(), check);
  }
  refuse("of a kind that this version does not know");
}

// Calls `use` with the payload's root, and turns Cap'n Proto's exceptions into ours.
template <class Use>
auto with_message(ByteSpan payload, Use use) {
  TRIBUTARY_CHECK(reinterpret_cast<std::uintptr_t>(payload.data()) % alignof(std::uint64_t) == 0);
  if (payload.empty() || payload.size() % kWordBytes != 0) refuse("not a whole number of 8-byte words");
  const std::size_t words = payload.size() / kWordBytes;
  capnp::ReaderOptions options;
  options.traversalLimitInWords = words + kSpareWords;
  options.nestingLimit = 8;
  try {
    const auto* first = reinterpret_cast<const capnp::word*>(payload.data());
    capnp::FlatArrayMessageReader reader(kj::arrayPtr(first, words), options);
    if (reader.getEnd() != first + words) refuse("bytes follow the message");
    return use(reader.getRoot<schema::Message>());
  } catch (const kj::Exception& e) {
    refuse(clean_text(e.getDescription().cStr(), 200));
  }
}

}  // namespace

Bytes to_frame(const Message& message) {
  if (const auto* data = std::get_if<Data>(&message)) return data_frame(data->offset, data->bytes);
  capnp::MallocMessageBuilder builder(512);
  std::visit(Writer{builder.initRoot<schema::Message>()}, message);
  return frame_of(builder);
}

Bytes data_frame(std::uint64_t offset, ByteSpan bytes) {
  TRIBUTARY_CHECK(bytes.size() <= kMaxChunkBytes);
  Bytes frame = data_head(offset, bytes.size());
  frame.reserve(frame.size() + bytes.size() + kWordBytes);
  frame.insert(frame.end(), bytes.begin(), bytes.end());
  frame.resize(frame.size() + padding_of(bytes.size()));
  return frame;
}

Message from_payload(ByteSpan payload, const WireLimits& limits) {
  return with_message(payload, [&](schema::Message::Reader message) { return read(message, Checker(limits)); });
}

std::optional<DataView> view_data(ByteSpan payload, const WireLimits& limits) {
  return with_message(payload, [&](schema::Message::Reader message) -> std::optional<DataView> {
    if (message.which() != schema::Message::DATA) return std::nullopt;
    return Checker(limits).chunk(message.getData());
  });
}

FramedBlob::FramedBlob(Bytes blob, std::uint32_t chunk_bytes) : blob_(std::move(blob)), chunk_bytes_(chunk_bytes) {
  TRIBUTARY_CHECK(chunk_bytes >= 1 && chunk_bytes <= kMaxChunkBytes);
  for (std::size_t i = 0; i < chunks(); ++i) {
    const Bytes head = data_head(std::uint64_t{i} * chunk_bytes, chunk(i).size());
    heads_.insert(heads_.end(), head.begin(), head.end());
  }
}

ByteSpan FramedBlob::chunk(std::size_t i) const {
  const std::size_t begin = i * chunk_bytes_;
  return ByteSpan(blob_).subspan(begin, std::min<std::size_t>(chunk_bytes_, blob_.size() - begin));
}

FramedBlob::Frame FramedBlob::frame(std::size_t i) const {
  static constexpr std::array<std::byte, kWordBytes> kZeroes{};
  const std::size_t head_bytes = heads_.size() / chunks();
  const ByteSpan bytes = chunk(i);
  return {ByteSpan(heads_).subspan(i * head_bytes, head_bytes), bytes,
          ByteSpan(kZeroes).first(padding_of(bytes.size()))};
}

}  // namespace tributary::wire
