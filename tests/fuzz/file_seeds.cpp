// file_seeds FOLDER MODELS: writes the seeds of the targets that read files and blobs: csv, idx, index, gzip,
// edge_copy, edge_delta, update, onnx (those of the folder MODELS, and one of the zoo).
#include <filesystem>
#include <functional>
#include <stdexcept>

#include <zlib.h>

#include "common/base/files.h"
#include "common/base/random.h"
#include "common/codec/edge_copy.h"
#include "common/codec/update.h"
#include "common/model/zoo.h"
#include "tests/fuzz/codec_models.h"
#include "tests/fuzz/edge_bases.h"

using namespace tributary;

namespace {

std::string gzipped(std::string_view plain) {
  z_stream stream{};
  if (deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  std::string packed(deflateBound(&stream, static_cast<uLong>(plain.size())) + 64, '\0');
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw std::runtime_error("deflate");
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string idx(std::initializer_list<char> shape, std::string_view values) {
  std::string file{0, 0, 8, static_cast<char>(shape.size())};
  for (const char d : shape) file += std::string(3, '\0') + d;
  return file.append(values);
}

void write_data(const Path& folder) {
  // The first byte is csv_fuzz's options.
  write_text_file(folder / "csv/plain", std::string(1, '\x21') + "y,a,b\n0,1.5,2\n1,-3e2,0.25\n");
  write_text_file(folder / "csv/quoted", std::string(1, '\x2b') + "\"y\";\"a \"\"b\"\"\"\r\nred;1\r\nblue;2\r\n");
  write_text_file(folder / "csv/real", std::string(1, '\x0c') + "1,2,0.5\n3,4,0.25\n5,6,-1\n");
  write_text_file(folder / "csv/names", std::string(1, '\x51') + "v0,v1,class\n1,2,UP\n3,4,DOWN\n");
  write_text_file(folder / "index/lines", "1\n2\n17\n999\n");
  write_text_file(folder / "index/comments", "# of alice\n5\r\n\n0\n");
  // The first byte is where the labels end, in 256ths.
  const std::string labels = idx({2}, {"\x01\x00", 2}), images = idx({2, 2, 2}, "abcdefgh");
  const auto cut =
      static_cast<char>((labels.size() * 256 + labels.size() + images.size() - 1) / (labels.size() + images.size()));
  write_text_file(folder / "idx/pair", cut + labels + images);
  write_text_file(folder / "idx/images", std::string(1, '\0') + idx({3, 4}, "abcdefghijkl"));
  write_text_file(folder / "idx/packed", std::string(1, '\0') + gzipped(images));
  write_text_file(folder / "gzip/one", gzipped("tributary"));
  write_text_file(folder / "gzip/two", gzipped("many small streams, ") + gzipped(std::string(3000, 'r')));
  write_text_file(folder / "gzip/large", gzipped(std::string(300'000, 'x')));
}

model::ParameterSet normal(const model::LayoutPtr& layout) {
  model::ParameterSet set(layout);
  RandomStream random(1, "seeds");
  for (float& v : set.values()) v = static_cast<float>(random.normal());
  return set;
}

// The blob as it is, and without its header.
void write_blob(const Path& folder, const std::string& name, std::uint8_t choice, ByteSpan blob) {
  const auto first = [](std::uint8_t c) { return std::string(1, static_cast<char>(c)); };
  write_text_file(folder / (name + "_whole"), first(choice).append(as_text(blob)));
  write_text_file(folder / name, first(choice | fuzz::kHeader).append(as_text(blob.subspan(40))));
}

void write_edge_copies(const Path& folder) {
  for (std::size_t form = 0; form < fuzz::kEdgeForms.size(); ++form) {
    const auto& [bits, block] = fuzz::kEdgeForms[form];
    for (const int percent : {0, 50, 90}) {
      const auto name = std::to_string(bits) + "_" + std::to_string(block) + "_" + std::to_string(percent);
      const codec::EdgePlan plan{.bits = bits, .sparsity = percent / 100.0, .block = block};
      write_blob(folder, "small_" + name, fuzz::edge_choice(form),
                 codec::encode_edge_copy(normal(fuzz::small_layout()), {}, plan).blob);
    }
  }
  // Ones only: 20,000 values in a few bytes.
  write_blob(folder, "large", fuzz::kLarge,
             codec::encode_edge_copy(normal(fuzz::large_layout()), {}, {.sparsity = 0.85, .levels = 1}).blob);
  write_blob(folder, "zeros", fuzz::kLarge,
             codec::encode_edge_copy(model::ParameterSet(fuzz::large_layout()), {}, {}).blob);
}

void write_edge_deltas(const Path& folder) {
  for (unsigned form = 0; form < 8; ++form) {
    const auto choice = static_cast<std::uint8_t>((form & 3) << 3 | (form >= 4 ? fuzz::kLarge : 0));
    const model::LayoutPtr& layout = fuzz::layout_of(choice);
    const codec::EdgeIntegers& base = fuzz::base_of(choice);
    const auto write = [&](const std::string& name, const codec::EdgePlan& plan) {
      const Bytes blob = codec::encode_edge_copy(normal(layout), {}, plan).blob;
      const Bytes delta = codec::encode_edge_delta(base, codec::edge_integers(blob, layout), *layout);
      const auto file = [&](std::uint8_t first, ByteSpan bytes) {
        return std::string(1, static_cast<char>(first)).append(as_text(bytes));
      };
      write_text_file(folder / (name + "_whole"), file(choice, delta));
      write_text_file(folder / name, file(choice | fuzz::kHeader, ByteSpan(delta).subspan(fuzz::kDeltaHeader)));
    };
    const std::string size = (form < 4 ? "small_" : "large_") + std::to_string(form & 3);
    write(size + "_ones", fuzz::delta_plan(choice, 0.85, 1));
    if (form < 4) write(size + "_jump", fuzz::delta_plan(choice, 0.3, 127));
    write(size + "_zeros", fuzz::delta_plan(choice, 0.999, 127));
  }
}

void write_updates(const Path& folder) {
  for (const char* text :
       {"float32", "int8", "int4", "rotated:1", "rotated:2", "rotated:3", "rotated:4", "topk:0.1", "ternary:0.1"}) {
    const auto encoding = codec::UpdateEncoding::parse(text);
    const auto values = normal(fuzz::small_layout());
    write_blob(
        folder, text,
        fuzz::update_choice(static_cast<std::uint8_t>(encoding.kind()), static_cast<std::uint8_t>(encoding.bits())),
        codec::encode_update(*fuzz::small_layout(), values.values(), {}, encoding, RandomStream(1, "rounding")));
  }
}

void write_models(const Path& folder, const Path& models) {
  for (const auto& entry : std::filesystem::directory_iterator(models)) {
    if (entry.path().extension() != ".onnx") continue;
    std::filesystem::copy_file(entry.path(), folder / entry.path().filename(),
                               std::filesystem::copy_options::overwrite_existing);
  }
  model::make_zoo_model("mlp:6-5-4-3", 1).save(folder / "mlp.onnx");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const Path folder = argv[1];
  for (const char* name : {"csv", "idx", "index", "gzip", "edge_copy", "edge_delta", "update", "onnx"}) {
    std::filesystem::create_directories(folder / name);
  }
  write_data(folder);
  write_edge_copies(folder / "edge_copy");
  write_edge_deltas(folder / "edge_delta");
  write_updates(folder / "update");
  write_models(folder / "onnx", argv[2]);
  return 0;
}
