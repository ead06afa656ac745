// tests/learn/ort.h
//
// ONNX Runtime as the independent reference: graphs are written as ONNX files and run by one Node.js process.
// Looked for in $TRIBUTARY_ORT_DIR, else where CMake's TRIBUTARY_ORT_DIR says; scripts/install-onnxruntime puts it
// there.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/model/graph.h"

namespace tributary::learn::testing {

struct OrtCase {
  Bytes onnx;
  std::vector<std::pair<std::string, model::Tensor>> inputs;
};

struct OrtResult {
  std::vector<model::Tensor> outputs;
  std::string error;  // why ONNX Runtime refused the case; empty when it ran
};

// Empty when it is installed; else what to do.
std::string why_no_ort();

// One result for each case, in order. REQUIRES: why_no_ort().empty().
std::vector<OrtResult> run_on_ort(const std::vector<OrtCase>& cases);

// The first difference in type, shape or value (by more than tolerance * max(1, |value|)), or empty.
std::string difference(const model::Tensor& ours, const model::Tensor& theirs, double tolerance);

}  // namespace tributary::learn::testing
