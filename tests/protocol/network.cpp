#include "network.h"

#include <algorithm>
#include <variant>

#include "common/base/error.h"
#include "common/wire/frame.h"

namespace tributary::protocol {

namespace {

constexpr std::size_t kLengthBytes = 4;  // before a payload

// Fresh, so that it is aligned.
Bytes payload_of(ByteSpan frame) {
  return {frame.begin() + kLengthBytes, frame.end()};
}

}  // namespace

// One end. Kept alive by the operations that are pending, as the contract of Channel has it.
class LineEnd : public std::enable_shared_from_this<LineEnd> {
 public:
  LineEnd(std::shared_ptr<Line> line, bool participants)
      : line_(std::move(line)),
        participants_(participants),
        machine_(participants ? line_->here_ : line_->there_),
        in_(participants ? line_->down_ : line_->up_),
        out_(participants ? line_->up_ : line_->down_),
        peer_(participants ? net::PeerIdentity{"coordinator", "1", "there"}
                           : net::PeerIdentity{line_->participant_, std::to_string(line_->number_), "here"}) {}

  const net::PeerIdentity& peer() const { return peer_; }
  net::Traffic traffic() const { return traffic_; }

  asio::awaitable<void> send(ByteSpan frame, TimePoint deadline) {
    const auto self = shared_from_this();
    TRIBUTARY_CHECK(!sending_);
    sending_ = true;
    const auto timer = machine_.at(deadline, [this] { end("the deadline passed while sending", false); });
    std::deque<wire::Message> pieces = in_pieces(hear(wire::from_payload(payload_of(frame))));
    while (!pieces.empty() && !closed_) {
      if (out_.writer_lost || out_.reader_gone) {
        end("it closed the line", false);
      } else if (out_.bytes >= line_->habits_.window_bytes && !out_.swallows) {
        co_await out_.writable.wait();
      } else {
        say(pieces.front());
        pieces.pop_front();
      }
    }
    sending_ = false;
    if (closed_) disconnected();
  }

  asio::awaitable<std::optional<Bytes>> receive(TimePoint deadline) {
    const auto self = shared_from_this();
    const auto timer = machine_.at(deadline, [this] { end("the deadline passed while waiting for it", false); });
    for (;;) {
      if (!closed_ && out_.writer_lost) end("the line was reset", false);
      if (closed_) disconnected();
      if (!in_.on_way.empty()) {
        const TimePoint due = in_.on_way.front().due;
        if (due <= machine_.world().clock().now()) co_return take();
        const auto arrival = machine_.world().at(due, [this] { in_.readable.notify(); });
        co_await in_.readable.wait();
      } else if (in_.ended) {
        end("it closed the line", true);
        co_return std::nullopt;
      } else if (in_.broken) {
        end("the line was cut", false);
      } else {
        co_await in_.readable.wait();
      }
    }
  }

  asio::awaitable<void> finish(TimePoint deadline) {
    const auto self = shared_from_this();
    const auto timer = machine_.at(deadline, [this] { end("closed", false); });
    if (!closed_) end_direction(true);
    while (!closed_ && !in_.ended && !in_.broken) {
      in_.on_way.clear();
      in_.bytes = 0;
      in_.writable.notify();
      co_await in_.readable.wait();
    }
    end("closed", true);
  }

  void end(const std::string& why, bool in_order) {
    if (closed_) return;
    closed_ = true;
    why_ = why;
    end_direction(in_order && !sending_);
    if (!in_.swallows) in_.reader_gone = true;
    in_.on_way.clear();
    in_.bytes = 0;
    Line::wake(in_);
  }

 private:
  std::vector<wire::Message> hear(wire::Message message) {
    // What a machine still does when it has stopped is not heard.
    if (closed_ || out_.writer_lost || machine_.disk().crashed()) return {};
    if (participants_) return line_->ear_.said_up(line_->number_, line_->participant_, std::move(message));
    line_->ear_.said_down(line_->number_, line_->participant_, message);
    std::vector<wire::Message> only;
    only.push_back(std::move(message));
    return only;
  }

  std::deque<wire::Message> in_pieces(std::vector<wire::Message> messages) const {
    std::deque<wire::Message> pieces;
    const std::size_t most = line_->habits_.chunk_bytes;
    for (wire::Message& message : messages) {
      const auto* data = std::get_if<wire::Data>(&message);
      if (data == nullptr || data->bytes.size() <= most) {
        pieces.push_back(std::move(message));
        continue;
      }
      for (std::size_t at = 0; at < data->bytes.size(); at += most) {
        const ByteSpan part = ByteSpan(data->bytes).subspan(at, std::min(most, data->bytes.size() - at));
        pieces.push_back(wire::Data{data->offset + at, Bytes(part.begin(), part.end())});
      }
    }
    return pieces;
  }

  void say(const wire::Message& message) {
    if (machine_.disk().crashed()) return end("this machine has stopped", false);
    const Bytes frame = wire::to_frame(message);
    traffic_.bytes_out += frame.size();
    line_->push(out_, payload_of(frame));
  }

