// Lines that somebody writes while they are read: files that grow, are rotated and cut short, sockets, and records that
// are none.

#include "common/data/live_stream.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/random.h"
#include "common/data/mqtt.h"
#include "tests/data/support.h"

namespace tributary::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LiveStreamTest : public ::testing::Test {
 protected:
  LiveStreamTest() : folder_(std::filesystem::temp_directory_path() / ("live" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
    file = folder_ / "log";
  }
  ~LiveStreamTest() override { std::filesystem::remove_all(folder_); }

  void write(std::string_view text) { std::ofstream(file, std::ios::app) << text; }
  void rotate() { std::filesystem::rename(file, folder_ / "log.1"); }
  Path in_folder(const std::string& name) const { return folder_ / name; }

  static std::vector<std::string> drain(LineSource& source) {
    std::vector<std::string> lines;
    LineSource::Line line;
    while (source.next(line) == Next::Example) lines.push_back(line.text);
    return lines;
  }
  static RecordSchema schema(const std::string& format = "csv") {
    RecordSchema schema;
    schema.format = format;
    schema.features = {"a", "b"};
    schema.label = "y";
    schema.classes = 2;
    return schema;
  }
  // "a b y" of each example.
  static std::vector<std::string> examples(LiveStream& stream) {
    std::vector<std::string> found;
    std::vector<float> x(2);
    float y = 0;
    while (stream.next(x, y) == Next::Example) {
      char text[64];
      std::snprintf(text, sizeof text, "%g %g %g", double{x[0]}, double{x[1]}, double{y});
      found.emplace_back(text);
    }
    return found;
  }

  Path folder_, file;
};

TEST_F(LiveStreamTest, AGrowingFileGivesWholeLinesOnly) {
  const auto source = follow_file(file);
  EXPECT_THAT(drain(*source), IsEmpty()) << "it is waited for";
  write("one\ntw");
  EXPECT_THAT(drain(*source), ElementsAre("one"));
  write("o\nthree\n");
  EXPECT_THAT(drain(*source), ElementsAre("two", "three"));
  EXPECT_THAT(drain(*source), IsEmpty());
}

TEST_F(LiveStreamTest, ARotatedFileIsReadToItsEndAndThenTheNewOne) {
  const auto source = follow_file(file);
  write("one\n");
  EXPECT_THAT(drain(*source), ElementsAre("one"));
  write("two\n");
  rotate();
  write("three\n");
  EXPECT_THAT(drain(*source), ElementsAre("two", "three"));
}

TEST_F(LiveStreamTest, AFileCutShortIsReadAnew) {
  const auto source = follow_file(file);
  write("a long first line\nand another\n");
  EXPECT_EQ(drain(*source).size(), 2u);
  std::filesystem::resize_file(file, 0);
  write("new\n");
  EXPECT_THAT(drain(*source), ElementsAre("new"));
}

TEST_F(LiveStreamTest, APositionGoesOnBehindTheLastLineGivenEvenInAFileThatWasRotatedSince) {
  std::string position;
  {
    const auto source = follow_file(file);
    write("one\ntwo\nthree\n");
    LineSource::Line line;
    ASSERT_EQ(source->next(line), Next::Example);
    position = source->position();
  }
  EXPECT_THAT(drain(*follow_file(file, position)), ElementsAre("two", "three"));
  rotate();
  write("four\n");
  EXPECT_THAT(drain(*follow_file(file, position)), ElementsAre("two", "three", "four"));
  std::filesystem::remove(in_folder("log.1"));
  EXPECT_THAT(drain(*follow_file(file, position)), ElementsAre("four")) << "what is gone cannot be read";
  EXPECT_THROW(follow_file(file, "nonsense"), Error);
}

TEST_F(LiveStreamTest, WithoutFollowingTheEndIsTheEndAndTheLastLineNeedsNone) {
  write("one\ntwo");
  const auto source = follow_file(file, "", false);
  EXPECT_THAT(drain(*source), ElementsAre("one", "two"));
  LineSource::Line line;
  EXPECT_EQ(source->next(line), Next::End);
  EXPECT_THROW(drain(*follow_file(in_folder("none"), "", false)), Error);
}

TEST_F(LiveStreamTest, AnEndlessLineCostsBoundedMemoryAndIsGivenCut) {
  LineCutter cutter;
  LineSource::Line line;
  std::size_t most = 0;
  for (int i = 0; i < 1000; ++i) {
    cutter.add(std::string(10000, 'x'));
    EXPECT_FALSE(cutter.next(line));
    most = std::max(most, cutter.waiting());
  }
  EXPECT_LE(most, 2 * kMaxLineBytes);
  cutter.add("\nshort\n");
  ASSERT_TRUE(cutter.next(line));
  EXPECT_TRUE(line.cut);
  EXPECT_EQ(line.text.size(), kMaxLineBytes);
  ASSERT_TRUE(cutter.next(line));
  EXPECT_EQ(line.text, "short");
  EXPECT_FALSE(line.cut);
  EXPECT_EQ(cutter.consumed(), 1000u * 10000 + 1 + 6);
}

TEST_F(LiveStreamTest, LinesAreCutAlikeWhateverPiecesTheyComeIn) {
  RandomStream random(1, "pieces");
  const std::string text = "a\n\nbb\r\nccc\nd";
  for (int trial = 0; trial < 200; ++trial) {
    LineCutter cutter;
    LineSource::Line line;
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t count = std::min<std::size_t>(1 + random.below(4), text.size() - at);
      cutter.add(text.substr(at, count));
      at += count;
      while (cutter.next(line)) lines.push_back(line.text);
    }
    EXPECT_THAT(lines, ElementsAre("a", "", "bb\r", "ccc"));
    EXPECT_EQ(cutter.waiting(), 1u);
  }
}

