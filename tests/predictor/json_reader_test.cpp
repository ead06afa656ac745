#include "participant/predictor/json_reader.h"

#include <cmath>
#include <cstdlib>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace tributary::predictor {
namespace {

std::vector<float> reals(std::string_view text) {
  std::vector<float> values;
  JsonReader json(text);
  json.array([&] { values.push_back(json.real()); });
  json.end();
  return values;
}

void expect_refused(std::string_view text) {
  JsonReader json(text);
  EXPECT_THROW((json.skip(), json.end()), Error) << text;
}

TEST(JsonReader, ReadsMembersInAnyOrderAndSkipsTheRest) {
  JsonReader json(R"( {"a" : [1, {"x": [null, true, "\"]"]}], "b": -3, "c": "d\u00e9\ud83d\ude00\n"} )");
  std::int64_t b = 0;
  std::string c;
  json.object([&](const std::string& key) {
    if (key == "b")
      b = json.integer();
    else if (key == "c")
      c = json.string();
    else
      json.skip();
  });
  json.end();
  EXPECT_EQ(b, -3);
  EXPECT_EQ(c, "d\xc3\xa9\xf0\x9f\x98\x80\n");
}

TEST(JsonReader, RealsAreTheNearestFloats) {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    const float value = std::ldexp(static_cast<float>(random()), static_cast<int>(random() % 80) - 60);
    char text[64];
    std::snprintf(text, sizeof text, "[%.9g]", static_cast<double>(value));
    EXPECT_EQ(reals(text).at(0), value);
  }
  EXPECT_EQ(reals("[0, -0.5, 1e2, 1E-2, true, false]"), (std::vector<float>{0, -0.5f, 100, 0.01f, 1, 0}));
  EXPECT_EQ(reals("[1e-60]").at(0), 0.0f);
  EXPECT_EQ(reals("[1e-400]").at(0), 0.0f);
}

TEST(JsonReader, RefusesWhatIsNoJson) {
  for (const char* text :
       {"",      "{",   "[1,]", "[,1]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}",   "[1 2]",     "01",          "1.",
        ".5",    "-",   "+1",   "1e",   "nul",        "\"a",       "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"",
        "[1] 2", "NaN", "inf",  "0x1",  "\"\n\""})
    expect_refused(text);
  EXPECT_THROW(reals("[1e60]"), Error);
  EXPECT_THROW(reals("[\"1\"]"), Error);
}

TEST(JsonReader, RefusesNestingThatWouldExhaustTheStack) {
  expect_refused(std::string(1'000'000, '['));
}

TEST(JsonReader, EveryPrefixOfATextIsRefusedWithoutHarm) {
  const std::string whole = R"({"a":[1.5,"x\u0041",{"b":null}],"c":false})";
  for (std::size_t n = 0; n < whole.size(); ++n) expect_refused(std::string_view(whole).substr(0, n));
}

}  // namespace
}  // namespace tributary::predictor
