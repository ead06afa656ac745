// What a participant may find on its disk. The first byte says what the rest is: 'p' the body of its pending update,
// 'r' that of its residual; magic and checksum are put around it here. It is read, or Corrupt in one line; what was
// read is written in the same bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "common/base/checksum.h"
#include "common/base/error.h"
#include "common/base/simulated_disk.h"
#include "participant/pending_store.h"
#include "participant/residual_store.h"

using namespace tributary;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void put_file(Files& files, const Path& path, std::string_view magic, ByteSpan body, const auto& sum_of) {
  Bytes all = to_bytes(magic);
  all.insert(all.end(), body.begin(), body.end());
  const auto sum = sum_of(ByteSpan(all));
  all.insert(all.end(), sum.bytes.begin(), sum.bytes.end());
  files.create(path)->write_at(0, all);
}

Bytes bytes_of(const Files& files, const Path& path) {
  const auto file = files.map(path);
  return {file->bytes().begin(), file->bytes().end()};
}

void read_pending(Files& disk, ByteSpan body) {
  const Path path = "kept/alice.update";
  put_file(disk, path, "TRIBUPD1", body, [](ByteSpan all) { return checksum(all); });
  participant::PendingStore store(disk, "kept", "alice");
  store.load();
  require(store.find() != nullptr);
  const participant::PendingUpdate update = *store.find();
  store.put(update);
  const Bytes written = bytes_of(disk, path);
  participant::PendingStore again(disk, "kept", "alice");
  again.load();
  again.put(*again.find());
  require(bytes_of(disk, path) == written);
  store.drop();
  require(!disk.exists(path));
}

void read_residual(Files& disk, ByteSpan body) {
  const Path path = "kept/alice.residual";
  put_file(disk, path, "TRIBRES1", body, [](ByteSpan all) { return sha256(all); });
  participant::ResidualStore store(disk, "kept", "alice");
  const participant::ResidualKey key{"run", {}, 2};
  const auto values = store.load(key);
  require(values == nullptr || values->size() == key.size);
  require(disk.exists(path) == (values != nullptr));  // another run's or layout's is dropped
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  SimulatedDisk disk;
  disk.make_directories("kept");
  const ByteSpan body = std::as_bytes(std::span(bytes + 1, size - 1));
  try {
    if (bytes[0] == 'p') read_pending(disk, body);
    if (bytes[0] == 'r') read_residual(disk, body);
  } catch (const Error& error) {
    require(error.kind() == Error::Kind::Corrupt);
    require(std::string_view(error.what()).find('\n') == std::string_view::npos);
  }
  return 0;
}
