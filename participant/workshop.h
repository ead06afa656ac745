// participant/workshop.h
//
// What the agents of a process share: compiled models and blobs. Sharing changes what memory and time they cost, never
// what they learn, and never what travels: every participant fetches what it needs itself.
// Any thread.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/digest.h"
#include "common/learn/exits.h"
#include "common/learn/network.h"
#include "common/model/graph.h"
#include "participant/agent.h"

namespace tributary::participant {

using SharedBlob = std::shared_ptr<const Bytes>;

// What one thread trains with. The values are kept from one training to the next (of small models): neighbours that are
// offered the same edge copy decode it once, and memory is not asked for again.
struct Workbench {
  std::unique_ptr<learn::Network> network;
  std::unique_ptr<learn::ExitNetwork> exits;  // of a model of several exits
  Digest edge;                                // whose values `received` has
  model::ParameterSet received;               // empty: none
  model::ParameterSet trained;                // empty, or of any values
};

class Workshop {
 public:
  // The blob while anybody holds it, otherwise null.
  SharedBlob find(const Digest& digest);
  // One copy for all: the blob that is held already, or `bytes`. REQUIRES: sha256(bytes) == digest.
  SharedBlob share(const Digest& digest, Bytes bytes);

  // A workbench with a compiled model, for one thread; goes back to the workshop when the loan ends.
  class Loan;
  // Compiles `skeleton` (named `digest`) unless an idle one is there. For worker threads. Throws Unsupported naming the
  // operator, Malformed, Overloaded.
  Loan borrow(const Digest& digest, ByteSpan skeleton, const model::GraphLimits& limits);

 private:
  struct Model {
    Digest digest;
    std::vector<std::unique_ptr<Workbench>> idle;
  };
  using ModelPtr = std::shared_ptr<Model>;
  ModelPtr model_of(const Digest& digest);

  std::mutex mutex_;
  std::map<Digest, std::weak_ptr<const Bytes>> blobs_;
  std::list<ModelPtr> models_;  // last used first, at most kMaxModels
};

class Workshop::Loan {
 public:
  Loan(Workshop& workshop, ModelPtr model, std::unique_ptr<Workbench> bench)
      : workshop_(workshop), model_(std::move(model)), bench_(std::move(bench)) {}
  ~Loan();
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;
  Workbench& bench() { return *bench_; }
  learn::Network& network() { return *bench_->network; }

 private:
  Workshop& workshop_;
  ModelPtr model_;
  std::unique_ptr<Workbench> bench_;
};

}  // namespace tributary::participant
