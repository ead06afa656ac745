// coordinator/run_lock.h
//
// One process at a time has a run's folder: a lock that ends with the process, however it ends.
#pragma once

#include "common/base/files.h"

namespace tributary::coordinator {

class RunLock {
 public:
  static constexpr const char* kFile = "lock";

  // Throws Refused when another process has the folder, Unavailable when it cannot be written.
  explicit RunLock(const Path& folder);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int file_;
};

}  // namespace tributary::coordinator
