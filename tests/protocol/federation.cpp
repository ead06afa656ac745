#include "federation.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "heap.h"

#include "common/base/error.h"
#include "common/data/dataset.h"
#include "common/model/zoo.h"

namespace tributary::protocol {

namespace {

using Loss = SimulatedDisk::Loss;

constexpr std::uint64_t kNever = ~std::uint64_t{0};
// Calm weather in which every federation comes to its end.
constexpr Duration kPatience = std::chrono::hours(24);
// For so long what happened before the calm may still be found out.
constexpr Duration kAftermath = std::chrono::minutes(30);
// A mishap in the middle of writing strikes within so many operations.
constexpr std::uint64_t kSoon = 40;

// Compiled once: what it keeps changes the time of a training, never its result.
const std::shared_ptr<participant::Workshop>& workshop() {
  static const auto shared = participant::make_workshop();
  return shared;
}

data::View draw_examples(std::uint64_t seed, const std::string& name) {
  RandomStream random(StreamName{seed, "examples", 0, name});
  const std::uint64_t count = 1 + random.below(6);
  std::vector<float> features, labels;
  for (std::uint64_t i = 0; i < count; ++i) {
    labels.push_back(static_cast<float>(random.below(2)));
    for (int j = 0; j < 3; ++j) features.push_back(static_cast<float>(random.normal()));
  }
  return data::whole(data::in_memory({3}, features, labels, 2));
}

// The same examples every round, and in some rounds none.
class Moody final : public participant::ExampleSource {
 public:
  Moody(data::View view, std::uint64_t seed, std::string name, double declines)
      : view_(std::move(view)), seed_(seed), name_(std::move(name)), declines_(declines) {}
  std::uint64_t size() const override { return view_.size(); }
  std::optional<data::View> examples(std::uint64_t round) override {
    RandomStream random(StreamName{seed_, "mood", round, name_});
    if (random.uniform() < declines_) return std::nullopt;
    return view_;
  }

 private:
  data::View view_;
  std::uint64_t seed_;
  std::string name_;
  double declines_;
};

}  // namespace

// ------------------------------------------------------------------------------------------ the coordinator

struct Federation::Coordinator {
  Coordinator(net::SimulatedRuntime& world, Duration most_work, std::uint64_t seed)
      : machine(world, most_work, seed, "coordinator"), gate(world.io()) {}

  Machine machine;
  net::Gate gate;
  std::unique_ptr<coordinator::RecycledFiles> uploads;
  std::unique_ptr<coordinator::store::RunStore> store;
  std::unique_ptr<coordinator::Server> server;  // while it lives
  std::optional<coordinator::Ending> ending;
  std::optional<std::string> failure;
  bool dying = false, told = false;
  Loss loss = Loss::Nothing;  // of the next crash
  TimePoint back_at{};
  std::unique_ptr<net::Runtime::Timer> wake;
  bool complete = false;  // its last round is over
  bool finished = false;  // and that life ended in order
};

class Federation::Watch final : public coordinator::Observer {
 public:
  explicit Watch(Federation& federation) : federation_(federation) {}
  void round_finished(const coordinator::RoundRecord& record) override {
    const SimulatedDisk& disk = federation_.coordinator_->machine.disk();
    if (!disk.crashed()) federation_.oracle_.ended(disk, record);
    if (record.round == federation_.weather_.settings.rounds) federation_.coordinator_->complete = true;
  }

