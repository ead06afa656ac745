#include "coordinator/store/model_state.h"

#include <algorithm>
#include <string>

#include "common/base/checksum.h"
#include "common/base/error.h"

namespace tributary::coordinator::store {

namespace {

constexpr std::string_view kMagic = "TRIBSTA1";
constexpr std::size_t kPieceBytes = 4U << 20;

// Writes in a row, and what the checksum of it all is.
class Row {
 public:
  explicit Row(File& file) : file_(file) {}

  template <class T>
  void put(T value) {
    ByteWriter out;
    out.put(value);
    put_bytes(out.bytes());
  }
  void put_bytes(ByteSpan bytes) {
    sum_.update(bytes);
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(kPieceBytes, bytes.size()))) {
      const ByteSpan piece = bytes.first(std::min(kPieceBytes, bytes.size()));
      file_.write_at(at_, piece);
      at_ += piece.size();
    }
  }
  void put_floats(std::span<const float> floats) {
    put(std::uint64_t{floats.size()});
    put_bytes(std::as_bytes(floats));
  }
  void finish() { file_.write_at(at_, sum_.value().bytes); }

 private:
  File& file_;
  std::uint64_t at_ = 0;
  RunningChecksum sum_;
};

std::vector<float> get_floats(ByteReader& in) {
  const auto count = in.get<std::uint64_t>();
  const ByteSpan raw = in.get_bytes(checked_multiply(count, sizeof(float), "floats"));
  std::vector<float> floats(count);
  if (!raw.empty()) std::memcpy(floats.data(), raw.data(), raw.size());
  return floats;
}

}  // namespace

void write_state(Files& files, const Path& path, const ModelStateView& state, Durability durability) {
  Path temporary = path;
  temporary += ".tmp";
  {
    const auto file = files.create(temporary);
    ByteWriter head;
    head.put_bytes(as_bytes(kMagic));
    head.put(state.round);
    head.put_bytes(state.layout.bytes);
    head.put(static_cast<std::uint32_t>(state.edges.size()));
    for (const Digest& edge : state.edges) head.put_bytes(edge.bytes);
    Row row(*file);
    row.put_bytes(head.bytes());
    row.put_floats(state.global);
    row.put_floats(state.velocity);
    row.put_floats(state.residual);
    row.put(static_cast<std::uint32_t>(state.scales.size()));
    for (const auto& scales : state.scales) row.put_floats(scales);
    row.finish();
    if (durability == Durability::Synced) file->sync();
  }
  files.rename(temporary, path);
  if (durability == Durability::Synced) files.sync_directory(path.parent_path());
}

ModelState read_state(const Files& files, const Path& path) {
  const auto file = files.map(path);
  const ByteSpan all = file->bytes();
  constexpr std::size_t kSum = sizeof(Checksum::bytes);
  const auto damaged = [&] {
    fail(Error::Kind::Corrupt, path.string() + ": damaged; restore the file from a copy, or move the folder away");
  };
  if (all.size() < kMagic.size() + kSum || as_text(all.first(kMagic.size())) != kMagic) damaged();
  const ByteSpan body = all.first(all.size() - kSum);
  if (checksum(body) != Checksum::from_bytes(all.last(kSum))) damaged();
  try {
    ByteReader in(body.subspan(kMagic.size()), "state");
    ModelState state;
    state.round = in.get<std::uint64_t>();
    state.layout = Digest::from_bytes(in.get_bytes(sizeof(Digest::bytes)));
    for (auto left = in.get<std::uint32_t>(); left > 0; --left) {
      state.edges.push_back(Digest::from_bytes(in.get_bytes(sizeof(Digest::bytes))));
    }
    state.global = get_floats(in);
    state.velocity = get_floats(in);
    state.residual = get_floats(in);
    for (auto left = in.get<std::uint32_t>(); left > 0; --left) state.scales.push_back(get_floats(in));
    in.expect_end();
    return state;
  } catch (const Error&) {
    damaged();
  }
  check_failed("a state", __FILE__, __LINE__);
}

}  // namespace tributary::coordinator::store
