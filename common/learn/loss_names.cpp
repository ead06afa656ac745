#include <array>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/learn/network.h"

namespace tributary::learn {

namespace {

constexpr std::array<std::pair<Loss, std::string_view>, 3> kNames{{{Loss::CrossEntropy, "cross_entropy"},
                                                                   {Loss::BinaryCrossEntropy, "binary_cross_entropy"},
                                                                   {Loss::MeanSquaredError, "mean_squared_error"}}};

}  // namespace

Loss loss_from(std::string_view name) {
  std::vector<std::string> known;
  for (const auto& [loss, text] : kNames) {
    if (text == name) return loss;
    known.emplace_back(text);
  }
  const auto meant = nearest(name, known);
  fail(Error::Kind::Malformed, "unknown loss '" + std::string(name) + "'" +
                                   (meant ? "; did you mean '" + *meant + "'?"
                                          : "; known: cross_entropy, binary_cross_entropy, mean_squared_error"));
}

std::string_view name_of(Loss loss) {
  for (const auto& [known, text] : kNames)
    if (known == loss) return text;
  fail(Error::Kind::Internal, "unknown loss");
}

}  // namespace tributary::learn
