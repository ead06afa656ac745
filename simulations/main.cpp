// tributary-simulate: a whole federation on one machine, made of the very programs that run apart.

#include "common/options/command_line.h"
#include "simulations/commands.h"

int main(int argc, char** argv) {
  return tributary::options::run_main("tributary-simulate", [&] {
    return tributary::simulation::simulate({argv + 1, argv + argc});
  });
}
