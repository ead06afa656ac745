#include "common/codec/update_checker.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "common/codec/update_format.h"

namespace tributary::codec {

struct UpdateChecker::State {
  explicit State(const model::ParameterLayout& the_layout)
      : layout(the_layout), tensors(the_layout.tensors()), wanted(kUpdateHeaderBytes) {}

  const model::ParameterLayout& layout;
  std::span<const model::TensorSpec> tensors;  // not yet begun, but for the first
  UpdateHeader header;
  bool opened = false;  // the header was read
  bool whole = false;   // the encoding must be judged whole
  bool ended = false;   // every tensor's values were there
  bool too_long = false;
  UpdateCheck fault;  // the first one, if any

  UpdatePiece piece;         // that is next, but for its bytes
  std::uint64_t values = 0;  // of its tensor, before it
  std::size_t wanted;        // bytes of the header or piece that is next
  Bytes part;                // of them, that came with another part
  double squares = 0;

  bool over() const { return whole || fault.fault != UpdateFault::None; }

  void take(ByteSpan bytes) {
    if (opened) {
      judge(bytes);
    } else {
      open(bytes);
    }
    if (!over()) next();
  }

  void open(ByteSpan bytes) {
    opened = true;
    header = read_update_header(bytes, layout);
    if (header.fault != UpdateFault::None) fault = {header.fault, header.message, 0};
  }

  void judge(ByteSpan bytes) {
    piece.bytes = bytes;
    const PieceCheck check = format().check(piece, header.detail);
    const UpdateFault found = fault_of(check);
    if (found != UpdateFault::None) {
      fault = fault_in(*piece.tensor, found);
      return;
    }
    squares += check.squares;
    values += piece.count;
  }

  // Finds out what comes next.
  void next() {
    while (!tensors.empty() && values == tensors.front().size) {
      tensors = tensors.subspan(1);
      values = 0;
    }
    ended = tensors.empty();
    if (ended) return;
    const model::TensorSpec& spec = tensors.front();
    piece = {&spec, spec.offset + values, 0, 0, {}};
    const auto extent = format().next_piece(spec.size - values);
    whole = !extent;
    if (whole) return;
    piece.count = extent->count;
    wanted = extent->bytes;
  }

  const UpdateFormat& format() const { return format_of(*piece.tensor, header); }
};

UpdateChecker::UpdateChecker(const model::ParameterLayout& layout) : state_(std::make_unique<State>(layout)) {}
UpdateChecker::~UpdateChecker() = default;
UpdateChecker::UpdateChecker(UpdateChecker&&) noexcept = default;
UpdateChecker& UpdateChecker::operator=(UpdateChecker&&) noexcept = default;

void UpdateChecker::feed(ByteSpan bytes) {
  State& state = *state_;
  while (!bytes.empty() && !state.over()) {
    if (state.ended) {
      state.too_long = true;
      return;
    }
    const ByteSpan here = bytes.first(std::min(bytes.size(), state.wanted - state.part.size()));
    bytes = bytes.subspan(here.size());
    if (state.part.empty() && here.size() == state.wanted) {
      state.take(here);
      continue;
    }
    state.part.insert(state.part.end(), here.begin(), here.end());
    if (state.part.size() == state.wanted) state.take(std::exchange(state.part, {}));
  }
}

std::optional<UpdateCheck> UpdateChecker::finish(const UpdateLimits& limits) const {
  const State& state = *state_;
  if (state.whole) return std::nullopt;
  if (state.fault.fault != UpdateFault::None) return state.fault;
  if (!state.ended || state.too_long) {
    return UpdateCheck{UpdateFault::Malformed,
                       state.too_long ? "update: longer than it should be" : "update: ends early", 0};
  }
  return judge_norm(state.squares, limits);
}

}  // namespace tributary::codec
