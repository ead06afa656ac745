#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

#include "common/learn/layer.h"

namespace tributary::learn {

namespace {

// Neighbouring columns.
struct Run {
  std::size_t begin, size;
};

constexpr std::size_t kBlock = 16;  // columns that are looked at together
// A gap between runs is worth the start of another product from this many columns on.
constexpr std::size_t kGap = 64;
// Inner dimension of a product of rows, so that the block of every example stays in the first cache.
constexpr std::size_t kInner = 832;
// Weights that backward() works on at a time: 256 KiB, within every second-level cache.
constexpr std::size_t kStripFloats = std::size_t{1} << 16;
// Batches from which a transposed copy of the weights pays for itself, and its columns.
constexpr std::size_t kTransposeFrom = 40, kPanel = 64;

bool is_zero(const float* rows, std::size_t stride, std::size_t count, std::size_t columns) {
  std::uint32_t bits = 0;
  for (std::size_t r = 0; r < count; ++r)
    for (std::size_t i = 0; i < columns; ++i) bits |= std::bit_cast<std::uint32_t>(rows[r * stride + i]) << 1;
  return bits == 0;
}

// The columns of rows [count, columns] that are not zero in all of them, with small gaps filled.
void find_runs(const float* rows, std::size_t count, std::size_t columns, std::vector<Run>& runs) {
  runs.clear();
  for (std::size_t begin = 0; begin < columns; begin += kBlock) {
    const std::size_t size = std::min(kBlock, columns - begin);
    if (is_zero(rows + begin, columns, count, size)) continue;
    if (!runs.empty() && begin - (runs.back().begin + runs.back().size) < kGap)
      runs.back().size = begin + size - runs.back().begin;
    else
      runs.push_back({begin, size});
  }
}

using Four = float __attribute__((vector_size(16)));

// Four rows of four values, `from` apart, become their columns, kPanel apart.
void transpose_four(const float* rows, std::size_t from, float* panel) {
  Four r[4];
  for (std::size_t i = 0; i < 4; ++i) std::memcpy(&r[i], rows + i * from, sizeof r[i]);
  const Four low01 = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5),
             high01 = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
  const Four low23 = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5),
             high23 = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
  const Four columns[4] = {
      __builtin_shufflevector(low01, low23, 0, 1, 4, 5), __builtin_shufflevector(low01, low23, 2, 3, 6, 7),
      __builtin_shufflevector(high01, high23, 0, 1, 4, 5), __builtin_shufflevector(high01, high23, 2, 3, 6, 7)};
  for (std::size_t i = 0; i < 4; ++i) std::memcpy(panel + i * kPanel, &columns[i], sizeof columns[i]);
}

// `count` rows of `size` values become the columns of rows of kPanel.
void transpose(const float* rows, std::size_t count, std::size_t size, float* panel) {
  const std::size_t whole = count / 4 * 4, whole_size = size / 4 * 4;
  for (std::size_t i = 0; i < whole_size; i += 4)
    for (std::size_t r = 0; r < whole; r += 4) transpose_four(rows + r * size + i, size, panel + i * kPanel + r);
  for (std::size_t i = 0; i < size; ++i)
    for (std::size_t r = i < whole_size ? whole : 0; r < count; ++r) panel[i * kPanel + r] = rows[r * size + i];
}

class Dense final : public Layer {
 public:
  Dense(const DenseSpec& spec, const Activation& activation, const Kernels& kernels)
      : spec_(spec), activation_(activation), kernels_(kernels) {
    runs_.reserve(spec.inputs / kBlock + 1);
  }

  Picture input_place() const override { return plain({spec_.inputs}); }
  Picture output_slope_place(bool) const override { return plain({spec_.outputs}); }
  bool has_parameters() const override { return true; }
  void forward(const float* parameters, const Value& in, Value& out, std::size_t examples) override;
  void backward(const BackwardPass& pass, Value& in, const Value& out) override;