  Bytes take() {
    Bytes payload = std::move(in_.on_way.front().payload);
    in_.on_way.pop_front();
    in_.bytes -= payload.size();
    traffic_.bytes_in += payload.size() + kLengthBytes;
    in_.writable.notify();
    return payload;
  }

  void end_direction(bool in_order) {
    if (!out_.swallows && !out_.ended && !out_.broken) (in_order ? out_.ended : out_.broken) = true;
    Line::wake(out_);
  }

  [[noreturn]] void disconnected() const {
    fail(Error::Kind::Disconnected, "lost " + peer_.name + " at " + peer_.address + ": " + why_);
  }

  std::shared_ptr<Line> line_;
  bool participants_;
  Machine& machine_;
  Line::Direction& in_;
  Line::Direction& out_;
  net::PeerIdentity peer_;
  net::Traffic traffic_;
  bool sending_ = false;
  bool closed_ = false;
  std::string why_;
};

namespace {

class LineChannel final : public net::Channel {
 public:
  explicit LineChannel(std::shared_ptr<LineEnd> end) : end_(std::move(end)) {}
  ~LineChannel() override { end_->end("closed", false); }
  const net::PeerIdentity& peer() const override { return end_->peer(); }
  net::Traffic traffic() const override { return end_->traffic(); }
  asio::awaitable<void> send(ByteSpan frame, TimePoint deadline) override { return end_->send(frame, deadline); }
  asio::awaitable<std::optional<Bytes>> receive(TimePoint deadline) override { return end_->receive(deadline); }
  void close() override { end_->end("closed", true); }
  asio::awaitable<void> finish(TimePoint deadline) override { return end_->finish(deadline); }

 private:
  std::shared_ptr<LineEnd> end_;
};

}  // namespace

Line::Line(std::uint64_t number, std::string participant, Machine& here, Machine& there, const LineHabits& habits,
           std::uint64_t seed, Ear& ear)
    : number_(number),
      participant_(std::move(participant)),
      here_(here),
      there_(there),
      habits_(habits),
      random_(StreamName{seed, "line", number, participant_}),
      ear_(ear),
      up_(here.io()),
      down_(here.io()) {}

Line::~Line() = default;

std::pair<std::unique_ptr<net::Channel>, std::unique_ptr<net::Channel>> Line::ends() {
  return {std::make_unique<LineChannel>(std::make_shared<LineEnd>(shared_from_this(), true)),
          std::make_unique<LineChannel>(std::make_shared<LineEnd>(shared_from_this(), false))};
}

void Line::push(Direction& direction, Bytes payload) {
  if (direction.swallows) return;
  const TimePoint now = here_.world().clock().now();
  const auto jitter = static_cast<std::uint64_t>(habits_.jitter.count());
  const Duration more(static_cast<std::int64_t>(random_.below(jitter + 1)));
  direction.last = std::max(direction.last, now + habits_.latency + more);
  direction.bytes += payload.size();
  direction.on_way.push_back({direction.last, std::move(payload)});
  direction.readable.notify();
  if (planned_ && ++frames_ >= planned_->frames) {
    const Planned planned = *std::exchange(planned_, std::nullopt);
    cut(planned.how, planned.late);
  }
}

void Line::wake(Direction& direction) {
  direction.readable.notify();
  direction.writable.notify();
}

void Line::lose(Direction& direction) {
  direction.on_way.clear();
  direction.bytes = 0;
  direction.swallows = true;
}

// What is on its way arrives, late; nothing comes behind it.
void Line::hold_up(Direction& direction, Duration late) {
  const auto most = static_cast<std::uint64_t>(std::max<std::int64_t>(late.count(), 0));
  const Duration by(static_cast<std::int64_t>(random_.below(most + 1)));
  for (Packet& packet : direction.on_way) packet.due += by;
  direction.swallows = true;
}

void Line::cut(Cut how, Duration late) {
  switch (how) {
    case Cut::Reset:
      lose(up_);
      lose(down_);
      up_.writer_lost = down_.writer_lost = true;
      break;
    case Cut::ParticipantOnly:
      hold_up(up_, late);
      lose(down_);
      up_.writer_lost = true;
      break;
    case Cut::CoordinatorOnly:
      hold_up(down_, late);
      lose(up_);
      down_.writer_lost = true;
      break;
    case Cut::Silent:
      lose(up_);
      lose(down_);
      break;
  }
  wake(up_);
  wake(down_);
}

void Line::cut_after(std::uint64_t frames, Cut how, Duration late) {
  planned_ = Planned{frames, how, late};
}

void Line::end_dies(bool participants, bool silently) {
  Direction& out = participants ? up_ : down_;
  Direction& in = participants ? down_ : up_;
  lose(in);
  out.writer_lost = true;
  if (silently) {
    out.swallows = true;
  } else {
    lose(out);
    in.writer_lost = true;
  }
  wake(up_);
  wake(down_);
}

}  // namespace tributary::protocol
