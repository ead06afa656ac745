#include "coordinator/store/inspection.h"

#include <algorithm>
#include <set>

#include "common/base/error.h"
#include "coordinator/store/log.h"
#include "coordinator/store/model_state.h"

namespace tributary::coordinator::store {

namespace {

class Inspector {
 public:
  Inspector(const Files& files, const Path& store, Inspection& result)
      : files_(files), store_(store), result_(result) {}

  void run() {
    attempt([&] { history(); });
    const auto logs = rounds_with_log(files_, store_);
    attempt([&] { check_round_logs(result_.history, logs, store_); });
    for (const std::uint64_t number : rounds_with_state(files_, store_)) {
      attempt([&] { state(number); });
      covered_ = number;
    }
    for (const std::uint64_t number : logs) attempt([&] { round(number); });
    for (const PastRound& past : result_.history.rounds) {
      if (is_needed(past) && !std::binary_search(logs.begin(), logs.end(), past.ended.round))
        damage(round_file(store_, past.ended.round).string() + ": missing; the models of that round cannot be made");
    }
    blobs();
  }

 private:
  // The models are made again from its updates.
  bool is_needed(const PastRound& past) const { return past.ended.published && past.ended.round > covered_; }
  void damage(const std::string& what) { result_.damage.push_back(what); }
  void count(const Path& file) {
    ++result_.files_checked;
    result_.bytes_checked += files_.map(file)->bytes().size();
  }
  template <class Act>
  void attempt(Act&& act) {
    try {
      act();
    } catch (const Error& e) {
      damage(e.what());
    }
  }

  void history() {
    const Path file = history_file(store_);
    std::string note;
    if (!Log::read(
            files_, file, [&](ByteSpan entry) { take(result_.history, entry, file.string()); }, note)) {
      if (files_.exists(file)) note = file.string() + ": the run never began";
    }
    if (!note.empty()) result_.notes.push_back(note);
    if (files_.exists(file)) count(file);
  }

  void state(std::uint64_t number) {
    const Path file = state_file(store_, number);
    count(file);
    const ModelState state = read_state(files_, file);
    if (state.round != number) damage(file.string() + ": holds the models of another round");
    if (number > result_.history.last_published())
      damage(history_file(store_).string() + ": ends before round " + std::to_string(number) +
             ", of which the models are there");
    for (const Digest& edge : state.edges) attempt([&] { (void)read_blob(files_, store_, edge); });
  }

  void round(std::uint64_t number) {
    const Path file = round_file(store_, number);
    std::optional<RoundContents> contents;
    std::string note;
    Log::read(
        files_, file, [&](ByteSpan entry) { take(contents, entry, file.string()); }, note);
    if (!note.empty()) result_.notes.push_back(note);
    count(file);
    const bool is_past = number > 0 && number <= result_.history.last_round();
    if (!contents) {
      if (number <= result_.history.begun) damage(file.string() + ": empty, but the round was opened");
      return;
    }
    if (contents->opened.round != number) damage(file.string() + ": the log of another round");
    const bool may_be_gone = is_past && !is_needed(result_.history.rounds.at(number - 1));
    for (const UpdateAccepted& each : contents->accepted) attempt([&] { update(each, may_be_gone); });
    if (!is_past) result_.unfinished = std::move(contents);
  }

  // A small one is in the log.
  void update(const UpdateAccepted& accepted, bool may_be_gone) {
    const Path file = spool_folder(store_) / accepted.file;
    ++result_.updates_checked;
    if (!accepted.bytes.empty()) {
      if (checksum(accepted.bytes) != accepted.announced.checksum)
        damage(file.string() + ": the copy in the round's log is damaged");
      return;
    }
    if (may_be_gone) return note_update(accepted, file);
    check_update_file(files_, store_, accepted);
    count(file);
  }

  // One that nothing needs any more: a crash may have left its name with the bytes of a file that came after it.
  void note_update(const UpdateAccepted& accepted, const Path& file) {
    if (!files_.exists(file)) return;
    try {
      check_update_file(files_, store_, accepted);
    } catch (const Error& e) {
      result_.notes.push_back(std::string(e.what()) + ", and not needed any more");
    }
    count(file);
  }

  void blobs() {
    const Path folder = store_ / "blobs";
    if (!files_.exists(folder)) return;
    for (const std::string& name : files_.list(folder)) {
      if (name.size() != 64) continue;
      attempt([&] { (void)read_blob(files_, store_, Digest::from_hex(name)); });
      count(folder / name);
    }
  }

  const Files& files_;
  const Path& store_;
  Inspection& result_;
  std::uint64_t covered_ = 0;  // round of the models saved
};

}  // namespace

Inspection inspect(const Files& files, const Path& store) {
  if (!files.exists(history_file(store)) && !files.exists(store / "rounds"))
    fail(Error::Kind::Unavailable, store.string() + ": there is no store of a run; name the folder given with --out");
  Inspection result;
  Inspector(files, store, result).run();
  std::sort(result.damage.begin(), result.damage.end());
  result.damage.erase(std::unique(result.damage.begin(), result.damage.end()), result.damage.end());
  return result;
}

}  // namespace tributary::coordinator::store
