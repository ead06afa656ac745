#include "common/http/parser_rules.h"

#include <climits>
#include <string>
#include <string_view>

#include "common/http/restinio.h"

namespace tributary::http {

namespace {

using Context = restinio::impl::http_parser_ctx_t;

Context& context_of(http_parser* parser) {
  return *static_cast<Context*>(parser->data);
}

// RFC 9110, section 5.6.2. Debian's http_parser takes spaces in names, such as before the colon.
bool is_token(const std::string& name) {
  constexpr std::string_view kAllowed = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  return !name.empty() && name.find_first_not_of(kAllowed) == std::string::npos;
}

struct Counted {
  bool tokens = true;
  int hosts = 0, lengths = 0, encodings = 0, expectations = 0;
  bool chunked = false;
};

bool same(const std::string& a, const char* b) {
  return restinio::impl::is_equal_caseless(a.data(), b, a.size()) && std::char_traits<char>::length(b) == a.size();
}

Counted count(const restinio::http_request_header_t& head) {
  Counted counted;
  head.for_each_field([&](const auto& field) {
    counted.tokens = counted.tokens && is_token(field.name());
    if (same(field.name(), "host")) ++counted.hosts;
    if (same(field.name(), "content-length")) ++counted.lengths;
    if (same(field.name(), "expect")) ++counted.expectations;
    if (!same(field.name(), "transfer-encoding")) return;
    ++counted.encodings;
    counted.chunked = same(field.value(), "chunked");
  });
  return counted;
}

// The status that refuses the request, or 0.
int refusal(const http_parser& parser, const Context& context) {
  if (parser.http_major != 1 || parser.http_minor > 1) return 505;
  const Counted counted = count(context.m_header);
  if (!counted.tokens) return 400;
  if (counted.hosts > 1 || (parser.http_minor == 1 && counted.hosts != 1)) return 400;
  if (counted.lengths > 1 || (counted.encodings > 0 && counted.lengths > 0)) return 400;
  if (counted.encodings > 0 && parser.http_minor == 0) return 400;
  if (counted.encodings > 1) return 400;
  if (counted.encodings == 1 && !counted.chunked) return 501;
  if (((parser.flags & F_CHUNKED) != 0) != counted.chunked) return 400;
  if (parser.upgrade != 0) return 501;
  if (parser.content_length != ULLONG_MAX && parser.content_length > context.m_limits.max_body_size()) return 413;
  if (counted.expectations > 0) return 417;
  return 0;
}

int on_headers_complete(http_parser* parser) {
  constexpr int kNoBodyFollows = 1;
  Context& context = context_of(parser);
  context.m_leading_headers_completed = true;
  try {
    const int status = refusal(*parser, context);
    if (status == 0) return 0;
    context.m_header.request_target(kRefused + std::to_string(status));
    parser->upgrade = 0;
    return kNoBodyFollows;
  } catch (const std::exception&) {
    return -1;
  }
}

// RESTinio would note where each chunk began, which for chunks of one byte is many times the body.
int on_chunk_header(http_parser* /*parser*/) {
  return 0;
}

}  // namespace

http_parser_settings strict_parser_settings() {
  http_parser_settings settings = restinio::impl::create_parser_settings<restinio::default_http_methods_t>();
  settings.on_headers_complete = on_headers_complete;
  settings.on_chunk_header = on_chunk_header;
  return settings;
}

}  // namespace tributary::http
