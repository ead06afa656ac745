#include "simulations/children.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/error.h"

namespace tributary::simulation {

namespace {

std::string reason(int number) {
  return std::strerror(number);
}

// In the child: only calls that are safe after fork(), then the program, or errno down the pipe.
[[noreturn]] void become(const char* program, char* const* arguments, int input, int log, int complaint, pid_t parent) {
  sigset_t none;
  ::sigemptyset(&none);
  const bool ready = ::setpgid(0, 0) == 0 && ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == parent &&
                     ::dup2(input, STDIN_FILENO) >= 0 && ::dup2(log, STDOUT_FILENO) >= 0 &&
                     ::dup2(log, STDERR_FILENO) >= 0 && ::sigprocmask(SIG_SETMASK, &none, nullptr) == 0;
  if (ready) ::execv(program, arguments);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(complaint, &error, sizeof error);
  ::_exit(127);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

Exit exit_of(const std::string& name, int status, const rusage& usage) {
  Exit exit{name, 0, 0, static_cast<std::uint64_t>(usage.ru_maxrss) * 1024};
  if (WIFSIGNALED(status)) {
    exit.signal = WTERMSIG(status);
    exit.code = 128 + exit.signal;
  } else {
    exit.code = WEXITSTATUS(status);
  }
  return exit;
}

}  // namespace

Children::~Children() {
  signal_all(SIGKILL);
  for (const auto& [name, pid] : pids_) {
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

void Children::start(const std::string& name, const Path& program, const std::vector<std::string>& arguments,
                     const Path& log) {
  TRIBUTARY_CHECK(!pids_.contains(name));
  const Descriptor input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Descriptor output(::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (output.get() < 0) fail(Error::Kind::Unavailable, log.string() + ": cannot be written: " + reason(errno));
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0)
    fail(Error::Kind::Unavailable, "no pipe for " + name + ": " + reason(errno));
  Descriptor reading(pipe[0]), writing(pipe[1]);

  std::vector<std::string> words{program.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(program.c_str(), argv.data(), input.get(), output.get(), writing.get(), parent);
  if (pid < 0) fail(Error::Kind::Unavailable, "no process for " + name + ": " + reason(errno));
  pids_[name] = pid;
  writing.close();
  int error = 0;
  if (::read(reading.get(), &error, sizeof error) == sizeof error) {
    fail(Error::Kind::Unavailable, program.string() + ": cannot be run: " + reason(error));
  }
}

std::vector<Exit> Children::reap() {
  std::vector<Exit> exits;
  for (auto at = pids_.begin(); at != pids_.end();) {
    int status = 0;
    rusage usage{};
    if (::wait4(at->second, &status, WNOHANG, &usage) == at->second) {
      exits.push_back(exit_of(at->first, status, usage));
      at = pids_.erase(at);
    } else {
      ++at;
    }
  }
  return exits;
}

void Children::signal(const std::string& name, int number) const {
  if (const auto at = pids_.find(name); at != pids_.end()) ::kill(-at->second, number);
}

void Children::signal_all(int number) const {
  for (const auto& [name, pid] : pids_) ::kill(-pid, number);
}

}  // namespace tributary::simulation
