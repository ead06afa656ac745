// common/learn/input_rows.h
//
// Rows of features as the tensor that a graph's input takes. Private to the room.
#pragma once

#include <span>
#include <string>

#include "common/learn/torch.h"

namespace tributary::learn {

// `examples` rows in the shape and type of `input`; one dimension besides the batch may be left to the length of the
// rows. Aliases `features` where the input is float32. Throws Malformed, naming input and `model`, when they do not
// fit.
at::Tensor input_rows(const model::ValueInfo& input, const std::string& model, std::span<const float> features,
                      std::size_t examples);

}  // namespace tributary::learn
