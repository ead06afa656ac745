// disk_seeds FOLDER: writes the seeds of store_fuzz, participant_files_fuzz and record_fuzz.
#include <filesystem>

#include "common/base/files.h"
#include "common/base/simulated_disk.h"
#include "coordinator/store/contents.h"
#include "coordinator/store/log.h"
#include "coordinator/store/model_state.h"
#include "participant/pending_store.h"
#include "participant/residual_store.h"

using namespace tributary;
using namespace tributary::coordinator;

namespace {

std::string text_of(const Files& files, const Path& path, std::size_t head, std::size_t tail) {
  const auto file = files.map(path);
  return std::string(as_text(file->bytes().subspan(head, file->bytes().size() - head - tail)));
}

std::string entries(const std::vector<store::Record>& records) {
  ByteWriter out;
  for (const store::Record& record : records) {
    const Bytes entry = store::to_entry(record);
    out.put(static_cast<std::uint16_t>(entry.size()));
    out.put_bytes(entry);
  }
  return std::string(as_text(out.bytes()));
}

wire::Update announced() {
  wire::Update update;
  update.round = 1;
  update.examples = 600;
  update.encoding = "int8";
  return update;
}

void write_store(const Path& folder) {
  store::RunBegun run;
  run.run = "0123456789abcdef0123456789abcdef";
  run.federation = "orchard";
  run.configuration = {{"seed", "1"}, {"rounds", "5"}};
  store::RoundEnded ended;
  ended.round = 1;
  ended.published = true;
  ended.record = "{\"round\":1}";
  store::RoundEnded second = ended;
  second.round = 2;
  second.previous = store::chain_of(ended);
  write_text_file(folder / "history", "h" + entries({run, store::RoundBegun{1}, ended, store::RoundRecorded{1, "{}"},
                                                     store::RoundBegun{2}, second, store::RunEnded{"done"}}));
  store::RoundOpened opened;
  opened.round = 1;
  opened.goal = 2;
  opened.quorum = 1;
  opened.selected = {"alice", "bob"};
  const store::UpdateAccepted accepted{"alice", announced(), "1-alice", to_bytes("bytes"), 0.5};
  write_text_file(folder / "round", "r" + entries({opened, accepted, store::FateSettled{"bob", 3, "vanished"}}));
  write_text_file(folder / "changes", std::string("l\x10\x00\x01\x40\x00\x80", 7));
  write_text_file(folder / "cut", "l\x20");

  SimulatedDisk disk;
  disk.make_directories("run");
  store::Log::create(disk, "run/log", Durability::Buffered, {to_bytes("one")}).append({to_bytes("two")});
  write_text_file(folder / "log", "L" + text_of(disk, "run/log", 0, 0));
  const std::vector<float> values = {1, -2, 3}, nothing;
  const std::vector<std::vector<float>> scales = {{0.5F}, {0.25F, 4}};
  store::write_state(disk, "run/1", {1, {}, {Digest{}, Digest{}}, values, values, nothing, scales},
                     Durability::Buffered);
  write_text_file(folder / "state", "s" + text_of(disk, "run/1", 8, 16));
}

void write_participant(const Path& folder) {
  SimulatedDisk disk;
  disk.make_directories("kept");
  participant::PendingStore pending(disk, "kept", "alice");
  pending.put({{"run", {}, 2}, announced(), to_bytes("bytes"), {1, -2}});
  write_text_file(folder / "pending", "p" + text_of(disk, "kept/alice.update", 8, 16));
  participant::ResidualStore residual(disk, "kept", "alice");
  residual.commit({"run", {}, 2}, 1, {1, -2});
  write_text_file(folder / "residual", "r" + text_of(disk, "kept/alice.residual", 8, 32));
}

// The first byte is record_fuzz's schema.
void write_records(const Path& folder) {
  const auto write = [&](const char* name, char choice, const std::string& lines) {
    write_text_file(folder / name, std::string(1, choice) + lines);
  };
  write("csv", '\x08', "b,other,y,a\n1,2,0,0.5\n\nx,2,0,0.5\n1,2,7,1\n");
  write("names", '\x06', "1;2;UP\n\"3\";4e-3;DOWN\n5;6;LEFT\n");
  write("json", '\x01', "{\"a\":1,\"b\":2.5,\"y\":2}\n{\"a\":oops\n{\"a\":1,\"y\":0}\n[1]\n");
  write("json_names", '\x03',
        "{\"a\":1,\"b\":-1e3,\"y\":\"UP\",\"c\":[{}]}\n{\"a\":\"1\",\"b\":null,\"y\":\"DOWN\"}\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const Path folder = argv[1];
  for (const char* name : {"store", "participant_files", "record"}) std::filesystem::create_directories(folder / name);
  write_store(folder / "store");
  write_participant(folder / "participant_files");
  write_records(folder / "record");
  return 0;
}
