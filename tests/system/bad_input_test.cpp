// What a user may do wrongly, and the one line that each program answers with: it names the file, key or option and
// says what to do.

#include <algorithm>
#include <cstdint>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/model/zoo.h"
#include "tests/system/programs.h"

namespace tributary::testing {
namespace {

using ::testing::HasSubstr;

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text += static_cast<char>(value);
  return text;
}

// Two images of 2 x 2, their labels, and files that are broken in one way each.
void write_idx(const Workplace& place) {
  const std::string head = bytes({0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2});
  place.write("images", head + std::string(8, '\x10'));
  place.write("short", head + std::string(5, '\x10'));
  place.write("labels", bytes({0, 0, 8, 1, 0, 0, 0, 2, 0, 1}));
  place.write("three", bytes({0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 0}));
}

void write_csv(const Workplace& place) {
  place.write("good.csv", "a,b,label\n1,2,0\n3,4,1\n");
  place.write("ragged.csv", "a,b,label\n1,2,0\n3,4\n");
  place.write("word.csv", "a,b,label\n1,x,0\n");
  place.write("nan.csv", "a,b,label\n1,nan,1\n");
  place.write("label.csv", "a,b,label\n1,2,7\n");
  place.write("empty.csv", "");
  place.write("far.index", "1\n9\n");
}

void write_configurations(const Workplace& place) {
  place.write("typo.conf", "[round]\ncohrt = 3\n");
  place.write("noeq.conf", "rounds\n");
  place.write("twice.conf", "rounds = 3\nrounds = 4\n");
  place.write("section.conf", "[data\n");
  place.write("zero.conf", "[simulation]\nparticipants = 0\n");
  place.write("many.conf", "[simulation]\nparticipants = 5\n[data]\nformat = csv\nfile = good.csv\n");
}

// A federation with alice and bob, and bundles that are broken in one way each.
void found(const Workplace& place) {
  place.run("tributary-coordinator init F --name fed");
  place.run("tributary-coordinator enroll F alice --bundle alice.bundle");
  place.run("tributary-coordinator enroll F bob --bundle bob.bundle");
  const std::string alice = read_text_file(place / "alice.bundle"), bob = read_text_file(place / "bob.bundle");
  place.write("short.bundle", alice.substr(0, 100));
  const auto key = alice.find("-----BEGIN"), certificate = alice.find("-----BEGIN CERTIFICATE");
  place.write("nokey.bundle", alice.substr(0, key) + alice.substr(certificate));
  place.write("mixed.bundle",
              alice.substr(0, key) + bob.substr(bob.find("-----BEGIN"), certificate - key) + alice.substr(certificate));
}

void write_models(const Workplace& place) {
  const Bytes onnx = model::make_zoo_model("linear:2-2", 1).serialize();
  place.write("cut.onnx", as_text(onnx).substr(0, onnx.size() / 2));
  place.write("junk", "hello world");
}

class BadInput : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    place_ = new Workplace;
    write_idx(*place_);
    write_csv(*place_);
    write_configurations(*place_);
    write_models(*place_);
    found(*place_);
    RealFiles files;
    files.make_directories(*place_ / "none");
    files.make_directories(*place_ / "old");
    place_->write("old/rounds.jsonl", "");
  }
  static void TearDownTestSuite() {
    delete place_;
    place_ = nullptr;
  }

  struct Case {
    std::string words;    // after the program's name
    std::string message;  // of which this must be part
  };

  static void expect(const std::string& program, const std::string& before, const std::vector<Case>& cases) {
    for (const Case& each : cases) {
      const std::string line = program + " " + before + each.words;
      SCOPED_TRACE(line);
      const Said said = place_->run(line);
      EXPECT_TRUE(said.code == 1 || said.code == 2) << said.code;
      EXPECT_THAT(said.text, HasSubstr(each.message));
      EXPECT_EQ(std::count(said.text.begin(), said.text.end(), '\n'), 1) << said.text;
      EXPECT_EQ(said.text.rfind(program + ": ", 0), 0u) << said.text;
    }
  }

  static Workplace* place_;
};

Workplace* BadInput::place_ = nullptr;

