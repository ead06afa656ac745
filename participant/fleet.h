// participant/fleet.h
//
// The participants that one process hosts: their bundles, their examples (files loaded once for all that share them)
// and their agents on one runtime. For the program; belongs to the network thread.
//
// Life: construct; add() each participant; run() once.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <asio/signal_set.hpp>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/data/source.h"
#include "common/net/pki.h"
#include "common/net/runtime.h"
#include "participant/agent.h"
#include "participant/narrator.h"

namespace tributary::participant {

// The bundle of `file`, or of every *.bundle in `folder`, sorted by file name. Throws Malformed: not a bundle, no
// bundle in the folder, two of one name; Unavailable.
std::vector<net::Bundle> read_bundles(const Path& file, const Path& folder);

// Private examples of several participants: "{name}" in the paths of `source` stands for the participant's name.
class SharedExamples {
 public:
  explicit SharedExamples(data::DataSource source) : source_(std::move(source)) {}
  // Throws what data::load and data::subset throw.
  data::View of(const std::string& name);

 private:
  data::DataSource source_;
  std::map<std::string, data::DatasetPtr> loaded_;  // by the paths of their files
};

struct FleetOptions {
  std::string server;  // "host:port"; empty = as each bundle says
  unsigned workers = 1;
  AgentOptions agent;  // name and workshop are the fleet's
  bool quiet = false;
  std::function<void(const ReceivedCopy&)> edge_copies = {};  // told of each that a participant receives
};

class Fleet {
 public:
  Fleet(const Clock& clock, Files& files, FleetOptions options);
  // Throws Malformed, Refused: a bundle whose certificates are of no use.
  void add(const net::Bundle& bundle, data::View examples);
  void add(const net::Bundle& bundle, std::unique_ptr<ExampleSource> source);
  // Runs all until the last has ended; SIGINT and SIGTERM stop them, a second one ends the process. The exit code: 0
  // when all ended in order, 130 after an interrupt, otherwise 1, with the reasons on standard error.
  int run();

 private:
  struct Member {
    Member(const std::string& the_name, const FleetOptions& options)
        : name(the_name), narrator(the_name, options.quiet, options.edge_copies) {}
    std::string name;
    Narrator narrator;
    std::unique_ptr<Agent> agent;
  };
  asio::awaitable<void> run_one(Member& member);
  void stop_all_at_a_signal();

  Files& files_;
  FleetOptions options_;
  std::unique_ptr<net::Runtime> runtime_;
  std::deque<Member> members_;
  asio::signal_set signals_;
  std::size_t running_ = 0;
  std::size_t failed_ = 0;
  bool interrupted_ = false;
};

}  // namespace tributary::participant
