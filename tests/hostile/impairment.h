// tests/hostile/impairment.h
//
// A bad network on one machine: a proxy between participants and their coordinator that delays, slows, stalls, cuts,
// resets, dribbles, or changes bits. It runs on a thread of its own.
//
// Life: construct (it accepts from then on); destruction cuts all lines.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include "common/base/clock.h"
#include "common/net/runtime.h"

namespace tributary::hostile {

// Of each direction of each line; what is 0 is not done.
struct Impairment {
  Duration latency{};                   // before each piece goes on
  double bytes_per_second = 0;          // at most
  std::size_t largest_piece = 65536;    // in bytes; 1 dribbles
  std::uint64_t stall_every_bytes = 0;  // a line stands still for `stall` after so many
  Duration stall{};
  std::uint64_t cut_every_bytes = 0;    // a line is closed after about so many
  std::uint64_t reset_every_bytes = 0;  // the same, by a reset
  std::uint64_t flip_every_bytes = 0;   // a bit is changed after about so many
};

class ImpairedRoad {
 public:
  ImpairedRoad(std::uint16_t to_port, const Impairment& impairment, std::uint64_t seed);
  ~ImpairedRoad();
  ImpairedRoad(const ImpairedRoad&) = delete;
  ImpairedRoad& operator=(const ImpairedRoad&) = delete;

  std::uint16_t port() const { return port_; }
  std::uint64_t lines() const { return lines_; }
  // Stalls, cuts, resets and changed bits so far.
  std::uint64_t incidents() const { return incidents_; }

 private:
  struct Pair;
  asio::awaitable<void> accept();
  asio::awaitable<void> begin(std::shared_ptr<Pair> pair);
  asio::awaitable<void> carry(std::shared_ptr<Pair> pair, bool up, std::uint64_t number);
  asio::awaitable<void> pause(Duration duration);

  asio::io_context io_;
  net::Gate gate_{io_};
  asio::ip::tcp::acceptor acceptor_;
  std::uint16_t to_port_, port_ = 0;
  Impairment impairment_;
  std::uint64_t seed_;
  std::atomic<std::uint64_t> lines_ = 0, incidents_ = 0;
  std::thread thread_;
};

}  // namespace tributary::hostile
