// common/learn/torch.h
//
// The room's one door to LibTorch: its headers, its threads, its types and its exceptions. Private to the room.
#pragma once

#include <exception>
#include <string>
#include <string_view>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "common/base/error.h"
#include "common/model/graph.h"

namespace tributary::learn {

// Pins this thread's intra-op work (LibTorch, oneDNN and OpenBLAS) to one thread. Cheap after the first call.
void use_one_thread();

at::ScalarType torch_type(model::DType type);
// A copy of the tensor. Throws Malformed naming `what` when bytes and shape disagree.
at::Tensor to_torch(const model::Tensor& tensor, std::string_view what);

// Rethrows the exception in flight as an Error: an Error as it is; LibTorch's complaint, cut to its first line and
// headed by `where`, as Malformed (shapes that do not fit) or Overloaded (no memory).
[[noreturn]] void rethrow_translated(std::string_view where);

}  // namespace tributary::learn
