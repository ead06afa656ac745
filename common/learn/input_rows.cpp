#include "common/learn/input_rows.h"

#include <algorithm>

#include "common/base/bytes.h"

namespace tributary::learn {

at::Tensor input_rows(const model::ValueInfo& input, const std::string& model, std::span<const float> features,
                      std::size_t examples) {
  if (examples == 0) fail(Error::Kind::Malformed, "model '" + model + "' was given no examples");
  std::vector<std::int64_t> shape = input.shape;
  if (shape.empty())
    fail(Error::Kind::Malformed, "input '" + input.name + "' of model '" + model + "' has no batch axis");
  shape[0] = static_cast<std::int64_t>(examples);
  std::uint64_t known = 1;
  for (const auto dimension : shape)
    if (dimension >= 0) known = checked_multiply(known, static_cast<std::uint64_t>(dimension), "input shape");
  const auto open = std::count_if(shape.begin() + 1, shape.end(), [](std::int64_t d) { return d < 0; });
  if (open > 1 || known == 0 || features.size() % known != 0 || (open == 0 && features.size() != known))
    fail(Error::Kind::Malformed, "input '" + input.name + "' of model '" + model + "' does not take examples of " +
                                     std::to_string(features.size() / examples) + " values");
  const auto rest = static_cast<std::int64_t>(features.size() / known);
  std::replace_if(
      shape.begin() + 1, shape.end(), [](std::int64_t d) { return d < 0; }, rest);
  return at::from_blob(const_cast<float*>(features.data()), shape).to(torch_type(input.type));
}

}  // namespace tributary::learn
