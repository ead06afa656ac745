#include "scripted_federation.h"

#include <algorithm>

#include <gmock/gmock.h>

#include "coordinator/store/inspection.h"

namespace tributary::coordinator {

// ------------------------------------------------------------------------------------------ participants

void ScriptedParticipant::connects() {
  static int serial = 0;
  auto [theirs, ours] = net::loopback(federation_.runtime_, {"coordinator", "01", "here"},
                                      {name_, std::to_string(++serial), name_ + "'s place"});
  line_ = std::make_shared<Line>(federation_.runtime_);
  line_->channel = std::move(ours);
  federation_.gate_.spawn("session", federation_.serve(std::move(theirs)));
  federation_.gate_.spawn("reader", read_line(line_));
  federation_.gate_.spawn("writer", write_line(line_));
}

void ScriptedParticipant::joins() {
  greets({});
}

void ScriptedParticipant::joins_with(const std::vector<Digest>& held) {
  wire::Hello hello;
  hello.held = held;
  hello.differences = true;
  greets(hello);
}

void ScriptedParticipant::greets(const wire::Hello& hello) {
  connects();
  wire::Hello whole = hello;
  whole.software = "a script";
  whole.encodings = codec::supported_update_encodings();
  says(whole);
  EXPECT_EQ(expects<wire::Welcome>().federation, "orchard");
}

void ScriptedParticipant::says(const wire::Message& message) {
  sends_raw(wire::to_frame(message));
}

void ScriptedParticipant::sends_raw(Bytes frame) {
  line_->outgoing.push_back(std::move(frame));
  line_->queued.notify();
  federation_.settle();
}

void ScriptedParticipant::loses_its_line() {
  line_->channel->close();
  federation_.settle();
}

void ScriptedParticipant::expects_goodbye(const std::string& words) {
  const auto goodbye = expects<wire::Goodbye>();
  EXPECT_NE(goodbye.reason.find(words), std::string::npos) << goodbye.reason;
  expects_end_of_line();
}

void ScriptedParticipant::expects_end_of_line() {
  const std::shared_ptr<Line> line = line_;
  const TimePoint limit = federation_.clock_.now() + kPatience;
  federation_.runtime_.run_until([&] { return line->closed || federation_.clock_.now() > limit; });
  EXPECT_TRUE(line->closed) << name_ << "'s line goes on";
  line->resumed.notify();
}

void ScriptedParticipant::expects_silence() {
  federation_.settle();
  if (!line_->inbox.empty()) ADD_FAILURE() << name_ << " was told " << wire::name_of(line_->inbox.front());
  EXPECT_FALSE(line_->closed);
}

Bytes ScriptedParticipant::fetches(const Digest& blob, std::uint64_t bytes, std::uint64_t offset) {
  says(wire::Fetch{blob, offset});
  Bytes got;
  while (got.size() < bytes - offset) {
    const auto data = expects<wire::Data>();
    if (data.bytes.empty()) break;
    EXPECT_EQ(data.offset, offset + got.size());
    got.insert(got.end(), data.bytes.begin(), data.bytes.end());
  }
  return got;
}

void ScriptedParticipant::sends_chunks(const ScriptedUpdate& update, std::size_t from, std::size_t to) {
  constexpr std::size_t kChunk = 100;
  const std::size_t end = std::min(to, update.blob.size());
  for (std::size_t at = from; at < end; at += kChunk) {
    sends_raw(wire::data_frame(at, ByteSpan(update.blob).subspan(at, std::min(kChunk, end - at))));
  }
}

void ScriptedParticipant::uploads(const ScriptedUpdate& update) {
  announces(update);
  sends_chunks(update);
}

// ------------------------------------------------------------------------------------------ the federation

ScriptedFederation::ScriptedFederation() {
  log::set_level(log::Level::Off);
  settings_.federation = "orchard";
  settings_.rounds = 1;
  settings_.update_encoding = "float32";
  settings_.round.quorum = Share::parse("2");
  settings_.round.deadline_seconds = 100;
  settings_.round.return_seconds = 5;
  settings_.workers = 1;
}

namespace {
const Path kStore = "store";
}  // namespace

ScriptedFederation::~ScriptedFederation() {
  if (server_) server_->stop("the test is over");
  const TimePoint limit = clock_.now() + kPatience;
  for (auto& [name, each] : participants_) each.line().reads = true, each.line().resumed.notify();
  runtime_.run_until([&] { return gate_.running() == 0 || clock_.now() > limit; });
  EXPECT_EQ(gate_.running(), 0U) << "something goes on after the end of the run";
  EXPECT_EQ(gate_.leaked_exceptions(), 0U);
  EXPECT_EQ(failure_, "");
  server_.reset();
  if (store_) expect_tidy_spool();
}

void ScriptedFederation::expect_tidy_spool() {
  const store::Inspection it = store::inspect(disk_, kStore);
  EXPECT_THAT(it.damage, testing::IsEmpty());
  for (const std::string& file : disk_.list(store::spool_folder(kStore))) {
    const std::uint64_t round = std::stoull(file);
    if (round > it.history.last_round()) continue;
    const auto accepted = store_->round(round).accepted;
    EXPECT_TRUE(std::any_of(accepted.begin(), accepted.end(), [&](const auto& each) { return each.file == file; }))
        << file << " was left behind";
  }
}

void ScriptedFederation::open() {
  store_ = std::make_unique<store::RunStore>(disk_, kStore, store_options_);
  server_ = std::make_unique<Server>(runtime_, *store_, settings_, graph_, evaluator_, observed_, distiller_);
}

void ScriptedFederation::crashes(SimulatedDisk::Loss loss) {
  disk_.crash_at(disk_.operations());
  for (auto& [name, each] : participants_) each.line().channel->close();
  if (server_) server_->stop("the machine lost power");
  const TimePoint limit = clock_.now() + kPatience;
  runtime_.run_until([&] { return gate_.running() == 0 || clock_.now() > limit; });
  server_.reset();
  store_.reset();
  ending_.reset();
  failure_.clear();
  RandomStream random(1, "crash");
  disk_.restart(loss, random);
}

void ScriptedFederation::start(const std::vector<std::string>& names) {
  open();
  for (const std::string& name : names) participant(name).joins();
  begin_run();
}

void ScriptedFederation::begin_run() {
  gate_.spawn("run", run_server());
  settle();
}

ScriptedParticipant& ScriptedFederation::participant(const std::string& name) {
  return participants_.try_emplace(name, *this, name).first->second;
}

asio::awaitable<void> ScriptedFederation::run_server() {
  try {
    ending_ = co_await server_->run();
  } catch (const std::exception& e) {
    failure_ = e.what();
  }
}

asio::awaitable<void> ScriptedFederation::serve(std::unique_ptr<net::Channel> channel) {
  co_await server_->serve(std::move(channel));
}

ScriptedUpdate ScriptedFederation::update(const std::string& name, const wire::Offer& offer,
                                          std::uint64_t examples) const {
  const auto layout = graph_.layout();
  RandomStream random(StreamName{11, "learnt", offer.round, name});
  std::vector<float> delta(layout->size());
  for (float& value : delta) value = static_cast<float>(random.normal() * 0.1);
  ScriptedUpdate made;
  made.blob = codec::encode_update(*layout, delta, {}, codec::UpdateEncoding::parse(offer.encoding), random);
  made.announcement.round = offer.round;
  made.announcement.edge = offer.edge;
  made.announcement.checksum = checksum(made.blob);
  made.announcement.blob_bytes = made.blob.size();
  made.announcement.encoding = offer.encoding;
  made.announcement.examples = examples;
  made.announcement.train_loss = 1.5;
  made.announcement.train_accuracy = 0.25;
  return made;
}

model::ParameterSet ScriptedFederation::moved(const model::ParameterSet& before,
                                              const std::vector<ScriptedUpdate>& updates) const {
  model::ParameterSet after = before;
  Accumulator sum(before.layout_ptr(), settings_.round.max_examples);
  for (const ScriptedUpdate& each : updates) sum.add(each.blob, each.announcement.examples);
  std::vector<float> mean(after.layout().size());
  sum.mean(mean);
  ServerOptimizer(before.layout_ptr(), settings_.server).apply(after.values(), mean);
  return after;
}

Digest ScriptedFederation::reference(const std::vector<ScriptedUpdate>& updates) const {
  return digest_of(moved(graph_.parameters(), updates));
}

RoundRecord ScriptedFederation::record(std::uint64_t round) {
  const TimePoint limit = clock_.now() + kPatience;
  const auto known = [&] {
    return std::find_if(observed_.records.begin(), observed_.records.end(),
                        [&](const RoundRecord& each) { return each.round == round; });
  };
  runtime_.run_until([&] { return known() != observed_.records.end() || clock_.now() > limit; });
  if (known() != observed_.records.end()) return *known();
  ADD_FAILURE() << "round " << round << " has no record";
  return {};
}

const Ending& ScriptedFederation::ending() {
  const TimePoint limit = clock_.now() + kPatience;
  runtime_.run_until([&] { return ending_.has_value() || clock_.now() > limit; });
  if (!ending_) {
    ADD_FAILURE() << "the run goes on";
    ending_.emplace();
  }
  return *ending_;
}

}  // namespace tributary::coordinator
