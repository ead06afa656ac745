#include "coordinator/store/log.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/base/checksum.h"
#include "common/base/error.h"

namespace tributary::coordinator::store {

namespace {

constexpr std::string_view kMagic = "TRIBLOG1";
constexpr std::size_t kHeadBytes = 8 + 8 + 4;
constexpr std::size_t kTailBytes = 16;

constexpr std::size_t kRun = 7;  // bytes of a payload in a row, without a zero: less than a magic has

Bytes stuffed(ByteSpan bytes) {
  Bytes out;
  out.reserve(bytes.size() + bytes.size() / kRun + 1);
  for (std::size_t at = 0; at < bytes.size(); at += kRun) {
    const ByteSpan run = bytes.subspan(at, std::min(kRun, bytes.size() - at));
    out.insert(out.end(), run.begin(), run.end());
    out.push_back(std::byte{0});
  }
  return out;
}

Bytes unstuffed(ByteSpan bytes) {
  Bytes out;
  out.reserve(bytes.size());
  for (std::size_t at = 0; at + 1 < bytes.size(); at += kRun + 1) {
    const ByteSpan run = bytes.subspan(at, std::min(kRun, bytes.size() - at - 1));
    out.insert(out.end(), run.begin(), run.end());
  }
  return out;
}

Bytes frame_of(std::uint64_t number, const std::vector<Bytes>& entries) {
  TRIBUTARY_CHECK(!entries.empty());
  ByteWriter plain;
  for (const Bytes& entry : entries) {
    plain.put(static_cast<std::uint32_t>(entry.size()));
    plain.put_bytes(entry);
  }
  const Bytes payload = stuffed(plain.bytes());
  TRIBUTARY_CHECK(payload.size() <= Log::kMaxPayloadBytes);
  ByteWriter out;
  out.reserve(kHeadBytes + payload.size() + kTailBytes);
  out.put_bytes(as_bytes(kMagic));
  out.put(number);
  out.put(static_cast<std::uint32_t>(payload.size()));
  out.put_bytes(payload);
  out.put_bytes(checksum(out.bytes()).bytes);
  return out.take();
}

Bytes twice(Bytes frame) {
  const std::size_t once = frame.size();
  frame.resize(2 * once);
  std::memcpy(frame.data() + once, frame.data(), once);
  return frame;
}

// A whole frame that stands at the beginning of `bytes`.
struct Frame {
  std::uint64_t number = 0;
  ByteSpan all, payload;
};

std::optional<Frame> frame_at(ByteSpan bytes) {
  if (bytes.size() < kHeadBytes + kTailBytes || as_text(bytes.first(kMagic.size())) != kMagic) return std::nullopt;
  ByteReader head(bytes.subspan(kMagic.size(), kHeadBytes - kMagic.size()), "frame");
  Frame frame;
  frame.number = head.get<std::uint64_t>();
  const auto length = head.get<std::uint32_t>();
  if (length > Log::kMaxPayloadBytes || length > bytes.size() - kHeadBytes - kTailBytes) return std::nullopt;
  frame.all = bytes.first(kHeadBytes + length + kTailBytes);
  frame.payload = bytes.subspan(kHeadBytes, length);
  const ByteSpan covered = frame.all.first(kHeadBytes + length);
  if (checksum(covered) != Checksum::from_bytes(frame.all.last(kTailBytes))) return std::nullopt;
  return frame;
}

// The first whole frame that begins at `from` or behind it, and where.
std::optional<std::pair<std::uint64_t, Frame>> find_frame(ByteSpan bytes, std::uint64_t from) {
  const std::string_view text = as_text(bytes);
  for (std::size_t at = text.find(kMagic, from); at != std::string_view::npos; at = text.find(kMagic, at + 1)) {
    if (const auto frame = frame_at(bytes.subspan(at))) return std::pair{std::uint64_t{at}, *frame};
  }
  return std::nullopt;
}

[[noreturn]] void damaged(const Path& path, std::uint64_t at) {
  fail(Error::Kind::Corrupt, path.string() + ": damaged at byte " + std::to_string(at) +
                                 "; restore the file from a copy, or move the folder away and begin anew");
}

// What a file holds up to its end.
struct Contents {
  std::uint64_t end = 0, frames = 0;
  Bytes mend;  // the last frame, of which one copy was found; it belongs at `end`, twice
  bool cut_off = false;
};

void visit_entries(const Frame& frame, const Path& path, const Log::Visit& visit) {
  const Bytes payload = unstuffed(frame.payload);
  const std::string name = path.string();
  ByteReader in(payload, name);
  while (in.remaining() > 0) visit(in.get_bytes(in.get<std::uint32_t>()));
}

Contents read_contents(ByteSpan bytes, const Path& path, const Log::Visit& visit) {
  Contents contents;
  while (contents.end < bytes.size()) {
    const auto found = find_frame(bytes, contents.end);
    if (!found) {
      contents.cut_off = true;
      break;
    }
    const auto& [at, frame] = *found;
    if (frame.number != contents.frames) damaged(path, contents.end);
    const std::uint64_t size = frame.all.size();
    const bool first = at == contents.end;
    const std::uint64_t second_at = first ? contents.end + size : at;
    const auto second = frame_at(bytes.subspan(std::min<std::uint64_t>(second_at, bytes.size())));
    const bool whole = first && second && second->number == frame.number;
    if (!whole) {
      // A frame behind it was written after this one was durable: then both copies had been there.
      if (find_frame(bytes, first ? contents.end + size : at + size)) damaged(path, contents.end);
      if (!first && at != contents.end + size) damaged(path, contents.end);
      contents.mend.assign(frame.all.begin(), frame.all.end());
    }
    visit_entries(frame, path, visit);
    ++contents.frames;
    if (!whole) break;
    contents.end += 2 * size;
  }
  return contents;
}

}  // namespace

Log Log::create(Files& files, Path path, Durability durability, const std::vector<Bytes>& entries) {
  Log log(files.create(path), durability, 0, 0);
  log.append(entries);
  if (durability == Durability::Synced) files.sync_directory(path.parent_path());
  return log;
}

std::optional<Log> Log::open(Files& files, Path path, Durability durability, const Visit& visit) {
  if (!files.exists(path)) return std::nullopt;
  const Contents contents = read_contents(files.map(path)->bytes(), path, visit);
  if (contents.frames == 0) return std::nullopt;
  Log log(files.open(path), durability, contents.end, contents.frames);
  if (!contents.mend.empty()) {
    // The copy that is there is not touched before the other one is durable.
    const std::uint64_t size = contents.mend.size();
    const bool first = frame_at(files.map(path)->bytes().subspan(contents.end)).has_value();
    log.file_->write_at(contents.end + (first ? size : 0), contents.mend);
    log.file_->sync();
    log.end_ += 2 * size;
  }
  if (log.file_->size() > log.end_) {
    log.file_->truncate(log.end_);
    log.file_->sync();
  }
  if (durability == Durability::Synced) {
    // Of a process that was killed, or whose sync failed, all of this may be in the system's memory only.
    log.file_->sync();
    files.sync_directory(path.parent_path());
  }
  return log;
}

bool Log::read(const Files& files, const Path& path, const Visit& visit, std::string& note) {
  if (!files.exists(path)) return false;
  const Contents contents = read_contents(files.map(path)->bytes(), path, visit);
  if (!contents.mend.empty()) note = path.string() + ": of the last entry one copy is damaged, the other is whole";
  if (contents.cut_off) note = path.string() + ": ends in an entry that was never finished";
  return contents.frames > 0;
}

void Log::append(const std::vector<Bytes>& entries) {
  TRIBUTARY_CHECK(!broken_);
  broken_ = true;  // until all of it is done: what a failed write or sync has left is not known
  const Bytes frames = twice(frame_of(next_, entries));
  file_->write_at(end_, frames);
  if (durability_ == Durability::Synced) file_->sync();
  end_ += frames.size();
  ++next_;
  broken_ = false;
}

}  // namespace tributary::coordinator::store
