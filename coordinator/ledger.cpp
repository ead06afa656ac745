#include "coordinator/ledger.h"

#include <utility>

#include "common/base/error.h"

namespace tributary::coordinator {

namespace {

// Bounds of a group: what one sync covers, and what is in memory for it.
constexpr std::size_t kMaxTogether = 1024;
constexpr std::uint64_t kMaxSmallBytes = 16U << 20;

// Rounds of which the verdict can be said again.
constexpr std::uint64_t kRoundsRemembered = 64;

}  // namespace

Ledger::Ledger(net::Runtime& runtime, store::RunStore& store, std::function<void()> failed)
    : runtime_(runtime), store_(store), failed_(std::move(failed)), writing_(runtime.io()), counted_(store.counted()) {}

void Ledger::accept(std::shared_ptr<Upload> upload, const std::string& participant, std::function<void()> durable) {
  upload->spool.keep();
  put(Acceptance{std::move(upload), participant, std::move(durable)});
}

void Ledger::settle(store::FateSettled fate) {
  put(std::move(fate));
}

void Ledger::post(std::function<void(store::RunStore&)> work) {
  put(std::move(work));
}

void Ledger::put(Item item) {
  if (failure_) return;
  waiting_.push_back(std::move(item));
  if (!std::exchange(busy_, true)) writing_.spawn("ledger", write());
}

asio::awaitable<void> Ledger::write() {
  while (!waiting_.empty()) {
    bool wrong = false;
    try {
      co_await write_next();
    } catch (...) {
      failure_ = std::current_exception();
      wrong = true;
    }
    if (!wrong) continue;
    waiting_.clear();
    failed_();
  }
  busy_ = false;
}

asio::awaitable<void> Ledger::write_next() {
  if (std::holds_alternative<Work>(waiting_.front())) {
    const Work work = std::move(std::get<Work>(waiting_.front()));
    waiting_.pop_front();
    co_await runtime_.on_worker([&] { work(store_); });
    co_return;
  }
  const Group group = take_group();
  co_await runtime_.on_worker([&] { add(group); });
  for (const Acceptance& each : group.accepted) {
    counted_[each.upload->announced.round][each.participant] = each.upload->announced.checksum;
    each.durable();
  }
  while (counted_.size() > kRoundsRemembered) counted_.erase(counted_.begin());
}

bool Ledger::is_small(const Upload& upload) const {
  return upload.announced.blob_bytes <= store_.options().small_update_bytes;
}

Ledger::Group Ledger::take_group() {
  Group group;
  std::uint64_t bytes = 0;
  while (!waiting_.empty() && group.accepted.size() + group.fates.size() < kMaxTogether && bytes < kMaxSmallBytes) {
    if (auto* accepted = std::get_if<Acceptance>(&waiting_.front())) {
      if (is_small(*accepted->upload)) bytes += accepted->upload->announced.blob_bytes;
      group.accepted.push_back(std::move(*accepted));
    } else if (auto* fate = std::get_if<store::FateSettled>(&waiting_.front())) {
      group.fates.push_back(std::move(*fate));
    } else {
      break;
    }
    waiting_.pop_front();
  }
  return group;
}

// On a worker.
void Ledger::add(const Group& group) {
  std::vector<store::UpdateAccepted> updates;
  for (const Acceptance& each : group.accepted) {
    store::UpdateAccepted update{
        each.participant, each.upload->announced, each.upload->spool.file_name(), {}, each.upload->factor};
    if (is_small(*each.upload)) {
      const auto file = each.upload->spool.map();
      update.bytes.assign(file->bytes().begin(), file->bytes().end());
    }
    updates.push_back(std::move(update));
  }
  store_.add(updates, group.fates);
}

asio::awaitable<void> Ledger::settled() {
  co_await writing_.close();
  if (failure_) std::rethrow_exception(failure_);
}

std::optional<Checksum> Ledger::counted(std::uint64_t round, const std::string& participant) const {
  const auto of_round = counted_.find(round);
  if (of_round == counted_.end()) return std::nullopt;
  const auto of_participant = of_round->second.find(participant);
  if (of_participant == of_round->second.end()) return std::nullopt;
  return of_participant->second;
}

}  // namespace tributary::coordinator
