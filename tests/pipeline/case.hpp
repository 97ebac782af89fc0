// Table-driven pipeline tests: packets in, packets out, drops.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/pipeline/pipeline_lab.hpp"

namespace alkaid::test {

struct Case {
  std::string name;
  std::string port;  // that the packets come in by
  std::function<std::vector<Bytes>(PipelineLab&)> in;
  // What comes out, by port; ports that aren't named must be silent.
  std::function<std::map<std::string, std::vector<Bytes>>(PipelineLab&)> out;
  // All drops: "port reason" -> packets.
  std::map<std::string, std::uint64_t> drops;
  // What is programmed beside the lab's network.
  std::function<void(PipelineLab&)> prepare = {};
  // The same packets again would not have the same outcome.
  bool once = false;
};

// Runs a case in a lab of its own and compares everything, buffers included.
void run_case(const Case& c);

// For test names.
inline std::string name_of_case(const ::testing::TestParamInfo<Case>& info) {
  return info.param.name;
}

// The uplink device's address.
MacAddress uplink_mac(PipelineLab& lab);

}  // namespace alkaid::test
