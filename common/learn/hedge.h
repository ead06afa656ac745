// common/learn/hedge.h
//
// The weights of an ensemble over exits, learnt by the Hedge algorithm (Freund & Schapire 1997) as Sahoo et al. 2018
// use it. After each example, for every exit l of L:
//   alpha_l <- alpha_l * beta^loss_l                                                              (eq. 4)
//   alpha_l <- max(alpha_l, s / L), then all are divided by their sum                             (their smoothing)
// Kept as logarithms, so that no weight vanishes and participants' weights can be averaged as geometric means.
// A value without threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tributary::learn {

struct HedgeRule {
  double beta = 0.95;  // discount, above 0 and below 1 (the paper's experiments: 0.99)
  double floor = 0.2;  // s, in [0, 1]: together the exits keep at least this, each s / L
};

class Hedge {
 public:
  // All weights equal. REQUIRES: exits > 0 and a rule within its ranges.
  Hedge(std::size_t exits, const HedgeRule& rule);

  // In (0, 1], of sum 1.
  std::span<const double> alphas() const { return alphas_; }
  // `examples` examples of these mean losses. REQUIRES: finite losses, one for each exit.
  void update(std::span<const double> losses, std::size_t examples = 1);
  void reset();

  // Weights from logarithms that need not be normalised, as an average of several participants' is not. Those that are
  // not finite count as the floor.
  void set_logarithms(std::span<const float> logarithms);
  void get_logarithms(std::span<float> logarithms) const;

  template <class Archive>
  void visit(Archive& archive) {  // state.h
    archive(alphas_);
  }

 private:
  void settle();
  void normalise();

  HedgeRule rule_;
  std::vector<double> alphas_;
};

}  // namespace tributary::learn
