// common/codec/update_checker.h
//
// check_update() for an update that is still arriving: each part is judged while it lies in the processor's cache, so
// that the whole need not be read once more when it is complete.
//
// Life: construct; feed() the bytes in order, in parts of any length; finish() once. One thread at a time.
#pragma once

#include <memory>
#include <optional>

#include "common/base/bytes.h"
#include "common/codec/update.h"

namespace tributary::codec {

class UpdateChecker {
 public:
  // `layout` must outlive it. Memory: one piece of an update, at most some ten kilobytes, and only while one is split
  // between two parts.
  explicit UpdateChecker(const model::ParameterLayout& layout);
  ~UpdateChecker();
  UpdateChecker(UpdateChecker&&) noexcept;
  UpdateChecker& operator=(UpdateChecker&&) noexcept;

  // Never throws on bad bytes: the first fault is kept, and what follows is not looked at.
  void feed(ByteSpan bytes);

  // What check_update() says of all that was fed, with the same bits. nullopt: this encoding's pieces do not follow
  // from the layout (topk, ternary, rotated), so that only the whole can be judged.
  std::optional<UpdateCheck> finish(const UpdateLimits& limits = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tributary::codec
