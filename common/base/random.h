// common/base/random.h
//
// Counter-based random streams: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
// A stream is named by (seed, purpose, round, participant); equal names give equal numbers on every machine, and a
// block of a stream can be computed without those before it, so runs replay bit for bit on any number of threads.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tributary {

struct StreamName {
  std::uint64_t seed = 0;
  std::string_view purpose;      // what the numbers are for: "selection", "shuffle", "rounding", ...
  std::uint64_t round = 0;
  std::string_view participant;  // empty where no participant is meant
};

class RandomStream {
 public:
  explicit RandomStream(const StreamName& name);
  RandomStream(std::uint64_t seed, std::string_view purpose) : RandomStream(StreamName{seed, purpose, 0, {}}) {}

  // The four 32-bit words of block `index` (0, 1, 2, ...); does not move the stream.
  std::array<std::uint32_t, 4> block(std::uint64_t index) const;
  // The 64-bit key that names the stream, for kernels that compute blocks themselves.
  std::uint64_t key() const { return key_; }

  std::uint32_t next_u32();
  std::uint64_t next_u64();
  // Uniform in [0, bound), without bias. REQUIRES: bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [0, 1) with 53 bits.
  double uniform();
  // Normal with mean 0 and standard deviation 1 (Box-Muller; both values used).
  double normal();
  // Fisher-Yates, in place.
  void shuffle(std::span<std::uint32_t> items);
  // 0 .. count-1 in random order.
  std::vector<std::uint32_t> permutation(std::uint32_t count);

 private:
  std::uint64_t key_;
  std::uint64_t next_block_ = 0;
  std::array<std::uint32_t, 4> words_{};
  unsigned used_ = 4;
  bool has_spare_normal_ = false;
  double spare_normal_ = 0;
};

}  // namespace tributary