 private:
  void products(const float* weight, const float* x, float* y, std::size_t examples);
  void transposed_products(const float* weight, const float* x, float* y, std::size_t examples);
  void straight_products(const float* weight, const float* x, float* y, std::size_t examples);
  void finish_rows(const float* parameters, float* y, std::size_t examples) const;
  void input_slopes(const Run& run, const float* weight, const float* slopes, float* to, std::size_t examples) const;
  void weight_gradient(const Run& run, Destination& to, const float* x, const float* slopes,
                       std::size_t examples) const;

  DenseSpec spec_;
  Activation activation_;
  const Kernels& kernels_;
  std::vector<Run> runs_;  // columns of the input of the last forward()
  Floats transposed_;
};

void Dense::forward(const float* parameters, const Value& in, Value& out, std::size_t examples) {
  runs_.assign(1, {0, spec_.inputs});
  if (skipping_) find_runs(in.values, examples, spec_.inputs, runs_);
  const float* weight = parameters + spec_.weight;
  float* y = out.storage.data();
  if (!spec_.outputs_first)
    straight_products(weight, in.values, y, examples);
  else if (examples >= kTransposeFrom)
    transposed_products(weight, in.values, y, examples);
  else
    products(weight, in.values, y, examples);
  finish_rows(parameters, y, examples);
}

// y = x W^T, W [outputs, inputs] as it lies.
void Dense::products(const float* weight, const float* x, float* y, std::size_t examples) {
  Dot p;
  p.c = y;
  p.rows = examples;
  p.columns = spec_.outputs;
  p.a_row = p.b_row = static_cast<std::ptrdiff_t>(spec_.inputs);
  p.c_row = static_cast<std::ptrdiff_t>(spec_.outputs);
  for (const Run& run : runs_) {
    const std::size_t parts = (run.size + kInner - 1) / kInner;
    const std::size_t part = ((run.size + parts - 1) / parts + kBlock - 1) / kBlock * kBlock;
    for (std::size_t done = 0; done < run.size; done += part) {
      p.a = x + run.begin + done;
      p.b = weight + run.begin + done;
      p.length = std::min(part, run.size - done);
      kernels_.dot(p);
      p.accumulate = true;
    }
  }
  if (runs_.empty()) std::fill_n(y, examples * spec_.outputs, 0.0f);
}

// The same through panels of W^T, [inputs, kPanel] each.
void Dense::transposed_products(const float* weight, const float* x, float* y, std::size_t examples) {
  const std::size_t inputs = spec_.inputs, outputs = spec_.outputs;
  if (transposed_.size() == 0) transposed_.reset(inputs * kPanel);
  Outer p;
  p.a = x;
  p.a_row = static_cast<std::ptrdiff_t>(inputs);
  p.b = transposed_.data();
  p.b_step = kPanel;
  p.c_row = static_cast<std::ptrdiff_t>(outputs);
  p.rows = examples;
  p.steps = inputs;
  for (std::size_t begin = 0; begin < outputs; begin += kPanel) {
    p.columns = std::min(kPanel, outputs - begin);
    transpose(weight + begin * inputs, p.columns, inputs, transposed_.data());
    p.c = y + begin;
    kernels_.outer(p);
  }
}

// y = x W, W [inputs, outputs] as it lies.
void Dense::straight_products(const float* weight, const float* x, float* y, std::size_t examples) {
  Outer p;
  p.c = y;
  p.rows = examples;
  p.columns = spec_.outputs;
  p.a_row = static_cast<std::ptrdiff_t>(spec_.inputs);
  p.b_step = p.c_row = static_cast<std::ptrdiff_t>(spec_.outputs);
  p.columns_outside = true;
  for (const Run& run : runs_) {
    p.a = x + run.begin;
    p.b = weight + run.begin * spec_.outputs;
    p.steps = run.size;
    kernels_.outer(p);
    p.start = Outer::Start::Accumulate;
  }
  if (runs_.empty()) std::fill_n(y, examples * spec_.outputs, 0.0f);
}

