#include "common/learn/kernels.h"

namespace tributary::learn {

namespace {

#ifdef TRIBUTARY_X86_KERNELS
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
bool has_avx512() {
  return __builtin_cpu_supports("avx512f");
}
#endif

}  // namespace

RunnableKernels runnable_kernels() {
  RunnableKernels found{};
  const Kernels** next = found.entries;
#ifdef TRIBUTARY_X86_KERNELS
  if (has_avx512()) *next++ = &kAvx512Kernels;
  if (has_avx2()) *next++ = &kAvx2Kernels;
#endif
  *next = &kPortableKernels;
  return found;
}

const Kernels& best_kernels() {
  static const Kernels& best = *runnable_kernels().entries[0];
  return best;
}

}  // namespace tributary::learn
