#include "common/learn/kernels_body.h"

namespace tributary::learn {

const Kernels kPortableKernels{"portable", outer, dot};

}  // namespace tributary::learn
