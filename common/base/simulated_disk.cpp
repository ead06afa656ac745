#include "common/base/simulated_disk.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "common/base/error.h"

namespace tributary {

namespace {

constexpr std::size_t kSector = 512;

bool coin(RandomStream& random) {
  return random.below(2) == 1;
}

// Each sector as it was durable or as it is now; the size is one of both.
Bytes torn(const Bytes& durable, const Bytes& now, RandomStream& random) {
  Bytes left(coin(random) ? now.size() : durable.size());
  for (std::size_t at = 0; at < left.size(); at += kSector) {
    const Bytes& from = coin(random) ? now : durable;
    if (at >= from.size()) continue;  // zeros
    std::memcpy(left.data() + at, from.data() + at, std::min({kSector, left.size() - at, from.size() - at}));
  }
  return left;
}

}  // namespace

struct SimulatedDisk::Node {
  Bytes bytes, durable;
};

class SimulatedDisk::OpenFile final : public File {
 public:
  OpenFile(SimulatedDisk& disk, Path path, NodePtr node)
      : disk_(disk), path_(std::move(path)), node_(std::move(node)) {}

  void write_at(std::uint64_t offset, ByteSpan bytes) override {
    disk_.step(path_);
    if (node_->bytes.size() < offset + bytes.size()) node_->bytes.resize(offset + bytes.size());
    if (!bytes.empty()) std::memcpy(node_->bytes.data() + offset, bytes.data(), bytes.size());
  }
  void read_at(std::uint64_t offset, std::span<std::byte> bytes) const override {
    disk_.check_alive();
    if (offset > node_->bytes.size() || bytes.size() > node_->bytes.size() - offset)
      fail(Error::Kind::Corrupt, path_.string() + ": ends early");
    if (!bytes.empty()) std::memcpy(bytes.data(), node_->bytes.data() + offset, bytes.size());
  }
  std::uint64_t size() const override {
    disk_.check_alive();
    return node_->bytes.size();
  }
  void truncate(std::uint64_t size) override {
    disk_.step(path_);
    node_->bytes.resize(size);
  }
  void sync() override {
    disk_.step(path_);
    if (!disk_.lies_) node_->durable = node_->bytes;
  }

 private:
  SimulatedDisk& disk_;
  Path path_;
  NodePtr node_;
};

class SimulatedDisk::Image final : public MappedFile {
 public:
  explicit Image(Bytes bytes) : bytes_(std::move(bytes)) {}
  ByteSpan bytes() const override { return bytes_; }

 private:
  Bytes bytes_;
};

SimulatedDisk::SimulatedDisk() = default;
SimulatedDisk::~SimulatedDisk() = default;

void SimulatedDisk::check_alive() const {
  if (crashed_) throw Crashed();
}

void SimulatedDisk::step(const Path& path) {
  check_alive();
  const std::uint64_t number = operations_++;
  if (number == crash_at_) {
    crashed_ = true;
    throw Crashed();
  }
  if (number == fail_at_ || number >= fail_from_)
    fail(Error::Kind::Unavailable, "cannot write " + path.string() + ": No space left on device");
}

SimulatedDisk::NodePtr SimulatedDisk::find(const Path& path) const {
  check_alive();
  const auto at = entries_.find(path);
  if (at == entries_.end())
    fail(Error::Kind::Unavailable, "cannot open " + path.string() + ": No such file or directory");
  return at->second;
}

void SimulatedDisk::restart(Loss loss, RandomStream& random) {
  crashed_ = false;
  fail_at_ = fail_from_ = crash_at_ = kNever;
  if (loss == Loss::Everything) entries_ = durable_;
  if (loss == Loss::Torn) {
    std::set<Path> paths;
    for (const auto& [path, node] : entries_) paths.insert(path);
    for (const auto& [path, node] : durable_) paths.insert(path);
    std::map<Path, NodePtr> left;
    for (const Path& path : paths) {
      const auto& from = coin(random) ? entries_ : durable_;
      if (const auto at = from.find(path); at != from.end()) left.insert(*at);
    }
    entries_ = std::move(left);
  }
  for (const auto& [path, node] : entries_) {
    if (loss == Loss::Everything) node->bytes = node->durable;
    if (loss == Loss::Torn && node->bytes != node->durable) node->bytes = torn(node->durable, node->bytes, random);
    if (loss != Loss::Nothing) node->durable = node->bytes;
  }
  if (loss != Loss::Nothing) durable_ = entries_;
}

void SimulatedDisk::flip(const Path& path, std::uint64_t offset, unsigned bit) {
  const NodePtr node = find(path);
  TRIBUTARY_CHECK(offset < node->bytes.size() && bit < 8);
  node->bytes[offset] ^= static_cast<std::byte>(1U << bit);
}

std::vector<Path> SimulatedDisk::files() const {
  std::vector<Path> paths;
  for (const auto& [path, node] : entries_) paths.push_back(path);
  return paths;
}

std::unique_ptr<File> SimulatedDisk::create(const Path& path) {
  step(path);
  NodePtr& node = entries_[path];
  if (!node) node = std::make_shared<Node>();
  node->bytes.clear();
  return std::make_unique<OpenFile>(*this, path, node);
}

std::unique_ptr<File> SimulatedDisk::open(const Path& path) {
  return std::make_unique<OpenFile>(*this, path, find(path));
}

std::unique_ptr<MappedFile> SimulatedDisk::map(const Path& path) const {
  return std::make_unique<Image>(find(path)->bytes);
}

bool SimulatedDisk::exists(const Path& path) const {
  check_alive();
  return entries_.contains(path) || directories_.contains(path);
}

std::vector<std::string> SimulatedDisk::list(const Path& directory) const {
  check_alive();
  std::set<std::string> names;
  for (const auto& [path, node] : entries_) {
    if (path.parent_path() == directory) names.insert(path.filename().string());
  }
  for (const auto& [path, made] : directories_) {
    if (path.parent_path() == directory) names.insert(path.filename().string());
  }
  if (names.empty() && !directories_.contains(directory))
    fail(Error::Kind::Unavailable, "cannot list " + directory.string() + ": No such file or directory");
  return {names.begin(), names.end()};
}

// Directories are durable at once: what a store loses with one, it never relied upon.
void SimulatedDisk::make_directories(const Path& directory) {
  step(directory);
  for (Path each = directory; !each.empty() && each != each.parent_path(); each = each.parent_path()) {
    directories_[each] = true;
  }
}

void SimulatedDisk::rename(const Path& from, const Path& to) {
  step(from);
  const NodePtr node = find(from);
  entries_.erase(from);
  entries_[to] = node;
}

void SimulatedDisk::remove(const Path& path) {
  step(path);
  entries_.erase(path);
}

void SimulatedDisk::sync_directory(const Path& directory) {
  step(directory);
  if (lies_) return;
  std::erase_if(durable_, [&](const auto& entry) { return entry.first.parent_path() == directory; });
  for (const auto& [path, node] : entries_) {
    if (path.parent_path() == directory) durable_[path] = node;
  }
}

}  // namespace tributary
