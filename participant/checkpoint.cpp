#include "participant/checkpoint.h"

#include <algorithm>

#include "common/base/digest.h"
#include "common/base/error.h"

namespace tributary::participant {

namespace {

constexpr std::string_view kMagic = "TRIBSTR1";
constexpr std::size_t kMaxPositionBytes = 4u << 20;
constexpr std::size_t kDigestBytes = sizeof(Digest::bytes);

[[noreturn]] void damaged(const Path& path) {
  fail(Error::Kind::Corrupt, path.string() + ": damaged; remove it to begin anew");
}

}  // namespace

void save_checkpoint(Files& files, const Path& path, const Checkpoint& checkpoint) {
  const auto values = std::as_bytes(checkpoint.parameters.values());
  ByteWriter out;
  out.reserve(values.size() + checkpoint.state.size() + checkpoint.position.size() + 200);
  out.put_bytes(as_bytes(kMagic));
  out.put_bytes(checkpoint.parameters.layout().digest().bytes);
  out.put_text(checkpoint.position);
  out.put(std::uint64_t{checkpoint.state.size()});
  out.put_bytes(checkpoint.state);
  out.put_bytes(values);
  const Digest digest = sha256(out.bytes());
  out.put_bytes(digest.bytes);
  write_atomically(files, path, out.bytes());
}

namespace {

// The bytes between magic and digest of a file that is whole.
ByteSpan body_of(const MappedFile& mapped, const Path& path) {
  const ByteSpan bytes = mapped.bytes();
  if (bytes.size() < kMagic.size() + 2 * kDigestBytes || as_text(bytes.first(kMagic.size())) != kMagic) damaged(path);
  const ByteSpan body = bytes.first(bytes.size() - kDigestBytes);
  if (!std::ranges::equal(sha256(body).bytes, bytes.last(kDigestBytes))) damaged(path);
  return body.subspan(kMagic.size());
}

}  // namespace

std::optional<std::string> checkpoint_position(Files& files, const Path& path) {
  if (!files.exists(path)) return std::nullopt;
  const auto mapped = files.map(path);
  ByteReader in(body_of(*mapped, path), path.string());
  in.get_bytes(kDigestBytes);
  return in.get_text(kMaxPositionBytes);
}

std::optional<Checkpoint> load_checkpoint(Files& files, const Path& path, const model::LayoutPtr& layout) {
  if (!files.exists(path)) return std::nullopt;
  const auto mapped = files.map(path);
  ByteReader in(body_of(*mapped, path), path.string());
  if (!std::ranges::equal(in.get_bytes(kDigestBytes), ByteSpan(layout->digest().bytes)))
    fail(Error::Kind::Malformed, path.string() + ": the state is that of another model; give another --state");
  Checkpoint checkpoint;
  checkpoint.position = in.get_text(kMaxPositionBytes);
  const ByteSpan state = in.get_bytes(in.get<std::uint64_t>());
  checkpoint.state.assign(state.begin(), state.end());
  checkpoint.parameters = model::ParameterSet(layout);
  const auto values = std::as_writable_bytes(checkpoint.parameters.values());
  std::ranges::copy(in.get_bytes(values.size()), values.begin());
  in.expect_end();
  return checkpoint;
}

}  // namespace tributary::participant