 private:
  Federation& federation_;
};

asio::awaitable<void> Federation::run_server(Coordinator& coordinator) {
  try {
    coordinator.ending = co_await coordinator.server->run();
    if (coordinator.ending->complete) coordinator.store->end_run(coordinator.ending->why);
  } catch (const std::exception& e) {
    coordinator.failure = e.what();
  }
}

void Federation::start_coordinator() {
  Coordinator& it = *coordinator_;
  it.ending.reset();
  it.failure.reset();
  it.dying = it.told = false;
  ++starts_;
  try {
    it.uploads = std::make_unique<coordinator::RecycledFiles>(it.machine.disk(), kStore / "idle");
    it.store =
        std::make_unique<coordinator::store::RunStore>(it.machine.disk(), kStore, weather_.store, it.uploads.get());
    it.server =
        std::make_unique<coordinator::Server>(it.machine, *it.store, weather_.settings, graph_, nullptr, *watch_);
    oracle_.started(it.machine.disk());
    oracle_.note("the coordinator starts");
    // The program refuses to go on with it.
    if (it.store->history().ended) {
      it.complete = it.finished = true;
      it.server.reset();
      return;
    }
    it.gate.spawn("run", run_server(it));
    it.wake = world_.at(now(), [] {});
    return;
  } catch (const SimulatedDisk::Crashed&) {
    oracle_.note("the coordinator's machine dies at its start");
  } catch (const Error& e) {
    oracle_.note(std::string("the coordinator does not start: ") + e.what());
    if (is_long_calm() || e.kind() != Error::Kind::Unavailable)
      oracle_.violated(std::string("the coordinator cannot start again: ") + e.what());
  }
  bury_coordinator();
}

void Federation::coordinator_dies(Loss loss) {
  Coordinator& it = *coordinator_;
  if (!it.server) return;
  oracle_.note("the coordinator dies");
  it.loss = loss;
  it.machine.disk().crash();
  it.dying = true;
  const bool silently = loss != Loss::Nothing && chance(0.5);
  for (const auto& line : live_lines()) line->end_dies(false, silently);
  it.server->stop("its machine is dead");
}

void Federation::tend_coordinator() {
  Coordinator& it = *coordinator_;
  if (it.finished) return;
  if (!it.server) {
    if (now() >= it.back_at) start_coordinator();
    return;
  }
  if (it.machine.disk().crashed() && !it.dying) coordinator_dies(it.loss);
  if (it.ending || it.failure) it.dying = true;
  if (it.failure && !it.machine.disk().crashed() && !std::exchange(it.told, true)) {
    oracle_.note("the coordinator fails: " + *it.failure);
    if (is_long_calm()) oracle_.violated("the coordinator fails without cause: " + *it.failure);
  }
  if (it.dying && it.gate.running() == 0) bury_coordinator();
}

// Nothing of it is left but its disk; it is started again in a while.
void Federation::bury_coordinator() {
  Coordinator& it = *coordinator_;
  it.server.reset();
  it.store.reset();
  it.uploads.reset();
  SimulatedDisk& disk = it.machine.disk();
  const bool crashed = disk.crashed();
  disk.restart(crashed ? it.loss : Loss::Nothing, random_);
  it.loss = Loss::Nothing;
  if (it.ending && it.ending->complete && !crashed && !it.failure) {
    oracle_.finished(disk, model::digest_of(it.ending->global));
    it.finished = true;
    return;
  }
  it.back_at = now() + up_to(weather_.most_down);
  it.wake = world_.at(it.back_at, [] {});
}

// ------------------------------------------------------------------------------------------ participants

struct Federation::Participant {
  Participant(net::SimulatedRuntime& world, Duration most_work, std::uint64_t seed, std::string the_name)
      : name(std::move(the_name)),
        machine(world, most_work, seed, name),
        gate(world.io()),
        examples(draw_examples(seed, name)) {}

