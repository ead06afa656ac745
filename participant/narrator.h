// participant/narrator.h
//
// Tells a user what a participant does: a line for each round on standard output, troubles in the log.
// Belongs to the network thread.
#pragma once

#include <functional>
#include <string>

#include "participant/agent.h"

namespace tributary::participant {

class Narrator final : public AgentObserver {
 public:
  // `edge_copies` may be empty.
  Narrator(std::string name, bool quiet, std::function<void(const ReceivedCopy&)> edge_copies = {})
      : name_(std::move(name)), quiet_(quiet), edge_copies_(std::move(edge_copies)) {}

  void connected(const std::string& federation) override;
  void received(const ReceivedCopy& copy) override {
    if (edge_copies_) edge_copies_(copy);
  }
  void trained(const Trained& result) override { result_ = result; }
  void verdict(std::uint64_t round, bool accepted, const std::string& reason) override;
  void disconnected(const std::string& reason, double retry_seconds) override;
  void ended(const AgentEnd& end);

 private:
  void say(const std::string& line) const;

  std::string name_;
  bool quiet_;
  std::function<void(const ReceivedCopy&)> edge_copies_;
  Trained result_;
};

}  // namespace tributary::participant
