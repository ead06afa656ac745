#include "common/learn/kernels_body.h"

namespace tributary::learn {

const Kernels kAvx2Kernels{"AVX2", outer, dot, pool, unpool};

}  // namespace tributary::learn
