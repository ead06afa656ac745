#include "participant/residual_store.h"

#include <cstring>
#include <utility>

#include "common/base/error.h"

namespace tributary::participant {

namespace {

constexpr std::string_view kMagic = "TRIBRES1";
constexpr std::size_t kDigestBytes = sizeof(Digest::bytes);
constexpr std::size_t kMaxRunBytes = 1024;

[[noreturn]] void damaged(const std::string& source) {
  fail(Error::Kind::Corrupt, source + ": damaged; remove it to go on without what earlier updates left out");
}

}  // namespace

ResidualStore::ResidualStore(Files& files, const Path& folder, const std::string& participant)
    : files_(files), folder_(folder), path_(folder / (participant + ".residual")) {}

std::shared_ptr<const std::vector<float>> ResidualStore::load(const ResidualKey& key) {
  const auto belongs = [&key](const Residual& residual) {
    return residual.values && residual.run == key.run && residual.layout == key.layout &&
           residual.values->size() == key.size;
  };
  if (folder_.empty()) {
    if (!belongs(kept_)) kept_ = {};
    return kept_.values;
  }
  if (!files_.exists(path_)) return nullptr;
  const Residual stored = read(files_.map(path_)->bytes(), path_.string());
  if (belongs(stored)) return stored.values;
  files_.remove(path_);
  return nullptr;
}

void ResidualStore::commit(const ResidualKey& key, std::uint64_t round, std::vector<float> values) {
  TRIBUTARY_CHECK(values.empty() || values.size() == key.size);
  Residual residual{key.run, round, key.layout, nullptr};
  if (!values.empty()) residual.values = std::make_shared<const std::vector<float>>(std::move(values));
  if (folder_.empty()) {
    kept_ = std::move(residual);
  } else if (!residual.values) {
    files_.remove(path_);
  } else {
    files_.make_directories(folder_);
    write_atomically(files_, path_, write(residual));
  }
}

Bytes ResidualStore::write(const Residual& residual) {
  ByteWriter out;
  out.put_bytes(as_bytes(kMagic));
  out.put_text(residual.run);
  out.put(residual.round);
  out.put_bytes(residual.layout.bytes);
  out.put(std::uint64_t{residual.values->size()});
  out.put_bytes(std::as_bytes(std::span(*residual.values)));
  out.put_bytes(sha256(out.bytes()).bytes);
  return out.take();
}

ResidualStore::Residual ResidualStore::read(ByteSpan bytes, const std::string& source) try {
  if (bytes.size() < kMagic.size() + kDigestBytes || as_text(bytes.first(kMagic.size())) != kMagic) damaged(source);
  const ByteSpan body = bytes.first(bytes.size() - kDigestBytes);
  if (sha256(body) != Digest::from_bytes(bytes.last(kDigestBytes))) damaged(source);
  ByteReader in(body.subspan(kMagic.size()), source);
  Residual residual;
  residual.run = in.get_text(kMaxRunBytes);
  residual.round = in.get<std::uint64_t>();
  residual.layout = Digest::from_bytes(in.get_bytes(kDigestBytes));
  if (in.get<std::uint64_t>() != in.remaining() / sizeof(float) || in.remaining() % sizeof(float) != 0) damaged(source);
  const ByteSpan raw = in.get_bytes(in.remaining());
  std::vector<float> values(raw.size() / sizeof(float));
  if (!raw.empty()) std::memcpy(values.data(), raw.data(), raw.size());
  residual.values = std::make_shared<const std::vector<float>>(std::move(values));
  return residual;
} catch (const Error& error) {
  if (error.kind() == Error::Kind::Corrupt) throw;
  damaged(source);
}

}  // namespace tributary::participant
