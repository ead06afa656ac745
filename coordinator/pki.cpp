#include "coordinator/pki.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/net/pki.h"

namespace tributary::coordinator {

namespace {

constexpr std::size_t kMaxListBytes = 256u << 20;
constexpr std::size_t kMaxSmallFileBytes = 64 * 1024;
constexpr const char* kListHead =
    "# Who may come in. One event a line, oldest first: enrolled|revoked NAME SERIAL TIME\n";

Path list_file(const Path& folder) {
  return folder / "enrolment.list";
}
Path federation_file(const Path& folder) {
  return folder / "federation.ini";
}

[[noreturn]] void fail_errno(const char* action, const Path& path) {
  const int code = errno;
  fail(Error::Kind::Unavailable, std::string("cannot ") + action + " " + path.string() + ": " + std::strerror(code));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// One command at a time changes the folder.
class FolderLock {
 public:
  explicit FolderLock(const Path& folder)
      : fd_(::open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    if (fd_.get() < 0) fail_errno("open", folder / "lock");
    while (::flock(fd_.get(), LOCK_EX) != 0) {
      if (errno != EINTR) fail_errno("lock", folder / "lock");
    }
  }

 private:
  Descriptor fd_;
};

// A new file that only its owner can read, from its first instant on. Never replaces one.
void write_secret(const Path& path, std::string_view text) {
  const Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd.get() < 0) {
    if (errno == EEXIST) fail(Error::Kind::Refused, path.string() + " exists already; move it away or choose another");
    fail_errno("create", path);
  }
  while (!text.empty()) {
    const ssize_t count = ::write(fd.get(), text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) fail_errno("write", path);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

void sync_file(const Path& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) fail_errno("sync", path);
}

// ------------------------------------------------------------------------------------------ federation.ini

std::string write_ini(const Federation& federation) {
  std::string hosts;
  for (const std::string& host : federation.hosts) hosts += (hosts.empty() ? "" : " ") + host;
  return "[federation]\nname = " + federation.name + "\ncoordinator = " + federation.coordinator +
         "\nhost = " + federation.host + "\nport = " + std::to_string(federation.port) + "\nhosts = " + hosts + "\n";
}

void check(const Federation& federation) {
  net::check_name(federation.name);
  net::check_name(federation.coordinator);
  net::check_host(federation.host, "host");
  for (const std::string& host : federation.hosts) net::check_host(host, "hosts");
  if (federation.port == 0) fail(Error::Kind::Malformed, "port must be a number from 1 to 65535");
}

void set(Federation& federation, std::string_view key, std::string_view value, const std::string& where) {
  if (key == "name") {
    federation.name = value;
  } else if (key == "coordinator") {
    federation.coordinator = value;
  } else if (key == "host") {
    federation.host = value;
  } else if (key == "port") {
    const auto port = parse_int(value);
    if (!port || *port < 1 || *port > 65535)
      fail(Error::Kind::Malformed, where + ": port must be a number from 1 to 65535");
    federation.port = static_cast<std::uint16_t>(*port);
  } else if (key == "hosts") {
    for (const std::string_view host : split(value, ' ')) {
      if (!trim(host).empty()) federation.hosts.emplace_back(trim(host));
    }
  } else {
    fail(Error::Kind::Malformed,
         where + ": unknown key " + std::string(key) + "; known are name, coordinator, host, port, hosts");
  }
}

// ------------------------------------------------------------------------------------------ enrolment.list

struct Event {
  bool enrolled = false;
  std::string name, serial;
};

std::string line_of(bool enrolled, const std::string& name, const std::string& serial, const Clock& clock) {
  return std::string(enrolled ? "enrolled " : "revoked ") + name + " " + serial + " " + iso_time(clock.unix_seconds()) +
         "\n";
}

Event parse_event(std::string_view line, const std::string& where) {
  const std::vector<std::string_view> words = split(line, ' ');
  if (words.size() != 4 || (words[0] != "enrolled" && words[0] != "revoked") || words[2].empty()) {
    fail(Error::Kind::Malformed, where + ": must read enrolled|revoked NAME SERIAL TIME");
  }
  try {
    net::check_name(words[1]);
  } catch (const Error& e) {
    fail(Error::Kind::Malformed, where + ": " + e.what());
  }
  return {words[0] == "enrolled", std::string(words[1]), std::string(words[2])};
}

struct Register {
  std::unordered_map<std::string, std::string> enrolled;  // name -> serial
  std::unordered_set<std::string> revoked;                // serials
};

Register parse_list(std::string_view text, const Path& file) {
  Register people;
  std::size_t number = 0;
  for (const std::string_view raw : split(text, '\n')) {
    ++number;
    const std::string_view line = trim(raw);
    if (line.empty() || line.front() == '#') continue;
    Event event = parse_event(line, file.string() + ":" + std::to_string(number));
    if (event.enrolled) {
      people.enrolled[event.name] = event.serial;
    } else {
      const auto at = people.enrolled.find(event.name);
      if (at != people.enrolled.end() && at->second == event.serial) people.enrolled.erase(at);
      people.revoked.insert(std::move(event.serial));
    }
  }
  return people;
}

std::string read_list(const Path& folder) {
  RealFiles files;
  if (!files.exists(list_file(folder))) {
    fail(Error::Kind::Unavailable, folder.string() + " holds no federation; make one with init");
  }
  return read_text_file(list_file(folder), kMaxListBytes);
}

void replace_list(const Path& folder, const std::string& text) {
  RealFiles files;
  write_atomically(files, list_file(folder), as_bytes(text));
}

// ------------------------------------------------------------------------------------------ enrolment

net::Issuer open_issuer(const Path& folder) {
  try {
    return net::Issuer({read_text_file(folder / "authority.key", kMaxSmallFileBytes),
                        read_text_file(folder / "authority.crt", kMaxSmallFileBytes),
                        {}});
  } catch (const Error& e) {
    if (e.kind() != Error::Kind::Malformed) throw;
    fail(Error::Kind::Malformed, folder.string() + ": " + e.what());
  }
}

struct Enrolling {
  std::string name;
  Path bundle;
};

// Bundles written so far; taken back unless keep() is called.
class WrittenBundles {
 public:
  ~WrittenBundles() {
    for (const Path& path : paths_) ::unlink(path.c_str());
  }
  void write(const Path& path, std::string_view text) {
    write_secret(path, text);
    paths_.push_back(path);
  }
  void keep() { paths_.clear(); }

 private:
  std::vector<Path> paths_;
};

void refuse_enrolled(const Register& people, const std::vector<Enrolling>& newcomers) {
  std::unordered_set<std::string> seen;
  for (const Enrolling& newcomer : newcomers) {
    net::check_name(newcomer.name);
    if (people.enrolled.contains(newcomer.name)) {
      fail(Error::Kind::Refused, newcomer.name + " is enrolled already; revoke it first to issue a new certificate");
    }
    if (!seen.insert(newcomer.name).second) fail(Error::Kind::Malformed, newcomer.name + " stands in the list twice");
  }
}

void enroll_all(const Path& folder, const std::vector<Enrolling>& newcomers, const Clock& clock,
                const EnrollOptions& options) {
  if (options.valid_days < 1) fail(Error::Kind::Malformed, "a certificate must be valid for at least one day");
  const Federation federation = read_federation(folder);
  const FolderLock lock(folder);
  std::string list = read_list(folder);
  refuse_enrolled(parse_list(list, list_file(folder)), newcomers);
  const net::Issuer issuer = open_issuer(folder);
  const std::string authority = read_text_file(folder / "authority.crt", kMaxSmallFileBytes);
  const net::Validity validity = net::valid_for_days(clock, options.valid_days);
  WrittenBundles bundles;
  for (const Enrolling& newcomer : newcomers) {
    const net::IssuedCertificate issued = issuer.issue(net::CertificateRole::Participant, newcomer.name, {}, validity);
    bundles.write(newcomer.bundle, net::write_bundle({newcomer.name, federation.coordinator, federation.host,
                                                      federation.port, issued.key, issued.certificate, authority}));
    write_text_file(folder / "participants" / (newcomer.name + ".crt"), issued.certificate);
    list += line_of(true, newcomer.name, issued.serial, clock);
  }
  replace_list(folder, list);
  bundles.keep();
}

}  // namespace

void init_federation(const Path& folder, const Federation& federation, const Clock& clock) {
  check(federation);
  RealFiles files;
  files.make_directories(folder / "participants");
  const FolderLock lock(folder);
  for (const char* name : {"federation.ini", "authority.key", "coordinator.key"}) {
    if (files.exists(folder / name)) {
      fail(Error::Kind::Refused, folder.string() + " holds a federation already (" + name + "); choose another folder");
    }
  }
  const net::Validity validity = net::valid_for_days(clock, kAuthorityDays);
  const net::IssuedCertificate authority = net::make_authority(federation.name, validity);
  std::vector<std::string> hosts = federation.hosts;
  if (std::find(hosts.begin(), hosts.end(), federation.host) == hosts.end()) hosts.push_back(federation.host);
  const net::IssuedCertificate own =
      net::issue(authority, net::CertificateRole::Coordinator, federation.coordinator, hosts, validity);
  write_secret(folder / "authority.key", authority.key);
  write_secret(folder / "coordinator.key", own.key);
  sync_file(folder / "authority.key");
  sync_file(folder / "coordinator.key");
  write_atomically(files, folder / "authority.crt", as_bytes(authority.certificate));
  write_atomically(files, folder / "coordinator.crt", as_bytes(own.certificate));
  replace_list(folder, kListHead);
  write_atomically(files, federation_file(folder), as_bytes(write_ini(federation)));
}

Federation read_federation(const Path& folder) {
  const Path file = federation_file(folder);
  RealFiles files;
  if (!files.exists(file)) fail(Error::Kind::Unavailable, folder.string() + " holds no federation; make one with init");
  Federation federation;
  std::size_t number = 0;
  const std::string text = read_text_file(file, kMaxSmallFileBytes);
  for (const std::string_view raw : split(text, '\n')) {
    const std::string where = file.string() + ":" + std::to_string(++number);
    const std::string_view line = trim(raw);
    if (line.empty() || line.front() == '#' || line == "[federation]") continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) fail(Error::Kind::Malformed, where + ": must read KEY = VALUE");
    set(federation, trim(line.substr(0, equals)), trim(line.substr(equals + 1)), where);
  }
  try {
    check(federation);
  } catch (const Error& e) {
    fail(Error::Kind::Malformed, file.string() + ": " + e.what());
  }
  return federation;
}

std::shared_ptr<const net::Credentials> coordinator_credentials(const Path& folder, const Clock& clock) {
  return net::Credentials::from_pem(read_text_file(folder / "coordinator.key", kMaxSmallFileBytes),
                                    read_text_file(folder / "coordinator.crt", kMaxSmallFileBytes),
                                    read_text_file(folder / "authority.crt", kMaxSmallFileBytes),
                                    (folder / "coordinator.crt").string(), clock);
}

void enroll(const Path& folder, const std::string& name, const Path& bundle, const Clock& clock,
            const EnrollOptions& options) {
  enroll_all(folder, {{name, bundle}}, clock, options);
}

void enroll_many(const Path& folder, const std::vector<std::string>& names, const Path& out_dir, const Clock& clock,
                 const EnrollOptions& options) {
  RealFiles().make_directories(out_dir);
  std::vector<Enrolling> newcomers;
  newcomers.reserve(names.size());
  for (const std::string& name : names) newcomers.push_back({name, out_dir / (name + ".bundle")});
  enroll_all(folder, newcomers, clock, options);
}

void revoke(const Path& folder, const std::string& name, const Clock& clock) {
  net::check_name(name);
  const FolderLock lock(folder);
  std::string list = read_list(folder);
  const Register people = parse_list(list, list_file(folder));
  const auto at = people.enrolled.find(name);
  if (at == people.enrolled.end()) {
    std::vector<std::string> known;
    for (const auto& [enrolled, serial] : people.enrolled) known.push_back(enrolled);
    const auto meant = nearest(name, known);
    fail(Error::Kind::Refused, name + " is not enrolled" + (meant ? "; did you mean " + *meant + "?" : ""));
  }
  replace_list(folder, list + line_of(false, name, at->second, clock));
  RealFiles().remove(folder / "participants" / (name + ".crt"));
}

Enrollment::Enrollment(Path folder) : file_(list_file(folder)) {
  read_list(folder);
  load();
}

std::string Enrollment::admit(const net::PeerIdentity& peer) const {
  if (revoked_.contains(peer.serial)) return "revoked";
  const auto at = enrolled_.find(peer.name);
  return at != enrolled_.end() && at->second == peer.serial ? "" : "not enrolled";
}

bool Enrollment::refresh() {
  if (version_on_disk() == version_) return false;
  load();
  return true;
}

std::vector<EnrolledParticipant> Enrollment::participants() const {
  std::vector<EnrolledParticipant> all;
  all.reserve(enrolled_.size());
  for (const auto& [name, serial] : enrolled_) all.push_back({name, serial});
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return all;
}

Enrollment::Version Enrollment::version_on_disk() const {
  struct stat info {};
  if (::stat(file_.c_str(), &info) != 0) fail_errno("read", file_);
  return {static_cast<std::uint64_t>(info.st_ino), static_cast<std::uint64_t>(info.st_size),
          info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec};
}

void Enrollment::load() {
  const Version before = version_on_disk();  // a change in between shows at the next refresh()
  Register people = parse_list(read_text_file(file_, kMaxListBytes), file_);
  enrolled_ = std::move(people.enrolled);
  revoked_ = std::move(people.revoked);
  version_ = before;
}

}  // namespace tributary::coordinator
