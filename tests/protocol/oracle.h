// tests/protocol/oracle.h
//
// Hears everything that is said, looks at the coordinator's store whenever that must be whole, and knows what must hold
// of both (the checks are named in oracle.cpp). It knows nothing of how the coordinator works.
//
// The first thing that does not hold is kept. One thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "apprentice.h"
#include "network.h"
#include "reference.h"

#include "coordinator/round_record.h"
#include "coordinator/store/inspection.h"

namespace tributary::protocol {

class Oracle final : public Ear {
 public:
  Oracle(const model::Graph& graph, const coordinator::Settings& settings, const Clock& clock, bool tells);

  // What a participant does that does not keep to the protocol: asked of each thing it says.
  using Mischief = std::function<std::vector<wire::Message>(const std::string& participant, wire::Message message)>;
  void set_mischief(Mischief mischief) { mischief_ = std::move(mischief); }
  // What this participant learns is compared with what it must learn.
  void watch(const std::string& participant, const data::View& examples);

  std::vector<wire::Message> said_up(std::uint64_t line, const std::string& participant,
                                     wire::Message message) override;
  void said_down(std::uint64_t line, const std::string& participant, const wire::Message& message) override;

  // A coordinator has started with what `files` hold: from now on that must never be lost.
  void started(const Files& files);
  // It says that a round is over.
  void ended(const Files& files, const coordinator::RoundRecord& record);
  // The run is over, with this model.
  void finished(const Files& files, const Digest& model);
  void violated(const std::string& what);
  void note(const std::string& what);

  const std::optional<std::string>& violation() const { return violation_; }
  // Of all that was said, and when: equal runs have equal ones.
  Checksum fingerprint() const { return fingerprint_.value(); }

  struct Counts {
    std::uint64_t rounds = 0, published = 0, acknowledged = 0, refused = 0, messages = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  using Key = std::pair<std::uint64_t, std::string>;  // round, participant
  // What was announced and sent under one checksum.
  struct Sent {
    std::vector<wire::Update> announced;
    Bytes blob;
  };
  struct OnLine {
    std::map<std::uint64_t, std::set<Checksum>> announced;  // by round
    std::optional<std::pair<Key, Checksum>> sending;
  };
  struct Round {
    std::map<std::string, Checksum> counted;
    std::optional<Digest> link;  // of the chain, once it has ended
    bool published = false;
  };

  void hear(std::uint64_t line, const std::string& participant, const wire::Update& update);
  void hear(std::uint64_t line, const wire::Data& data);
  void hear(std::uint64_t line, const std::string& participant, const wire::Verdict& verdict);
  void take_in(char direction, std::uint64_t line, const std::string& participant, const wire::Message& message);
  void look(const Files& files, bool at_start);
  void look_at(const coordinator::store::PastRound& past, const std::optional<coordinator::store::RoundContents>& log);
  void keep(std::uint64_t round, const coordinator::store::RoundContents& log, bool is_all);
  void check_aggregate(const coordinator::store::PastRound& past, const coordinator::store::RoundContents& log);
  void check_record(const coordinator::store::PastRound& past, const coordinator::store::RoundContents& log);
  void check_promises(std::uint64_t round);
  void check_learnt(const std::string& participant, const wire::Update& update);
  std::optional<Counted> what_was_sent(std::uint64_t round, const coordinator::store::UpdateAccepted& accepted);

  const Clock& clock_;
  bool tells_;
  Mischief mischief_;
  Reference reference_;
  std::map<std::uint64_t, OnLine> lines_;
  std::map<std::pair<Key, Checksum>, Sent> sent_;
  std::map<std::uint64_t, Round> rounds_;
  Bytes skeleton_;  // the model offered
  std::map<std::string, Apprentice> apprentices_;
  std::map<std::uint64_t, wire::Offer> offered_;    // edge copies, by round
  std::map<Key, std::set<Checksum>> acknowledged_;  // one of these counts
  std::set<std::pair<Key, Checksum>> refused_;      // these do not
  std::uint64_t last_ended_ = 0, last_ended_at_start_ = 0;
  RunningChecksum fingerprint_;
  Counts counts_;
  std::optional<std::string> violation_;
};

}  // namespace tributary::protocol
