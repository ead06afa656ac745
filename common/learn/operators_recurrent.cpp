// LSTM and GRU, as ONNX defines them. The input's share of all gates is one product over the whole sequence; the loop
// over time adds the state's share.

#include <algorithm>

#include "common/learn/operators.h"

namespace tributary::learn {

namespace {

enum class Direction { Forward, Reverse, Both };

struct Recurrence {
  Direction direction = Direction::Forward;
  bool batch_first = false;
  bool reset_after_product = false;  // GRU: linear_before_reset
  std::int64_t hidden = 0;           // 0 = as the weights say
  std::string name;
};

void refuse_other_activations(const Setup& setup, const std::vector<std::string>& usual, std::size_t directions) {
  const auto* given = setup.node.find("activations");
  if (given == nullptr) return;
  std::vector<std::string> expected;
  for (std::size_t i = 0; i < directions; ++i) expected.insert(expected.end(), usual.begin(), usual.end());
  const auto same = [](const std::string& a, const std::string& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return (x | 32) == (y | 32); });
  };
  const auto& names = std::get<std::vector<std::string>>(*given);
  if (!std::equal(names.begin(), names.end(), expected.begin(), expected.end(), same))
    unsupported(setup.node, "activations other than the operator's own");
}

Recurrence recurrence_of(const Setup& setup, const std::vector<std::string>& activations) {
  const model::Node& node = setup.node;
  const std::string direction = node.text("direction", "forward");
  Recurrence r;
  if (direction == "reverse")
    r.direction = Direction::Reverse;
  else if (direction == "bidirectional")
    r.direction = Direction::Both;
  else if (direction != "forward")
    malformed(node, "direction '" + direction + "' is none of forward, reverse, bidirectional");
  refuse_other_activations(setup, activations, r.direction == Direction::Both ? 2 : 1);
  if (node.find("clip")) unsupported(node, "clipped gates (attribute clip)");
  if (node.integer("input_forget", 0) != 0) unsupported(node, "coupled gates (attribute input_forget)");
  if (setup.has(7)) unsupported(node, "peephole weights (input P)");
  r.batch_first = node.integer("layout", 0) != 0;
  r.reset_after_product = node.integer("linear_before_reset", 0) != 0;
  r.hidden = node.integer("hidden_size", 0);
  r.name = label(node);
  return r;
}

// One direction's weights: W [gates * hidden, inputs], R [gates * hidden, hidden], two biases [gates * hidden] or
// undefined.
struct Weights {
  at::Tensor input, state, input_bias, state_bias;
};

Weights weights_of(const Call& call, std::int64_t direction, std::int64_t gates, const Recurrence& r) {
  const at::Tensor &w = call[1], &state = call[2];
  const auto directions = r.direction == Direction::Both ? 2 : 1;
  if (w.dim() != 3 || state.dim() != 3 || w.size(0) != directions || state.size(0) != directions ||
      (r.hidden != 0 && r.hidden != state.size(2)) || state.size(1) != gates * state.size(2))
    fail(Error::Kind::Malformed, r.name + ": weights do not fit direction and hidden_size");
  Weights weights{w.select(0, direction), state.select(0, direction), {}, {}};
  if (call.has(3)) {
    const auto biases = call[3].select(0, direction).chunk(2);
    weights.input_bias = biases.at(0);
    weights.state_bias = biases.at(1);
  }
  return weights;
}

struct State {
  at::Tensor hidden, cell;  // [batch, hidden]; `cell` of an LSTM only
};

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return bias.defined() ? at::addmm(bias, x, weight.t()) : at::mm(x, weight.t());
}

// `from_input`: x W^T + Wb of this step, gates in ONNX's order i, o, f, c.
State lstm_step(const at::Tensor& from_input, const State& before, const Weights& weights, bool) {
  const auto gates = at::add(from_input, linear(before.hidden, weights.state, weights.state_bias)).chunk(4, 1);
  const at::Tensor cell = gates[2].sigmoid() * before.cell + gates[0].sigmoid() * gates[3].tanh();
  return {gates[1].sigmoid() * cell.tanh(), cell};
}

