// coordinator/store/run_store.h
//
// The durable side of a run: what is written here survives a crash at any instant, and a start reads it back.
//
//   - A round's updates: acknowledged only after add() with them has returned; never lost, never there twice.
//   - The chain of rounds: end_round() publishes; what it said never changes, each names the one before.
//   - The models: a checkpoint now and then; between two the models are made again from the updates, which are kept as
//     long, and compared with the digests of the chain. So a round costs no copy of the model on disk.
//
// It is logs of our own (log.h) and files, and no database: all of it goes through Files, so that a simulated disk
// fails, tears and loses it in one thread with the very same code; one sync covers all that waits; every byte is under
// a checksum, which a database's pages are not; and what it must answer at a start is read in one pass.
//
// Life: construct, which reads what is there; begin() if there was nothing; then rounds: open_round(), add() any number
// of times, end_round(), record_round(). Everything blocks on the disk. One call at a time, but for save_models(),
// which any thread may be in beside the others. Every throw means: stop, nothing more of this object is of use; the
// disk holds what it held, with or without what the call should have added.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/checksum.h"
#include "common/base/files.h"
#include "coordinator/store/contents.h"
#include "coordinator/store/log.h"
#include "coordinator/store/model_state.h"

namespace tributary::coordinator::store {

struct StoreOptions {
  // Buffered: nothing waits for the disk. What was acknowledged then survives the end of the process, not that of the
  // machine. For simulations and measurements.
  Durability durability = Durability::Synced;
  // Ended rounds of which updates and logs are kept; those that the last checkpoint does not cover are, in any case.
  std::uint64_t keep_rounds = 1;
  // Rounds at most from one saving of the models to the next; what a start makes again of their updates.
  std::uint64_t checkpoint_rounds = 16;
  // Updates of so many bytes at most go into the round's log, so that many share one sync; larger ones are files of
  // their own.
  std::uint64_t small_update_bytes = 64U << 10;
  // What the run is begun with, for begin(): key, value.
  std::vector<std::pair<std::string, std::string>> configuration;
};

// An edge copy to keep with the models.
struct EdgeBlob {
  Digest digest;
  std::shared_ptr<const Bytes> bytes;
};

class RunStore {
 public:
  // Makes the folders where they are missing. `uploads`: the same disk for large files that come and go, those of the
  // spool and saved models, where they shall be made in another way (recycled_files.h). Both must outlive the store.
  // Throws Corrupt, naming what is damaged, and Unavailable.
  RunStore(Files& files, Path folder, StoreOptions options, Files* uploads = nullptr);

  // What was there at the start; as it was then.
  const History& history() const { return history_; }
  const std::optional<RoundContents>& unfinished() const { return unfinished_; }
  const StoreOptions& options() const { return options_; }
  Files& files() const { return files_; }
  // For files in spool().
  Files& uploads() const { return uploads_; }
  Path spool() const { return spool_folder(folder_); }

  // REQUIRES: !history().run.
  void begin(const RunBegun& run);
  const std::string& run() const { return run_; }

  void open_round(const RoundOpened& round);
  // To the open round. The updates' files are made durable, then the entries, all with one sync.
  void add(const std::vector<UpdateAccepted>& updates, const std::vector<FateSettled>& fates);
  // `previous` is filled in. From now on the round is past.
  void end_round(RoundEnded ended);
  // Once for each round that ended, before the next one ends.
  void record_round(const RoundRecorded& recorded);
  // Nothing is left to do, nor of what the run leaves for people.
  void end_run(const std::string& why);

  // Checksums of the updates that were counted, of the rounds of which there is a log: by round and participant.
  using Counted = std::map<std::uint64_t, std::map<std::string, Checksum>>;
  const Counted& counted() const { return counted_; }
  // Of a past round whose log is kept. Throws Corrupt when it is not there or its updates are damaged.
  RoundContents round(std::uint64_t number) const;

  // Whether the models should be saved now: the rounds since the last time would take long to make again.
  bool wants_models(std::uint64_t state_bytes) const;
  // Returns when it is durable. The round stays as it is meanwhile. Any thread.
  void save_models(const ModelStateView& state, const std::vector<EdgeBlob>& edges) const;
  // save_models() has returned for the models of `round`: what they cover goes, as options().keep_rounds says.
  void models_saved(const ModelStateView& state);
  // Removes the updates and logs that need not be kept.
  void prune();

  // Throws Corrupt unless the update's file is there and what it was.
  void check_update(const UpdateAccepted& accepted) const { check_update_file(files_, folder_, accepted); }
  // The models saved last.
  std::optional<ModelState> models() const;
  Bytes edge(const Digest& digest) const { return read_blob(files_, folder_, digest); }

 private:
  void read();
  void read_unfinished();
  void put_small_updates_back();
  void sync_folder(const Path& folder) const;
  Path make_folder(const Path& folder) const;
  void note(std::uint64_t round, const UpdateAccepted& accepted);
  std::uint64_t last_covered() const;
  void keep_only(const Path& folder, const std::function<bool(const std::string& name)>& keep);

  Files& files_;
  Files& uploads_;
  Path folder_;
  StoreOptions options_;
  History history_;
  std::optional<RoundContents> unfinished_;

  std::string run_;
  std::optional<Log> chain_, round_log_;
  std::uint64_t last_ended_ = 0, last_published_ = 0;
  std::uint64_t open_ = 0;  // round, 0 = none
  Digest link_;             // of the round that ended last
  std::optional<std::uint64_t> state_round_;
  std::set<Digest> saved_edges_;                         // by this object, with the models saved last
  std::map<std::uint64_t, std::uint64_t> update_bytes_;  // by round
  Counted counted_;
};

}  // namespace tributary::coordinator::store
