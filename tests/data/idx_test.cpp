#include <string>

#include <gmock/gmock.h>

#include "common/data/parse.h"
#include "tests/data/support.h"

namespace tributary::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int v : values) text += static_cast<char>(v);
  return text;
}

// Three images of 2 x 3, whose labels are 1, 0, 2.
const std::string kImages = idx({3, 2, 3}, bytes({0, 51, 102, 153, 204, 255, 1, 2, 3, 4, 5, 6, 9, 8, 7, 6, 5, 4}));
const std::string kLabels = idx({3}, bytes({1, 0, 2}));

class Idx : public ::testing::Test {
 protected:
  DatasetPtr load(const std::string& images, const std::string& labels, std::uint32_t classes = 0) {
    return load_idx(folder_.write("images", images), folder_.write("labels", labels), classes);
  }
  std::string refused(const std::string& images, const std::string& labels, std::uint32_t classes = 0) {
    return refusal(Error::Kind::Malformed, [&] { load(images, labels, classes); });
  }

  Folder folder_;
};

TEST_F(Idx, ImagesAreReadInTheOrderAskedForAndScaledToOne) {
  const DatasetPtr data = load(kImages, kLabels);
  EXPECT_EQ(data->size(), 3u);
  EXPECT_EQ(data->classes(), 3u);
  EXPECT_EQ(data->feature_size(), 6u);
  EXPECT_EQ(data->label_size(), 1u);
  EXPECT_EQ(data->label_of(2), 2u);
  EXPECT_THAT(std::vector(data->feature_shape().begin(), data->feature_shape().end()), ElementsAre(1, 2, 3));

  const Examples got = read(*data, {2, 0, 2});
  EXPECT_THAT(got.labels, ElementsAre(2, 1, 2));
  const std::vector<float> first(got.features.begin() + 6, got.features.begin() + 12);
  EXPECT_THAT(first, ElementsAre(0.0f, 0.2f, 0.4f, 0.6f, 0.8f, 1.0f));
  EXPECT_EQ(got.features[0], 9.0f / 255.0f);
  EXPECT_EQ(got.features[17], 4.0f / 255.0f);
}

TEST_F(Idx, EveryByteValueIsItsQuotientBy255AtAnyLength) {
  std::string values;
  for (int v = 0; v < 256; ++v) values += static_cast<char>(v);
  const DatasetPtr data = load(idx({1, 256}, values), idx({1}, bytes({0})));
  const Examples got = read_all(data);
  for (int v = 0; v < 256; ++v) EXPECT_EQ(got.features[v], static_cast<float>(v) / 255.0f);

  for (std::uint32_t width = 1; width < 40; ++width) {
    const DatasetPtr narrow = load(idx({2, width}, values.substr(0, 2 * width)), idx({2}, bytes({0, 0})));
    const Examples part = read(*narrow, {1});
    for (std::uint32_t i = 0; i < width; ++i) EXPECT_EQ(part.features[i], got.features[width + i]) << width;
  }
}

TEST_F(Idx, TheShapeFollowsTheRank) {
  const auto shape = [&](const std::vector<std::uint32_t>& dimensions, std::size_t count) {
    const DatasetPtr data = load(idx(dimensions, std::string(count, 'x')), idx({2}, bytes({0, 1})));
    return std::vector(data->feature_shape().begin(), data->feature_shape().end());
  };
  EXPECT_THAT(shape({2, 5}, 10), ElementsAre(5));
  EXPECT_THAT(shape({2, 5, 4}, 40), ElementsAre(1, 5, 4));
  EXPECT_THAT(shape({2, 3, 5, 4}, 120), ElementsAre(3, 5, 4));
}

TEST_F(Idx, GzipIsKnownByItsContentAndReadsTheSame) {
  const Examples plain = read_all(load(kImages, kLabels));
  const Examples packed = read_all(load(gzipped(kImages), gzipped(kLabels)));
  const Examples mixed = read_all(load(kImages, gzipped(kLabels)));
  EXPECT_EQ(packed.features, plain.features);
  EXPECT_EQ(packed.labels, plain.labels);
  EXPECT_EQ(mixed.labels, plain.labels);
}

TEST_F(Idx, APlainFileIsUsedInPlace) {
  const Bytes file = to_bytes(kImages);
  const IdxTensor tensor = parse_idx(file, nullptr, "images");
  EXPECT_EQ(tensor.values.data(), file.data() + 16);
}

