#include "coordinator/spool.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"

namespace tributary::coordinator {

namespace {

// A name of the folder, taken apart. A participant's name may hold points; the other parts do not.
struct FileName {
  std::uint64_t round = 0;
  std::string participant;
  Checksum checksum;
  std::uint64_t serial = 0;
};

std::optional<FileName> parse_name(const std::string& text) {
  const std::size_t first = text.find('.');
  const std::size_t last = text.rfind('.');
  if (first == std::string::npos || last <= first) return std::nullopt;
  const std::size_t middle = text.rfind('.', last - 1);
  if (middle == std::string::npos || middle <= first) return std::nullopt;
  const auto round = parse_int(text.substr(0, first));
  const auto serial = parse_int(text.substr(last + 1));
  if (!round || *round < 0 || !serial || *serial < 0) return std::nullopt;
  try {
    return FileName{static_cast<std::uint64_t>(*round), text.substr(first + 1, middle - first - 1),
                    Checksum::from_hex(text.substr(middle + 1, last - middle - 1)),
                    static_cast<std::uint64_t>(*serial)};
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

Spool::Spool(Files& files, Path file, std::uint64_t announced_bytes, bool continues)
    : files_(files), path_(std::move(file)), announced_(announced_bytes), continues_(continues) {
  if (continues_) take_what_is_there();
}

Spool::~Spool() {
  file_.reset();
  if (kept_ || !made_) return;
  try {
    files_.remove(path_);
  } catch (const std::exception& e) {
    log::warning("spool", e.what());
  }
}

void Spool::take_what_is_there() {
  file_ = files_.open(path_);
  made_ = true;
  const auto there = files_.map(path_);
  const ByteSpan bytes = there->bytes().first(std::min<std::uint64_t>(there->bytes().size(), announced_));
  sum_.update(bytes);
  arrived_ = bytes.size();
}

void Spool::append(std::uint64_t offset, ByteSpan bytes) {
  if (offset != arrived_) {
    fail(Error::Kind::Malformed,
         "a chunk out of order: offset " + std::to_string(offset) + " where " + std::to_string(arrived_) + " was next");
  }
  if (bytes.size() > announced_ - arrived_) {
    fail(Error::Kind::Malformed, "more bytes than the " + std::to_string(announced_) + " announced");
  }
  if (!file_) file_ = files_.create(path_);
  made_ = true;
  file_->write_at(arrived_, bytes);
  sum_.update(bytes);
  arrived_ += bytes.size();
  if (complete()) file_->truncate(arrived_);  // a file that is written over may have been longer
}

std::unique_ptr<MappedFile> Spool::map() const {
  TRIBUTARY_CHECK(complete());
  return files_.map(path_);
}

SpoolFolder::SpoolFolder(Files& files, Path folder) : files_(files), folder_(std::move(folder)) {
  for (const std::string& name : files_.list(folder_)) {
    if (const auto parsed = parse_name(name)) serial_ = std::max(serial_, parsed->serial);
  }
}

// What is half-way may be gone on with after a restart.
SpoolFolder::~SpoolFolder() {
  for (auto& [participant, upload] : unfinished_) upload->spool.keep();
}

void SpoolFolder::adopt(std::uint64_t round, const std::vector<std::string>& counted) {
  for (const std::string& name : files_.list(folder_)) {
    const auto parsed = parse_name(name);
    if (!parsed || parsed->round != round) continue;
    if (std::find(counted.begin(), counted.end(), name) != counted.end()) continue;
    wire::Update update;
    update.round = round;
    update.checksum = parsed->checksum;
    update.blob_bytes = files_.map(folder_ / name)->bytes().size();
    unfinished_[parsed->participant] = std::make_shared<Upload>(files_, folder_ / name, update, true);
  }
}

Path SpoolFolder::new_file(const std::string& participant, const wire::Update& update) {
  return folder_ / (std::to_string(update.round) + "." + participant + "." + update.checksum.hex() + "." +
                    std::to_string(++serial_));
}

std::shared_ptr<Upload> SpoolFolder::begin(const std::string& participant, const wire::Update& update) {
  const auto at = unfinished_.find(participant);
  if (!update.awaits || at == unfinished_.end() || at->second.use_count() > 1) return begin_again(participant, update);
  Upload& there = *at->second;
  if (there.announced.round != update.round || there.announced.checksum != update.checksum ||
      there.spool.arrived_bytes() > update.blob_bytes)
    return begin_again(participant, update);
  // The same file under the announcement of today.
  there.spool.keep();
  const Path path = folder_ / there.spool.file_name();
  unfinished_.erase(at);
  auto upload = std::make_shared<Upload>(files_, path, update, files_.exists(path));
  unfinished_[participant] = upload;
  return upload;
}

std::shared_ptr<Upload> SpoolFolder::begin_again(const std::string& participant, const wire::Update& update) {
  auto upload = std::make_shared<Upload>(files_, new_file(participant, update), update);
  unfinished_[participant] = upload;
  return upload;
}

}  // namespace tributary::coordinator