TEST_F(BadInput, OfTheOperator) {
  expect("tributary-coordinator", "",
         {
             {"runn", "unknown command 'runn'; did you mean run?"},
             {"init G", "give the federation a --name"},
             {"init G --name 'bad name!'", "not \"bad name!\""},
             {"init F --name fed", "F holds a federation already"},
             {"init G --name fed --port 99999", "--port 99999: must be a number from 1 to 65535"},
             {"init G --name fed --hst x", "unknown option \"--hst\": is \"--host\" meant?"},
             {"enroll F", "NAME is missing"},
             {"enroll F alice --out b", "alice is enrolled already; revoke it first"},
             {"enroll F carol", "give either --bundle FILE or --out DIR"},
             {"enroll F carol --bundle alice.bundle", "alice.bundle exists already"},
             {"enroll F carol dave --bundle c.bundle", "--bundle is for one NAME"},
             {"enroll F carol --bundle c.bundle --days 0", "--days 0: must be a number from 1 to"},
             {"enroll nowhere carol --bundle c.bundle", "nowhere holds no federation; make one with init"},
             {"revoke F mallory", "mallory is not enrolled"},
             {"status nowhere", "nowhere: no run with an admin listener wrote here"},
             {"status http://127.0.0.1:1", "nobody answers at 127.0.0.1:1"},
             {"pause ftp://x", "must be http://HOST:PORT"},
         });
}

TEST_F(BadInput, OfTheRunsConfiguration) {
  expect("tributary-coordinator", "run ",
         {
             {"F", "give the run's folder with --out DIR"},
             {"nowhere --out r", "nowhere holds no federation"},
             {"F --out old", "old holds a run already"},
             {"F --out r --round.cohrt=3", "is \"--round.cohort\" meant?"},
             {"F --out r --set round.cohort", "write --set KEY=VALUE"},
             {"F --out r --rounds=ten", "rounds = \"ten\": must be a whole number"},
             {"F --out r --seed=-1", "seed = \"-1\": must be a whole number"},
             {"F --out r --round.cohort=0", "round.cohort = \"0\": must be all, a fraction"},
             {"F --out r --edge.bits=9", "edge.bits = \"9\": must be"},
             {"F --out r --edge.sparsity=1.5", "edge.sparsity = \"1.5\": must be a number from 0"},
             {"F --out r --update.encoding=int9", "is \"int8\" meant?"},
             {"F --out r --update.encoding=rotated:7", "must be rotated with its bits, 1 to 4"},
             {"F --out r --training.learning_rate=fast", "training.learning_rate = \"fast\": must be a number"},
             {"F --out r --training.momentum=1", "training.momentum = \"1\": must be a number"},
             {"F --out r --target.metric=edge.acuracy", "is \"edge.accuracy\" meant?"},
             {"F --out r --target.metric=edge.accuracy --target.value=0.9", "needs evaluation data"},
             {"F --out r --config gone.conf", "cannot open gone.conf"},
             {"F --out r --config typo.conf", "typo.conf:2: unknown key \"round.cohrt\""},
             {"F --out r --config noeq.conf", "noeq.conf:1: \"rounds\" is neither"},
             {"F --out r --config twice.conf", "twice.conf:2: key \"rounds\" is given twice"},
             {"F --out r --config section.conf", "section.conf:1:"},
             {"F --out r --listen.host=300.1.1.1", "cannot listen on 300.1.1.1"},
             {"F --out r --admin.listen=nonsense", "admin.listen \"nonsense\": must be HOST:PORT"},
             {"F --out r --admin.listen=0.0.0.0:7144", "is not loopback: set admin.certificate, admin.key and"},
             {"F --out r --admin.listen=:0 --admin.token_file=junk", "holds no token of 16 characters"},
             {"F --out r --log.level=loud", "log.level = \"loud\": must be one of debug"},
         });
  EXPECT_FALSE(RealFiles().exists(*place_ / "r")) << "nothing is left of a run that could not begin";
}

