#include "dataplane/announce/announcer.hpp"

#include <algorithm>

#include "dataplane/announce/announcement.hpp"

namespace alkaid {

Announcer::Announcer(const Tables& tables, const PortTable& ports, Outputs outputs)
    : tables_(tables), ports_(ports), outputs_(std::move(outputs)) {}

void Announcer::leave(Vni vni, PortIndex port) {
  const auto ports = by_vni_.find(vni);
  if (ports != by_vni_.end() && ports->second.erase(port) > 0 && ports->second.empty()) {
    by_vni_.erase(ports);
  }
}

void Announcer::port_changed(const Port* before, const Port* now, Time time) {
  const bool was_up = before != nullptr && before->forwards();
  const bool is_up = now != nullptr && now->forwards();
  const bool is_same = was_up && is_up && before->vni == now->vni &&
                       before->vni_v6 == now->vni_v6 && before->mac == now->mac;
  if (was_up) {
    leave(before->vni, before->index);
    leave(before->vni_v6, before->index);
  }
  if (!is_up) {
    return;
  }
  by_vni_[now->vni].insert(now->index);
  by_vni_[now->vni_v6].insert(now->index);
  if (is_same) {
    return;
  }
  add({.port = now->index, .vni = now->vni, .address = {}}, {.due = time, .to_guests = true});
  if (const PortConfig* config = outputs_.config_of(now->id)) {
    for (const IpAddress& address : config->fixed_ips) {
      add({.port = kNoPort, .vni = address.is_v4() ? now->vni : now->vni_v6, .address = address},
          {.due = time, .to_hosts = true});
    }
  }
}

void Announcer::station_moved(Vni vni, const IpAddress& address, Time time) {
  // Nobody here to be told.
  if (by_vni_.contains(vni)) {
    add({.port = kNoPort, .vni = vni, .address = address}, {.due = time, .to_guests = true});
  }
}

void Announcer::add(const Subject& subject, Entry entry) {
  const auto known = entries_.find(subject);
  if (known != entries_.end()) {
    entry.to_guests |= known->second.to_guests;
    entry.to_hosts |= known->second.to_hosts;
    due_.erase({known->second.due, subject});
    known->second = entry;
  } else if (entries_.size() == kMostPending) {
    ++given_up_;
    return;
  } else {
    entries_.emplace(subject, entry);
  }
  due_.emplace(entry.due, subject);
}

void Announcer::tick(Time now) {
  budget_ = kMostPerTick;
  while (budget_ > 0) {
    if (!job_.ports.empty()) {
      if (const Port* port = ports_.find(job_.ports.back()); port != nullptr && port->forwards()) {
        send(*port, job_.frame);
      }
      job_.ports.pop_back();
      continue;
    }
    if (due_.empty() || due_.begin()->first > now) {
      return;
    }
    const Subject subject = due_.begin()->second;
    due_.erase(due_.begin());
    const auto entry = entries_.find(subject);
    if (subject.port == kNoPort) {
      announce_station(subject, entry->second);
    } else if (const Port* port = ports_.find(subject.port);
               port != nullptr && port->forwards() && port->vni == subject.vni) {
      announce_gateways(*port);
    }
    if (--entry->second.left == 0) {
      entries_.erase(entry);
    } else {
      entry->second.due = now + kInterval;
      due_.emplace(entry->second.due, subject);
    }
  }
}

void Announcer::announce_gateways(const Port& port) {
  for (const bool v4 : {true, false}) {
    const Segment* segment = tables_.segments.at(v4 ? port.zone : port.zone_v6);
    if (segment == nullptr) {
      continue;
    }
    for (const GatewayConfig& gateway : segment->config.gateways) {
      if (gateway.address.is_v4() == v4) {
        const auto frame = make_announcement(gateway.address, gateway.mac, /*is_router=*/true);
        send(port, Bytes{frame.bytes}.first(frame.length));
      }
    }
  }
}

void Announcer::announce_station(const Subject& subject, const Entry& entry) {
  const Neighbor* neighbor = tables_.neighbors.find(subject.vni, subject.address);
  if (neighbor == nullptr) {
    return;
  }
  const auto frame = make_announcement(subject.address, neighbor->mac(), /*is_router=*/false);
  const Bytes bytes = Bytes{frame.bytes}.first(frame.length);
  if (entry.to_hosts && neighbor->is_local()) {
    const unsigned hosts = outputs_.to_hosts(subject.vni, bytes);
    sent_ += hosts;
    budget_ -= std::min(budget_, hosts);
  }
  const auto ports = by_vni_.find(subject.vni);
  if (entry.to_guests && ports != by_vni_.end()) {
    job_.frame.assign(bytes.begin(), bytes.end());
    job_.ports.assign(ports->second.begin(), ports->second.end());
    if (neighbor->is_local()) {
      std::erase(job_.ports, neighbor->port);  // it is the one that moved
    }
  }
}

void Announcer::send(const Port& port, Bytes frame) {
  // What can't be sent now is said again by the repetition.
  if (outputs_.to_port(port, frame)) {
    ++sent_;
  }
  budget_ -= budget_ > 0 ? 1 : 0;
}

}  // namespace alkaid
