#include "common/learn/torch_model.h"

#include <algorithm>

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
  if (examples == 0) fail(Error::Kind::Malformed, "model '" + name_ + "' was given no examples");
  std::vector<std::int64_t> shape = input_.shape;
  if (shape.empty())
    fail(Error::Kind::Malformed, "input '" + input_.name + "' of model '" + name_ + "' has no batch axis");
  shape[0] = static_cast<std::int64_t>(examples);
  std::uint64_t known = 1;
  for (const auto dimension : shape)
    if (dimension >= 0) known = checked_multiply(known, static_cast<std::uint64_t>(dimension), "input shape");
  const auto open = std::count_if(shape.begin() + 1, shape.end(), [](std::int64_t d) { return d < 0; });
  if (open > 1 || known == 0 || features.size() % known != 0 || (open == 0 && features.size() != known))
    fail(Error::Kind::Malformed, "input '" + input_.name + "' of model '" + name_ + "' does not take examples of " +
                                     std::to_string(features.size() / examples) + " values");
  const auto rest = static_cast<std::int64_t>(features.size() / known);
  std::replace_if(
      shape.begin() + 1, shape.end(), [](std::int64_t d) { return d < 0; }, rest);
  return at::from_blob(const_cast<float*>(features.data()), shape).to(torch_type(input_.type));
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
