#include "common/learn/eager.h"

#include "common/learn/losses.h"
#include "common/learn/program.h"
#include "common/learn/torch_model.h"

namespace tributary::learn {

namespace {

class Eager final : public Network {
 public:
  Eager(const model::Graph& graph, model::LayoutPtr layout)
      : model_(graph, std::move(layout)), program_(graph, model_.layout()) {}

  const model::LayoutPtr& layout() const override { return model_.layout_ptr(); }
  Output predict(const model::ParameterSet& parameters, std::span<const float> features, std::size_t examples) override;
  BatchResult evaluate(const model::ParameterSet& parameters, const Batch& batch, Loss loss) override;
  BatchResult gradient(model::ParameterSet& parameters, const Batch& batch, Loss loss, RandomStream& random,
                       std::span<float> gradient) override;

 private:
  LossValue forward(const Batch& batch, Loss loss, const Run& run);

  TorchModel model_;
  Program program_;
};

LossValue Eager::forward(const Batch& batch, Loss loss, const Run& run) {
  const at::Tensor input = model_.input_tensor(batch.features, batch.examples);
  const bool logits = takes_logits(loss, program_.head());
  const at::Tensor scores =
      logits ? program_.logits(model_.leaves(), input, run) : program_.output(model_.leaves(), input, run);
  return loss_of(loss, scores, batch);
}

Network::Output Eager::predict(const model::ParameterSet& parameters, std::span<const float> features,
                               std::size_t examples) {
  use_one_thread();
  model_.bind(parameters);
  const c10::InferenceMode inference;
  const at::Tensor input = model_.input_tensor(features, examples);
  const at::Tensor output = program_.output(model_.leaves(), input, Run{}).to(at::kFloat).contiguous();
  if (output.dim() == 0 || output.size(0) != static_cast<std::int64_t>(examples))
    fail(Error::Kind::Malformed,
         "model '" + model_.name() + "' does not give one row for each example: its batch axis is fixed");
  const auto* data = output.data_ptr<float>();
  return {{data, data + output.numel()}, output.sizes().vec()};
}

BatchResult Eager::evaluate(const model::ParameterSet& parameters, const Batch& batch, Loss loss) try {
  use_one_thread();
  model_.bind(parameters);
  const c10::InferenceMode inference;
  const LossValue value = forward(batch, loss, Run{});
  return {value.loss.item().toDouble(), value.correct};
} catch (...) {
  rethrow_translated("loss of model '" + model_.name() + "'");
}

BatchResult Eager::gradient(model::ParameterSet& parameters, const Batch& batch, Loss loss, RandomStream& random,
                            std::span<float> gradient) try {
  TRIBUTARY_CHECK(gradient.size() == model_.layout().size());
  use_one_thread();
  model_.bind(parameters);
  const at::AutoGradMode with_gradient(true);
  const LossValue value = forward(batch, loss, Run{true, &random});
  model_.write_gradient(value.loss, program_, gradient);
  return {value.loss.item().toDouble(), value.correct};
} catch (...) {
  rethrow_translated("gradient of model '" + model_.name() + "'");
}

}  // namespace

std::unique_ptr<Network> compile_eager(const model::Graph& graph, model::LayoutPtr layout) {
  use_one_thread();
  return std::make_unique<Eager>(graph, layout != nullptr ? std::move(layout) : graph.layout());
}

}  // namespace tributary::learn
