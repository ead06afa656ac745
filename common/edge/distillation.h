// common/edge/distillation.h
//
// Knowledge distillation: a student learns from what a larger teacher answers, not from the labels alone. Teacher and
// student are any two models that take the same examples.
// Functions of one thread.
#pragma once

#include <string>

#include "common/edge/central_training.h"

namespace tributary::edge {

// The loss of one example, averaged over a batch (Hinton et al. 2015; Romero et al. 2015, "FitNets"):
//   soft * T^2 KL(teacher's softmax(z / T) || student's softmax(z / T)) + (1 - soft) * cross entropy with the label
//   + feature_weight * mean squared error between the teacher's feature and a learnt linear map of the student's, over
//     the mean square of the teacher's in the batch, so that the weight means the same for every model
struct DistillationPlan {
  CentralPlan training;  // its loss must be cross_entropy; its rates drive the map too
  double temperature = 4;
  double soft = 0.9;
  // Values in the middle of the graphs; both empty: none. With features of one width the map starts as the identity.
  std::string teacher_feature, student_feature;
  double feature_weight = 1;
};

// Throws Malformed naming what is out of range.
void check(const DistillationPlan& plan);

// Trains `parameters`, the student's, in place. EpochDone.result has the distillation loss and the student's accuracy.
// Throws Malformed for a plan out of range, models whose answers differ in number, features that no node makes,
// examples that do not fit; what learn::Backprop and learn::Trace throw.
void distil(const model::Graph& teacher, const model::Graph& student, model::ParameterSet& parameters,
            const data::View& examples, const DistillationPlan& plan, const Clock& clock,
            const TrainingWatch& watch = {});

}  // namespace tributary::edge
