#include "common/learn/kernels_body.h"

namespace tributary::learn {

const Kernels kPortableKernels{"portable", outer, dot, pool, unpool};

}  // namespace tributary::learn
