// tests/protocol/apprentice.h
//
// Learns what one participant learns, from the same examples, and remembers what its encoding left out: so every update
// that the participant makes anew is known beforehand, bit for bit, whatever its crashes, if it has kept of the updates
// that count what they left out, and of all others nothing.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/data/dataset.h"
#include "common/model/graph.h"
#include "common/wire/messages.h"
#include "participant/workshop.h"

namespace tributary::protocol {

class Apprentice {
 public:
  Apprentice(std::string name, data::View examples, const Clock& clock);

  // The update that the participant shall announce in this round. `skeleton`: the model offered.
  Checksum learn(const wire::Offer& offer, const Bytes& skeleton, const Bytes& edge);
  // That update counts.
  void counted(std::uint64_t round, const Checksum& update);

 private:
  std::string name_;
  data::View examples_;
  const Clock& clock_;
  std::map<std::pair<std::uint64_t, Checksum>, std::vector<float>> left_out_;  // by updates that were made
  std::uint64_t last_counted_ = 0;
  std::vector<float> residual_;
};

}  // namespace tributary::protocol
