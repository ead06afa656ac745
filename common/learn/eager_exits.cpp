#include "common/learn/eager_exits.h"

#include <algorithm>
#include <cmath>

#include "common/learn/losses.h"
#include "common/learn/program.h"
#include "common/learn/scores.h"
#include "common/learn/sgd.h"
#include "common/learn/torch_model.h"
#include "common/model/exits.h"

namespace tributary::learn {

namespace {

class EagerExits final : public ExitNetwork {
 public:
  explicit EagerExits(const model::Graph& graph)
      : model_(graph),
        program_(graph, model_.layout(), model::exits_of(graph)),
        alpha_(model::alpha_of(graph, model_.layout())) {
    for (const auto& node : graph.nodes)
      if (node.op == "Dropout" || node.op == "BatchNormalization") answers_alike_ = false;
  }

  const model::LayoutPtr& layout() const override { return model_.layout_ptr(); }
  std::size_t exits() const override { return program_.heads().size(); }
  const model::TensorSpec* alpha() const override { return alpha_; }
  bool answers_alike() const override { return answers_alike_; }
  void predict(const model::ParameterSet& parameters, std::span<const float> features, std::size_t examples, Loss loss,
               ExitAnswers& answers) override;
  void gradient(model::ParameterSet& parameters, const Batch& batch, Loss loss, std::span<const double> weights,
                RandomStream& random, ExitAnswers& answers, std::span<float> gradient) override;
  bool sgd_step(model::ParameterSet& parameters, const Batch& batch, Loss loss, std::span<const double> weights,
                float rate, RandomStream& random, ExitAnswers& answers) override;

 private:
  std::vector<at::Tensor> scores(std::span<const float> features, std::size_t examples, Loss loss, const Run& run);
  void write_answers(const std::vector<at::Tensor>& scores, std::size_t examples, Loss loss, ExitAnswers& answers);

  TorchModel model_;
  Program program_;
  const model::TensorSpec* alpha_;
  bool answers_alike_ = true;
  std::vector<float> step_;  // a gradient
};

std::vector<at::Tensor> EagerExits::scores(std::span<const float> features, std::size_t examples, Loss loss,
                                           const Run& run) {
  std::vector<bool> logits;
  for (const Head head : program_.heads()) logits.push_back(takes_logits(loss, head));
  return program_.all(model_.leaves(), model_.input_tensor(features, examples), run, logits);
}

void EagerExits::write_answers(const std::vector<at::Tensor>& scores, std::size_t examples, Loss loss,
                               ExitAnswers& answers) {
  answers.exits = scores.size();
  answers.examples = examples;
  answers.rows.clear();
  answers.losses.clear();
  for (const at::Tensor& score : scores) {
    const at::Tensor rows = score.detach().to(at::kFloat).contiguous();
    const auto values = static_cast<std::size_t>(rows.numel());
    if (rows.dim() == 0 || rows.size(0) != static_cast<std::int64_t>(examples) ||
        (answers.rows.size() > 0 && values != answers.outputs * examples))
      fail(Error::Kind::Malformed, "model '" + model_.name() + "': its exits do not all give one row an example");
    answers.outputs = values / examples;
    const auto* data = rows.data_ptr<float>();
    answers.rows.insert(answers.rows.end(), data, data + values);
    // Scores are logits where the loss is an entropy, and otherwise what the head gave.
    answer(loss, Head::Plain, std::span(answers.rows).last(values), answers.outputs);
  }
}

void EagerExits::predict(const model::ParameterSet& parameters, std::span<const float> features, std::size_t examples,
                         Loss loss, ExitAnswers& answers) try {
  use_one_thread();
  model_.bind(parameters);
  const c10::InferenceMode inference;
  write_answers(scores(features, examples, loss, Run{}), examples, loss, answers);
} catch (...) {
  rethrow_translated("exits of model '" + model_.name() + "'");
}

void EagerExits::gradient(model::ParameterSet& parameters, const Batch& batch, Loss loss,
                          std::span<const double> weights, RandomStream& random, ExitAnswers& answers,
                          std::span<float> gradient) try {
  TRIBUTARY_CHECK(gradient.size() == model_.layout().size() && weights.size() == exits());
  use_one_thread();
  model_.bind(parameters);
  const at::AutoGradMode with_gradient(true);
  const auto rows = scores(batch.features, batch.examples, loss, Run{true, &random});
  write_answers(rows, batch.examples, loss, answers);
  at::Tensor sum;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const at::Tensor value = loss_of(loss, rows[i], batch).loss;
    answers.losses.push_back(value.item().toDouble());
    const at::Tensor part = value * weights[i];
    sum = sum.defined() ? sum + part : part;
  }
  model_.write_gradient(sum, program_, gradient);
} catch (...) {
  rethrow_translated("gradient of model '" + model_.name() + "'");
}

bool EagerExits::sgd_step(model::ParameterSet& parameters, const Batch& batch, Loss loss,
                          std::span<const double> weights, float rate, RandomStream& random, ExitAnswers& answers) {
  step_.resize(model_.layout().size());
  gradient(parameters, batch, loss, weights, random, answers, step_);
  if (!std::all_of(answers.losses.begin(), answers.losses.end(), [](double l) { return std::isfinite(l); }))
    return false;
  return Sgd(parameters, {.learning_rate = rate}).step(parameters.values(), step_);
}

}  // namespace

std::unique_ptr<ExitNetwork> compile_eager_exits(const model::Graph& graph) {
  use_one_thread();
  return std::make_unique<EagerExits>(graph);
}

}  // namespace tributary::learn
