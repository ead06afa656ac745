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

class Workshop {
 public:
  // The blob while anybody holds it, otherwise null.
  SharedBlob find(const Digest& digest);
  // One copy for all: the blob that is held already, or `bytes`. REQUIRES: sha256(bytes) == digest.
  SharedBlob share(const Digest& digest, Bytes bytes);

  // A compiled model, for one thread; goes back to the workshop when the loan ends.
  class Loan;
  // Compiles `skeleton` (named `digest`) unless an idle one is there. For worker threads. Throws Unsupported naming the
  // operator, Malformed, Overloaded.
  Loan borrow(const Digest& digest, ByteSpan skeleton, const model::GraphLimits& limits);

 private:
  struct Compiled {
    std::unique_ptr<learn::Network> network;
    std::unique_ptr<learn::ExitNetwork> exits;  // of a model of several exits
  };
  struct Model {
    Digest digest;
    std::vector<Compiled> idle;
  };
  using ModelPtr = std::shared_ptr<Model>;
  ModelPtr model_of(const Digest& digest);

  std::mutex mutex_;
  std::map<Digest, std::weak_ptr<const Bytes>> blobs_;
  std::list<ModelPtr> models_;  // last used first, at most kMaxModels
};

class Workshop::Loan {
 public:
  Loan(Workshop& workshop, ModelPtr model, Compiled compiled)
      : workshop_(workshop), model_(std::move(model)), compiled_(std::move(compiled)) {}
  ~Loan();
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;
  learn::Network& network() { return *compiled_.network; }
  // Nullptr for a model of one exit.
  learn::ExitNetwork* exits() { return compiled_.exits.get(); }

 private:
  Workshop& workshop_;
  ModelPtr model_;
  Compiled compiled_;
};

}  // namespace tributary::participant
