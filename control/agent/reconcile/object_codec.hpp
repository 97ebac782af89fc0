// Data-plane objects to and from the local API's messages.
#pragma once

#include <string>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/agent/reconcile/objects.hpp"

namespace alkaid::agent {

namespace api = ::alkaid::dataplane::v1;

void encode(Vni vni, const SegmentObject& segment, api::Segment& out);
void encode(const std::string& id, const PortObject& port, api::Port& out);
void encode(const RouteKey& key, const RouteObject& route, api::Route& out);
void encode(const RouteKey& key, api::RouteKey& out);
void encode(const DhcpKey& key, const DhcpObject& binding, api::DhcpBinding& out);
void encode(const DhcpKey& key, api::DhcpBindingKey& out);
void encode(const std::string& id, const SecurityRuleObject& rule, api::SecurityRule& out);
void encode(const IpAddress& address, api::IpAddress& out);
void append(const NeighborKey& key, const NeighborObject& neighbor, api::NeighborBatch& out);
void append(const NeighborKey& key, api::NeighborKeyBatch& out);

IpAddress decode(const api::IpAddress& address);

// Canonical objects. What the data plane sends is trusted to be in range.
SegmentObject decode(const api::Segment& segment);
PortObject decode(const api::Port& port);
RouteKey decode(const api::RouteKey& key);
RouteObject decode(const api::Route& route);
DhcpKey decode(const api::DhcpBindingKey& key);
DhcpObject decode(const api::DhcpBinding& binding);
SecurityRuleObject decode(const api::SecurityRule& rule);

// Rows of a batch; a batch whose columns differ in length has as many rows as the shortest.
int rows(const api::NeighborBatch& batch);
NeighborKey key_of(const api::NeighborBatch& batch, int row);
NeighborObject object_of(const api::NeighborBatch& batch, int row);

}  // namespace alkaid::agent
