#include "tests/bench/transport_participants.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <iostream>
#include <limits>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/codec/update.h"
#include "common/net/runtime.h"
#include "common/net/tls.h"
#include "tests/bench/transport_coordinator.h"

namespace tributary::bench {

namespace {

constexpr Duration kConnectWithin = std::chrono::seconds(120);
constexpr Duration kSilence = std::chrono::seconds(600);
constexpr std::size_t kChunkBytes = 256 * 1024;
constexpr std::size_t kChunksPerSend = 4;

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// What one process writes down.
class Notebook {
 public:
  Notebook(std::size_t rounds, pid_t coordinator)
      : coordinator_(coordinator), instants_(rounds + 1, std::numeric_limits<double>::max()) {}

  // A participant is offered a round (from 1), or hears Goodbye (the instant behind the last round).
  void instant(std::size_t round) {
    TRIBUTARY_CHECK(round >= 1 && round <= instants_.size());
    double& first = instants_[round - 1];
    if (first != std::numeric_limits<double>::max()) return;
    first = now_seconds();
    if (round == 2) cpu_begin_ = cpu_seconds_of(coordinator_);
    if (round == instants_.size()) cpu_end_ = cpu_seconds_of(coordinator_);
  }
  void traffic(const net::Traffic& from, const net::Traffic& to) {
    bytes_down_ += static_cast<double>(to.bytes_in - from.bytes_in);
    bytes_up_ += static_cast<double>(to.bytes_out - from.bytes_out);
  }
  std::size_t last() const { return instants_.size(); }
  // Instants, CPU time, bytes down and up.
  std::vector<double> numbers() const {
    std::vector<double> all = instants_;
    all.insert(all.end(), {cpu_end_ - cpu_begin_, bytes_down_, bytes_up_});
    return all;
  }

 private:
  pid_t coordinator_;
  std::vector<double> instants_;
  double cpu_begin_ = 0, cpu_end_ = 0;
  double bytes_down_ = 0, bytes_up_ = 0;
};

class Participant {
 public:
  Participant(net::Runtime& runtime, const net::Bundle& bundle, const ReadyUpdate& update, Notebook& notebook)
      : runtime_(runtime), bundle_(bundle), update_(update), notebook_(notebook) {}

  asio::awaitable<void> run() {
    try {
      co_await converse();
    } catch (const std::exception& e) {
      failure = e.what();
    }
  }
  std::string failure;

 private:
  TimePoint patience() const { return runtime_.clock().now() + kSilence; }

  asio::awaitable<void> converse() {
    auto credentials =
        net::Credentials::from_pem(bundle_.key, bundle_.certificate, bundle_.authority, bundle_.name, runtime_.clock());
    channel_ = co_await net::connect(runtime_, bundle_.host, bundle_.port, std::move(credentials), bundle_.coordinator,
                                     {}, runtime_.clock().now() + kConnectWithin);
    wire::Hello hello;
    hello.software = "tributary-bench-transport";
    hello.encodings = codec::supported_update_encodings();
    co_await say(std::move(hello));
    while (!over_) {
      const auto payload = co_await channel_->receive(patience());
      if (!payload) fail(Error::Kind::Disconnected, "the coordinator closed the line");
      if (const auto data = wire::view_data(*payload)) {
        missing_ -= std::min<std::uint64_t>(missing_, data->bytes.size());
        if (missing_ == 0) co_await answer();
      } else {
        co_await heed(wire::from_payload(*payload));
      }
    }
    notebook_.traffic(warm_.value_or(net::Traffic{}), channel_->traffic());
    channel_->close();
  }

  asio::awaitable<void> heed(wire::Message message) {
    if (const auto* offer = std::get_if<wire::Offer>(&message)) {
      notebook_.instant(offer->round);
      if (offer->round == 2) warm_ = channel_->traffic();
      round_ = offer->round;
      edge_ = offer->edge;
      missing_ = offer->edge_bytes;
      co_await say(wire::Fetch{offer->edge, 0});
    } else if (const auto* verdict = std::get_if<wire::Verdict>(&message)) {
      if (!verdict->accepted) fail(Error::Kind::Refused, "an update was refused: " + verdict->reason);
    } else if (const auto* ping = std::get_if<wire::Ping>(&message)) {
      co_await say(wire::Pong{ping->number});
    } else if (std::holds_alternative<wire::Goodbye>(message)) {
      notebook_.instant(notebook_.last());
      over_ = true;
    }
  }

  asio::awaitable<void> say(wire::Message message) {
    const Bytes frame = wire::to_frame(message);
    co_await channel_->send(frame, patience());
  }

