#include "coordinator/recycled_files.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <string>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"

namespace tributary::coordinator {

namespace {
constexpr std::string_view kPrefix = "idle-";
}  // namespace

// A file with bytes of an older one behind those that were written. They go at the latest with the object.
class RecycledFiles::Overwritten final : public File {
 public:
  Overwritten(RecycledFiles& owner, std::unique_ptr<File> file, Written written)
      : owner_(owner), file_(std::move(file)), written_(std::move(written)) {}
  ~Overwritten() override {
    try {
      cut();
    } catch (const std::exception& e) {
      log::warning("spool", e.what());
    }
    owner_.forget(written_);
  }
  Overwritten(const Overwritten&) = delete;
  Overwritten& operator=(const Overwritten&) = delete;

  void write_at(std::uint64_t offset, ByteSpan bytes) override {
    if (offset > *written_) truncate(offset);  // zeroes between, as in any file
    file_->write_at(offset, bytes);
    *written_ = std::max<std::uint64_t>(*written_, offset + bytes.size());
  }
  void read_at(std::uint64_t offset, std::span<std::byte> bytes) const override {
    if (bytes.size() > *written_ || offset > *written_ - bytes.size()) cut();
    file_->read_at(offset, bytes);
  }
  std::uint64_t size() const override { return *written_; }
  void truncate(std::uint64_t size) override {
    cut();
    file_->truncate(size);
    *written_ = size;
  }
  void sync() override {
    cut();
    file_->sync();
  }

 private:
  void cut() const {
    if (file_->size() > *written_) file_->truncate(*written_);
  }

  RecycledFiles& owner_;
  std::unique_ptr<File> file_;
  Written written_;
};

// What of a mapped file was written.
class RecycledFiles::Begun final : public MappedFile {
 public:
  Begun(std::unique_ptr<MappedFile> file, std::uint64_t written) : file_(std::move(file)), written_(written) {}
  ByteSpan bytes() const override {
    return file_->bytes().first(std::min<std::size_t>(written_, file_->bytes().size()));
  }
  void forget(ByteSpan part) const override { file_->forget(part); }

 private:
  std::unique_ptr<MappedFile> file_;
  std::uint64_t written_;
};

RecycledFiles::RecycledFiles(Files& files, Path folder) : files_(files), folder_(std::move(folder)) {
  files_.make_directories(folder_);
  for (const std::string& name : files_.list(folder_)) {
    if (name.starts_with(kPrefix)) files_.remove(folder_ / name);
  }
}

RecycledFiles::~RecycledFiles() {
  for (Kept& each : kept_) {
    each.file.reset();
    try {
      files_.remove(each.path);
    } catch (const std::exception& e) {
      log::warning("spool", e.what());
    }
  }
}

std::optional<RecycledFiles::Kept> RecycledFiles::take(const Path& folder) {
  const std::lock_guard lock(mutex_);
  const auto last = std::find_if(kept_.rbegin(), kept_.rend(), [&](const Kept& each) { return each.folder == folder; });
  if (last == kept_.rend()) return std::nullopt;
  Kept kept = std::move(*last);
  kept_.erase(std::next(last).base());
  kept_bytes_ -= kept.bytes;
  return kept;
}

std::unique_ptr<File> RecycledFiles::create(const Path& path) {
  std::optional<Kept> kept = take(path.parent_path());
  if (!kept) return files_.create(path);
  files_.rename(kept->path, path);
  auto nothing = std::make_shared<std::atomic<std::uint64_t>>(0);
  {
    const std::lock_guard lock(mutex_);
    written_[path] = nothing;
  }
  return std::make_unique<Overwritten>(*this, std::move(kept->file), std::move(nothing));
}

std::unique_ptr<File> RecycledFiles::open(const Path& path) {
  auto file = files_.open(path);
  Written begun = written(path);
  if (!begun) return file;
  return std::make_unique<Overwritten>(*this, std::move(file), std::move(begun));
}

std::unique_ptr<MappedFile> RecycledFiles::map(const Path& path) const {
  const Written begun = written(path);
  auto file = files_.map(path);
  if (!begun) return file;
  return std::make_unique<Begun>(std::move(file), *begun);
}

void RecycledFiles::rename(const Path& from, const Path& to) {
  files_.rename(from, to);
  const std::lock_guard lock(mutex_);
  written_.erase(to);
  if (auto entry = written_.extract(from)) {
    entry.key() = to;
    written_.insert(std::move(entry));
  }
}

void RecycledFiles::remove(const Path& path) {
  if (!files_.exists(path)) return;
  if (!keep(path)) files_.remove(path);
  const std::lock_guard lock(mutex_);
  written_.erase(path);
}

// Whether the file is kept.
bool RecycledFiles::keep(const Path& path) {
  Kept kept;
  kept.folder = path.parent_path();
  kept.file = files_.open(path);
  kept.bytes = kept.file->size();
  {
    const std::lock_guard lock(mutex_);
    if (kept_.size() >= kMaxFiles || kept.bytes > kMaxBytes - kept_bytes_) return false;
    kept.path = folder_ / (std::string(kPrefix) + std::to_string(++names_));
    kept_bytes_ += kept.bytes;
  }
  try {
    files_.rename(path, kept.path);
  } catch (const Error&) {
    const std::lock_guard lock(mutex_);
    kept_bytes_ -= kept.bytes;
    throw;
  }
  const std::lock_guard lock(mutex_);
  kept_.push_back(std::move(kept));
  return true;
}

RecycledFiles::Written RecycledFiles::written(const Path& path) const {
  const std::lock_guard lock(mutex_);
  const auto at = written_.find(path);
  return at == written_.end() ? nullptr : at->second;
}

void RecycledFiles::forget(const Written& written) {
  const std::lock_guard lock(mutex_);
  std::erase_if(written_, [&](const auto& entry) { return entry.second == written; });
}

}  // namespace tributary::coordinator