  std::string name;
  Machine machine;
  net::Gate gate;
  data::View examples;
  std::unique_ptr<participant::Agent> agent;  // while it lives
  std::optional<participant::AgentEnd> end;
  std::uint64_t life = 0;
  bool dying = false, stopping = false;
  Loss loss = Loss::Nothing;
  TimePoint back_at{};
  std::unique_ptr<net::Runtime::Timer> wake;
};

asio::awaitable<void> Federation::run_agent(Participant& participant) {
  participant.end = co_await participant.agent->run();
}

void Federation::start_participant(Participant& it) {
  it.end.reset();
  it.dying = it.stopping = false;
  const std::uint64_t life = ++it.life;
  participant::AgentOptions options;
  options.name = it.name;
  options.retry_seconds = 0.5;
  options.max_retry_seconds = 10;
  options.state = "state";
  options.workshop = workshop();
  options.simulated_examples_per_second = weather_.examples_per_second;
  it.agent = std::make_unique<participant::Agent>(
      it.machine, it.machine.disk(), [this, &it, life] { return connect(it, life); },
      std::make_unique<Moody>(it.examples, seed_, it.name, weather_.declines), options);
  it.gate.spawn("agent", run_agent(it));
  it.wake = world_.at(now(), [] {});
}

asio::awaitable<std::unique_ptr<net::Channel>> Federation::connect(Participant& it, std::uint64_t life) {
  co_await world_.sleep_until(now() + 2 * weather_.latency);
  const bool gone = it.life != life || it.dying || it.machine.disk().crashed();
  const bool nobody = !coordinator_->server || coordinator_->dying || coordinator_->machine.disk().crashed();
  const bool refused = storm_ && (now() < refused_until_ || chance(weather_.refused));
  if (gone || nobody || refused) fail(Error::Kind::Disconnected, "there is no way to the coordinator");
  const LineHabits habits{weather_.latency, weather_.jitter, weather_.chunk_bytes, weather_.window_bytes};
  const auto line =
      std::make_shared<Line>(next_line_++, it.name, it.machine, coordinator_->machine, habits, seed_, oracle_);
  lines_.push_back(line);
  if (storm_ && chance(weather_.cut_lines)) {
    const std::uint64_t frames = 1 + random_.below(weather_.frames_before_cut);
    const Line::Cut how = draw_cut();
    line->cut_after(frames, how, weather_.most_late);
  }
  auto [mine, theirs] = line->ends();
  coordinator_->gate.spawn("session", coordinator_->server->serve(std::move(theirs)));
  co_return std::move(mine);
}

void Federation::participant_dies(Participant& it, Loss loss) {
  if (!it.agent) return;
  oracle_.note(it.name + " dies");
  it.loss = loss;
  it.machine.disk().crash();
  it.dying = true;
  const bool silently = loss != Loss::Nothing && chance(0.5);
  for (const auto& line : live_lines()) {
    if (line->participant() == it.name) line->end_dies(true, silently);
  }
  it.agent->stop();
}

void Federation::tend_participant(Participant& it) {
  if (!it.agent) {
    if (!coordinator_->complete && now() >= it.back_at) start_participant(it);
    return;
  }
  if (it.machine.disk().crashed() && !it.dying) participant_dies(it, it.loss);
  if (it.end && !it.dying) {
    it.dying = true;
    oracle_.note(it.name + " ends: " + it.end->reason);
    if (it.end->orderly && !it.stopping && !coordinator_->complete)
      oracle_.violated(it.name + " has left for good while the run goes on: " + it.end->reason);
    if (!it.end->orderly && (is_long_calm() || it.end->reason.find("damaged") != std::string::npos))
      oracle_.violated(it.name + " cannot go on: " + it.end->reason);
  }
  if (it.dying && it.gate.running() == 0) bury_participant(it);
}

void Federation::bury_participant(Participant& it) {
  it.agent.reset();
  SimulatedDisk& disk = it.machine.disk();
  disk.restart(disk.crashed() ? it.loss : Loss::Nothing, random_);
  it.loss = Loss::Nothing;
  it.back_at = now() + up_to(weather_.most_down);
  it.wake = world_.at(it.back_at, [] {});
}

// ------------------------------------------------------------------------------------------ the storm

void Federation::plan_mishap() {
  if (mishaps_left_ == 0) return calm();
  --mishaps_left_;
  // Exponential, so that mishaps also come close together.
  const double wait = -std::log(1 - random_.uniform()) * seconds(weather_.between);
  next_mishap_ = world_.at(now() + from_seconds(wait), [this] {
    happen(draw_mishap());
    plan_mishap();
  });
}

Mishap Federation::draw_mishap() {
  double all = 0;
  for (const double each : weather_.mishaps) all += each;
  double at = random_.uniform() * all;
  for (std::size_t i = 0; i < kMishaps; ++i) {
    at -= weather_.mishaps[i];
    if (at < 0) return static_cast<Mishap>(i);
  }
  return Mishap::LineCut;
}

void Federation::happen(Mishap mishap) {
  Machine& machine = coordinator_->machine;
  SimulatedDisk& disk = machine.disk();
  Participant& one = anyone();
  SimulatedDisk& ones = one.machine.disk();
  oracle_.note("mishap " + std::to_string(static_cast<int>(mishap)));
  switch (mishap) {
    case Mishap::CoordinatorKilled:
      return coordinator_dies(Loss::Nothing);
    case Mishap::CoordinatorPowerCut:
      return coordinator_dies(draw_loss());
    case Mishap::CoordinatorDiesAtOperation:
      coordinator_->loss = chance(0.3) ? Loss::Nothing : draw_loss();
      return disk.crash_at(disk.operations() + random_.below(kSoon));
    case Mishap::CoordinatorStopped:
      if (coordinator_->server) coordinator_->server->stop("interrupted", 1);
      return;
    case Mishap::CoordinatorDiskError:
      return disk.fail_at(disk.operations() + random_.below(kSoon));
    case Mishap::CoordinatorDiskFull:
      return disk.fail_from(disk.operations() + random_.below(kSoon));
    case Mishap::CoordinatorClockJumps:
      machine.set_date(1'600'000'000 + static_cast<std::int64_t>(random_.below(200'000'000)));
      return machine.jump(up_to(weather_.most_jump));
    case Mishap::ParticipantKilled:
      return participant_dies(one, Loss::Nothing);
    case Mishap::ParticipantPowerCut:
      return participant_dies(one, draw_loss());
    case Mishap::ParticipantDiesAtOperation:
      one.loss = chance(0.3) ? Loss::Nothing : draw_loss();
      return ones.crash_at(ones.operations() + random_.below(8));
    case Mishap::ParticipantStopped:
      one.stopping = true;
      if (one.agent) one.agent->stop();
      return;
    case Mishap::ParticipantDiskError:
      return ones.fail_at(ones.operations() + random_.below(8));
    case Mishap::ParticipantDiskFull:
      return ones.fail_from(ones.operations() + random_.below(8));
    case Mishap::ParticipantClockJumps:
      return one.machine.jump(up_to(weather_.most_jump));
    case Mishap::LineCut: {
      const auto lines = live_lines();
      if (!lines.empty()) lines[random_.below(lines.size())]->cut(draw_cut(), weather_.most_late);
      return;
    }
    case Mishap::ConnectionsRefused:
      refused_until_ = now() + up_to(weather_.most_down);
      return;
  }
}

void Federation::calm() {
  oracle_.note("calm");
  storm_ = false;
  const auto heal = [](SimulatedDisk& disk) {
    disk.fail_at(kNever);
    disk.fail_from(kNever);
    disk.crash_at(kNever);
  };
  heal(coordinator_->machine.disk());
  for (const auto& participant : participants_) heal(participant->machine.disk());
  for (const auto& line : live_lines()) line->cut_after(kNever, Line::Cut::Reset, {});
  limit_ = now() + kPatience;
}

// What the storm began has come to its end.
bool Federation::is_long_calm() const {
  return !storm_ && now() > limit_ - kPatience + kAftermath;
}

// What the first participant says when it does not keep to the protocol.
std::vector<wire::Message> Federation::mischief(const std::string& participant, wire::Message message) {
  std::vector<wire::Message> said;
  said.push_back(std::move(message));
  if (participant != weather_.names.front() || weather_.mischief == 0) return said;
  if (std::holds_alternative<wire::Update>(said[0])) replay_.clear();
  if (std::holds_alternative<wire::Update>(said[0]) || std::holds_alternative<wire::Data>(said[0]))
    replay_.push_back(said[0]);
  if (!storm_ || !chance(weather_.mischief)) return said;
  if (auto* update = std::get_if<wire::Update>(said.data())) {
    switch (random_.below(6)) {
      case 0:
        update->examples = 0;
        break;
      case 1:
        update->examples = std::uint64_t{1} << 60;
        break;
      case 2:
        update->round += 1;
        break;
      case 3:
        update->round -= 1;
        break;
      case 4:
        update->checksum.bytes[3] ^= std::byte{4};
        break;
      case 5:
        update->blob_bytes += 1;
        break;
    }
  } else if (auto* data = std::get_if<wire::Data>(said.data())) {
    if (chance(0.5))
      data->bytes[random_.below(data->bytes.size())] ^= std::byte{16};
    else
      data->offset += 1;
  } else if (std::holds_alternative<wire::Hello>(said[0])) {
    said.insert(said.end(), replay_.begin(), replay_.end());
  } else if (chance(0.5)) {
    said.push_back(said[0]);
  } else {
    said.clear();
  }
  return said;
}

Line::Cut Federation::draw_cut() {
  if (!chance(weather_.half_cuts)) return Line::Cut::Reset;
  constexpr Line::Cut kHalf[] = {Line::Cut::ParticipantOnly, Line::Cut::CoordinatorOnly, Line::Cut::Silent};
  return kHalf[random_.below(3)];
}

Loss Federation::draw_loss() {
  return chance(weather_.torn) ? Loss::Torn : Loss::Everything;
}

std::vector<std::shared_ptr<Line>> Federation::live_lines() {
  std::erase_if(lines_, [](const auto& line) { return line.expired(); });
  std::vector<std::shared_ptr<Line>> live;
  for (const auto& line : lines_) live.push_back(line.lock());
  return live;
}

Federation::Participant& Federation::anyone() {
  return *participants_[random_.below(participants_.size())];
}

Duration Federation::up_to(Duration most) {
  return Duration(static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(most.count()) + 1)));
}

