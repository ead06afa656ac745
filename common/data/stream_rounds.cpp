#include "common/data/stream_rounds.h"

#include "common/base/error.h"

namespace tributary::data {

void check(const StreamRounds& rounds) {
  if (rounds.examples == 0) fail(Error::Kind::Malformed, "stream.round_examples must be at least 1");
  if (rounds.least == 0 || rounds.least > rounds.examples)
    fail(Error::Kind::Malformed, "stream.round_least must be from 1 to stream.round_examples");
}

}  // namespace tributary::data
