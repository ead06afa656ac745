// common/model/zoo.h
//
// Models that are built in code, with seeded initial values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/model/graph.h"

namespace tributary::model {

// Specifications:
//   linear            784-10 softmax regression; linear:IN-OUT for other sizes
//   2nn               784-200-200-10, ReLU (McMahan et al. 2017, "2NN", 199,210 parameters)
//   cnn               28x28x1: conv 5x5x32, pool 2, conv 5x5x64, pool 2, dense 512, dense 10, ReLU, padding "same"
//                     (McMahan et al. 2017, 1,663,370 parameters)
//   lenet             LeNet-5 in the form of Han et al. 2015 / Caffe: conv 5x5x20, pool, conv 5x5x50, pool, 500, 10
//   lenet5            LeNet-5's sizes (LeCun et al. 1998) with ReLU and max pooling: conv 5x5x6, pool, conv 5x5x16,
//                     pool, 120, 84, 10 (the CNN of NIID-Bench, Li et al. 2022, 44,426 parameters)
//   mlp:IN-H1-...-OUT dense layers with ReLU between them
//   resmlp:IN-UNITSxBLOCKS-OUT   a dense layer of UNITS with ReLU, BLOCKS (1 to 64) residual blocks
//                     v + ReLU(dense(v)), a dense layer: resmlp:784-100x8-10
//   resnet:CHANNELSxBLOCKS   28x28x1: conv 5x5xCHANNELS, normalised, pool 2, BLOCKS (1 to 64) residual blocks
//                     ReLU(v + norm(conv(ReLU(norm(conv(v)))))) of 3x3 convolutions with batch normalisation (the
//                     basic block of He et al. 2016), pool 2, dense 10: resnet:16x3
//   odl:IN-UNITSxLAYERS-OUT   LAYERS (2 to 64) hidden layers of UNITS with ReLU, a classifier behind each ("exit1",
//                     "exit2", ...), and the ensemble over them (exits.h; Sahoo et al. 2018): odl:784-100x20-10
// Outputs are logits. Inputs: float32 [batch, ...] with a dynamic batch axis. Weights and biases as
// torch.nn.Linear and Conv2d initialise them (uniform in +-1/sqrt(fan_in)), from `seed`.
// Throws Malformed for an unknown specification, naming the nearest known one, and for a malformed one or one of more
// than 2^28 parameters.
Graph make_zoo_model(std::string_view specification, std::uint64_t seed);

// "2nn", "cnn", ... for --help.
std::vector<std::string> zoo_names();

// A path to a .onnx file, or a zoo specification: what the key `model` takes. A text that names an existing file or
// ends in ".onnx" is a path.
Graph load_or_make(std::string_view model, std::uint64_t seed, const GraphLimits& limits = {});

}  // namespace tributary::model