// ------------------------------------------------------------------------------------------ all of it

Federation::Federation(std::uint64_t seed, const Weather& weather, Sabotage sabotage, bool tells)
    : weather_(weather),
      seed_(seed),
      random_(seed, "federation"),
      graph_(model::make_zoo_model(weather_.settings.model, weather_.settings.seed)),
      oracle_(graph_, weather_.settings, clock_, tells),
      watch_(std::make_unique<Watch>(*this)),
      coordinator_(std::make_unique<Coordinator>(world_, weather_.most_work, seed)),
      mishaps_left_(weather_.storm) {
  oracle_.set_mischief(
      [this](const std::string& who, wire::Message message) { return mischief(who, std::move(message)); });
  if (sabotage == Sabotage::LyingDisk) coordinator_->machine.disk().lie_about_syncs();
  for (const std::string& name : weather_.names) {
    participants_.push_back(std::make_unique<Participant>(world_, weather_.most_work, seed, name));
  }
  for (const auto& each : participants_) {
    const bool is_honest = weather_.mischief == 0 || each != participants_.front();
    if (is_honest) oracle_.watch(each->name, each->examples);
  }
}

Federation::~Federation() = default;

// Between any two things that happen. Returns whether it is over.
bool Federation::tend() {
  tend_coordinator();
  for (const auto& each : participants_) tend_participant(*each);
  if (coordinator_->finished) {
    for (const auto& each : participants_) {
      each->stopping = true;
      if (each->agent && !each->dying) each->agent->stop();
    }
  }
  if (now() > limit_) oracle_.violated("the weather is calm, and the federation does not come to its end");
  if (oracle_.violation()) return true;
  const auto is_gone = [](const auto& each) { return !each->agent; };
  return coordinator_->finished && std::all_of(participants_.begin(), participants_.end(), is_gone);
}

Verdict Federation::run() {
  const std::int64_t before = live_bytes();
  begin_peak();
  plan_mishap();
  if (!world_.run_until([this] { return tend(); })) oracle_.violated("nothing can happen any more");
  if (oracle_.violation()) abandon();
  std::size_t leaked = coordinator_->gate.leaked_exceptions();
  for (const auto& each : participants_) leaked += each->gate.leaked_exceptions();
  if (leaked > 0) oracle_.violated("an exception has left a coroutine");
  return {oracle_.violation(), oracle_.fingerprint(), oracle_.counts(), starts_, peak_bytes() - before};
}

// Ends everything that is under way, so that it can be taken down.
void Federation::abandon() {
  next_mishap_.reset();
  coordinator_dies(Loss::Nothing);
  for (const auto& each : participants_) participant_dies(*each, Loss::Nothing);
  const TimePoint patience = now() + std::chrono::hours(1);
  world_.run_until([&] {
    const auto rests = [](const auto& each) { return each->gate.running() == 0; };
    return now() > patience ||
           (coordinator_->gate.running() == 0 && std::all_of(participants_.begin(), participants_.end(), rests));
  });
}

}  // namespace tributary::protocol
