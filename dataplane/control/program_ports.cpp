// Programmer: ports and the addresses that are here.
#include <algorithm>

#include <fmt/format.h>

#include "dataplane/control/object_error.hpp"
#include "dataplane/control/programmer.hpp"

namespace alkaid {
namespace {

constexpr std::size_t kLongestPortId = 255;

}  // namespace

ObjectResult Programmer::add_addresses(const PortConfig& config, PortIndex index) {
  if (!tables_.neighbors.set_local_mac(config.vni, config.mac, index)) {
    return full("neighbors");
  }
  for (const auto& ip : config.fixed_ips) {
    if (!tables_.neighbors.set_local({config.vni, ip}, config.mac, index)) {
      return full("neighbors");
    }
  }
  return std::nullopt;
}

void Programmer::remove_addresses(const PortConfig& config, const PortConfig* keep,
                                  PortIndex index) {
  const bool same_vni = keep != nullptr && keep->vni == config.vni;
  for (const auto& ip : config.fixed_ips) {
    if (!same_vni ||
        std::find(keep->fixed_ips.begin(), keep->fixed_ips.end(), ip) == keep->fixed_ips.end()) {
      tables_.neighbors.remove_local({config.vni, ip}, index);
    }
  }
  if (!same_vni || keep->mac != config.mac) {
    tables_.neighbors.remove_local_mac(config.vni, config.mac, index);
  }
}

ObjectResult Programmer::set(const PortConfig& config) {
  if (config.id.empty() || config.id.size() > kLongestPortId) {
    return invalid("id", fmt::format("wants 1 to {} bytes", kLongestPortId));
  }
  if (!config.mac.is_unicast()) {
    return invalid("mac", fmt::format("{} is no unicast MAC address", config.mac.to_string()));
  }
  if (is_bad_mtu(config.mtu)) {
    return bad_mtu(config.mtu);
  }
  std::string error;
  const auto attachment = Attachment::parse(config.attachment, error);
  if (!attachment) {
    return invalid("attachment", error);
  }
  const PortConfig* known = ports_.find_config(config.id);
  const auto zone = tables_.segments.acquire(config.vni);
  if (!zone) {
    return full("segments");
  }
  auto failed = known != nullptr ? change_port(*known, config, *attachment, *zone)
                                 : add_port(config, *attachment, *zone);
  if (failed) {
    tables_.segments.release(config.vni);
    return failed;
  }
  return done();
}

ObjectResult Programmer::add_port(const PortConfig& config, const Attachment& attachment,
                                  Zone zone) {
  const Port* port = ports_.put(config, attachment, zone, guest_mtu(config.vni));
  if (port == nullptr) {
    return full("ports");
  }
  const PortIndex index = port->index;
  auto failed = add_addresses(config, index);
  if (failed) {
    remove_addresses(config, nullptr, index);
    ports_.remove(config.id);
  }
  return failed;
}

ObjectResult Programmer::change_port(const PortConfig& known, const PortConfig& config,
                                     const Attachment& attachment, Zone zone) {
  // `known` lives in the port's record, which put() overwrites.
  const PortConfig old = known;
  const PortIndex index = ports_.find(config.id)->index;
  // Addresses first: they alone can fail, and then the port has not been touched.
  if (auto failed = add_addresses(config, index)) {
    remove_addresses(config, &old, index);
    static_cast<void>(add_addresses(old, index));  // replaces entries that exist: can't fail
    return failed;
  }
  ports_.put(config, attachment, zone, guest_mtu(config.vni));
  remove_addresses(old, &config, index);
  tables_.segments.release(old.vni);
  return std::nullopt;
}

void Programmer::remove_port(const std::string& id) {
  const PortConfig* known = ports_.find_config(id);
  if (known == nullptr) {
    return;
  }
  const PortConfig config = *known;
  remove_addresses(config, nullptr, ports_.find(id)->index);
  ports_.remove(id);
  tables_.segments.release(config.vni);
  ++operations_;
}

}  // namespace alkaid
