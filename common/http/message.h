// common/http/message.h
//
// A request and an answer of HTTP/1.1, as the server (server.h) and the client (client.h) know them. Values.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tributary::http {

using Fields = std::vector<std::pair<std::string, std::string>>;  // names as they came

// Names compare without regard to case. Null when there is none.
const std::string* find_field(const Fields& fields, std::string_view name);

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  Fields fields = {};  // further ones
  bool close = false;  // the connection, after it
};

// {"error": "..."}, the form in which the Open Inference Protocol wants them.
Response error_response(int status, std::string_view message);
// "Too Many Requests" of 429.
std::string_view reason_of(int status);

// As a JSON string, quotes included. Bytes that are no UTF-8 become U+FFFD.
std::string json_quoted(std::string_view text);

}  // namespace tributary::http
