#include "common/learn/kernels_body.h"

namespace tributary::learn {

const Kernels kAvx512Kernels{"AVX-512", outer, dot, pool, unpool};

}  // namespace tributary::learn
