#include "coordinator/store/run_store.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/text.h"

namespace tributary::coordinator::store {

namespace {

// The models are saved when making them anew would read this much for each of their bytes, but not for little.
constexpr std::uint64_t kUpdateBytesPerModelByte = 4;
constexpr std::uint64_t kLittleBytes = 64U << 20;

constexpr const char* kFolders[] = {"rounds", "spool", "states", "blobs"};

// Files of the spool begin with their round.
std::optional<std::uint64_t> round_of(const std::string& file) {
  const auto number = parse_int(std::string_view(file).substr(0, file.find('.')));
  if (!number || *number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

}  // namespace

RunStore::RunStore(Files& files, Path folder, StoreOptions options, Files* uploads)
    : files_(files),
      uploads_(uploads != nullptr ? *uploads : files),
      folder_(std::move(folder)),
      options_(std::move(options)) {
  for (const char* each : kFolders) make_folder(folder_ / each);
  read();
}

Path RunStore::make_folder(const Path& folder) const {
  if (files_.exists(folder)) return folder;
  files_.make_directories(folder);
  sync_folder(folder.parent_path());
  return folder;
}

void RunStore::sync_folder(const Path& folder) const {
  if (options_.durability == Durability::Synced) files_.sync_directory(folder);
}

// ------------------------------------------------------------------------------------------ what is there

void RunStore::read() {
  const Path file = history_file(folder_);
  const std::string source = file.string();
  chain_ = Log::open(files_, file, options_.durability, [&](ByteSpan entry) { take(history_, entry, source); });
  const auto logs = rounds_with_log(files_, folder_);
  const auto states = rounds_with_state(files_, folder_);
  if (!chain_) {
    if (!logs.empty() || !states.empty())
      fail(Error::Kind::Corrupt, source + ": missing or empty, but there are rounds; restore it from a copy");
    return;
  }
  if (!history_.run) fail(Error::Kind::Corrupt, source + ": does not say which run it is of");
  run_ = history_.run->run;
  last_ended_ = history_.last_round();
  last_published_ = history_.last_published();
  link_ = history_.chain();
  if (!states.empty()) {
    if (states.back() > history_.last_published())
      fail(Error::Kind::Corrupt, source + ": ends with round " + std::to_string(last_ended_) +
                                     ", but the models of round " + std::to_string(states.back()) + " are there");
    // As durable as what is removed because of it: the process that wrote it may have failed before its entry was.
    sync_folder(states_folder(folder_));
    state_round_ = states.back();
  }
  check_round_logs(history_, logs, folder_);
  for (const std::uint64_t number : logs) {
    if (number > last_ended_) continue;
    for (const UpdateAccepted& each : round(number).accepted) note(number, each);
  }
  read_unfinished();
}

void RunStore::read_unfinished() {
  const std::uint64_t number = last_ended_ + 1;
  const Path file = round_file(folder_, number);
  const std::string source = file.string();
  round_log_ = Log::open(files_, file, options_.durability, [&](ByteSpan entry) { take(unfinished_, entry, source); });
  if (!unfinished_) {
    if (history_.begun == number) fail(Error::Kind::Corrupt, source + ": empty, but the round was opened");
    return;
  }
  if (history_.begun != number && !history_.ended) {
    // The crash came between the log and the word of it.
    chain_->append({to_entry(RoundBegun{number})});
    history_.begun = number;
  }
  if (history_.ended) fail(Error::Kind::Corrupt, source + ": a round after the end of the run");
  if (unfinished_->opened.round != number) fail(Error::Kind::Corrupt, source + ": the log of another round");
  open_ = number;
  for (const UpdateAccepted& each : unfinished_->accepted) note(number, each);
  put_small_updates_back();
  for (const UpdateAccepted& each : unfinished_->accepted) check_update_file(files_, folder_, each);
}

// Those that the log holds need not have been durable as files.
void RunStore::put_small_updates_back() {
  for (UpdateAccepted& each : unfinished_->accepted) {
    if (each.bytes.empty()) continue;
    uploads_.create(spool() / each.file)->write_at(0, each.bytes);
    each.bytes = Bytes();
  }
}

void RunStore::note(std::uint64_t round, const UpdateAccepted& accepted) {
  counted_[round][accepted.participant] = accepted.announced.checksum;
  update_bytes_[round] += accepted.announced.blob_bytes;
}

RoundContents RunStore::round(std::uint64_t number) const {
  const Path file = round_file(folder_, number);
  std::optional<RoundContents> contents;
  std::string ignored;
  Log::read(
      files_, file, [&](ByteSpan entry) { take(contents, entry, file.string()); }, ignored);
  if (!contents) fail(Error::Kind::Corrupt, file.string() + ": missing");
  if (contents->opened.round != number) fail(Error::Kind::Corrupt, file.string() + ": the log of another round");
  return std::move(*contents);
}

std::optional<ModelState> RunStore::models() const {
  if (!state_round_) return std::nullopt;
  ModelState state = read_state(files_, state_file(folder_, *state_round_));
  if (state.round != *state_round_)
    fail(Error::Kind::Corrupt, state_file(folder_, *state_round_).string() + ": holds the models of another round");
  return state;
}

// ------------------------------------------------------------------------------------------ what happens

void RunStore::begin(const RunBegun& run) {
  TRIBUTARY_CHECK(!chain_);
  RunBegun whole = run;
  whole.configuration = options_.configuration;
  chain_ = Log::create(files_, history_file(folder_), options_.durability, {to_entry(whole)});
  run_ = run.run;
}

void RunStore::open_round(const RoundOpened& round) {
  TRIBUTARY_CHECK(chain_ && open_ == 0 && round.round == last_ended_ + 1);
  round_log_ = Log::create(files_, round_file(folder_, round.round), options_.durability, {to_entry(round)});
  chain_->append({to_entry(RoundBegun{round.round})});
  open_ = round.round;
}

void RunStore::add(const std::vector<UpdateAccepted>& updates, const std::vector<FateSettled>& fates) {
  TRIBUTARY_CHECK(open_ != 0);
  bool made_files = false;
  std::vector<Bytes> entries;
  for (const UpdateAccepted& each : updates) {
    entries.push_back(to_entry(each));
    if (!each.bytes.empty()) continue;
    made_files = true;
    if (options_.durability == Durability::Synced) uploads_.open(spool() / each.file)->sync();
  }
  for (const FateSettled& each : fates) entries.push_back(to_entry(each));
  if (made_files) sync_folder(spool());
  round_log_->append(entries);
  for (const UpdateAccepted& each : updates) note(open_, each);
}

void RunStore::end_round(RoundEnded ended) {
  TRIBUTARY_CHECK(open_ != 0 && ended.round == open_);
  ended.previous = link_;
  chain_->append({to_entry(ended)});
  link_ = chain_of(ended);
  last_ended_ = ended.round;
  if (ended.published) last_published_ = ended.round;
  open_ = 0;
  round_log_.reset();
  prune();
}

void RunStore::record_round(const RoundRecorded& recorded) {
  TRIBUTARY_CHECK(recorded.round == last_ended_);
  chain_->append({to_entry(recorded)});
}

void RunStore::end_run(const std::string& why) {
  chain_->append({to_entry(RunEnded{why})});
}

// ------------------------------------------------------------------------------------------ models

bool RunStore::wants_models(std::uint64_t state_bytes) const {
  const std::uint64_t covered = state_round_.value_or(0);
  if (last_published_ <= covered) return false;
  if (last_published_ >= covered + options_.checkpoint_rounds) return true;
  std::uint64_t bytes = 0;
  for (const auto& [round, counted] : update_bytes_) bytes += round > covered ? counted : 0;
  return bytes >= std::max(kUpdateBytesPerModelByte * state_bytes, kLittleBytes);
}

void RunStore::save_models(const ModelStateView& state, const std::vector<EdgeBlob>& edges) const {
  for (const EdgeBlob& edge : edges) {
    const Path path = blob_file(folder_, edge.digest);
    if (saved_edges_.contains(edge.digest)) continue;
    write_atomically(uploads_, path, *edge.bytes, options_.durability);
  }
  sync_folder(folder_ / "blobs");
  write_state(uploads_, state_file(folder_, state.round), state, options_.durability);
}

void RunStore::models_saved(const ModelStateView& state) {
  state_round_ = state.round;
  saved_edges_ = {state.edges.begin(), state.edges.end()};
  std::set<std::string> blobs;
  for (const Digest& edge : state.edges) blobs.insert(edge.hex());
  // The states first: none outlives its edge copies.
  keep_only(states_folder(folder_), [&](const std::string& name) { return name == std::to_string(state.round); });
  keep_only(folder_ / "blobs", [&](const std::string& name) { return blobs.contains(name); });
  prune();
}

// The rest may be written over by what is saved next, so that its names must not come back after a crash.
void RunStore::keep_only(const Path& folder, const std::function<bool(const std::string& name)>& keep) {
  for (const std::string& name : files_.list(folder)) {
    if (!keep(name)) uploads_.remove(folder / name);
  }
  sync_folder(folder);  // also for what a killed process has removed
}

// The last round that nothing needs to be made again of.
std::uint64_t RunStore::last_covered() const {
  const std::uint64_t state = state_round_.value_or(0);
  return last_published_ <= state ? last_ended_ : state;
}

void RunStore::prune() {
  const auto before = [&](std::uint64_t rounds) { return last_ended_ > rounds ? last_ended_ - rounds : 0; };
  const std::uint64_t updates = std::min(last_covered(), before(options_.keep_rounds));
  for (const std::string& name : files_.list(spool())) {
    const auto round = round_of(name);
    if (round && *round <= updates) uploads_.remove(spool() / name);
  }
  // The last log stays, so that whoever missed its verdict can be told.
  const std::uint64_t logs = std::min(last_covered(), before(std::max<std::uint64_t>(options_.keep_rounds, 1)));
  for (const std::uint64_t round : rounds_with_log(files_, folder_)) {
    if (round > logs) break;
    files_.remove(round_file(folder_, round));
    counted_.erase(round);
    update_bytes_.erase(round);
  }
}

}  // namespace tributary::coordinator::store
