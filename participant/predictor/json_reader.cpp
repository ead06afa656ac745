#include "participant/predictor/json_reader.h"

#include <charconv>
#include <cmath>

#include "common/base/error.h"

namespace tributary::predictor {

namespace {

constexpr int kMaxDepth = 32;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

void append_utf8(std::string& text, unsigned code) {
  const auto put = [&](unsigned byte) { text += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | code >> 6);
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

}  // namespace

char JsonReader::peek() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
    ++at_;
  return at_ < text_.size() ? text_[at_] : '\0';
}

void JsonReader::refuse(std::string_view what) const {
  fail(Error::Kind::Malformed, "the JSON at byte " + std::to_string(at_) + ": " + std::string(what));
}

void JsonReader::expect(char c) {
  if (peek() != c) refuse(std::string("'") + c + "' expected");
  ++at_;
}

void JsonReader::open(char bracket) {
  expect(bracket);
  if (++depth_ > kMaxDepth) refuse("nested too deep");
}

bool JsonReader::close(char bracket) {
  if (peek() != bracket) return false;
  ++at_;
  --depth_;
  return true;
}

// Past a comma, or past the bracket.
bool JsonReader::goes_on(char bracket) {
  if (close(bracket)) return false;
  expect(',');
  return true;
}

unsigned JsonReader::hex4() {
  unsigned value = 0;
  const auto part = text_.substr(at_, 4);
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value, 16);
  if (error != std::errc() || end != part.data() + 4) refuse("four hexadecimal digits expected");
  at_ += 4;
  return value;
}

std::string JsonReader::string() {
  expect('"');
  std::string text;
  while (true) {
    const auto run = text_.substr(at_).find_first_of("\"\\");
    if (run == std::string_view::npos) refuse("a string does not end");
    for (const char c : text_.substr(at_, run))
      if (static_cast<unsigned char>(c) < 0x20) refuse("a control character in a string");
    text += text_.substr(at_, run);
    at_ += run + 1;
    if (text_[at_ - 1] == '"') return text;
    const char escape = at_ < text_.size() ? text_[at_++] : '\0';
    switch (escape) {
      case '"':
      case '\\':
      case '/':
        text += escape;
        break;
      case 'b':
        text += '\b';
        break;
      case 'f':
        text += '\f';
        break;
      case 'n':
        text += '\n';
        break;
      case 'r':
        text += '\r';
        break;
      case 't':
        text += '\t';
        break;
      case 'u': {
        unsigned code = hex4();
        if (code >= 0xd800 && code < 0xdc00) {
          if (text_.substr(at_, 2) != "\\u") refuse("half of a surrogate pair");
          at_ += 2;
          const unsigned low = hex4();
          if (low < 0xdc00 || low > 0xdfff) refuse("half of a surrogate pair");
          code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        } else if (code >= 0xdc00 && code < 0xe000) {
          refuse("half of a surrogate pair");
        }
        append_utf8(text, code);
        break;
      }
      default:
        refuse("an unknown escape");
    }
  }
}

void JsonReader::word(std::string_view letters) {
  if (text_.substr(at_, letters.size()) != letters) refuse("a value expected");
  at_ += letters.size();
}

bool JsonReader::boolean() {
  if (peek() == 't') return word("true"), true;
  if (peek() == 'f') return word("false"), false;
  refuse("true or false expected");
}

// The characters of the next number, by JSON's grammar.
std::string_view JsonReader::number() {
  peek();
  const std::size_t begin = at_;
  const auto digits = [&] {
    if (at_ >= text_.size() || !is_digit(text_[at_])) refuse("a number expected");
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  };
  const auto is = [&](char a, char b) { return at_ < text_.size() && (text_[at_] == a || text_[at_] == b); };
  if (is('-', '-')) ++at_;
  const bool zero = is('0', '0');
  const std::size_t first = at_;
  digits();
  if (zero && at_ - first > 1) refuse("a number does not begin with 0");
  if (is('.', '.')) {
    ++at_;
    digits();
  }
  if (is('e', 'E')) {
    ++at_;
    if (is('+', '-')) ++at_;
    digits();
  }
  return text_.substr(begin, at_ - begin);
}

float JsonReader::real() {
  if (const char c = peek(); c == 't' || c == 'f') return boolean() ? 1.0f : 0.0f;
  const auto text = number();
  float value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc()) return value;
  // Out of float32's range: too small is 0, too large is refused.
  double wide = 0;
  const auto again = std::from_chars(text.data(), text.data() + text.size(), wide);
  const bool tiny = again.ec == std::errc()
                        ? std::abs(wide) < 1
                        : text.find("e-") != std::string_view::npos || text.find("E-") != std::string_view::npos;
  if (!tiny) refuse("a number beyond float32's range");
  return static_cast<float>(wide);
}

std::int64_t JsonReader::integer() {
  const auto text = number();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) refuse("a whole number expected");
  return value;
}

void JsonReader::skip() {
  switch (peek()) {
    case '{':
      object([this](const std::string&) { skip(); });
      break;
    case '[':
      array([this] { skip(); });
      break;
    case '"':
      string();
      break;
    case 't':
      word("true");
      break;
    case 'f':
      word("false");
      break;
    case 'n':
      word("null");
      break;
    default:
      number();
  }
}

void JsonReader::end() {
  if (peek() != '\0' || at_ < text_.size()) refuse("more text than one value");
}

}  // namespace tributary::predictor
