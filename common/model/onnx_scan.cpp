#include <array>
#include <limits>

#include <google/protobuf/io/coded_stream.h>

#include "common/base/error.h"
#include "common/model/onnx_format.h"

namespace tributary::model::onnx_format {

namespace {

// Messages of onnx.proto. A Leaf holds numbers and texts only.
enum class Message { Model, Graph, Node, Attribute, Tensor, Annotation, Value, Type, TensorType, Shape, Leaf, None };

struct Field {
  Message in;
  std::uint32_t number;
  Message holds = Message::None;      // a message, to be walked over
  const char* unsupported = nullptr;  // or why the file is refused
};

constexpr std::array kFields{
    Field{Message::Model, 7, Message::Graph},
    Field{Message::Model, 8, Message::Leaf},
    Field{Message::Model, 14, Message::Leaf},
    Field{Message::Model, 20, Message::None, "training graphs inside the model are not supported"},
    Field{Message::Model, 25, Message::None, "model functions are not supported; export the model without them"},
    Field{Message::Graph, 1, Message::Node},
    Field{Message::Graph, 5, Message::Tensor},
    Field{Message::Graph, 11, Message::Value},
    Field{Message::Graph, 12, Message::Value},
    Field{Message::Graph, 13, Message::Value},
    Field{Message::Graph, 14, Message::Annotation},
    Field{Message::Graph, 15, Message::None, "sparse initialisers are not supported; export them dense"},
    Field{Message::Node, 5, Message::Attribute},
    Field{Message::Attribute, 5, Message::Tensor},
    Field{Message::Attribute, 6, Message::Graph},
    Field{Message::Attribute, 10, Message::Tensor},
    Field{Message::Attribute, 11, Message::Graph},
    Field{Message::Attribute, 14, Message::None, "attributes that are types are not supported"},
    Field{Message::Attribute, 15, Message::None, "attributes that are types are not supported"},
    Field{Message::Attribute, 22, Message::None, "sparse tensors are not supported; export them dense"},
    Field{Message::Attribute, 23, Message::None, "sparse tensors are not supported; export them dense"},
    Field{Message::Tensor, 3, Message::Leaf},
    Field{Message::Tensor, 13, Message::Leaf},
    Field{Message::Annotation, 2, Message::Leaf},
    Field{Message::Value, 2, Message::Type},
    Field{Message::Type, 1, Message::TensorType},
    Field{Message::Type, 4, Message::None, "values that are sequences are not supported"},
    Field{Message::Type, 5, Message::None, "values that are maps are not supported"},
    Field{Message::Type, 8, Message::None, "values that are sparse tensors are not supported"},
    Field{Message::Type, 9, Message::None, "values that are optional are not supported"},
    Field{Message::TensorType, 2, Message::Shape},
    Field{Message::Shape, 1, Message::Leaf},
};

const Field* find_field(Message in, std::uint32_t number) {
  for (const Field& field : kFields) {
    if (field.in == in && field.number == number) return &field;
  }
  return nullptr;
}

class Scanner {
 public:
  Scanner(ByteSpan file, std::string_view source, const GraphLimits& limits)
      : in_(reinterpret_cast<const std::uint8_t*>(file.data()), static_cast<int>(file.size())),
        source_(source),
        limits_(limits) {
    in_.SetTotalBytesLimit(std::numeric_limits<int>::max());
  }

  void walk(Message message, int depth) {
    constexpr int kDeepest = 40;
    if (depth > kDeepest) broken();
    while (const std::uint32_t tag = in_.ReadTag()) {
      constexpr std::uint32_t kVarint = 0, kEightBytes = 1, kLengthDelimited = 2, kFourBytes = 5;
      std::uint64_t number = 0;
      switch (tag & 7) {
        case kVarint:
          if (!in_.ReadVarint64(&number)) broken();
          break;
        case kEightBytes:
          if (!in_.Skip(8)) broken();
          break;
        case kFourBytes:
          if (!in_.Skip(4)) broken();
          break;
        case kLengthDelimited:
          enter(message, tag >> 3, depth);
          break;
        default:
          broken();
      }
    }
    if (!in_.ConsumedEntireMessage()) broken();
  }

 private:
  void enter(Message message, std::uint32_t number, int depth) {
    count(message, number);
    int length = 0;
    if (!in_.ReadVarintSizeAsInt(&length)) broken();
    const Field* field = find_field(message, number);
    if (field != nullptr && field->unsupported != nullptr) {
      fail(Error::Kind::Unsupported, source_ + ": " + field->unsupported);
    }
    if (field == nullptr) {
      if (!in_.Skip(length)) broken();
      return;
    }
    if (length > in_.BytesUntilLimit()) broken();
    const auto outer = in_.PushLimit(length);
    walk(field->holds, depth + 1);
    in_.PopLimit(outer);
  }

  // Texts and messages are what costs memory beyond their bytes; numbers cost at most eight times theirs.
  void count(Message message, std::uint32_t number) {
    constexpr std::uint64_t kFieldsOfANode = 64;  // a node of an exporter has ten to thirty
    if (message == Message::Graph && number == 1 && ++nodes_ > limits_.max_nodes) {
      fail(Error::Kind::Overloaded,
           source_ + ": more than " + std::to_string(limits_.max_nodes) + " nodes, the limit for a model");
    }
    if (++fields_ > kFieldsOfANode * (limits_.max_nodes + 64)) {
      fail(Error::Kind::Overloaded, source_ + ": has far more fields than a model of " +
                                        std::to_string(limits_.max_nodes) + " nodes, the limit, needs");
    }
  }

  [[noreturn]] void broken() const {
    fail(Error::Kind::Malformed, source_ + ": not an ONNX model, or a truncated one");
  }

  google::protobuf::io::CodedInputStream in_;
  std::string source_;
  const GraphLimits& limits_;
  std::uint64_t nodes_ = 0;
  std::uint64_t fields_ = 0;
};

}  // namespace

void scan(ByteSpan file, std::string_view source, const GraphLimits& limits) {
  Scanner(file, source, limits).walk(Message::Model, 0);
}

}  // namespace tributary::model::onnx_format