// Bias and activation.
void Dense::finish_rows(const float* parameters, float* y, std::size_t examples) const {
  if (spec_.bias) {
    const float* bias = parameters + *spec_.bias;
    for (std::size_t e = 0; e < examples; ++e)
      for (std::size_t o = 0; o < spec_.outputs; ++o) y[e * spec_.outputs + o] += bias[o];
  }
  activate(activation_, y, examples * spec_.outputs);
}

void Dense::backward(const BackwardPass& pass, Value& in, const Value& out) {
  const float* slopes = out.slopes.data();
  // In strips of the weights that stay in the cache between the two, the weights' own step last.
  const std::size_t strip = std::max<std::size_t>(kStripFloats / spec_.outputs / kGap, 1) * kGap;
  for (const Run& run : runs_) {
    for (std::size_t done = 0; done < run.size; done += strip) {
      const Run part{run.begin + done, std::min(strip, run.size - done)};
      if (pass.input_slopes)
        input_slopes(part, pass.parameters + spec_.weight, slopes, in.slopes.data(), pass.examples);
      weight_gradient(part, *pass.destination, in.values, slopes, pass.examples);
    }
  }
  if (!spec_.bias) return;
  for (std::size_t o = 0; o < spec_.outputs; ++o) {
    float sum = 0;
    for (std::size_t e = 0; e < pass.examples; ++e) sum += slopes[e * spec_.outputs + o];
    pass.destination->put(*spec_.bias + o, sum);
  }
}

void Dense::input_slopes(const Run& run, const float* weight, const float* slopes, float* to,
                         std::size_t examples) const {
  const auto inputs = static_cast<std::ptrdiff_t>(spec_.inputs), outputs = static_cast<std::ptrdiff_t>(spec_.outputs);
  if (spec_.outputs_first) {
    Outer p;
    p.a = slopes;
    p.a_row = outputs;
    p.b = weight + run.begin;
    p.b_step = p.c_row = inputs;
    p.c = to + run.begin;
    p.rows = examples;
    p.columns = run.size;
    p.steps = spec_.outputs;
    p.columns_outside = true;
    kernels_.outer(p);
  } else {
    Dot p;
    p.a = slopes;
    p.b = weight + run.begin * spec_.outputs;
    p.a_row = p.b_row = outputs;
    p.c = to + run.begin;
    p.c_row = inputs;
    p.rows = examples;
    p.columns = run.size;
    p.length = spec_.outputs;
    kernels_.dot(p);
  }
}

void Dense::weight_gradient(const Run& run, Destination& to, const float* x, const float* slopes,
                            std::size_t examples) const {
  const std::size_t inputs = spec_.inputs, outputs = spec_.outputs;
  const float* columns = x + run.begin;
  float* weight = (to.gradient != nullptr ? to.gradient : to.parameters) + spec_.weight;
  Outer p;
  p.steps = examples;
  p.a_row = 1;
  p.finish = to.gradient != nullptr ? Outer::Finish::Store : Outer::Finish::Descend;
  p.rate = to.rate;
  p.a = spec_.outputs_first ? slopes : columns;
  p.b = spec_.outputs_first ? columns : slopes;
  p.a_step = static_cast<std::ptrdiff_t>(spec_.outputs_first ? outputs : inputs);
  p.b_step = static_cast<std::ptrdiff_t>(spec_.outputs_first ? inputs : outputs);
  p.c = weight + run.begin * (spec_.outputs_first ? 1 : outputs);
  p.c_row = p.b_step;
  p.rows = spec_.outputs_first ? outputs : run.size;
  p.columns = spec_.outputs_first ? run.size : outputs;
  to.finite = kernels_.outer(p) && to.finite;
}

}  // namespace

std::unique_ptr<Layer> make_dense(const DenseSpec& spec, const Activation& activation, const Kernels& kernels) {
  return std::make_unique<Dense>(spec, activation, kernels);
}

}  // namespace tributary::learn
