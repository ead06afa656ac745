// What a start may find on the coordinator's disk. The first byte says what the rest is:
//   'h', 'r'   entries of a history or of a round's log: u16 length, entry, ...
//   'l'        changes to a log of five entries: u16 place, u8 bits, ...; the last odd byte cuts its end off
//   'L'        a log, byte for byte
//   's'        the body of a saved state, which gets its magic and its checksum here
// Every entry reads the same when it is written again; a damaged log is Corrupt or yields a beginning of what was put
// into it; everything else is Corrupt.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "common/base/checksum.h"
#include "common/base/error.h"
#include "common/base/simulated_disk.h"
#include "coordinator/store/contents.h"
#include "coordinator/store/log.h"
#include "coordinator/store/model_state.h"

using namespace tributary;
using namespace tributary::coordinator;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

template <class Action>
void corrupt_or(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    require(error.kind() == Error::Kind::Corrupt);
    require(std::string_view(error.what()).find('\n') == std::string_view::npos);
  }
}

void read_entry(ByteSpan entry) {
  const Bytes written = store::to_entry(store::from_entry(entry, "log"));
  require(store::to_entry(store::from_entry(written, "log")) == written);
}

template <class Contents>
void take_entries(ByteSpan input) {
  Contents contents;
  ByteReader in(input, "input");
  while (in.remaining() >= sizeof(std::uint16_t)) {
    const std::size_t size = std::min<std::size_t>(in.get<std::uint16_t>(), in.remaining());
    const ByteSpan entry = in.get_bytes(size);
    corrupt_or([&] { read_entry(entry); });
    corrupt_or([&] { store::take(contents, entry, "log"); });
  }
}

void put_file(Files& files, const Path& path, ByteSpan bytes) {
  files.create(path)->write_at(0, bytes);
}

// Reads it, opens it, which mends its end, and reads it again: the same entries, which are handed back.
std::vector<Bytes> read_log(Files& files, const Path& path) {
  std::vector<Bytes> first, opened, second;
  const auto into = [](std::vector<Bytes>& entries) {
    return [&entries](ByteSpan entry) { entries.emplace_back(entry.begin(), entry.end()); };
  };
  std::string note;
  const bool there = store::Log::read(files, path, into(first), note);
  auto log = store::Log::open(files, path, Durability::Buffered, into(opened));
  require(log.has_value() == there && opened == first);
  if (!log) return {};
  log->append({to_bytes("another")});
  require(store::Log::read(files, path, into(second), note) && second.size() == first.size() + 1);
  second.pop_back();
  require(second == first);
  return first;
}

void change_log(ByteSpan changes) {
  SimulatedDisk disk;
  disk.make_directories("run");
  const Path path = "run/log";
  const std::vector<Bytes> entries = {to_bytes("one"), to_bytes("two"), to_bytes("TRIBLOG1"), to_bytes(""),
                                      to_bytes("the last of the entries")};
  {
    store::Log log = store::Log::create(disk, path, Durability::Buffered, {entries[0]});
    log.append({entries[1], entries[2]});
    log.append({entries[3]});
    log.append({entries[4]});
  }
  const auto file = disk.open(path);
  ByteReader in(changes, "changes");
  while (in.remaining() >= 3) {
    const std::uint64_t place = in.get<std::uint16_t>() % file->size();
    std::byte byte{};
    file->read_at(place, {&byte, 1});
    byte ^= std::byte{in.get<std::uint8_t>()};
    file->write_at(place, {&byte, 1});
  }
  if (in.remaining() == 1) file->truncate(file->size() - std::min<std::uint64_t>(in.get<std::uint8_t>(), file->size()));
  corrupt_or([&] {
    const std::vector<Bytes> left = read_log(disk, path);
    require(left.size() <= entries.size() && std::equal(left.begin(), left.end(), entries.begin()));
  });
}

void read_any_log(ByteSpan bytes) {
  SimulatedDisk disk;
  disk.make_directories("run");
  put_file(disk, "run/log", bytes);
  corrupt_or([&] { read_log(disk, "run/log"); });
}

void read_state(ByteSpan body) {
  SimulatedDisk disk;
  disk.make_directories("run");
  Bytes file = to_bytes("TRIBSTA1");
  file.insert(file.end(), body.begin(), body.end());
  const Checksum sum = checksum(file);
  file.insert(file.end(), sum.bytes.begin(), sum.bytes.end());
  put_file(disk, "run/1", file);
  corrupt_or([&] {
    const store::ModelState state = store::read_state(disk, "run/1");
    store::write_state(
        disk, "run/2",
        {state.round, state.layout, state.edges, state.global, state.velocity, state.residual, state.scales},
        Durability::Buffered);
    const auto again = disk.map("run/2");
    require(std::ranges::equal(again->bytes(), file));
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const ByteSpan input = std::as_bytes(std::span(bytes + 1, size - 1));
  switch (bytes[0]) {
    case 'h':
      take_entries<store::History>(input);
      break;
    case 'r':
      take_entries<std::optional<store::RoundContents>>(input);
      break;
    case 'l':
      change_log(input);
      break;
    case 'L':
      read_any_log(input);
      break;
    case 's':
      read_state(input);
      break;
    default:
      break;
  }
  return 0;
}
