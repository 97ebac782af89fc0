// Between the local API's messages and plain objects. Messages come from outside: everything is
// checked here, and what is wrong is named by field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "dataplane/control/programmer.hpp"
#include "dataplane/ports/port_manager.hpp"
#include "dataplane/tables/objects.hpp"

namespace alkaid {

namespace api = alkaid::dataplane::v1;

// nullopt with `error` filled in if the message can't be an object.
std::optional<SegmentConfig> from_api(const api::Segment& message, ObjectError& error);
std::optional<PortConfig> from_api(const api::Port& message, ObjectError& error);
std::optional<SecurityGroupChange> from_api(const api::SecurityGroup& message, ObjectError& error);
std::optional<RouteConfig> from_api(const api::Route& message, ObjectError& error);
std::optional<RouteKey> from_api(const api::RouteKey& message, ObjectError& error);
std::optional<DhcpBindingConfig> from_api(const api::DhcpBinding& message, ObjectError& error);
std::optional<DhcpBindingKey> from_api(const api::DhcpBindingKey& message, ObjectError& error);
// One row of a batch whose columns have equal length.
std::optional<NeighborConfig> from_api(const api::NeighborBatch& batch, int row,
                                       ObjectError& error);
std::optional<NeighborKey> from_api(const api::NeighborKeyBatch& batch, int row,
                                    ObjectError& error);
bool has_equal_columns(const api::NeighborBatch& batch);
bool has_equal_columns(const api::NeighborKeyBatch& batch);

void to_api(const SegmentConfig& config, api::Segment& message);
void to_api(const PortConfig& config, api::Port& message);
void to_api(const SecurityRuleConfig& config, api::SecurityRule& message);
void to_api(const RouteConfig& config, api::Route& message);
void to_api(const DhcpBindingConfig& config, api::DhcpBinding& message);
void append_to_api(const NeighborConfig& config, api::NeighborBatch& batch);
void to_api(const PortView& view, api::PortStatus& message);
void to_api(const IpAddress& address, api::IpAddress& message);
void to_api(const IpPrefix& prefix, api::Prefix& message);
IpAddress address_of(const api::IpAddress& message);
// field: named in the error.
std::optional<IpPrefix> prefix_of(const api::Prefix& message, const std::string& field,
                                  ObjectError& error);

}  // namespace alkaid
