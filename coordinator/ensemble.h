// coordinator/ensemble.h
//
// The models of a round's participants, as their updates left them: made one after another of the edge copy that they
// all started from and the updates on disk, so that memory does not grow with their number.
// One thread; what it refers to must outlive it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/files.h"
#include "common/model/parameters.h"

namespace tributary::coordinator {

class Ensemble {
 public:
  // An accepted update.
  struct Member {
    std::string participant;
    Path file;          // in the spool; not looked at when `bytes` has it
    ByteSpan bytes;     // of the encoded update
    double factor = 1;  // by which its values count
  };

  // Ordered by participant, whatever the order of arrival.
  Ensemble(const Files& files, const model::ParameterSet& start, std::vector<Member> members);

  std::size_t size() const { return members_.size(); }
  // Shows each model; what is shown is valid during the call. Throws Unavailable when a file cannot be read, Malformed
  // when it is not an update of this model.
  void for_each(const std::function<void(const model::ParameterSet&)>& visit) const;

 private:
  const Files& files_;
  const model::ParameterSet& start_;
  std::vector<Member> members_;
};

}  // namespace tributary::coordinator
