// Who is told what comes out of labs.
#pragma once

#include <string>
#include <vector>

#include "tests/pipeline/pipeline_lab.hpp"

namespace alkaid::test {

class LabObserver {
 public:
  virtual ~LabObserver() = default;
  // A test has taken what the port has transmitted.
  virtual void took(const std::string& port, const std::vector<Bytes>& frames) = 0;
  // No test has the lab any more, which is whole.
  virtual void ends(PipelineLab& lab) = 0;
};

// Of all labs from now on.
void observe_labs(LabObserver& observer);

}  // namespace alkaid::test
