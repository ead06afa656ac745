#include "apprentice.h"

#include <utility>
#include <variant>

#include "common/base/error.h"
#include "participant/assignment.h"
#include "participant/local_training.h"

namespace tributary::protocol {

namespace {

// Not that of the participants: what is checked shares no values with what checks.
participant::Workshop& own_workshop() {
  static participant::Workshop workshop;
  return workshop;
}

}  // namespace

Apprentice::Apprentice(std::string name, data::View examples, const Clock& clock)
    : name_(std::move(name)), examples_(std::move(examples)), clock_(clock) {}

Checksum Apprentice::learn(const wire::Offer& offer, const Bytes& skeleton, const Bytes& edge) {
  const auto judged = participant::judge(offer, std::uint64_t{1} << 30);
  TRIBUTARY_CHECK(std::holds_alternative<participant::Assignment>(judged));
  const auto& assignment = std::get<participant::Assignment>(judged);
  auto loan = own_workshop().borrow(offer.model, skeleton, {});
  participant::Learnt learnt = participant::train_locally(
      loan.bench(), offer.edge, std::make_shared<const Bytes>(edge), examples_,
      {assignment.seed, assignment.round, name_, assignment.plan, assignment.encoding}, residual_, clock_);
  const Checksum update = checksum(learnt.update);
  left_out_[{offer.round, update}] = std::move(learnt.residual);
  return update;
}

void Apprentice::counted(std::uint64_t round, const Checksum& update) {
  const auto at = left_out_.find({round, update});
  if (at == left_out_.end() || round <= last_counted_) return;
  last_counted_ = round;
  residual_ = at->second;
}

}  // namespace tributary::protocol
