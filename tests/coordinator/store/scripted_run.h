// tests/coordinator/store/scripted_run.h
//
// A run as the store sees it, without models: rounds of updates that are only bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/simulated_disk.h"
#include "coordinator/store/run_store.h"

namespace tributary::coordinator::store {

class ScriptedRun {
 public:
  explicit ScriptedRun(SimulatedDisk& disk, std::uint64_t keep_rounds = 1) : disk_(disk) {
    options_.keep_rounds = keep_rounds;
    options_.configuration = {{"seed", "1"}, {"rounds", "5"}};
  }

  RunStore& open() {
    store_.reset();
    store_ = std::make_unique<RunStore>(disk_, "store", options_);
    return *store_;
  }
  RunStore& store() { return *store_; }
  void close() { store_.reset(); }

  void begin() {
    RunBegun run;
    run.run = "0123456789abcdef0123456789abcdef";
    run.federation = "orchard";
    run.unix_seconds = 1'700'000'000;
    run.skeleton = sha256(as_bytes("skeleton"));
    run.model = sha256(as_bytes("model 0"));
    store().begin(run);
  }

  void open_round(std::uint64_t round) {
    RoundOpened opened;
    opened.round = round;
    opened.goal = 2;
    opened.quorum = 1;
    opened.selected = {"alice", "bob", "carol"};
    opened.edge = sha256(as_bytes("edge"));
    store().open_round(opened);
  }

  // Bytes that depend on who and when; large ones go into a file of their own.
  static Bytes update(const std::string& participant, std::uint64_t round, bool small) {
    const std::string piece = participant + std::to_string(round) + ";";
    std::string text = piece;
    while (!small && text.size() <= StoreOptions().small_update_bytes) text += piece;
    return to_bytes(text);
  }
  UpdateAccepted accepted(const std::string& participant, std::uint64_t round, bool small) {
    const Bytes bytes = update(participant, round, small);
    UpdateAccepted accepted;
    accepted.participant = participant;
    accepted.announced.round = round;
    accepted.announced.checksum = checksum(bytes);
    accepted.announced.blob_bytes = bytes.size();
    accepted.announced.encoding = "int8";
    accepted.announced.examples = 10;
    accepted.file = std::to_string(round) + "." + participant + "." + accepted.announced.checksum.hex() + ".1";
    if (small) accepted.bytes = bytes;
    disk_.create(store().spool() / accepted.file)->write_at(0, bytes);
    return accepted;
  }
  void add(const std::string& participant, std::uint64_t round, bool small) {
    store().add({accepted(participant, round, small)}, {});
  }

  static RoundEnded ended(std::uint64_t round) {
    RoundEnded ended;
    ended.round = round;
    ended.published = true;
    ended.model = sha256(as_bytes("model " + std::to_string(round)));
    ended.edge = sha256(as_bytes("edge"));
    ended.record = R"({"round":)" + std::to_string(round) + "}";
    return ended;
  }
  void whole_round(std::uint64_t round) {
    open_round(round);
    add("alice", round, true);
    store().add({accepted("bob", round, false)}, {{"carol", 3, "no examples"}});
    store().end_round(ended(round));
    store().record_round({round, R"({"round":)" + std::to_string(round) + R"(,"evaluated":true})"});
  }
  void save_models(std::uint64_t round, const std::string& edge_text = "edge") {
    const Bytes edge = to_bytes(edge_text);
    const std::vector<float> values = {1, 2, static_cast<float>(round)};
    ModelStateView state;
    state.round = round;
    state.edges = {sha256(edge)};
    state.global = values;
    store().save_models(state, {{sha256(edge), std::make_shared<const Bytes>(edge)}});
    store().models_saved(state);
  }

 private:
  SimulatedDisk& disk_;
  StoreOptions options_;
  std::unique_ptr<RunStore> store_;
};

}  // namespace tributary::coordinator::store
