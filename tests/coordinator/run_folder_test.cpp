#include "coordinator/run_folder.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/edge/edge_graph.h"
#include "common/model/zoo.h"
#include "tests/coordinator/records.h"

namespace tributary::coordinator {
namespace {

using testing::some_record;

// A file whose next write stops half-way, as on a full disk.
class TornFile final : public File {
 public:
  TornFile(std::unique_ptr<File> inner, bool& tear) : inner_(std::move(inner)), tear_(tear) {}
  void write_at(std::uint64_t offset, ByteSpan bytes) override {
    if (!tear_) return inner_->write_at(offset, bytes);
    tear_ = false;
    inner_->write_at(offset, bytes.first(bytes.size() / 2));
    fail(Error::Kind::Unavailable, "no space left");
  }
  void read_at(std::uint64_t offset, std::span<std::byte> bytes) const override { inner_->read_at(offset, bytes); }
  std::uint64_t size() const override { return inner_->size(); }
  void truncate(std::uint64_t size) override { inner_->truncate(size); }
  void sync() override { inner_->sync(); }

 private:
  std::unique_ptr<File> inner_;
  bool& tear_;
};

class TearingFiles final : public Files {
 public:
  bool tear_next = false;
  std::unique_ptr<File> create(const Path& path) override { return torn(real_.create(path)); }
  std::unique_ptr<File> open(const Path& path) override { return torn(real_.open(path)); }
  std::unique_ptr<MappedFile> map(const Path& path) const override { return real_.map(path); }
  bool exists(const Path& path) const override { return real_.exists(path); }
  std::vector<std::string> list(const Path& directory) const override { return real_.list(directory); }
  void make_directories(const Path& directory) override { real_.make_directories(directory); }
  void rename(const Path& from, const Path& to) override { real_.rename(from, to); }
  void remove(const Path& path) override { real_.remove(path); }
  void sync_directory(const Path& directory) override { real_.sync_directory(directory); }

 private:
  std::unique_ptr<File> torn(std::unique_ptr<File> file) {
    return std::make_unique<TornFile>(std::move(file), tear_next);
  }
  RealFiles real_;
};

class RunFolderTest : public ::testing::Test {
 protected:
  RunFolderTest() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    path_ = Path(::testing::TempDir()) / (std::string("run_folder_") + test->name());
    std::filesystem::remove_all(path_);
  }
  ~RunFolderTest() override { std::filesystem::remove_all(path_); }

  std::string records() const { return read_text_file(path_ / "rounds.jsonl"); }

  TearingFiles files_;
  Path path_;
};

TEST_F(RunFolderTest, TakesALineARound) {
  RunFolder folder = RunFolder::create(files_, path_ / "deep" / "er");
  path_ = folder.path();
  EXPECT_EQ(records(), "");
  folder.append(some_record(1));
  EXPECT_EQ(records(), to_json(some_record(1)) + "\n");
  folder.append(some_record(2));
  EXPECT_EQ(records(), to_json(some_record(1)) + "\n" + to_json(some_record(2)) + "\n");
}

TEST_F(RunFolderTest, ALineThatAFullDiskCutsIsGoneWithTheNext) {
  RunFolder folder = RunFolder::create(files_, path_);
  folder.append(some_record(1));
  files_.tear_next = true;
  EXPECT_THROW(folder.append(some_record(2)), Error);
  RoundRecord shorter;
  shorter.round = 3;
  folder.append(shorter);
  EXPECT_EQ(records(), to_json(some_record(1)) + "\n" + to_json(shorter) + "\n");
}

TEST_F(RunFolderTest, DoesNotMixTwoRuns) {
  RunFolder::create(files_, path_).append(some_record());
  try {
    RunFolder::create(files_, path_);
    ADD_FAILURE() << "took a folder that holds a run";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::Refused);
    EXPECT_EQ(std::string(error.what()),
              path_.string() + " holds a run already; choose another folder or move it away");
  }
  EXPECT_EQ(records(), to_json(some_record()) + "\n");
}

TEST_F(RunFolderTest, LeavesBothModels) {
  const model::Graph graph = model::make_zoo_model("mlp:6-5-3", 1);
  auto global = graph.parameters();
  for (float& value : global.values()) value += 0.5F;
  const auto edge = codec::encode_edge_copy(global, {}, codec::EdgePlan{});
  RunFolder folder = RunFolder::create(files_, path_);
  // Twice: the second replaces the first.
  folder.write_models(graph, graph.parameters(), edge);
  folder.write_models(graph, global, edge);

  EXPECT_EQ(digest_of(model::Graph::load(path_ / "global.onnx").parameters()), digest_of(global));
  EXPECT_EQ(model::Graph::load(path_ / "edge.onnx"), edge::edge_graph(graph, edge));
  EXPECT_EQ(files_.list(path_), (std::vector<std::string>{"edge.onnx", "global.onnx", "rounds.jsonl"}));
}

TEST_F(RunFolderTest, LeavesAnEdgeCopyAloneOfAGraphThatHasNoValues) {
  model::Graph graph = model::make_zoo_model("mlp:6-5-3", 1);
  const auto edge = codec::encode_edge_copy(graph.parameters(), {}, codec::EdgePlan{.bits = 4});
  const RunFolder folder = RunFolder::create(files_, path_);
  const model::Graph expected = edge::edge_graph(graph, edge);
  graph.drop_parameters();
  folder.write_edge(graph, edge);
  EXPECT_EQ(model::Graph::load(path_ / "edge.onnx"), expected);
}

TEST_F(RunFolderTest, AModelOfAnotherKindLeavesNothing) {
  const model::Graph graph = model::make_zoo_model("mlp:6-5-3", 1);
  const auto edge = codec::encode_edge_copy(model::make_zoo_model("mlp:6-4-3", 1).parameters(), {}, codec::EdgePlan{});
  RunFolder folder = RunFolder::create(files_, path_);
  EXPECT_THROW(folder.write_models(graph, graph.parameters(), edge), Error);
  EXPECT_EQ(files_.list(path_), (std::vector<std::string>{"rounds.jsonl"}));
}

}  // namespace
}  // namespace tributary::coordinator