// Gates in ONNX's order z, r, h.
State gru_step(const at::Tensor& from_input, const State& before, const Weights& weights, bool reset_after_product) {
  const auto size = before.hidden.size(1);
  const auto x = from_input.chunk(3, 1);
  const auto rows = [&](const at::Tensor& all, std::int64_t first, std::int64_t count) {
    return all.defined() ? all.narrow(0, first * size, count * size) : all;
  };
  const auto state_part = [&](const at::Tensor& h, std::int64_t first, std::int64_t count) {
    return linear(h, rows(weights.state, first, count), rows(weights.state_bias, first, count));
  };
  const auto zr = state_part(before.hidden, 0, 2).chunk(2, 1);
  const at::Tensor z = at::add(x[0], zr[0]).sigmoid(), r = at::add(x[1], zr[1]).sigmoid();
  const at::Tensor recalled =
      reset_after_product ? r * state_part(before.hidden, 2, 1) : state_part(r * before.hidden, 2, 1);
  const at::Tensor candidate = at::add(x[2], recalled).tanh();
  return {candidate + z * (before.hidden - candidate), {}};
}

using Step = State (*)(const at::Tensor&, const State&, const Weights&, bool);

struct Pass {
  at::Tensor all;  // [sequence, batch, hidden]
  State last;
};

// Runs one direction over x [sequence, batch, inputs]. `lengths` [batch], undefined = all whole: behind its end a
// sequence keeps its state and gives 0.
Pass run(const at::Tensor& x, State state, const Weights& weights, const at::Tensor& lengths, bool reversed, Step step,
         bool reset_after_product) {
  const auto steps = x.size(0), batch = x.size(1);
  const at::Tensor from_input =
      linear(x.reshape({steps * batch, x.size(2)}), weights.input, weights.input_bias).reshape({steps, batch, -1});
  std::vector<at::Tensor> all(static_cast<std::size_t>(steps));
  for (std::int64_t i = 0; i < steps; ++i) {
    const auto t = reversed ? steps - 1 - i : i;
    State next = step(from_input.select(0, t), state, weights, reset_after_product);
    at::Tensor out = next.hidden;
    if (lengths.defined()) {
      const at::Tensor inside = lengths.gt(t).unsqueeze(1);
      out = at::where(inside, out, at::zeros_like(out));
      next.hidden = at::where(inside, next.hidden, state.hidden);
      if (next.cell.defined()) next.cell = at::where(inside, next.cell, state.cell);
    }
    state = next;
    all[static_cast<std::size_t>(t)] = out;
  }
  return {at::stack(all), state};
}

at::Tensor initial(const Call& call, std::size_t input, std::int64_t direction, const at::Tensor& like,
                   const Recurrence& r) {
  if (!call.has(input)) return at::zeros_like(like);
  return call[input].select(r.batch_first ? 1 : 0, direction);
}

Outputs recur(const Call& call, const Recurrence& r, std::int64_t gates, bool has_cell, Step step) {
  if (call[0].dim() != 3) fail(Error::Kind::Malformed, r.name + ": its input is not [sequence, batch, features]");
  const at::Tensor x = r.batch_first ? call[0].transpose(0, 1) : call[0];
  if (x.size(0) == 0) fail(Error::Kind::Malformed, r.name + ": its sequence is empty");
  std::vector<at::Tensor> all, hidden, cell;
  for (std::int64_t d = 0; d < (r.direction == Direction::Both ? 2 : 1); ++d) {
    const Weights weights = weights_of(call, d, gates, r);
    const at::Tensor like = at::empty({x.size(1), weights.state.size(1)}, x.options().requires_grad(false));
    State state{initial(call, 5, d, like, r), {}};
    if (has_cell) state.cell = initial(call, 6, d, like, r);
    const bool reversed = d == 1 || r.direction == Direction::Reverse;
    const Pass pass = run(x, state, weights, call[4], reversed, step, r.reset_after_product);
    all.push_back(pass.all);
    hidden.push_back(pass.last.hidden);
    cell.push_back(pass.last.cell);
  }
  const std::int64_t state_axis = r.batch_first ? 1 : 0;
  at::Tensor y = at::stack(all, 1);  // [sequence, directions, batch, hidden]
  if (r.batch_first) y = y.permute({2, 0, 1, 3});
  Outputs outputs{y, at::stack(hidden, state_axis)};
  if (has_cell) outputs.push_back(at::stack(cell, state_axis));
  return outputs;
}

Kernel lstm(const Setup& setup) {
  return [r = recurrence_of(setup, {"Sigmoid", "Tanh", "Tanh"})](const Call& call) {
    return recur(call, r, 4, true, lstm_step);
  };
}

Kernel gru(const Setup& setup) {
  return
      [r = recurrence_of(setup, {"Sigmoid", "Tanh"})](const Call& call) { return recur(call, r, 3, false, gru_step); };
}

}  // namespace

void add_recurrent(OperatorTable& table) {
  table.insert({{"GRU", gru}, {"LSTM", lstm}});
}

}  // namespace tributary::learn
