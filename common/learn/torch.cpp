#include "common/learn/torch.h"

#include <new>

#include <ATen/Parallel.h>
#include <dlfcn.h>

namespace tributary::learn {

namespace {

// Debian's LibTorch calls whichever BLAS the system's alternatives choose. OpenBLAS spins its own threads unless told;
// it is looked up by name because no other BLAS has the function.
void quieten_blas() {
  using SetThreads = void (*)(int);
  if (auto* set_threads = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))) set_threads(1);
}

}  // namespace

void use_one_thread() {
  // OpenMP keeps the number of threads per calling thread, OpenBLAS per process.
  static const bool blas_is_quiet = (quieten_blas(), true);
  thread_local const bool this_thread_is_quiet = (at::set_num_threads(1), true);
  static_cast<void>(blas_is_quiet);
  static_cast<void>(this_thread_is_quiet);
}

at::ScalarType torch_type(model::DType type) {
  switch (type) {
    case model::DType::Float32:
      return at::kFloat;
    case model::DType::Float64:
      return at::kDouble;
    case model::DType::Int64:
      return at::kLong;
    case model::DType::Int32:
      return at::kInt;
    case model::DType::Int8:
      return at::kChar;
    case model::DType::UInt8:
      return at::kByte;
    case model::DType::Bool:
      return at::kBool;
  }
  fail(Error::Kind::Internal, "unknown element type");
}

at::Tensor to_torch(const model::Tensor& tensor, std::string_view what) {
  if (tensor.data.size() != tensor.elements() * model::size_of(tensor.type))
    fail(Error::Kind::Malformed, std::string(what) + ": its bytes do not fit its shape");
  auto* data = const_cast<std::byte*>(tensor.data.data());
  return at::from_blob(data, tensor.shape, at::TensorOptions().dtype(torch_type(tensor.type))).clone();
}

void rethrow_translated(std::string_view where) {
  const auto first_line = [&](std::string_view text) {
    return std::string(where) + ": " + std::string(text.substr(0, text.find('\n')));
  };
  try {
    throw;
  } catch (const Error&) {
    throw;
  } catch (const c10::Error& error) {
    const std::string_view text = error.what_without_backtrace();
    const bool no_memory = text.find("can't allocate memory") != std::string_view::npos;
    fail(no_memory ? Error::Kind::Overloaded : Error::Kind::Malformed, first_line(text));
  } catch (const std::bad_alloc&) {
    fail(Error::Kind::Overloaded, std::string(where) + ": out of memory");
  } catch (const std::exception& error) {
    fail(Error::Kind::Malformed, first_line(error.what()));
  }
}

}  // namespace tributary::learn
