#include "coordinator/run_lock.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/error.h"

namespace tributary::coordinator {

RunLock::RunLock(const Path& folder) : file_(::open((folder / kFile).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (file_ < 0) {
    fail(Error::Kind::Unavailable, "cannot create " + (folder / kFile).string() + ": " + std::strerror(errno));
  }
  if (::flock(file_, LOCK_EX | LOCK_NB) == 0) return;
  ::close(file_);
  fail(Error::Kind::Refused,
       "another coordinator runs in " + folder.string() + "; wait for its end, or choose another folder");
}

RunLock::~RunLock() {
  ::close(file_);
}

}  // namespace tributary::coordinator
