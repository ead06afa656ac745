// coordinator/admin/desk.h
//
// What joins the daemon and its admin listener: the watch that the server tells, and the operations that the listener
// asks for while there are any. For `run`.
//
// Life: construct before the daemon; operations() by the daemon; over() when it has ended; destroy. The listener's
// thread calls back between construction and destruction.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "coordinator/admin/listener.h"
#include "coordinator/admin/watch.h"
#include "coordinator/daemon.h"

namespace tributary::coordinator {

class AdminDesk {
 public:
  // `write_checkpoint` writes the models of an Ending where they belong; called on a worker thread, throws Error.
  // Without admin.listen nobody listens. Throws what AdminListener throws.
  AdminDesk(const AdminSettings& settings, const Settings& run, std::uint64_t parameters, const Clock& clock,
            std::function<void(Ending)> write_checkpoint);
  AdminDesk(const AdminDesk&) = delete;
  AdminDesk& operator=(const AdminDesk&) = delete;

  Watch& watch() { return watch_; }
  void operations(const Operations* operations);
  // Empty where nobody listens.
  std::string address() const { return listener_ ? listener_->address() : std::string(); }
  void reload_tls();

 private:
  void pause(bool paused);
  void checkpoint();

  Watch watch_;
  std::function<void(Ending)> write_;
  std::mutex mutex_;
  std::optional<Operations> operations_;
  std::unique_ptr<AdminListener> listener_;
};

}  // namespace tributary::coordinator
