// common/http/parser_rules.h
//
// What is demanded of a request beyond the grammar that http_parser checks. The rules are run when its head is
// complete, before a byte of its body is taken, so that nobody (a proxy in front of us, say) and we ever disagree about
// where a request ends. Refused are: a version other than 1.0 and 1.1 (505); HTTP/1.1 without one Host field; a field
// name that is no token; two Content-Length fields, even equal ones, or Transfer-Encoding beside Content-Length;
// Transfer-Encoding in HTTP/1.0, twice, or other than "chunked" (501); a body announced beyond the limit (413); Expect
// (417: the client then sends without it); CONNECT and upgrades to other protocols (501). Private to the room.
#pragma once

#include <http_parser.h>

namespace tributary::http {

// For restinio's connections. A request that a rule refuses is complete with its head: its target becomes
// kRefused + status, which no client can send, and its connection must be closed with the answer.
http_parser_settings strict_parser_settings();

inline constexpr char kRefused = '!';

}  // namespace tributary::http
