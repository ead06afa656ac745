#include "common/learn/eager.h"

#include "common/learn/input_rows.h"
#include "common/learn/losses.h"
#include "common/learn/program.h"

namespace tributary::learn {

namespace {

class Eager final : public Network {
 public:
  Eager(const model::Graph& graph, model::LayoutPtr layout)
      : layout_(std::move(layout)), program_(graph, *layout_), input_(graph.inputs.front()), model_(graph.name) {}

  const model::LayoutPtr& layout() const override { return layout_; }
  Output predict(const model::ParameterSet& parameters, std::span<const float> features, std::size_t examples) override;
  BatchResult evaluate(const model::ParameterSet& parameters, const Batch& batch, Loss loss) override;
  BatchResult gradient(model::ParameterSet& parameters, const Batch& batch, Loss loss, RandomStream& random,
                       std::span<float> gradient) override;

 private:
  // Makes `leaves_` alias the arena.
  void bind(const model::ParameterSet& parameters);
  LossValue forward(const Batch& batch, Loss loss, const Run& run);
  void write_gradient(const at::Tensor& loss, std::span<float> gradient) const;

  model::LayoutPtr layout_;
  Program program_;
  model::ValueInfo input_;
  std::string model_;
  std::vector<at::Tensor> leaves_;  // in layout order
  const float* bound_ = nullptr;    // the arena that leaves_ alias
};

void Eager::bind(const model::ParameterSet& parameters) {
  if (parameters.empty() || (parameters.layout_ptr() != layout_ && parameters.layout().digest() != layout_->digest()))
    fail(Error::Kind::Malformed, "parameters of another model were given to model '" + model_ + "'");
  // The same place and layout mean the same aliases, whichever object owns the place now.
  if (bound_ == parameters.values().data()) return;
  bound_ = parameters.values().data();
  leaves_.clear();
  for (const auto& spec : layout_->tensors()) {
    auto* data = const_cast<float*>(bound_ + spec.offset);
    leaves_.push_back(at::from_blob(data, spec.shape).set_requires_grad(spec.role != model::Role::State));
  }
}

LossValue Eager::forward(const Batch& batch, Loss loss, const Run& run) {
  const at::Tensor input = input_rows(input_, model_, batch.features, batch.examples);
  const bool logits = takes_logits(loss, program_.head());
  const at::Tensor scores = logits ? program_.logits(leaves_, input, run) : program_.output(leaves_, input, run);
  return loss_of(loss, scores, batch);
}

Network::Output Eager::predict(const model::ParameterSet& parameters, std::span<const float> features,
                               std::size_t examples) {
  use_one_thread();
  bind(parameters);
  const c10::InferenceMode inference;
  const at::Tensor input = input_rows(input_, model_, features, examples);
  const at::Tensor output = program_.output(leaves_, input, Run{}).to(at::kFloat).contiguous();
  if (output.dim() == 0 || output.size(0) != static_cast<std::int64_t>(examples))
    fail(Error::Kind::Malformed,
         "model '" + model_ + "' does not give one row for each example: its batch axis is fixed");
  const auto* data = output.data_ptr<float>();
  return {{data, data + output.numel()}, output.sizes().vec()};
}

BatchResult Eager::evaluate(const model::ParameterSet& parameters, const Batch& batch, Loss loss) try {
  use_one_thread();
  bind(parameters);
  const c10::InferenceMode inference;
  const LossValue value = forward(batch, loss, Run{});
  return {value.loss.item().toDouble(), value.correct};
} catch (...) {
  rethrow_translated("loss of model '" + model_ + "'");
}

BatchResult Eager::gradient(model::ParameterSet& parameters, const Batch& batch, Loss loss, RandomStream& random,
                            std::span<float> gradient) try {
  TRIBUTARY_CHECK(gradient.size() == layout_->size());
  use_one_thread();
  bind(parameters);
  const at::AutoGradMode with_gradient(true);
  const LossValue value = forward(batch, loss, Run{true, &random});
  write_gradient(value.loss, gradient);
  return {value.loss.item().toDouble(), value.correct};
} catch (...) {
  rethrow_translated("gradient of model '" + model_ + "'");
}

void Eager::write_gradient(const at::Tensor& loss, std::span<float> gradient) const {
  torch::autograd::variable_list wanted;
  for (std::size_t i = 0; i < leaves_.size(); ++i)
    if (leaves_[i].requires_grad() && program_.is_used(i)) wanted.push_back(leaves_[i]);
  torch::autograd::variable_list found(wanted.size());
  if (!wanted.empty() && loss.requires_grad())
    found = torch::autograd::grad({loss}, wanted, {}, c10::nullopt, false, true);
  const at::NoGradGuard no_grad;
  auto next = found.begin();
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    const auto& spec = layout_->tensors()[i];
    const at::Tensor place = at::from_blob(gradient.data() + spec.offset, spec.shape);
    const bool has_one = leaves_[i].requires_grad() && program_.is_used(i);
    const at::Tensor value = has_one ? *next++ : at::Tensor();
    value.defined() ? place.copy_(value) : place.zero_();
  }
}

}  // namespace

std::unique_ptr<Network> compile_eager(const model::Graph& graph, model::LayoutPtr layout) {
  use_one_thread();
  return std::make_unique<Eager>(graph, layout != nullptr ? std::move(layout) : graph.layout());
}

}  // namespace tributary::learn
