#include "coordinator/spool.h"

#include <string>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"

namespace tributary::coordinator {

namespace {
constexpr std::string_view kPrefix = "upload-";
}  // namespace

Spool::Spool(Files& files, Path file, std::uint64_t announced_bytes)
    : files_(files), path_(std::move(file)), announced_(announced_bytes) {}

Spool::~Spool() {
  if (!file_) return;
  file_.reset();
  try {
    files_.remove(path_);
  } catch (const Error& e) {
    log::warning("spool", e.what());
  }
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
  file_->write_at(arrived_, bytes);
  arrived_ += bytes.size();
}

std::unique_ptr<MappedFile> Spool::map() const {
  TRIBUTARY_CHECK(complete());
  return files_.map(path_);
}

SpoolFolder::SpoolFolder(Files& files, Path folder) : files_(files), folder_(std::move(folder)) {
  files_.make_directories(folder_);
  for (const std::string& name : files_.list(folder_)) {
    if (name.starts_with(kPrefix)) files_.remove(folder_ / name);
  }
}

std::shared_ptr<Upload> SpoolFolder::begin(wire::Update update) {
  return std::make_shared<Upload>(files_, folder_ / (std::string(kPrefix) + std::to_string(++begun_)),
                                  std::move(update));
}

}  // namespace tributary::coordinator
