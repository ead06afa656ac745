#include "participant/pending_store.h"

#include <cstring>
#include <utility>

#include "common/base/checksum.h"
#include "common/base/error.h"
#include "common/wire/frame.h"

namespace tributary::participant {

namespace {

constexpr std::string_view kMagic = "TRIBUPD1";
constexpr std::size_t kSumBytes = sizeof(Checksum::bytes);
constexpr std::size_t kMaxRunBytes = 1024;
constexpr std::size_t kFrameLength = sizeof(std::uint32_t);

Bytes write(const PendingUpdate& update) {
  const Bytes frame = wire::to_frame(update.announced);
  ByteWriter out;
  out.reserve(update.blob.size() + update.residual.size() * sizeof(float) + frame.size() + kMaxRunBytes);
  out.put_bytes(as_bytes(kMagic));
  out.put_text(update.key.run);
  out.put_bytes(update.key.layout.bytes);
  out.put(update.key.size);
  out.put(static_cast<std::uint32_t>(frame.size() - kFrameLength));
  out.put_bytes(ByteSpan(frame).subspan(kFrameLength));
  out.put(std::uint64_t{update.blob.size()});
  out.put_bytes(update.blob);
  out.put(std::uint64_t{update.residual.size()});
  out.put_bytes(std::as_bytes(std::span(update.residual)));
  out.put_bytes(checksum(out.bytes()).bytes);
  return out.take();
}

Bytes copied(ByteSpan bytes) {
  return {bytes.begin(), bytes.end()};
}

PendingUpdate read(ByteSpan body) {
  ByteReader in(body, "update");
  PendingUpdate update;
  update.key.run = in.get_text(kMaxRunBytes);
  update.key.layout = Digest::from_bytes(in.get_bytes(sizeof(Digest::bytes)));
  update.key.size = in.get<std::uint64_t>();
  const Bytes announcement = copied(in.get_bytes(in.get<std::uint32_t>()));
  const wire::Message message = wire::from_payload(announcement);
  const auto* announced = std::get_if<wire::Update>(&message);
  if (announced == nullptr) fail(Error::Kind::Malformed, "no announcement");
  update.announced = *announced;
  update.blob = copied(in.get_bytes(in.get<std::uint64_t>()));
  const auto count = in.get<std::uint64_t>();
  const ByteSpan floats = in.get_bytes(checked_multiply(count, sizeof(float), "residual"));
  update.residual.resize(count);
  if (!floats.empty()) std::memcpy(update.residual.data(), floats.data(), floats.size());
  in.expect_end();
  return update;
}

}  // namespace

PendingStore::PendingStore(Files& files, const Path& folder, const std::string& participant)
    : files_(files), folder_(folder), path_(folder / (participant + ".update")) {}

void PendingStore::load() {
  if (folder_.empty() || update_ || !files_.exists(path_)) return;
  const auto damaged = [this] {
    fail(Error::Kind::Corrupt, path_.string() + ": damaged; remove it to go on without the update that it held");
  };
  const auto file = files_.map(path_);
  const ByteSpan all = file->bytes();
  if (all.size() < kMagic.size() + kSumBytes || as_text(all.first(kMagic.size())) != kMagic) damaged();
  const ByteSpan body = all.first(all.size() - kSumBytes);
  if (checksum(body) != Checksum::from_bytes(all.last(kSumBytes))) damaged();
  try {
    update_ = read(body.subspan(kMagic.size()));
  } catch (const Error&) {
    damaged();
  }
  on_disk_ = true;
}

void PendingStore::put(PendingUpdate update) {
  if (!folder_.empty()) {
    files_.make_directories(folder_);
    write_atomically(files_, path_, write(update));
    on_disk_ = true;
  }
  update_ = std::move(update);
}

PendingUpdate PendingStore::take() {
  TRIBUTARY_CHECK(update_);
  return *std::exchange(update_, std::nullopt);
}

void PendingStore::drop() {
  update_.reset();
  if (!std::exchange(on_disk_, false)) return;
  files_.remove(path_);
}

}  // namespace tributary::participant
