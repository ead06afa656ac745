#include "common/base/text.h"
#include "common/model/graph.h"

namespace tributary::model {

const std::vector<std::string>& supported_operators() {
  static const std::vector<std::string> names = [] {
    constexpr std::string_view kSorted =
        "Abs Add And ArgMax AveragePool BatchNormalization Cast Clip Concat Constant ConstantOfShape Conv "
        "DequantizeLinear Div Dropout DynamicQuantizeLinear Elu Equal Erf Exp Expand Flatten GRU Gather Gemm GlobalAveragePool "
        "GlobalMaxPool Greater GreaterOrEqual HardSigmoid HardSwish Identity LSTM LayerNormalization LeakyRelu Less "
        "LessOrEqual Log LogSoftmax MatMul Max MaxPool Min Mul Neg Not Or PRelu Pad Pow QuantizeLinear Range "
        "Reciprocal ReduceMax ReduceMean ReduceMin ReduceSum Relu Reshape Selu Shape Sigmoid Sign Slice Softmax "
        "Softplus Split Sqrt Squeeze Sub Sum Tanh Tile Transpose Unsqueeze Where";
    const auto parts = split(kSorted, ' ');
    return std::vector<std::string>(parts.begin(), parts.end());
  }();
  return names;
}

}  // namespace tributary::model
