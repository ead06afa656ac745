#include "tests/hostile/participants.h"

#include <chrono>

#include "common/base/random.h"
#include "tests/hostile/line.h"

namespace tributary::hostile {

namespace {

using std::chrono::milliseconds;
using Lines = std::vector<std::unique_ptr<Line>>;

constexpr milliseconds kBeat{10};
constexpr std::size_t kChunkBytes = 64 * 1024;

struct MadeUpdate {
  wire::Update announcement;
  Bytes blob;
};

MadeUpdate make_update(const model::ParameterLayout& layout, const std::string& name, std::uint64_t round) {
  RandomStream random(round, name);
  std::vector<float> delta(layout.size());
  for (float& each : delta) each = static_cast<float>(1e-3 * (random.uniform() - 0.5));
  MadeUpdate made;
  const auto encoding = codec::UpdateEncoding::parse("float32");
  made.blob = codec::encode_update(layout, delta, {}, encoding, random);
  made.announcement.round = round;
  made.announcement.checksum = checksum(made.blob);
  made.announcement.blob_bytes = made.blob.size();
  made.announcement.encoding = "float32";
  made.announcement.examples = 1 + random.below(1000);
  return made;
}

asio::awaitable<void> upload(Line& line, const MadeUpdate& made) {
  const wire::Message announcement = made.announcement;
  co_await line.say(announcement);
  for (std::size_t at = 0; at < made.blob.size(); at += kChunkBytes) {
    const Bytes frame =
        wire::data_frame(at, ByteSpan(made.blob).subspan(at, std::min(kChunkBytes, made.blob.size() - at)));
    co_await line.send(frame);
  }
}

// ------------------------------------------------------------------------------------------ the honest

class Honest {
 public:
  Honest(Line& line, const model::ParameterLayout& layout, const Habits& habits, Board& board)
      : line_(line), layout_(layout), habits_(habits), board_(board), whims_(7, line.name()) {}

  asio::awaitable<void> run() {
    while (!over_ && !board_.stop) {
      try {
        co_await converse();
      } catch (const Error&) {
        // The line is lost: on the way back.
      }
      line_.close();
      if (!over_) co_await line_.runtime().sleep_until(line_.after(milliseconds(pause_ms_ + whims_.below(50))));
      pause_ms_ = 0;
    }
  }

 private:
  asio::awaitable<void> converse() {
    co_await line_.open();
    while (!over_) {
      const auto payload = co_await line_.receive();
      if (!payload) co_return;
      if (const auto data = wire::view_data(*payload)) {
        missing_ -= std::min<std::uint64_t>(missing_, data->bytes.size());
        if (missing_ == 0) co_await upload(line_, made_);
      } else {
        const wire::Message message = wire::from_payload(*payload);
        co_await heed(message);
      }
    }
  }
  asio::awaitable<void> heed(const wire::Message& message) {
    if (const auto* offer = std::get_if<wire::Offer>(&message)) {
      co_await take(*offer);
    } else if (const auto* verdict = std::get_if<wire::Verdict>(&message)) {
      if (verdict->accepted) ++board_.counted;
    } else if (const auto* ping = std::get_if<wire::Ping>(&message)) {
      const wire::Message pong = wire::Pong{ping->number};
      co_await line_.say(pong);
    } else if (const auto* goodbye = std::get_if<wire::Goodbye>(&message)) {
      over_ = goodbye->retry_seconds == 0;
    }
  }
  asio::awaitable<void> take(const wire::Offer& offer) {
    if (offer.round == habits_.cut_in_round) {
      if (!std::exchange(held_, true)) {
        ++board_.holding;
        co_return;
      }
      ++board_.back;
      raise_to(board_.last_back_ns, now_ns());
    }
    if (offer.round != round_ && whims_.uniform() < habits_.vanishing) {
      round_ = offer.round;
      if (whims_.below(2) == 0) co_return;  // and says nothing
      pause_ms_ = 1000;
      fail(Error::Kind::Disconnected, "vanished");
    }
    round_ = offer.round;
    made_ = make_update(layout_, line_.name(), offer.round);
    made_.announcement.edge = offer.edge;
    missing_ = offer.edge_bytes;
    const wire::Message fetch = wire::Fetch{offer.edge, 0};
    co_await line_.say(fetch);
  }