int connect_to(const Path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int writer = ::socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT_EQ(::connect(writer, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return writer;
}

void send_text(int writer, std::string_view text) {
  EXPECT_EQ(::write(writer, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

TEST_F(LiveStreamTest, AUnixSocketTakesLinesOfSeveralWritersEachWithItsOwnHeader) {
  const Path path = in_folder("socket");
  Rejects rejects("");
  LiveStream stream(listen_unix(path), schema(), rejects);
  const int first = connect_to(path);
  send_text(first, "a,b,y\n1,2,0\n");
  EXPECT_THAT(examples(stream), ElementsAre("1 2 0"));
  ::close(first);
  const int second = connect_to(path);
  send_text(second, "y,b,a\n1,4,3\n");
  EXPECT_THAT(examples(stream), ElementsAre("3 4 1"));
  ::close(second);
  EXPECT_EQ(rejects.count(), 0u);
}

TEST_F(LiveStreamTest, ASocketOfADeadRunIsReplacedAndOneInUseIsNot) {
  const Path path = in_folder("socket");
  {
    const auto alive = listen_unix(path);
    EXPECT_THROW(listen_unix(path), Error);
  }
  EXPECT_FALSE(std::filesystem::exists(path)) << "removed at the end";
  const int left_over = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(left_over, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(left_over);
  EXPECT_NO_THROW(listen_unix(path));
  write("a file");
  EXPECT_THROW(listen_unix(file), Error) << "no socket is left alone";
}

TEST_F(LiveStreamTest, ADescriptorGivesLinesUntilItsWriterCloses) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const auto source = read_descriptor(ends[0]);
  EXPECT_THAT(drain(*source), IsEmpty());
  send_text(ends[1], "one\ntwo");
  EXPECT_THAT(drain(*source), ElementsAre("one"));
  ::close(ends[1]);
  EXPECT_THAT(drain(*source), ElementsAre("two"));
  LineSource::Line line;
  EXPECT_EQ(source->next(line), Next::End);
  ::close(ends[0]);
}

TEST_F(LiveStreamTest, HeadersSayTheOrderAndMayHoldMore) {
  write("when,y,b,a\n10:00,1,2,3\n");
  Rejects rejects("");
  LiveStream stream(follow_file(file), schema(), rejects);
  EXPECT_THAT(examples(stream), ElementsAre("3 2 1"));
  rotate();
  write("a,b,y\n5,6,0\n");
  EXPECT_THAT(examples(stream), ElementsAre("5 6 0")) << "a new file has a header of its own";
}

TEST_F(LiveStreamTest, ARestartInTheMiddleOfAFileKnowsItsColumns) {
  write("y,b,a\n1,2,3\n");
  Rejects rejects("");
  std::string position;
  {
    LiveStream stream(follow_file(file), schema(), rejects);
    examples(stream);
    position = stream.position();
  }
  write("0,4,5\n");
  LiveStream stream(follow_file(file, LiveStream::place_of(position)), schema(), rejects);
  stream.resume(position);
  EXPECT_THAT(examples(stream), ElementsAre("5 4 0"));
  EXPECT_EQ(rejects.count(), 0u);
}

TEST_F(LiveStreamTest, JsonObjectsAreExamples) {
  write("{\"a\": 1.5, \"y\": 1, \"b\": -2, \"more\": {\"deep\": [1]}}\n{\"a\": true, \"b\": 0, \"y\": \"0\"}\n");
  Rejects rejects("");
  LiveStream stream(follow_file(file), schema("json"), rejects);
  EXPECT_THAT(examples(stream), ElementsAre("1.5 -2 1", "1 0 0"));
}

TEST_F(LiveStreamTest, ClassNamesAreNumberedInTheirOrder) {
  auto named = schema("json");
  named.classes = 0;
  named.class_names = {"down", "up"};
  write("{\"a\":1,\"b\":2,\"y\":\"up\"}\n{\"a\":1,\"b\":2,\"y\":\"flat\"}\n");
  Rejects rejects("");
  LiveStream stream(follow_file(file), named, rejects);
  EXPECT_THAT(examples(stream), ElementsAre("1 2 1"));
  EXPECT_EQ(rejects.count(), 1u);
}

TEST_F(LiveStreamTest, AThousandRecordsOfGarbageAreAllSetAsideWithReasonsAndTheRestIsLearnt) {
  RandomStream random(1, "garbage");
  const std::vector<std::string> garbage{"{",
                                         "[1,2]",
                                         "null",
                                         "{\"a\":1}",
                                         "{\"a\":\"x\",\"b\":1,\"y\":0}",
                                         "{\"a\":1,\"b\":1e999,\"y\":0}",
                                         "{\"a\":1,\"b\":1,\"y\":7}",
                                         "\xff\xfe\x01",
                                         std::string(1000, '['),
                                         "{\"a\":1,\"b\":1,\"y\":0.5}"};
  std::size_t bad = 0, good = 0;
  while (bad < 1000) {
    if (random.below(2) == 0) {
      write(garbage[bad++ % garbage.size()] + "\n");
    } else {
      write("{\"a\":" + std::to_string(good++) + ",\"b\":0,\"y\":1}\n");
    }
  }
  Rejects rejects(in_folder("rejected"));
  LiveStream stream(follow_file(file), schema("json"), rejects);
  EXPECT_EQ(examples(stream).size(), good);
  EXPECT_EQ(rejects.count(), 1000u);
  std::ifstream set_aside(in_folder("rejected"));
  std::size_t lines = 0;
  for (std::string line; std::getline(set_aside, line); ++lines) {
    const auto object = nlohmann::json::parse(line);
    EXPECT_FALSE(object["reason"].get<std::string>().empty());
    EXPECT_TRUE(object.contains("record"));
  }
  EXPECT_EQ(lines, 1000u);
}

TEST_F(LiveStreamTest, CsvGarbageIsToldByItsReason) {
  write("a,b,y\n1,2\n1,x,0\n1,nan,0\n1,2,9\n\"1,2,0\n1,2,0\n");
  Rejects rejects("");
  LiveStream stream(follow_file(file), schema(), rejects);
  EXPECT_THAT(examples(stream), ElementsAre("1 2 0"));
  EXPECT_EQ(rejects.count(), 5u);
  EXPECT_EQ(rejects.reasons().at("label is no class"), 1u);
  EXPECT_EQ(rejects.reasons().at("feature 'b' is no finite number"), 2u);
}

TEST_F(LiveStreamTest, TheFileOfRejectsStopsGrowingAtItsLimit) {
  Rejects rejects(in_folder("rejected"), 500);
  for (int i = 0; i < 1000; ++i) rejects.add("record", "reason");
  EXPECT_EQ(rejects.count(), 1000u);
  EXPECT_LT(std::filesystem::file_size(in_folder("rejected")), 600u);
}

TEST_F(LiveStreamTest, SchemasThatSayTooLittleAreRefusedByTheirKey) {
  const auto refused = [](RecordSchema schema, const char* key) {
    try {
      check(schema);
      FAIL() << key << " was taken";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(key));
    }
  };
  auto wrong = schema();
  wrong.features = {};
  refused(wrong, "stream.features");
  wrong = schema();
  wrong.features = {"a", "a"};
  refused(wrong, "twice");
  wrong = schema();
  wrong.label = "a";
  refused(wrong, "stream.label");
  wrong = schema();
  wrong.classes = 0;
  refused(wrong, "stream.classes");
}

TEST_F(LiveStreamTest, MqttAddressesAreTakenApart) {
  MqttOptions options;
  parse_mqtt("mqtt://broker.example/plant/+/readings", options);
  EXPECT_EQ(options.host, "broker.example");
  EXPECT_EQ(options.port, 1883);
  EXPECT_EQ(options.topic, "plant/+/readings");
  parse_mqtt("mqtts://[::1]:9999/t", options);
  EXPECT_TRUE(options.tls);
  EXPECT_EQ(options.host, "::1");
  EXPECT_EQ(options.port, 9999);
  for (const char* text : {"mqtt://host", "mqtt://host/", "mqtt:///t", "http://host/t", "mqtt://host:0/t"})
    EXPECT_THROW(parse_mqtt(text, options), Error) << text;
}

}  // namespace
}  // namespace tributary::data
