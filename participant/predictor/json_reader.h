// participant/predictor/json_reader.h
//
// Reads JSON (RFC 8259) from the front to the back, without a tree: numbers of a tensor go straight to where they
// belong. Private to the room. One thread; the text must outlive the reader.
//
// Every method throws Malformed, with the offset, when the text is not what is asked for. Nesting is at most 32 deep.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tributary::predictor {

class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  // The first character of the next value: '{', '[', '"', 't', 'f', 'n', '-' or a digit; 0 at the end.
  char peek();

  // Calls visit(key) for each member; it must read the member's value.
  template <class Visit>
  void object(Visit visit) {
    open('{');
    if (close('}')) return;
    do {
      const std::string key = string();
      expect(':');
      visit(key);
    } while (goes_on('}'));
  }
  // Calls visit() for each element; it must read it.
  template <class Visit>
  void array(Visit visit) {
    open('[');
    if (close(']')) return;
    do visit();
    while (goes_on(']'));
  }
  std::string string();
  bool boolean();
  // The nearest float32; true and false are 1 and 0.
  float real();
  std::int64_t integer();
  void skip();
  // REQUIRES the text to be over.
  void end();

 private:
  void open(char bracket);
  bool close(char bracket);
  bool goes_on(char bracket);
  void expect(char c);
  void word(std::string_view letters);
  std::string_view number();
  unsigned hex4();
  [[noreturn]] void refuse(std::string_view what) const;

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace tributary::predictor
