// tests/edge/model_process.h
//
// tributary-model as its users meet it: a process in a folder of its own, its output and its exit code.
#pragma once

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/files.h"

namespace tributary::edge::testing {

struct Outcome {
  int exit_code = -1;
  std::string output;  // standard output and standard error
};

class ModelProcess : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = Path(::testing::TempDir()) / ("model_program_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // REQUIRES: arguments without quotes.
  Outcome run(const std::string& arguments) {
    const std::string command = "cd '" + folder_.string() + "' && '" TRIBUTARY_MODEL_PROGRAM "' " + arguments + " 2>&1";
    Outcome outcome;
    FILE* pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) return outcome;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) outcome.output += static_cast<char>(c);
    outcome.exit_code = WEXITSTATUS(pclose(pipe));
    return outcome;
  }

  // A separable problem of two features and two classes.
  void write_examples(const std::string& name) {
    std::string text = "a,b,class\n";
    for (int i = 0; i < 40; ++i) {
      const double shift = i % 2 == 0 ? 1 : -1;
      text += std::to_string(shift + 0.02 * i) + "," + std::to_string(0.01 * i - shift) + "," + std::to_string(i % 2) +
              "\n";
    }
    write_text_file(folder_ / name, text);
  }

  // The accuracy that `evaluate` finds; -1, and a failure, when it does not.
  double accuracy(const std::string& arguments) {
    const Outcome outcome = run("evaluate --json " + arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return outcome.exit_code == 0 ? nlohmann::json::parse(outcome.output).at("accuracy").get<double>() : -1;
  }

  void expect_one_line(const std::string& arguments, const std::string& part) {
    const Outcome outcome = run(arguments);
    EXPECT_NE(outcome.exit_code, 0) << arguments;
    EXPECT_THAT(outcome.output, ::testing::AllOf(::testing::StartsWith("tributary-model: "), ::testing::HasSubstr(part),
                                                 ::testing::EndsWith("\n")))
        << arguments;
    EXPECT_EQ(std::count(outcome.output.begin(), outcome.output.end(), '\n'), 1) << outcome.output;
  }

  Path folder_;
};

}  // namespace tributary::edge::testing
