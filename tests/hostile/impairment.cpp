#include "tests/hostile/impairment.h"

#include <algorithm>
#include <array>
#include <utility>

#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include "common/base/random.h"

namespace tributary::hostile {

using asio::ip::tcp;

struct ImpairedRoad::Pair {
  tcp::socket down, up;
  explicit Pair(tcp::socket accepted) : down(std::move(accepted)), up(down.get_executor()) {}
  void close() {
    asio::error_code ignored;
    down.close(ignored);
    up.close(ignored);
  }
  void reset() {
    asio::error_code ignored;
    down.set_option(asio::socket_base::linger(true, 0), ignored);
    up.set_option(asio::socket_base::linger(true, 0), ignored);
    close();
  }
};

namespace {

// Bytes until the next incident: from half of `about` to one and a half; never when that is 0.
std::uint64_t next_of(RandomStream& random, std::uint64_t about) {
  return about == 0 ? UINT64_MAX : about / 2 + random.below(about + 1);
}

bool is_due(std::uint64_t& left, std::size_t count) {
  if (left == UINT64_MAX) return false;
  left -= std::min<std::uint64_t>(left, count);
  return left == 0;
}

}  // namespace

ImpairedRoad::ImpairedRoad(std::uint16_t to_port, const Impairment& impairment, std::uint64_t seed)
    : acceptor_(io_, {asio::ip::make_address("127.0.0.1"), 0}),
      to_port_(to_port),
      port_(acceptor_.local_endpoint().port()),
      impairment_(impairment),
      seed_(seed) {
  gate_.spawn("road", accept());
  thread_ = std::thread([this] { io_.run(); });
}

ImpairedRoad::~ImpairedRoad() {
  io_.stop();
  thread_.join();
}

asio::awaitable<void> ImpairedRoad::accept() {
  for (;;) {
    asio::error_code error;
    tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    gate_.spawn("line", begin(std::make_shared<Pair>(std::move(socket))));
  }
}

asio::awaitable<void> ImpairedRoad::begin(std::shared_ptr<Pair> pair) {
  asio::error_code error;
  const tcp::endpoint there(asio::ip::make_address("127.0.0.1"), to_port_);
  co_await pair->up.async_connect(there, asio::redirect_error(asio::use_awaitable, error));
  if (error) {
    pair->close();
    co_return;
  }
  pair->down.set_option(tcp::no_delay(true), error);
  pair->up.set_option(tcp::no_delay(true), error);
  const std::uint64_t number = lines_++;
  gate_.spawn("up", carry(pair, true, 2 * number));
  gate_.spawn("down", carry(pair, false, 2 * number + 1));
}

asio::awaitable<void> ImpairedRoad::pause(Duration duration) {
  asio::steady_timer timer(io_, duration);
  asio::error_code error;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
}

asio::awaitable<void> ImpairedRoad::carry(std::shared_ptr<Pair> pair, bool up, std::uint64_t number) {
  tcp::socket& from = up ? pair->down : pair->up;
  tcp::socket& to = up ? pair->up : pair->down;
  RandomStream random(seed_, "line " + std::to_string(number));
  const Impairment& how = impairment_;
  std::uint64_t stall = next_of(random, how.stall_every_bytes), cut = next_of(random, how.cut_every_bytes),
                reset = next_of(random, how.reset_every_bytes), flip = next_of(random, how.flip_every_bytes);
  std::array<char, 65536> bytes;
  for (;;) {
    asio::error_code error;
    const std::size_t most = std::min(bytes.size(), how.largest_piece);
    const std::size_t count = co_await from.async_read_some(asio::buffer(bytes.data(), most),
                                                            asio::redirect_error(asio::use_awaitable, error));
    if (error) break;
    if (is_due(flip, count)) {
      ++incidents_;
      bytes[random.below(count)] ^= static_cast<char>(1 << random.below(8));
      flip = next_of(random, how.flip_every_bytes);
    }
    Duration wait = how.latency;
    if (how.bytes_per_second > 0) wait += from_seconds(static_cast<double>(count) / how.bytes_per_second);
    if (is_due(stall, count)) {
      ++incidents_;
      wait += how.stall;
      stall = next_of(random, how.stall_every_bytes);
    }
    if (wait > Duration::zero()) co_await pause(wait);
    co_await asio::async_write(to, asio::buffer(bytes.data(), count), asio::redirect_error(asio::use_awaitable, error));
    if (error) break;
    if (is_due(cut, count)) {
      ++incidents_;
      break;
    }
    if (is_due(reset, count)) {
      ++incidents_;
      pair->reset();
      co_return;
    }
  }
  // The other direction may still have something to say, in an orderly end.
  asio::error_code ignored;
  to.shutdown(tcp::socket::shutdown_send, ignored);
  if (ignored || how.cut_every_bytes != 0) pair->close();
}

}  // namespace tributary::hostile
