// common/learn/state.h
//
// State of a learner as bytes and back, one list of fields for both directions: a class offers
//   template <class Archive> void visit(Archive& archive) { archive(a_, b_, c_); }
// over numbers, vectors and deques of what can be visited, and optionals. For the rooms that keep such state.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/error.h"

namespace tributary::learn {

class StateWriter {
 public:
  explicit StateWriter(ByteWriter& out) : out_(out) {}
  template <class... Fields>
  void operator()(Fields&... fields) {
    (put(fields), ...);
  }

 private:
  template <class T>
  void put(T& value) {
    if constexpr (std::is_arithmetic_v<T>)
      out_.put(value);
    else
      value.visit(*this);
  }
  template <class T>
  void put(std::vector<T>& values) {
    put_all(values);
  }
  template <class T>
  void put(std::deque<T>& values) {
    put_all(values);
  }
  template <class T>
  void put(std::optional<T>& value) {
    out_.put(static_cast<std::uint8_t>(value.has_value()));
    if (value) put(*value);
  }
  template <class Values>
  void put_all(Values& values) {
    out_.put(static_cast<std::uint64_t>(values.size()));
    for (auto& value : values) put(value);
  }
  ByteWriter& out_;
};

// Every read beyond the end, and every length that the bytes left cannot hold, throws Malformed.
class StateReader {
 public:
  explicit StateReader(ByteReader& in) : in_(in) {}
  template <class... Fields>
  void operator()(Fields&... fields) {
    (get(fields), ...);
  }

 private:
  template <class T>
  void get(T& value) {
    if constexpr (std::is_same_v<T, bool>)
      value = in_.get<std::uint8_t>() != 0;
    else if constexpr (std::is_arithmetic_v<T>)
      value = in_.get<T>();
    else
      value.visit(*this);
  }
  template <class T>
  void get(std::vector<T>& values) {
    get_all(values);
  }
  template <class T>
  void get(std::deque<T>& values) {
    get_all(values);
  }
  template <class T>
  void get(std::optional<T>& value) {
    value.reset();
    if (in_.get<std::uint8_t>() != 0) get(value.emplace());
  }
  template <class Values>
  void get_all(Values& values) {
    const auto count = in_.get<std::uint64_t>();
    if (count > in_.remaining()) fail(Error::Kind::Malformed, "a learner's state is longer than its bytes");
    values.clear();
    for (std::uint64_t i = 0; i < count; ++i) get(values.emplace_back());
  }
  ByteReader& in_;
};

}  // namespace tributary::learn
