// The doors of tributary-evaluation.so; see evaluation_module.h.
#include <utility>

#include "coordinator/evaluation_module.h"
#include "coordinator/held_out.h"

extern "C" tributary::coordinator::Evaluator* tributary_make_evaluator(const tributary::model::Graph& graph,
                                                                       tributary::data::View& examples,
                                                                       const std::string& loss,
                                                                       const tributary::Clock& clock) {
  using namespace tributary;
  return coordinator::evaluate_on(graph, std::move(examples), learn::loss_from(loss), clock).release();
}

extern "C" tributary::coordinator::Distiller* tributary_make_distiller(
    const tributary::model::Graph& graph, tributary::data::View& examples,
    const tributary::coordinator::Settings& settings, tributary::Files& files,
    std::unique_ptr<tributary::coordinator::StudentPlace>& student) {
  using namespace tributary;
  return coordinator::distil_on(graph, std::move(examples), settings.distillation, settings.seed, files,
                                std::move(student))
      .release();
}

static_assert(std::is_same_v<decltype(tributary_make_evaluator), tributary::coordinator::EvaluatorEntry>);
static_assert(std::is_same_v<decltype(tributary_make_distiller), tributary::coordinator::DistillerEntry>);