  asio::awaitable<void> answer() {
    wire::Update announcement = update_.announcement;
    announcement.round = round_;
    announcement.edge = edge_;
    co_await say(std::move(announcement));
    const wire::FramedBlob& blob = *update_.blob;
    std::vector<ByteSpan> parts;
    for (std::size_t i = 0; i < blob.chunks(); ++i) {
      for (const ByteSpan part : blob.frame(i)) parts.push_back(part);
      if ((i + 1) % kChunksPerSend == 0 || i + 1 == blob.chunks()) {
        co_await channel_->send_parts(std::exchange(parts, {}), patience());
      }
    }
  }

  net::Runtime& runtime_;
  const net::Bundle& bundle_;
  const ReadyUpdate& update_;
  Notebook& notebook_;
  std::unique_ptr<net::Channel> channel_;
  std::uint64_t round_ = 0;
  Digest edge_;
  std::uint64_t missing_ = 0;  // of the edge copy
  std::optional<net::Traffic> warm_;
  bool over_ = false;
};

// The life of one process.
std::vector<double> take_part_here(std::span<const net::Bundle> bundles, const ReadyUpdate& update, std::size_t rounds,
                                   pid_t coordinator) {
  log::set_level(log::Level::Error);
  const SystemClock clock;
  const auto runtime = net::make_runtime(clock, 1);
  Notebook notebook(rounds, coordinator);
  std::vector<std::unique_ptr<Participant>> participants;
  net::Gate gate(runtime->io());
  for (const net::Bundle& bundle : bundles) {
    participants.push_back(std::make_unique<Participant>(*runtime, bundle, update, notebook));
    gate.spawn(bundle.name, participants.back()->run());
  }
  runtime->io().run();
  for (const auto& participant : participants) {
    if (!participant->failure.empty()) fail(Error::Kind::Unavailable, participant->failure);
  }
  return notebook.numbers();
}

struct Fork {
  pid_t pid = 0;
  int pipe = -1;
};

template <class Work>
Fork start(Work work) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) fail(Error::Kind::Unavailable, "no pipe for the participants");
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) fail(Error::Kind::Unavailable, "no process for the participants");
  if (pid > 0) {
    ::close(pipe[1]);
    return {pid, pipe[0]};
  }
  int code = 1;
  try {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) ::_exit(1);
    const std::vector<double> numbers = work();
    const std::size_t bytes = numbers.size() * sizeof(double);
    if (::write(pipe[1], numbers.data(), bytes) == static_cast<ssize_t>(bytes)) code = 0;
  } catch (const std::exception& e) {
    std::cerr << "tributary-bench-transport: participants: " << e.what() << std::endl;
  }
  ::_exit(code);
}

std::vector<double> finish(const Fork& fork, std::size_t count) {
  std::vector<double> numbers(count);
  auto* at = reinterpret_cast<char*>(numbers.data());
  std::size_t missing = count * sizeof(double);
  while (missing > 0) {
    const ssize_t got = ::read(fork.pipe, at, missing);
    if (got <= 0) break;
    at += got;
    missing -= static_cast<std::size_t>(got);
  }
  ::close(fork.pipe);
  int status = 0;
  ::waitpid(fork.pid, &status, 0);
  if (missing > 0 || status != 0) fail(Error::Kind::Unavailable, "the participants failed");
  return numbers;
}

}  // namespace

Observed take_part(const std::vector<net::Bundle>& bundles, const ReadyUpdate& update, std::size_t rounds,
                   std::size_t processes, pid_t coordinator) {
  std::vector<Fork> forks;
  for (std::size_t p = 0; p < processes; ++p) {
    const std::size_t begin = bundles.size() * p / processes, end = bundles.size() * (p + 1) / processes;
    const auto mine = std::span(bundles).subspan(begin, end - begin);
    forks.push_back(start([&] { return take_part_here(mine, update, rounds, coordinator); }));
  }
  Observed all;
  all.offered.assign(rounds + 1, std::numeric_limits<double>::max());
  for (const Fork& fork : forks) {
    const std::vector<double> numbers = finish(fork, rounds + 4);
    for (std::size_t i = 0; i <= rounds; ++i) all.offered[i] = std::min(all.offered[i], numbers[i]);
    all.coordinator_cpu_seconds = std::max(all.coordinator_cpu_seconds, numbers[rounds + 1]);
    all.bytes_down += numbers[rounds + 2];
    all.bytes_up += numbers[rounds + 3];
  }
  return all;
}

}  // namespace tributary::bench
