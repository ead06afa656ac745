#include "common/base/error.h"

namespace tributary {

std::string_view name_of(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::Malformed: return "malformed";
    case Error::Kind::Unsupported: return "unsupported";
    case Error::Kind::Refused: return "refused";
    case Error::Kind::Overloaded: return "overloaded";
    case Error::Kind::Unavailable: return "unavailable";
    case Error::Kind::Disconnected: return "disconnected";
    case Error::Kind::Corrupt: return "corrupt";
    case Error::Kind::Internal: return "internal";
  }
  return "internal";
}

void fail(Error::Kind kind, const std::string& message) { throw Error(kind, message); }

void check_failed(const char* condition, const char* file, int line) {
  throw Error(Error::Kind::Internal, std::string("internal check failed: ") + condition + " at " + file + ":" +
                                         std::to_string(line) + "; please report this");
}

}  // namespace tributary