TEST_F(BadInput, OfModelsAndHeldOutData) {
  expect("tributary-coordinator", "run F --out r ",
         {
             {"--model=3nn", "unknown model '3nn'; did you mean '2nn'?"},
             {"--model=mlp:5", "needs an input and an output size"},
             {"--model=gone.onnx", "cannot open gone.onnx"},
             {"--model=./junk", "./junk: not an ONNX model"},
             {"--model=cut.onnx", "cut.onnx: not an ONNX model, or a truncated one"},
             {"--evaluation.images=images", "evaluation.labels is not set"},
             {"--evaluation.images=junk --evaluation.labels=labels", "junk: not an IDX file"},
             {"--evaluation.images=images --evaluation.labels=three", "3 labels for the 2 images"},
             {"--model=linear:3-2 --evaluation.format=csv --evaluation.file=good.csv", "do not fit the model"},
         });
  expect("tributary-model", "",
         {
             {"new 3nn --out x.onnx", "did you mean '2nn'?"},
             {"new linear", "new needs --out FILE"},
             {"inspect gone.onnx", "cannot open gone.onnx"},
             {"inspect junk", "junk: not an ONNX model"},
         });
}

TEST_F(BadInput, OfAParticipant) {
  expect("tributary-participant", "",
         {
             {"walk", "unknown command 'walk'"},
             {"run", "give either --bundle FILE or --bundles DIR"},
             {"run --bundle alice.bundle --bundles none", "give either --bundle FILE or --bundles DIR"},
             {"run --bundle alice.bundle", "no examples: give data.images and data.labels"},
         });
  expect("tributary-participant", "run --data.images=images --data.labels=labels ",
         {
             {"--bundle gone.bundle", "cannot open gone.bundle"},
             {"--bundle junk", "junk: not a participant's bundle"},
             {"--bundle short.bundle", "short.bundle: line "},
             {"--bundle nokey.bundle", "nokey.bundle: line 8: the key"},
             {"--bundle mixed.bundle", "the key does not belong to the certificate"},
             {"--bundles none", "none: holds no *.bundle"},
             {"--bundle alice.bundle --server nonsense", "server 'nonsense': expected HOST:PORT"},
             {"--bundle alice.bundle --workers 0", "--workers 0: must be a number from 1"},
         });
}

TEST_F(BadInput, OfExamples) {
  expect("tributary-participant", "run --bundle alice.bundle ",
         {
             {"--data.images=short --data.labels=labels", "short: too short"},
             {"--data.images=labels --data.labels=labels", "are data.images and data.labels swapped?"},
             {"--data.images=images --data.labels=three", "3 labels for the 2 images"},
             {"--data.format=xml --data.file=good.csv", "data.format = \"xml\": must be one of idx, csv"},
             {"--data.format=csv --data.images=images", "data.images is set, which belongs to data.format = idx"},
         });
  expect("tributary-participant", "run --bundle alice.bundle --data.format=csv ",
         {
             {"--data.file=ragged.csv", "ragged.csv:3: 2 fields, 3 expected"},
             {"--data.file=word.csv", "word.csv:2: column 1 (\"b\"): \"x\" is not a number"},
             {"--data.file=nan.csv", "nan.csv:2: column 1 (\"b\"): \"nan\" is not finite"},
             {"--data.file=empty.csv", "empty.csv: no rows"},
             {"--data.file=good.csv --data.label=lable", "no label column \"lable\": is \"label\" meant?"},
             {"--data.file=label.csv --data.classes=3", "label.csv:2: class label \"7\" is out of range"},
             {"--data.file=good.csv --data.subset=far.index", "far.index:2: index 9 is out of range"},
         });
}

TEST_F(BadInput, OfASimulation) {
  expect("tributary-simulate", "",
         {
             {"", "SCENARIO is missing"},
             {"many.conf", "--out is not given"},
             {"gone.conf --out s", "cannot open gone.conf"},
             {"zero.conf --out s", "zero.conf:2: simulation.participants = \"0\""},
             {"many.conf --out old", "old: holds a run already"},
             {"many.conf --out s", "participants"},
             {"many.conf --out s --simulation.participants=2 --simulation.partition=ids", "iid"},
             {"many.conf --out s --simulation.participants=2 --simulation.partition=dirichlet:0", "dirichlet"},
         });
}

}  // namespace
}  // namespace tributary::testing