TEST_F(Idx, MoreClassesThanAreSeenMayBePromised) {
  EXPECT_EQ(load(kImages, kLabels, 10)->classes(), 10u);
}

TEST_F(Idx, ALabelOutOfRangeIsRefusedNamingTheExample) {
  const std::string message = refused(kImages, kLabels, 2);
  EXPECT_THAT(message, HasSubstr("labels: label 2 of example 2 is out of range"));
  EXPECT_THAT(message, HasSubstr("data.classes = 2"));
}

TEST_F(Idx, BadFilesAreRefusedNamingTheFileAndTheReason) {
  struct Case {
    const char* claim;
    std::string images, labels;
    const char* says;
  };
  const Case cases[] = {
      {"empty", "", kLabels, "images: only 0 bytes"},
      {"not idx", "\x89PNG....", kLabels, "images: not an IDX file"},
      {"wrong type", idx({3, 2, 3}, "", 0x07), kLabels, "images: not an IDX file"},
      {"rank 0", idx({}, ""), kLabels, "images: rank 0 at byte 3"},
      {"rank 5", idx({1, 1, 1, 1, 1}, "x"), kLabels, "images: rank 5 at byte 3"},
      {"cut header", kImages.substr(0, 9), kLabels, "images: ends within its header"},
      {"cut header, gzip", gzipped(kImages.substr(0, 9)), kLabels, "images: ends within its header"},
      {"no examples", idx({0, 2, 3}, ""), kLabels, "images: dimension 0 at byte 4"},
      {"no columns", idx({3, 2, 0}, ""), kLabels, "images: dimension 0 at byte 12"},
      {"too short", kImages.substr(0, 30), kLabels,
       "images: too short: its header promises 3 x 2 x 3 bytes from byte 16 on, 14 are there"},
      {"too short, gzip", gzipped(kImages.substr(0, 30)), kLabels, "images: too short"},
      {"too long", kImages + "x", kLabels, "images: too long"},
      {"too long, gzip", gzipped(kImages + "x"), kLabels, "images: too long"},
      {"shorter than the longest header, too long, gzip", gzipped(idx({1, 2}, "abc")), kLabels, "images: too long"},
      {"promise beyond 64 bits", idx({~0u, ~0u, ~0u}, "xyz"), kLabels, "images: size overflows"},
      {"promise that gzip cannot hold", gzipped(idx({60000, 28, 28}, "xyz")), kLabels, "gzip cannot hold"},
      {"damaged gzip", gzipped(kImages).substr(0, 25), kLabels, "images: damaged gzip"},
      {"swapped", kLabels, kImages, "are data.images and data.labels swapped?"},
      {"labels that are images", kImages, kImages, "labels: rank 3, so images"},
      {"counts that differ", kImages, idx({2}, "ab"), "labels: 2 labels for the 3 images"},
      {"labels cut", kImages, kLabels.substr(0, 10), "labels: too short"},
  };
  for (const Case& c : cases) EXPECT_THAT(refused(c.images, c.labels), HasSubstr(c.says)) << c.claim;
}

TEST_F(Idx, OtherElementTypesAreUnsupportedByName) {
  const std::pair<char, const char*> types[] = {{0x09, "signed bytes"},
                                                {0x0B, "16-bit integers"},
                                                {0x0C, "32-bit integers"},
                                                {0x0D, "32-bit floats"},
                                                {0x0E, "64-bit floats"}};
  for (const auto& [code, name] : types) {
    const std::string message = refusal(Error::Kind::Unsupported, [&] { load(idx({3, 2, 3}, "", code), kLabels); });
    EXPECT_THAT(message, HasSubstr(std::string("images: holds ") + name));
  }
}

TEST_F(Idx, AMissingFileIsNamed) {
  const std::string message =
      refusal(Error::Kind::Unavailable, [&] { load_idx(folder_ / "nowhere", folder_.write("labels", kLabels)); });
  EXPECT_THAT(message, HasSubstr("nowhere"));
}

TEST_F(Idx, DecompressionIsBoundedByTheLimit) {
  const Path images = folder_.write("images", gzipped(kImages));
  const Path labels = folder_.write("labels", kLabels);
  EXPECT_EQ(load_idx(images, labels, 0, {.max_bytes = kImages.size()})->size(), 3u);
  const std::string message =
      refusal(Error::Kind::Overloaded, [&] { load_idx(images, labels, 0, {.max_bytes = kImages.size() - 1}); });
  EXPECT_THAT(message, HasSubstr("images: 34 bytes after decompression, at most 33"));
}

}  // namespace
}  // namespace tributary::data
