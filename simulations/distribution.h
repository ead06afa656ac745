// simulations/distribution.h
//
// A positive quantity that differs between participants, as a configuration writes it. Plain value; any thread.
#pragma once

#include <string>
#include <string_view>

#include "common/base/random.h"

namespace tributary::simulation {

class Distribution {
 public:
  // "constant:X", "uniform:A,B" (A <= B) or "lognormal:MEDIAN,SIGMA" (exp of a normal; about two thirds lie between
  // MEDIAN / e^SIGMA and MEDIAN * e^SIGMA). Throws Malformed: another form (with the nearest), numbers that are
  // missing, negative (zero is allowed only as constant:0 and as SIGMA) or above 1e12.
  static Distribution parse(std::string_view text);
  std::string text() const { return text_; }
  // Two numbers of `random` at most. At least 0.
  double draw(RandomStream& random) const;

 private:
  enum class Form : unsigned char { Constant, Uniform, LogNormal };
  Form form_ = Form::Constant;
  double first_ = 0, second_ = 0;
  std::string text_;
};

}  // namespace tributary::simulation
