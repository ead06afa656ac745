// coordinator/ledger.h
//
// The way to the run's store for those who must not wait for a disk: what is put here is written on a worker, in order,
// one thing at a time. Updates that wait are made durable together, with one sync (group commit).
//
// A failure is final: what was not durable by then never will be, `failed` is called once, and settled() throws it.
//
// Network thread; lives as long as the run.
#pragma once

#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include <asio/awaitable.hpp>

#include "common/net/runtime.h"
#include "coordinator/spool.h"
#include "coordinator/store/run_store.h"

namespace tributary::coordinator {

class Ledger {
 public:
  // References must outlive it.
  Ledger(net::Runtime& runtime, store::RunStore& store, std::function<void()> failed);

  // Makes a checked update of the open round part of it for ever; then calls `durable`.
  void accept(std::shared_ptr<Upload> upload, const std::string& participant, std::function<void()> durable);
  // Goes with the next update, or on its own.
  void settle(store::FateSettled fate);
  // Any other work with the store.
  void post(std::function<void(store::RunStore&)> work);

  // Completes when nothing waits to be written. Throws what failed.
  asio::awaitable<void> settled();

  // Checksum of the update that counts, durably, for this participant in that round, while its log is kept.
  std::optional<Checksum> counted(std::uint64_t round, const std::string& participant) const;

 private:
  struct Acceptance {
    std::shared_ptr<Upload> upload;
    std::string participant;
    std::function<void()> durable;
  };
  using Work = std::function<void(store::RunStore&)>;
  using Item = std::variant<Acceptance, store::FateSettled, Work>;

  // What is written with one sync.
  struct Group {
    std::vector<Acceptance> accepted;
    std::vector<store::FateSettled> fates;
  };

  void put(Item item);
  asio::awaitable<void> write();
  asio::awaitable<void> write_next();
  bool is_small(const Upload& upload) const;
  Group take_group();
  void add(const Group& group);

  net::Runtime& runtime_;
  store::RunStore& store_;
  std::function<void()> failed_;
  std::deque<Item> waiting_;
  net::Gate writing_;
  bool busy_ = false;
  std::exception_ptr failure_;
  store::RunStore::Counted counted_;
};

}  // namespace tributary::coordinator