  Line& line_;
  const model::ParameterLayout& layout_;
  const Habits& habits_;
  Board& board_;
  RandomStream whims_;
  MadeUpdate made_;
  std::uint64_t round_ = 0;
  std::uint64_t missing_ = 0;  // of the edge copy
  std::uint64_t pause_ms_ = 0;
  bool held_ = false, over_ = false;
};

asio::awaitable<void> be_honest(Line& line, const model::ParameterLayout& layout, const Habits& habits, Board& board) {
  Honest honest(line, layout, habits, board);
  co_await honest.run();
}

// Cuts all lines of this process when the word is given. The first line's coroutine sees to it.
asio::awaitable<void> cut_when_told(Line& first, const Lines& lines, Board& board) {
  while (!board.cut && !board.stop) co_await first.runtime().sleep_until(first.after(kBeat));
  for (const auto& line : lines) line->close();
}

asio::awaitable<void> be_honest_or_cut(Line& line, const Lines& lines, const model::ParameterLayout& layout,
                                       const Habits& habits, Board& board) {
  net::Gate cutting(line.runtime().io());
  if (&line == lines.front().get() && habits.cut_in_round != 0) cutting.spawn("cut", cut_when_told(line, lines, board));
  co_await be_honest(line, layout, habits, board);
  co_await cutting.close();
}

// ------------------------------------------------------------------------------------------ the others

void put_word(Bytes& frame, std::uint64_t word) {
  for (int i = 0; i < 8; ++i) frame.push_back(static_cast<std::byte>(word >> (8 * i)));
}

Bytes frame_around(const Bytes& payload) {
  ByteWriter frame;
  frame.put(static_cast<std::uint32_t>(payload.size()));
  frame.put_bytes(payload);
  return frame.take();
}

// A message whose root points at itself.
Bytes circle() {
  Bytes payload;
  put_word(payload, std::uint64_t{1} << 32);  // one segment of one word
  put_word(payload, 0x00010000FFFFFFFCULL);   // a struct of one pointer, which is this one
  return frame_around(payload);
}

bool is_message(const Bytes& frame) {
  const Bytes payload(frame.begin() + 4, frame.end());
  try {
    (void)wire::from_payload(payload);
    return true;
  } catch (const Error&) {
    return false;
  }
}

// A valid message with a few bits changed, so that it is none.
Bytes spoilt(RandomStream& random) {
  wire::Update update;
  update.encoding = "float32";
  update.blob_bytes = 4000;
  update.examples = 7;
  wire::Hello hello;
  hello.software = "test";
  const std::vector<wire::Message> messages = {update, hello, wire::Fetch{}, wire::Decline{1, "no"},
                                               wire::Data{0, Bytes(100)}};
  const Bytes whole = wire::to_frame(messages[random.below(messages.size())]);
  for (;;) {
    Bytes frame = whole;
    for (std::uint64_t flips = 1 + random.below(6); flips > 0; --flips)
      frame[4 + random.below(frame.size() - 4)] ^= static_cast<std::byte>(1u << random.below(8));
    if (!is_message(frame)) return frame;
  }
}

Bytes malformed_frame(std::uint64_t number) {
  RandomStream random(number, "malformed");
  switch (number % 8) {
    case 0: {  // noise
      Bytes payload(8 * (1 + random.below(64)));
      for (std::byte& each : payload) each = static_cast<std::byte>(random.below(256));
      return frame_around(payload);
    }
    case 1:
      return circle();
    case 2: {  // more than a frame may hold
      ByteWriter frame;
      frame.put(static_cast<std::uint32_t>((2u << 20) + random.below(1u << 31)));
      return frame.take();
    }
    case 3:
      return frame_around({});
    default:
      return spoilt(random);
  }
}

// Whether the line is open and the coordinator has said Welcome.
asio::awaitable<bool> is_welcome(Line& line) {
  bool welcome = false;
  try {
    co_await line.open();
    const auto payload = co_await line.receive();
    if (payload) welcome = std::holds_alternative<wire::Welcome>(wire::from_payload(*payload));
  } catch (const Error&) {
    welcome = false;
  }
  co_return welcome;
}

bool is_goodbye(const Bytes& payload) {
  return !wire::view_data(payload) && std::holds_alternative<wire::Goodbye>(wire::from_payload(payload));
}

asio::awaitable<void> see_the_end(Line& line, Board& board) {
  try {
    for (;;) {
      const auto payload = co_await line.receive();
      if (!payload || is_goodbye(*payload)) break;
    }
  } catch (const Error&) {
    // Also an end.
  }
  ++board.ended;
}

asio::awaitable<void> be_malformed(Line& line, std::uint64_t frames, Board& board) {
  while (!board.stop) {
    const bool welcome = co_await is_welcome(line);
    if (!welcome) {
      co_await line.runtime().sleep_until(line.after(kBeat));
      continue;
    }
    const std::uint64_t number = board.sent++;
    if (number >= frames) {
      --board.sent;
      break;
    }
    const Bytes frame = malformed_frame(number);
    try {
      co_await line.send(frame);
    } catch (const Error&) {
      // It was quicker.
    }
    co_await see_the_end(line, board);
    line.close();
  }
  line.close();
}

void set_last_value(MadeUpdate& made, float value) {
  std::memcpy(made.blob.data() + made.blob.size() - sizeof value, &value, sizeof value);
}

MadeUpdate poisoned_update(const model::ParameterLayout& layout, const std::string& name, const wire::Offer& offer,
                           std::uint64_t number) {
  MadeUpdate made = make_update(layout, name, offer.round);
  made.announcement.edge = offer.edge;
  switch (number % 9) {
    case 0:
      set_last_value(made, std::numeric_limits<float>::quiet_NaN());
      break;
    case 1:
      set_last_value(made, std::numeric_limits<float>::infinity());
      break;
    case 2:
      set_last_value(made, -1e30F);
      break;
    case 3:
      made.blob[10] ^= std::byte{1};
      break;  // another layout
    case 4:
      made.blob.pop_back();
      break;
    case 5:
      made.blob.push_back(std::byte{0});
      break;
    case 6:
      made.announcement.round += 1;
      break;
    case 7:
      made.announcement.examples = 0;
      break;
    default:
      made.announcement.encoding = "int4";
      break;
  }
  made.announcement.blob_bytes = made.blob.size();
  made.announcement.checksum = checksum(made.blob);
  if (number % 18 == 9) made.announcement.checksum.bytes[0] ^= std::byte{1};
  return made;
}

asio::awaitable<void> be_poisonous(Line& line, const model::ParameterLayout& layout, Board& board) {
  bool over = false;
  const bool welcome = co_await is_welcome(line);
  TRIBUTARY_CHECK(welcome);
  while (!over) {
    const auto payload = co_await line.receive();
    if (!payload) break;
    if (wire::view_data(*payload)) continue;
    const wire::Message message = wire::from_payload(*payload);
    if (const auto* offer = std::get_if<wire::Offer>(&message)) {
      const MadeUpdate made = poisoned_update(layout, line.name(), *offer, board.sent++);
      co_await upload(line, made);
    } else if (const auto* verdict = std::get_if<wire::Verdict>(&message)) {
      ++(verdict->accepted ? board.accepted : board.refused);
    } else if (const auto* ping = std::get_if<wire::Ping>(&message)) {
      const wire::Message pong = wire::Pong{ping->number};
      co_await line.say(pong);
    }
    over = std::holds_alternative<wire::Goodbye>(message);
  }
  line.close();
}

asio::awaitable<void> be_a_drip(Line& line, Board& board) {
  while (!board.stop) {
    const bool welcome = co_await is_welcome(line);
    try {
      ByteWriter head;
      head.put(static_cast<std::uint32_t>(1u << 20));
      const Bytes announced = head.take();
      if (welcome) co_await line.send(announced);
      ++board.sent;
      while (welcome && !board.stop) {
        const Bytes drop(1);
        co_await line.send(drop);
        co_await line.runtime().sleep_until(line.after(milliseconds(100)));
      }
    } catch (const Error&) {
      ++board.ended;
    }
    line.close();
    co_await line.runtime().sleep_until(line.after(milliseconds(100)));
  }
}

asio::awaitable<void> be_a_chatterer(Line& line, Board& board) {
  while (!board.stop) {
    const bool welcome = co_await is_welcome(line);
    try {
      const Bytes ping = wire::to_frame(wire::Ping{1});
      while (welcome && !board.stop) {
        co_await line.send(ping);
        ++board.sent;
      }
    } catch (const Error&) {
      ++board.ended;
    }
    line.close();
    co_await line.runtime().sleep_until(line.after(milliseconds(100)));
  }
}

}  // namespace

void take_part(std::span<const net::Bundle> bundles, const model::ParameterLayout& layout, const Habits& habits,
               Board& board) {
  run_process(bundles,
              [&](Line& line, const Lines& lines) { return be_honest_or_cut(line, lines, layout, habits, board); });
}

void send_malformed_frames(std::span<const net::Bundle> bundles, std::uint64_t frames, Board& board) {
  run_process(bundles, [&](Line& line, const Lines&) { return be_malformed(line, frames, board); });
}

void send_poisoned_updates(std::span<const net::Bundle> bundles, const model::ParameterLayout& layout, Board& board) {
  run_process(bundles, [&](Line& line, const Lines&) { return be_poisonous(line, layout, board); });
}

void drip(std::span<const net::Bundle> bundles, Board& board) {
  run_process(bundles, [&](Line& line, const Lines&) { return be_a_drip(line, board); });
}

void chatter(std::span<const net::Bundle> bundles, Board& board) {
  run_process(bundles, [&](Line& line, const Lines&) { return be_a_chatterer(line, board); });
}

}  // namespace tributary::hostile
