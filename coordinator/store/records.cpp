#include "coordinator/store/records.h"

#include "common/base/error.h"
#include "common/wire/frame.h"

namespace tributary::coordinator::store {

namespace {

constexpr std::size_t kMaxText = 1U << 20;
constexpr std::size_t kFrameLength = sizeof(std::uint32_t);

void put(ByteWriter& out, const Digest& digest) {
  out.put_bytes(digest.bytes);
}
Digest get_digest(ByteReader& in) {
  return Digest::from_bytes(in.get_bytes(sizeof(Digest::bytes)));
}
void put_blob(ByteWriter& out, ByteSpan bytes) {
  out.put(static_cast<std::uint32_t>(bytes.size()));
  out.put_bytes(bytes);
}
ByteSpan get_blob(ByteReader& in) {
  return in.get_bytes(in.get<std::uint32_t>());
}

struct Writer {
  ByteWriter& out;

  void operator()(const RunBegun& r) const {
    out.put_text(r.run);
    out.put_text(r.federation);
    out.put(r.unix_seconds);
    out.put(static_cast<std::uint32_t>(r.configuration.size()));
    for (const auto& [key, value] : r.configuration) {
      out.put_text(key);
      out.put_text(value);
    }
    put(out, r.skeleton);
    put(out, r.model);
  }
  void operator()(const RoundEnded& r) const {
    out.put(r.round);
    out.put(static_cast<std::uint8_t>(r.published));
    put(out, r.model);
    put(out, r.edge);
    put(out, r.previous);
    out.put_text(r.record);
  }
  void operator()(const RoundRecorded& r) const {
    out.put(r.round);
    out.put_text(r.record);
  }
  void operator()(const RunEnded& r) const { out.put_text(r.why); }
  void operator()(const RoundBegun& r) const { out.put(r.round); }
  void operator()(const RoundOpened& r) const {
    out.put(r.round);
    out.put(r.goal);
    out.put(r.quorum);
    out.put(static_cast<std::uint32_t>(r.selected.size()));
    for (const std::string& name : r.selected) out.put_text(name);
    put(out, r.edge);
  }
  void operator()(const UpdateAccepted& r) const {
    out.put_text(r.participant);
    put_blob(out, ByteSpan(wire::to_frame(r.announced)).subspan(kFrameLength));
    out.put_text(r.file);
    put_blob(out, r.bytes);
    out.put(r.factor);
  }
  void operator()(const FateSettled& r) const {
    out.put_text(r.participant);
    out.put(r.fate);
    out.put_text(r.reason);
  }
};

RunBegun read(ByteReader& in, RunBegun r) {
  r.run = in.get_text(kMaxText);
  r.federation = in.get_text(kMaxText);
  r.unix_seconds = in.get<std::int64_t>();
  for (auto left = in.get<std::uint32_t>(); left > 0; --left) {
    std::string key = in.get_text(kMaxText);
    r.configuration.emplace_back(std::move(key), in.get_text(kMaxText));
  }
  r.skeleton = get_digest(in);
  r.model = get_digest(in);
  return r;
}

RoundEnded read(ByteReader& in, RoundEnded r) {
  r.round = in.get<std::uint64_t>();
  r.published = in.get<std::uint8_t>() != 0;
  r.model = get_digest(in);
  r.edge = get_digest(in);
  r.previous = get_digest(in);
  r.record = in.get_text(kMaxText);
  return r;
}

RoundRecorded read(ByteReader& in, RoundRecorded r) {
  r.round = in.get<std::uint64_t>();
  r.record = in.get_text(kMaxText);
  return r;
}

RoundBegun read(ByteReader& in, RoundBegun r) {
  r.round = in.get<std::uint64_t>();
  return r;
}

RunEnded read(ByteReader& in, RunEnded r) {
  r.why = in.get_text(kMaxText);
  return r;
}

RoundOpened read(ByteReader& in, RoundOpened r) {
  r.round = in.get<std::uint64_t>();
  r.goal = in.get<std::uint32_t>();
  r.quorum = in.get<std::uint32_t>();
  for (auto left = in.get<std::uint32_t>(); left > 0; --left) r.selected.push_back(in.get_text(kMaxText));
  r.edge = get_digest(in);
  return r;
}

UpdateAccepted read(ByteReader& in, UpdateAccepted r) {
  r.participant = in.get_text(kMaxText);
  const ByteSpan raw = get_blob(in);
  const Bytes aligned(raw.begin(), raw.end());
  wire::Message message = wire::from_payload(aligned);
  auto* update = std::get_if<wire::Update>(&message);
  if (update == nullptr) fail(Error::Kind::Malformed, "no announcement of an update");
  r.announced = std::move(*update);
  r.file = in.get_text(kMaxText);
  const ByteSpan bytes = get_blob(in);
  r.bytes.assign(bytes.begin(), bytes.end());
  r.factor = in.get<double>();
  if (!(r.factor > 0 && r.factor <= 1)) fail(Error::Kind::Malformed, "a factor outside (0, 1]");
  return r;
}

FateSettled read(ByteReader& in, FateSettled r) {
  r.participant = in.get_text(kMaxText);
  r.fate = in.get<std::uint8_t>();
  r.reason = in.get_text(kMaxText);
  return r;
}

// The kind is the place in the variant.
template <std::size_t kind = 0>
Record read_kind(std::size_t wanted, ByteReader& in) {
  if constexpr (kind < std::variant_size_v<Record>) {
    if (wanted == kind) return read(in, std::variant_alternative_t<kind, Record>{});
    return read_kind<kind + 1>(wanted, in);
  } else {
    fail(Error::Kind::Malformed, "an entry of a kind that this version does not know");
  }
}

}  // namespace

Digest chain_of(const RoundEnded& ended) {
  return sha256(to_entry(ended));
}

Bytes to_entry(const Record& record) {
  ByteWriter out;
  out.put(static_cast<std::uint8_t>(record.index()));
  std::visit(Writer{out}, record);
  return out.take();
}

Record from_entry(ByteSpan entry, const std::string& source) {
  try {
    ByteReader in(entry, "entry");
    const auto kind = in.get<std::uint8_t>();
    Record record = read_kind(kind, in);
    in.expect_end();
    return record;
  } catch (const Error& e) {
    if (e.kind() != Error::Kind::Malformed) throw;
    fail(Error::Kind::Corrupt, source + ": " + e.what());
  }
}

}  // namespace tributary::coordinator::store
