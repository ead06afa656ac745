#include "tests/bench/transport_machine.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <vector>

#include <openssl/evp.h>

#include "common/base/error.h"

namespace tributary::bench {

namespace {

constexpr std::size_t kRecordBytes = 16 * 1024;
constexpr std::size_t kCopiedBytes = std::size_t{64} << 20;

// Seconds of the fastest of `times` calls.
template <class Call>
double fastest(int times, Call call) {
  double best = 1e9;
  for (int i = 0; i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    call();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

void encrypt_record(EVP_CIPHER_CTX* context, std::vector<unsigned char>& record, std::uint64_t number) {
  std::array<unsigned char, 12> nonce{};
  std::memcpy(nonce.data(), &number, sizeof number);
  std::array<unsigned char, 16> tag{};
  int written = 0;
  const auto bytes = static_cast<int>(record.size());
  const bool done = EVP_EncryptInit_ex(context, nullptr, nullptr, nullptr, nonce.data()) == 1 &&
                    EVP_EncryptUpdate(context, record.data(), &written, record.data(), bytes) == 1 &&
                    EVP_EncryptFinal_ex(context, tag.data(), &written) == 1 &&
                    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, tag.size(), tag.data()) == 1;
  TRIBUTARY_CHECK(done);
}

}  // namespace

double aes_gcm_rate() {
  constexpr int kRecords = 2000;
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                EVP_CIPHER_CTX_free);
  const std::array<unsigned char, 16> key{1, 2, 3};
  TRIBUTARY_CHECK(context != nullptr);
  TRIBUTARY_CHECK(EVP_EncryptInit_ex(context.get(), EVP_aes_128_gcm(), nullptr, key.data(), nullptr) == 1);
  std::vector<unsigned char> record(kRecordBytes, 7);
  std::uint64_t number = 0;
  const double seconds = fastest(10, [&] {
    for (int i = 0; i < kRecords; ++i) encrypt_record(context.get(), record, ++number);
  });
  return kRecords * static_cast<double>(kRecordBytes) / seconds;
}

namespace {

// Median seconds of `times` calls of `write(file, number)` on a new file, which goes away.
template <class Write>
double median_on_disk(const Path& folder, int times, Write write) {
  RealFiles files;
  const Path path = folder / "tributary-disk-rate";
  std::vector<double> took;
  {
    const auto file = files.create(path);
    for (int i = 0; i < times; ++i) {
      const auto start = std::chrono::steady_clock::now();
      write(*file, i);
      took.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
  }
  files.remove(path);
  std::nth_element(took.begin(), took.begin() + times / 2, took.end());
  return took[static_cast<std::size_t>(times) / 2];
}

}  // namespace

double disk_sync_rate(const Path& folder) {
  const Bytes bytes(32'000'000, std::byte{1});
  const double seconds = median_on_disk(folder, 5, [&](File& file, int i) {
    file.write_at(static_cast<std::uint64_t>(i) * bytes.size(), bytes);
    file.sync();
  });
  return static_cast<double>(bytes.size()) / seconds;
}

double disk_sync_seconds(const Path& folder) {
  const Bytes bytes(500, std::byte{1});
  return median_on_disk(folder, 21, [&](File& file, int i) {
    file.write_at(static_cast<std::uint64_t>(i) * bytes.size(), bytes);
    file.sync();
  });
}

double memory_rate() {
  const std::vector<std::byte> from(kCopiedBytes, std::byte{1});
  std::vector<std::byte> to(kCopiedBytes);
  std::byte last{};
  const double seconds = fastest(10, [&] {
    std::memcpy(to.data(), from.data(), kCopiedBytes);
    last = *static_cast<volatile std::byte*>(&to.back());
  });
  TRIBUTARY_CHECK(last == std::byte{1});
  return 2.0 * static_cast<double>(kCopiedBytes) / seconds;
}

}  // namespace tributary::bench
