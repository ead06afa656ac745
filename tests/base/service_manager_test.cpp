#include "common/base/service_manager.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace tributary {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// A service manager's end of the line.
class ServiceManagerTest : public ::testing::Test {
 protected:
  ServiceManagerTest() : path_("/tmp/tributary-notify-" + std::to_string(::getpid())) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  }
  ~ServiceManagerTest() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
    ::close(socket_);
    std::filesystem::remove(path_);
  }
  std::string heard() {
    char text[512];
    const auto n = ::recv(socket_, text, sizeof text, MSG_DONTWAIT);
    return n < 0 ? "nothing" : std::string(text, static_cast<std::size_t>(n));
  }

  std::string path_;
  int socket_ = -1;
};

TEST_F(ServiceManagerTest, HearsHowTheDaemonIs) {
  const ServiceManager manager;
  manager.ready("listening on 127.0.0.1:7143");
  EXPECT_EQ(heard(), "READY=1\nSTATUS=listening on 127.0.0.1:7143");
  manager.reloading();
  EXPECT_THAT(heard(), StartsWith("RELOADING=1\nMONOTONIC_USEC="));
  manager.alive();
  EXPECT_EQ(heard(), "WATCHDOG=1");
  manager.stopping();
  EXPECT_EQ(heard(), "STOPPING=1");
}

TEST_F(ServiceManagerTest, IsToldTwiceInTheTimeThatItWaits) {
  ::setenv("WATCHDOG_USEC", "3000000", 1);
  EXPECT_EQ(ServiceManager().watchdog_interval(), std::chrono::milliseconds(1500));
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(ServiceManager().watchdog_interval(), std::nullopt) << "another process is watched";
}

TEST_F(ServiceManagerTest, WithoutOneNothingIsSaid) {
  ::unsetenv("NOTIFY_SOCKET");
  const ServiceManager manager;
  manager.ready("x");
  EXPECT_EQ(manager.watchdog_interval(), std::nullopt);
  EXPECT_EQ(heard(), "nothing");
}

}  // namespace
}  // namespace tributary
