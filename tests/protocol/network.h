// tests/protocol/network.h
//
// Lines between a participant's machine and the coordinator's, as TCP with TLS gives them on a bad day: a stream each
// way, in order and unchanged, that is late, stalls, and breaks. A line may break for one end only: then the other end
// does not know, and what was on its way arrives late, when the participant has long come back on another line. So
// messages are doubled and overtake one another across lines, never on one.
//
// Data travels in smaller pieces than it was sent in, as other software may send it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "machine.h"

#include "common/net/channel.h"
#include "common/wire/messages.h"

namespace tributary::protocol {

struct LineHabits {
  Duration latency{}, jitter{};
  std::size_t chunk_bytes = 256;  // of Data, at most
  std::size_t window_bytes = 1U << 16;
};

// Who hears everything that is said, before it is on its way, and may change what a participant says.
class Ear {
 public:
  virtual ~Ear() = default;
  // The participant of `line` says `message`: what goes on its way instead.
  virtual std::vector<wire::Message> said_up(std::uint64_t line, const std::string& participant,
                                             wire::Message message) = 0;
  virtual void said_down(std::uint64_t line, const std::string& participant, const wire::Message& message) = 0;
};

class Line : public std::enable_shared_from_this<Line> {
 public:
  // Machines and ear outlive the line's channels.
  Line(std::uint64_t number, std::string participant, Machine& here, Machine& there, const LineHabits& habits,
       std::uint64_t seed, Ear& ear);
  ~Line();

  // The participant's end and the coordinator's. Once.
  std::pair<std::unique_ptr<net::Channel>, std::unique_ptr<net::Channel>> ends();

  enum class Cut : std::uint8_t { Reset, ParticipantOnly, CoordinatorOnly, Silent };
  // `late`: the most by which what is on its way to the end that does not know is held up.
  void cut(Cut how, Duration late);
  // Cuts when so many frames have passed.
  void cut_after(std::uint64_t frames, Cut how, Duration late);
  // The machine at one end stops in the middle of everything: nothing more leaves it. Its peer learns of it at once, or
  // only by silence.
  void end_dies(bool participants, bool silently);

  std::uint64_t number() const { return number_; }
  const std::string& participant() const { return participant_; }

 private:
  friend class LineEnd;
  struct Packet {
    TimePoint due;
    Bytes payload;
  };
  struct Direction {
    explicit Direction(asio::io_context& io) : readable(io), writable(io) {}
    std::deque<Packet> on_way;
    std::size_t bytes = 0;
    TimePoint last{};
    bool ended = false, broken = false;  // behind what is on its way
    bool reader_gone = false;
    bool swallows = false;     // what is sent goes nowhere, and its end is not heard of
    bool writer_lost = false;  // the writer's end knows that the line is lost
    net::Signal readable, writable;
  };
  void push(Direction& direction, Bytes payload);
  void lose(Direction& direction);
  void hold_up(Direction& direction, Duration late);
  static void wake(Direction& direction);

  std::uint64_t number_;
  std::string participant_;
  Machine& here_;
  Machine& there_;
  LineHabits habits_;
  RandomStream random_;
  Ear& ear_;
  Direction up_, down_;
  std::uint64_t frames_ = 0;
  struct Planned {
    std::uint64_t frames = 0;
    Cut how = Cut::Reset;
    Duration late{};
  };
  std::optional<Planned> planned_;
};

}  // namespace tributary::protocol
