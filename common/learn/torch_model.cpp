#include "common/learn/torch_model.h"

#include "common/learn/input_rows.h"

namespace tributary::learn {

void TorchModel::bind(const model::ParameterSet& parameters) {
  if (parameters.empty() || (parameters.layout_ptr() != layout_ && parameters.layout().digest() != layout_->digest()))
    fail(Error::Kind::Malformed, "parameters of another model were given to model '" + name_ + "'");
  // The same place and layout mean the same aliases, whichever object owns the place now.
  if (bound_ == parameters.values().data()) return;
  bound_ = parameters.values().data();
  leaves_.clear();
  for (const auto& spec : layout_->tensors()) {
    auto* data = const_cast<float*>(bound_ + spec.offset);
    leaves_.push_back(at::from_blob(data, spec.shape).set_requires_grad(spec.role != model::Role::State));
  }
}

at::Tensor TorchModel::input_tensor(std::span<const float> features, std::size_t examples) const {
  return input_rows(input_, name_, features, examples);
}

void TorchModel::write_gradient(const at::Tensor& loss, const Program& program, std::span<float> gradient) const {
  torch::autograd::variable_list wanted;
  for (std::size_t i = 0; i < leaves_.size(); ++i)
    if (leaves_[i].requires_grad() && program.is_used(i)) wanted.push_back(leaves_[i]);
  torch::autograd::variable_list found(wanted.size());
  if (!wanted.empty() && loss.requires_grad())
    found = torch::autograd::grad({loss}, wanted, {}, c10::nullopt, false, true);
  const at::NoGradGuard no_grad;
  auto next = found.begin();
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    const auto& spec = layout_->tensors()[i];
    const at::Tensor place = at::from_blob(gradient.data() + spec.offset, spec.shape);
    const bool has_one = leaves_[i].requires_grad() && program.is_used(i);
    const at::Tensor value = has_one ? *next++ : at::Tensor();
    value.defined() ? place.copy_(value) : place.zero_();
  }
}

}  // namespace tributary::learn
