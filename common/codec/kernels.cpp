#include "common/codec/kernels.h"

#include <vector>

namespace tributary::codec {

namespace {

std::vector<const Kernels*> detect() {
  std::vector<const Kernels*> found = {&kPortableKernels};
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt")) found.push_back(&kAvx2Kernels);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vbmi") &&
      __builtin_cpu_supports("avx512vbmi2")) {
    found.push_back(&kAvx512Kernels);
  }
#endif
  return found;
}

}  // namespace

std::span<const Kernels* const> available_kernels() {
  static const std::vector<const Kernels*> found = detect();
  return found;
}

const Kernels& kernels() {
  return *available_kernels().back();
}

}  // namespace tributary::codec
