#include <utility>

#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

bool DesiredStore::set_neighbor(const NeighborAddress& address, const NeighborRow& row) {
  Subnet& record = *subnet_of(address);
  // Each change of a subnet's VNI moves all that is in it: messages must not do that in turns.
  const std::size_t others =
      record.neighbors.size() - (record.neighbors.contains(address.address) ? 1 : 0);
  if (address.vni != Vni{} && record.named_vni != Vni{} && record.named_vni != address.vni &&
      record.vni == record.named_vni && others > 0) {
    return false;
  }
  const auto [found, added] = record.neighbors.try_emplace(address.address, row);
  neighbors_ += added ? 1 : 0;
  const NeighborRow former = std::exchange(found->second, row);
  if (added || former != row) {
    journal_->put_neighbor(record.place, address.address, row);
  }
  if (stations_.is_indexed() && (added || former.station != row.station)) {
    stations_.add_row(row.station, address.address);
    if (!added) {
      stations_.remove_row(former.station, address.address);
    }
  }
  if (address.vni != Vni{} && record.named_vni != address.vni) {
    record.named_vni = address.vni;
    journal_->put_place(record.place, place_record(record));
    rescope(record);
  }
  if (record.vni != Vni{}) {
    const NeighborKey key{address.address, record.vni};
    dirty_.neighbors.insert(key);
    if (!slices_.is_named()) {  // a slice has it beside who was asked
      learnt_.pushed(key);
    }
  }
  return true;
}

bool DesiredStore::delete_neighbor(std::string_view id, const NeighborAddress& address) {
  stations_.forget_address(id, address.address);
  const Subnet* known = find_subnet(address);
  const Vni vni = known != nullptr && known->vni != Vni{} ? known->vni : address.vni;
  if (vni != Vni{}) {
    dirty_.neighbors.insert({address.address, vni});
  }
  if (known != nullptr) {
    Subnet& record = *subnet_of(address);
    leave_groups(record, address.address);
    const auto row = record.neighbors.find(address.address);
    if (row != record.neighbors.end()) {
      stations_.remove_row(row->second.station, address.address);
      record.neighbors.erase(row);
      journal_->erase_neighbor(record.place, address.address);
      --neighbors_;
    }
    drop_if_unused(record);
  }
  return vni != Vni{};
}

}  // namespace alkaid::agent
