#include "coordinator/held_out.h"

#include <string>
#include <utility>

#include "common/base/error.h"
#include "common/learn/training.h"

namespace tributary::coordinator {

namespace {

class HeldOut final : public Evaluator {
 public:
  HeldOut(const model::Graph& graph, data::View examples, learn::Loss loss, const Clock& clock)
      : network_(learn::Network::compile(graph)), examples_(std::move(examples)), loss_(loss), clock_(clock) {
    if (examples_.size() == 0) fail(Error::Kind::Malformed, "evaluation.*: there are no examples");
    try_one(graph.parameters());
  }

  Quality evaluate(const model::ParameterSet& parameters) override {
    const learn::Evaluation found = learn::evaluate(*network_, parameters, examples_, loss_, clock_);
    return {found.loss, found.accuracy};
  }

 private:
  // What does not fit the model is said now, not after the first round.
  void try_one(const model::ParameterSet& parameters) {
    const data::View first{examples_.dataset, {examples_.indices.front()}};
    try {
      learn::evaluate(*network_, parameters, first, loss_, clock_);
    } catch (const Error& e) {
      fail(e.kind(), std::string("evaluation.*: the examples do not fit the model: ") + e.what());
    }
  }

  std::unique_ptr<learn::Network> network_;
  data::View examples_;
  learn::Loss loss_;
  const Clock& clock_;
};

}  // namespace

std::unique_ptr<Evaluator> evaluate_on(const model::Graph& graph, data::View examples, learn::Loss loss,
                                       const Clock& clock) {
  return std::make_unique<HeldOut>(graph, std::move(examples), loss, clock);
}

}  // namespace tributary::coordinator
