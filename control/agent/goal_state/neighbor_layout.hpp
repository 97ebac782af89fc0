// Tells the two published layouts of NeighborConfiguration apart.
//
//   field   released clients (to v1.1.0-beta)   master since 2022-08-09
//   8       host_ip_address                     host_mac_address
//   9       fixed_ips                           host_ip_address
//   10      allow_address_pairs                 fixed_ips
//   11      -                                   allow_address_pairs
#pragma once

#include <string>
#include <string_view>

#include <google/protobuf/repeated_ptr_field.h>

#include "alcor/schema/neighbor.pb.h"

namespace alkaid::agent {

// The fields as they are meant, still encoded. Views into the configuration.
struct NeighborLayout {
  bool released = false;  // the layout of the released clients
  std::string_view host_ip_address;
  const google::protobuf::RepeatedPtrField<std::string>* fixed_ips = nullptr;
  const google::protobuf::RepeatedPtrField<std::string>* allow_address_pairs = nullptr;
};

// Field 8 is an IP address literal, or it is absent, field 9 is none either and field 10 is absent:
// released layout; else: master's. Of a string field that occurs
// several times the last one counts, as everywhere in protobuf.
NeighborLayout detect_neighbor_layout(const alcor::schema::NeighborConfiguration& configuration);

}  // namespace alkaid::agent
