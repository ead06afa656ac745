#include "common/base/error.h"
#include "common/base/text.h"
#include "common/codec/update.h"

namespace tributary::codec {

UpdateEncoding UpdateEncoding::parse(std::string_view text) {
  UpdateEncoding encoding;
  if (text == "float32") {
    encoding.kind_ = Kind::Float32;
  } else if (text == "int8") {
    encoding.kind_ = Kind::Int8;
  } else {
    const auto meant = nearest(text, supported_update_encodings());
    fail(Error::Kind::Malformed, "update.encoding '" + std::string(text) + "' is unknown" +
                                     (meant ? "; did you mean '" + *meant + "'?" : "; known: int8, float32"));
  }
  return encoding;
}

std::string UpdateEncoding::text() const {
  return kind_ == Kind::Float32 ? "float32" : "int8";
}

bool UpdateEncoding::lossy() const {
  return kind_ != Kind::Float32;
}

std::vector<std::string> supported_update_encodings() {
  return {"int8", "float32"};
}

std::string_view name_of(UpdateFault fault) {
  switch (fault) {
    case UpdateFault::None:
      return "none";
    case UpdateFault::Malformed:
      return "malformed";
    case UpdateFault::WrongLayout:
      return "wrong layout";
    case UpdateFault::NotFinite:
      return "not finite";
    case UpdateFault::OutOfRange:
      return "out of range";
    case UpdateFault::NormTooLarge:
      return "norm too large";
  }
  return "malformed";
}

}  // namespace tributary::codec
