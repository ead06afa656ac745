#include "participant/rounding_network.h"

#include <algorithm>

namespace tributary::participant {

namespace {

class RoundingNetwork final : public learn::Network {
 public:
  RoundingNetwork(learn::Network& network, const codec::EdgeRounding& rounding)
      : network_(network), rounding_(rounding), rounded_(network.layout()) {}

  const model::LayoutPtr& layout() const override { return network_.layout(); }

  Output predict(const model::ParameterSet& parameters, std::span<const float> features,
                 std::size_t examples) override {
    round(parameters);
    return network_.predict(rounded_, features, examples);
  }
  learn::BatchResult evaluate(const model::ParameterSet& parameters, const learn::Batch& batch,
                              learn::Loss loss) override {
    round(parameters);
    return network_.evaluate(rounded_, batch, loss);
  }
  learn::BatchResult gradient(model::ParameterSet& parameters, const learn::Batch& batch, learn::Loss loss,
                              RandomStream& random, std::span<float> gradient) override {
    round(parameters);
    const learn::BatchResult result = network_.gradient(rounded_, batch, loss, random, gradient);
    for (const auto& spec : layout()->tensors())
      if (spec.role == model::Role::State) std::ranges::copy(rounded_.tensor(spec), parameters.tensor(spec).begin());
    return result;
  }

 private:
  // In one place, so that a network that has bound itself to it need not do so again.
  void round(const model::ParameterSet& parameters) { rounding_.round(parameters.values(), rounded_.values()); }

  learn::Network& network_;
  const codec::EdgeRounding& rounding_;
  model::ParameterSet rounded_;
};

}  // namespace

std::unique_ptr<learn::Network> rounding_network(learn::Network& network, const codec::EdgeRounding& rounding) {
  return std::make_unique<RoundingNetwork>(network, rounding);
}

}  // namespace tributary::participant
