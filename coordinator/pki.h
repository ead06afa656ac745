// coordinator/pki.h
//
// The folder that says who belongs to a federation, and the acts of its operator: init, enroll, revoke.
//
//   federation.ini          [federation] name, coordinator, host, port, hosts: what bundles are made of
//   authority.key  .crt     signs certificates; the key (mode 0600) may be kept elsewhere between enrolments
//   coordinator.key  .crt   what the coordinator shows (key mode 0600)
//   enrolment.list          one event a line, oldest first: "enrolled|revoked NAME SERIAL TIME"; the only truth about
//                           who may come in. Replaced whole, so a reader never sees half of a change
//   participants/NAME.crt   the certificate in force, for the operator's eyes
//   lock                    held while the folder is changed, so that two commands do not cross
//
// Free functions are for the command line: blocking, any thread. Throw Unavailable (files), Malformed (names, a folder
// or file that is not what it should be, naming it), Refused (what the operator must not do, with what to do instead).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/net/channel.h"
#include "common/net/tls.h"

namespace tributary::coordinator {

struct Federation {
  std::string name;                         // of the federation
  std::string coordinator = "coordinator";  // name in the coordinator's certificate
  std::string host;                         // where participants find the coordinator; written into bundles
  std::uint16_t port = 0;
  std::vector<std::string> hosts;  // further names and addresses in the coordinator's certificate
};

inline constexpr std::int64_t kAuthorityDays = 3650;
inline constexpr std::int64_t kParticipantDays = 730;

// Makes the folder with authority and coordinator certificate. Refused when it holds a federation already.
void init_federation(const Path& folder, const Federation& federation, const Clock& clock);

Federation read_federation(const Path& folder);

// What the coordinator's daemon shows. Needs coordinator.key, not authority.key.
std::shared_ptr<const net::Credentials> coordinator_credentials(const Path& folder, const Clock& clock);

struct EnrollOptions {
  std::int64_t valid_days = kParticipantDays;
};

// Makes a certificate for `name` and writes the bundle (mode 0600) to `bundle`, then makes the enrolment known. Refused
// when the name is enrolled already (revoke it first) or the bundle's file exists. On error nobody is enrolled.
void enroll(const Path& folder, const std::string& name, const Path& bundle, const Clock& clock,
            const EnrollOptions& options = {});

// The same for many at once: out_dir/NAME.bundle for each, all enrolled or none. About 5,000 a second.
void enroll_many(const Path& folder, const std::vector<std::string>& names, const Path& out_dir, const Clock& clock,
                 const EnrollOptions& options = {});

// Ends what `name` was enrolled with, for ever; it may be enrolled anew. Refused when it is not enrolled.
void revoke(const Path& folder, const std::string& name, const Clock& clock);

struct EnrolledParticipant {
  std::string name;
  std::string serial;
};

// Who may come in: a snapshot of enrolment.list for a running coordinator. Belongs to one thread.
class Enrollment {
 public:
  // Throws Unavailable when `folder` holds no federation, Malformed when its list does not read.
  explicit Enrollment(Path folder);

  // Empty when the peer may come in, else the reason: "revoked", "not enrolled".
  std::string admit(const net::PeerIdentity& peer) const;

  // Reads the list again when its file changed; returns whether it did. One stat() when not: cheap enough for once a
  // second. Throws as the constructor; what was known before then stays in force. When true, ask admit() again for
  // every live session and end those that it refuses.
  bool refresh();

  // Sorted by name.
  std::vector<EnrolledParticipant> participants() const;
  std::size_t size() const { return enrolled_.size(); }

 private:
  struct Version {
    std::uint64_t inode = 0, bytes = 0;
    std::int64_t changed_ns = 0;
    friend bool operator==(const Version&, const Version&) = default;
  };
  Version version_on_disk() const;
  void load();

  Path file_;
  Version version_;
  std::unordered_map<std::string, std::string> enrolled_;  // name -> serial
  std::unordered_set<std::string> revoked_;                // serials
};

}  // namespace tributary::coordinator
