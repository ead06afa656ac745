#include "coordinator/admin/desk.h"

#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"

namespace tributary::coordinator {

AdminDesk::AdminDesk(const AdminSettings& settings, const Settings& run, std::uint64_t parameters, const Clock& clock,
                     std::function<void(Ending)> write_checkpoint)
    : watch_(run, parameters, clock), write_(std::move(write_checkpoint)) {
  check(settings);
  if (settings.listen.empty()) return;
  listener_ = std::make_unique<AdminListener>(
      settings, watch_, Controls{[this](bool paused) { pause(paused); }, [this] { checkpoint(); }});
}

void AdminDesk::operations(const Operations* operations) {
  const std::lock_guard lock(mutex_);
  operations_ = operations == nullptr ? std::nullopt : std::optional(*operations);
}

void AdminDesk::reload_tls() {
  if (listener_) listener_->reload_tls();
}

void AdminDesk::pause(bool paused) {
  const std::lock_guard lock(mutex_);
  if (!operations_) fail(Error::Kind::Unavailable, "the rounds are over, or have not begun");
  operations_->pause(paused);
  watch_.paused(paused);
  log::info("admin", paused ? "an operator has paused the rounds" : "an operator lets the rounds go on");
}

void AdminDesk::checkpoint() {
  const std::lock_guard lock(mutex_);
  if (!operations_) fail(Error::Kind::Unavailable, "the rounds are over, or have not begun");
  watch_.checkpoint("the models will be written when the round under way has ended");
  operations_->checkpoint([this](Ending models) {
    const std::string round = std::to_string(models.round);
    try {
      write_(std::move(models));
      watch_.checkpoint("the models of round " + round + " are written");
    } catch (const std::exception& e) {
      log::error("admin", std::string("a checkpoint failed: ") + e.what());
      watch_.checkpoint(std::string("the models could not be written: ") + e.what());
    }
  });
}

}  // namespace tributary::coordinator
