#include "common/model/skeleton.h"

#include <algorithm>
#include <memory>
#include <string>

#include <zstd.h>

#include "common/base/error.h"

namespace tributary::model {

namespace {

constexpr int kLevel = 9;
constexpr int kMaxWindowLog = 27;  // zstd's own default bound: 128 MiB

std::string zstd_error(std::size_t code) { return ZSTD_getErrorName(code); }

struct FreeStream {
  void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
};

Bytes unpack(ByteSpan packed, const std::string& source, std::uint64_t max_bytes) {
  const std::unique_ptr<ZSTD_DStream, FreeStream> stream(ZSTD_createDStream());
  TRIBUTARY_CHECK(stream != nullptr);
  ZSTD_DCtx_setParameter(stream.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  Bytes piece(ZSTD_DStreamOutSize());
  Bytes unpacked;
  std::size_t left = 1;  // 0: the frame has ended
  while (left != 0) {
    ZSTD_outBuffer out{piece.data(), piece.size(), 0};
    const bool at_end = in.pos == in.size;
    left = ZSTD_decompressStream(stream.get(), &out, &in);
    if (ZSTD_isError(left) != 0)
      fail(Error::Kind::Malformed, source + ": not a packed model (" + zstd_error(left) + ")");
    if (out.pos > max_bytes - unpacked.size())
      fail(Error::Kind::Overloaded, source + ": unpacks to more than " + std::to_string(max_bytes) + " bytes");
    unpacked.insert(unpacked.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(out.pos));
    if (left != 0 && at_end && out.pos == 0) fail(Error::Kind::Malformed, source + ": the packed model ends early");
  }
  if (in.pos != in.size) fail(Error::Kind::Malformed, source + ": bytes behind the packed model");
  return unpacked;
}

}  // namespace

Bytes pack_skeleton(const Graph& graph) {
  Graph bare = graph;
  bare.set_parameters(ParameterSet(graph.layout()));
  const Bytes onnx = bare.serialize();
  Bytes packed(ZSTD_compressBound(onnx.size()));
  const std::size_t size = ZSTD_compress(packed.data(), packed.size(), onnx.data(), onnx.size(), kLevel);
  TRIBUTARY_CHECK(ZSTD_isError(size) == 0);
  packed.resize(size);
  return packed;
}

Graph unpack_skeleton(ByteSpan skeleton, std::string_view source, const GraphLimits& limits) {
  return Graph::parse(unpack(skeleton, std::string(source), limits.max_file_bytes), source, limits);
}

}  // namespace tributary::model
