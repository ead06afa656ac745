#include "tests/hostile/strangers.h"

#include <array>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace tributary::hostile {

namespace {

constexpr std::string_view kHalfOfAHello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
constexpr std::uint32_t kAddresses = 8;  // 28,000 ports each

sockaddr_in loopback(std::uint32_t last, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + last);
  return address;
}

// From 127.0.0.2 and its neighbours. -1 when there is no port or file left.
int begin_connecting(std::uint16_t port, std::uint32_t from) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int yes = 1;
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
  const sockaddr_in own = loopback(2 + from % kAddresses, 0), other = loopback(1, port);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
      (::connect(fd, reinterpret_cast<const sockaddr*>(&other), sizeof other) != 0 && errno != EINPROGRESS)) {
    ::close(fd);
    return -1;
  }
  return fd;
}

class Held {
 public:
  Held(std::uint16_t port, std::size_t count, Board& board)
      : port_(port), board_(board), epoll_(::epoll_create1(EPOLL_CLOEXEC)), seats_(count) {
    TRIBUTARY_CHECK(epoll_ >= 0);
  }
  void run() {
    std::array<epoll_event, 256> events;
    while (!board_.stop) {
      fill();
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 20);
      for (int i = 0; i < count; ++i) heed(events[static_cast<std::size_t>(i)]);
    }
    for (const Seat& seat : seats_) {
      if (seat.fd >= 0) ::close(seat.fd);
    }
  }

 private:
  struct Seat {
    int fd = -1;
    bool connected = false;
    std::int64_t since_ns = 0;
  };
  static constexpr std::size_t kAtOnce = 500;

  void fill() {
    std::size_t opened = 0;
    for (std::size_t i = 0; i < seats_.size() && opened < kAtOnce; ++i) {
      if (seats_[i].fd >= 0) continue;
      seats_[i] = {begin_connecting(port_, static_cast<std::uint32_t>(turn_++)), false, 0};
      if (seats_[i].fd < 0) return;
      ++opened;
      epoll_event event{};
      event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
      event.data.u64 = i;
      TRIBUTARY_CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, seats_[i].fd, &event) == 0);
    }
  }
  void heed(const epoll_event& event) {
    Seat& seat = seats_[event.data.u64];
    if (seat.fd < 0) return;
    if (!seat.connected && (event.events & EPOLLOUT) != 0 && (event.events & (EPOLLERR | EPOLLHUP)) == 0) {
      seat.connected = true;
      seat.since_ns = now_ns();
      ++board_.open;
      if (event.data.u64 % 2 == 0) (void)::send(seat.fd, kHalfOfAHello.data(), kHalfOfAHello.size(), MSG_NOSIGNAL);
    }
    if ((event.events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) == 0) return;
    if (seat.connected) {
      raise_to(board_.longest_ns, now_ns() - seat.since_ns);
      ++board_.ended;
      --board_.open;
    }
    ::close(seat.fd);
    seat = {};
  }

  std::uint16_t port_;
  Board& board_;
  int epoll_;
  std::vector<Seat> seats_;
  std::size_t turn_ = 0;
};

}  // namespace

void hold_open(std::uint16_t port, std::size_t count, Board& board) {
  Held(port, count, board).run();
}

void knock(std::uint16_t port, Board& board) {
  while (!board.stop) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;
    const linger at_once{1, 0};  // leaves no port waiting
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    const sockaddr_in other = loopback(1, port);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&other), sizeof other) == 0) ++board.sent;
    ::close(fd);
  }
}

}  // namespace tributary::hostile
