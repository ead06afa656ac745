#include <atomic>
#include <future>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "tests/http/harness.h"

namespace tributary::http::testing {
namespace {

using ::testing::HasSubstr;

TEST(Server, GivesTheHandlerWhatWasAsked) {
  RunningServer server([](std::unique_ptr<Exchange>& exchange) {
    const Request& request = exchange->request();
    Response response;
    response.body = request.method + " " + request.path + " " + request.query + " " + std::string(request.body) + " " +
                    *find_field(request.fields, "x-tag");
    response.fields.emplace_back("X-Back", "yes");
    exchange->answer(std::move(response));
  });
  const Response answer = call(server.address(), {"POST", "/a%20b?c=d", {{"X-Tag", "7"}}, "body"});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "POST /a b c=d body 7");
  EXPECT_EQ(*find_field(answer.fields, "x-back"), "yes");
  EXPECT_EQ(*find_field(answer.fields, "x-content-type-options"), "nosniff");
}

TEST(Server, WhatAHandlerThrowsIsAnswered) {
  RunningServer server([](std::unique_ptr<Exchange>& exchange) {
    if (exchange->request().path == "/malformed") fail(Error::Kind::Malformed, "not \"that\"");
    if (exchange->request().path == "/bug") throw std::runtime_error("secret");
    exchange.reset();
  });
  const Response malformed = call(server.address(), {"GET", "/malformed"});
  EXPECT_EQ(malformed.status, 400);
  EXPECT_EQ(malformed.body, "{\"error\":\"not \\\"that\\\"\"}\n");
  const Response bug = call(server.address(), {"GET", "/bug"});
  EXPECT_EQ(bug.status, 500);
  EXPECT_THAT(bug.body, ::testing::Not(HasSubstr("secret")));
  EXPECT_EQ(call(server.address(), {"GET", "/dropped"}).status, 500);
}

TEST(Server, AnAnswerMayComeLaterFromAnotherThread) {
  std::promise<std::unique_ptr<Exchange>> kept;
  RunningServer server([&](std::unique_ptr<Exchange>& exchange) { kept.set_value(std::move(exchange)); });
  std::thread other([&] { kept.get_future().get()->answer({.body = "late"}); });
  EXPECT_EQ(call(server.address(), {}).body, "late");
  other.join();
}

TEST(Server, RequestsOfOneConnectionAreAnsweredInTurn) {
  std::atomic<int> count = 0;
  RunningServer server([&](std::unique_ptr<Exchange>& exchange) {
    exchange->answer({.body = std::to_string(++count), .close = exchange->request().path == "/last"});
  });
  RawLine line(server.server().port());
  line.say("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\nGET /last HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string heard = line.hear_all();
  EXPECT_LT(heard.find("\r\n\r\n1"), heard.find("\r\n\r\n2"));
  EXPECT_LT(heard.find("\r\n\r\n2"), heard.find("\r\n\r\n3"));
}

TEST(Server, StreamsEventsUntilThePeerGoes) {
  std::shared_ptr<EventStream> stream;
  std::mutex mutex;
  RunningServer server([&](std::unique_ptr<Exchange>& exchange) {
    const std::lock_guard lock(mutex);
    stream = exchange->stream();
    EXPECT_TRUE(stream->send("hello", "{}"));
  });
  {
    RawLine line(server.server().port());
    line.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(line.hear_until("{}\n\n"), HasSubstr("event: hello\ndata: {}\n\n"));
  }
  const std::lock_guard lock(mutex);
  bool takes = true;
  for (int i = 0; takes && i < 100'000; ++i) takes = stream->send("more", std::string(1000, 'x'));
  EXPECT_FALSE(takes) << "a peer that has gone is given up, and memory stays bounded";
  stream.reset();
}

TEST(Server, NamesTheKeyWhenItCannotListen) {
  RunningServer one([](auto&) {});
  ServerOptions same;
  same.port = one.server().port();
  same.name = "serve.listen";
  asio::io_context io;
  try {
    Server(io, same, [](auto&) {});
    FAIL() << "listened twice";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("set serve.listen"));
  }
}

TEST(Server, KnowsLoopback) {
  EXPECT_TRUE(is_loopback("127.0.0.1"));
  EXPECT_TRUE(is_loopback("127.8.9.1"));
  EXPECT_TRUE(is_loopback("::1"));
  EXPECT_TRUE(is_loopback("localhost"));
  EXPECT_FALSE(is_loopback("0.0.0.0"));
  EXPECT_FALSE(is_loopback("::"));
  EXPECT_FALSE(is_loopback("10.0.0.1"));
  EXPECT_FALSE(is_loopback("localhost.example.org"));
}

TEST(Server, ParsesAddresses) {
  EXPECT_EQ(parse_address("0.0.0.0:80", "x"), std::pair(std::string("0.0.0.0"), std::uint16_t{80}));
  EXPECT_EQ(parse_address("[::1]:8080", "x"), std::pair(std::string("::1"), std::uint16_t{8080}));
  EXPECT_EQ(parse_address(":0", "x"), std::pair(std::string("127.0.0.1"), std::uint16_t{0}));
  EXPECT_THROW(parse_address("host", "x"), Error);
  EXPECT_THROW(parse_address("host:70000", "x"), Error);
}

}  // namespace
}  // namespace tributary::http::testing
