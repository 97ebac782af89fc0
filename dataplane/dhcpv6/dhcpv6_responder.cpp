#include "dataplane/dhcpv6/dhcpv6_responder.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/dhcpv6/dhcpv6_option_writer.hpp"
#include "dataplane/dhcpv6/dhcpv6_parameters.hpp"

namespace alkaid {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Type = Dhcpv6MessageType;

// Fixed parts of options (RFC 8415, 21.4 to 21.6).
struct AssociationFixed {
  BigEndian32 id;
  BigEndian32 renew;   // T1, seconds
  BigEndian32 rebind;  // T2
};
static_assert(sizeof(AssociationFixed) == 12);

struct IaAddressFixed {
  std::array<std::uint8_t, 16> address{};
  BigEndian32 preferred_lifetime;  // seconds
  BigEndian32 valid_lifetime;
};
static_assert(sizeof(IaAddressFixed) == 24);

struct LeaseTimes {
  BigEndian32 lease;
  BigEndian32 renew;
  BigEndian32 rebind;

  // RFC 8415, 21.4: half and four fifths of the preferred lifetime.
  explicit LeaseTimes(std::uint32_t seconds)
      : lease(seconds),
        renew(seconds == kDhcpv6InfiniteLease ? seconds : seconds / 2),
        rebind(seconds == kDhcpv6InfiniteLease
                   ? seconds
                   : static_cast<std::uint32_t>(std::uint64_t{seconds} * 4 / 5)) {}
};

// What an association's addresses are, compared with what the client has.
struct AddressCheck {
  bool has_own = false;
  bool has_other = false;
  bool has_off_link = false;
  bool is_empty = true;
};

bool is_on_link(const Dhcpv6Settings& settings, const IpAddress& address) {
  return std::any_of(settings.prefixes.begin(), settings.prefixes.end(),
                     [&](const IpPrefix& prefix) { return prefix.contains(address); });
}

AddressCheck check_addresses(const Dhcpv6Association& association, const Dhcpv6Settings& settings,
                             const IpAddress& own) {
  AddressCheck check;
  Dhcpv6OptionReader reader{association.options};
  Dhcpv6Option option;
  while (reader.next(option)) {
    const auto address = ia_address(option);
    // ::, a hint that only the lifetimes are meant (RFC 8415, 18.2.1).
    if (!address || address->is_unset()) {
      continue;
    }
    check.is_empty = false;
    (*address == own ? check.has_own : check.has_other) = true;
    check.has_off_link |= !is_on_link(settings, *address);
  }
  return check;
}

class Reply {
 public:
  Reply(const Dhcpv6Request& request, const Dhcpv6Settings& settings, const Dhcpv6Client& client,
        std::span<std::uint8_t> output)
      : request_(request),
        settings_(settings),
        client_(client),
        output_(output),
        options_(output.subspan(kHeaderSize)) {
    std::copy(request.transaction.begin(), request.transaction.end(), output.begin() + 1);
    if (!request.client_identifier.empty()) {
      options_.put(dhcpv6_option::kClientIdentifier, request.client_identifier);
    }
    options_.put_object(dhcpv6_option::kServerIdentifier, settings.server);
  }

  Dhcpv6OptionWriter& options() { return options_; }

  // SOLICIT and REQUEST (RFC 8415, 18.3.1 and 18.3.2). True if an address is assigned.
  bool assign_addresses() {
    const bool is_request = request_.type == Type::kRequest;
    bool assigned = false;
    for (const auto& association : associations()) {
      if (association.code == dhcpv6_option::kIaNonTemporary && !assigned &&
          !client_.address.is_unset()) {
        if (is_request && check_addresses(association, settings_, client_.address).has_off_link) {
          put_failed(association, Dhcpv6Status::kNotOnLink, "address of another link");
          continue;
        }
        assigned = true;
        put_own_address(association, /*others_are_gone=*/false);
      } else {
        put_unavailable(association);
      }
    }
    return assigned;
  }

  // RENEW and REBIND (RFC 8415, 18.3.4 and 18.3.5).
  void extend_addresses() {
    bool extended = false;
    for (const auto& association : associations()) {
      if (association.code == dhcpv6_option::kIaNonTemporary && !extended &&
          !client_.address.is_unset()) {
        extended = true;
        put_own_address(association, /*others_are_gone=*/true);
      } else {
        put_failed(association, Dhcpv6Status::kNoBinding, "no such lease");
      }
    }
  }

  // RELEASE and DECLINE (RFC 8415, 18.3.7 and 18.3.8): the binding stays what the agent says.
  void give_up_addresses() {
    for (const auto& association : associations()) {
      if (association.code != dhcpv6_option::kIaNonTemporary ||
          !check_addresses(association, settings_, client_.address).has_own) {
        put_failed(association, Dhcpv6Status::kNoBinding, "no such lease");
      }
    }
    options_.put_status(Dhcpv6Status::kSuccess, {});
  }

  // What the client has asked for besides addresses.
  void put_parameters() { put_dhcpv6_parameters(request_, settings_, client_.host_name, options_); }

  Dhcpv6Response finish(Type type) {
    output_[0] = static_cast<std::uint8_t>(type);
    return {.outcome = Dhcpv6Response::Outcome::kReply,
            .reply = type,
            .reply_length = kHeaderSize + options_.size()};
  }

 private:
  static constexpr std::size_t kHeaderSize = 4;

  [[nodiscard]] std::span<const Dhcpv6Association> associations() const {
    return std::span{request_.associations}.first(request_.association_count);
  }

  void put_own_address(const Dhcpv6Association& association, bool others_are_gone) {
    const LeaseTimes times{settings_.lease_seconds};
    const auto start = options_.begin(association.code,
                                      AssociationFixed{association.id, times.renew, times.rebind});
    if (!start) {
      return;
    }
    options_.put_object(dhcpv6_option::kIaAddress,
                        IaAddressFixed{client_.address.bytes(), times.lease, times.lease});
    if (others_are_gone) {
      put_lapsed_addresses(association);
    }
    options_.end(*start);
  }

  // The addresses that the client has and shall not use: with lifetimes of zero.
  void put_lapsed_addresses(const Dhcpv6Association& association) {
    Dhcpv6OptionReader reader{association.options};
    Dhcpv6Option option;
    // A guest that lists hundreds must not push out what follows.
    for (int left = kMostLapsedAddresses; left > 0 && reader.next(option);) {
      const auto address = ia_address(option);
      if (address && *address != client_.address) {
        options_.put_object(dhcpv6_option::kIaAddress, IaAddressFixed{address->bytes(), {}, {}});
        --left;
      }
    }
  }

  void put_unavailable(const Dhcpv6Association& association) {
    if (association.code == dhcpv6_option::kIaPrefixes) {
      put_failed(association, Dhcpv6Status::kNoPrefixAvail, "no prefix is delegated");
    } else {
      put_failed(association, Dhcpv6Status::kNoAddrsAvail, "no more addresses");
    }
  }

  void put_failed(const Dhcpv6Association& association, Dhcpv6Status status,
                  std::string_view text) {
    const auto start =
        association.code == dhcpv6_option::kIaTemporary
            ? options_.begin(association.code, association.id)
            : options_.begin(association.code, AssociationFixed{association.id, {}, {}});
    if (start) {
      options_.put_status(status, text);
      options_.end(*start);
    }
  }

  static constexpr int kMostLapsedAddresses = 8;

  const Dhcpv6Request& request_;
  const Dhcpv6Settings& settings_;
  const Dhcpv6Client& client_;
  std::span<std::uint8_t> output_;
  Dhcpv6OptionWriter options_;
};
// Identifiers, preference, rapid commit, a status, one address with lapsed ones and as many failed
// associations as there can be always fit.
static_assert(4 + (4 + 130) + (4 + 10) + (4 + 1) + 4 + (4 + 2) + (4 + 12 + 9 * (4 + 24)) +
                  (Dhcpv6Request::kMostAssociations - 1) * (4 + 12 + 4 + 2 + 24) <=
              kDhcpv6ReplyLimit);

Dhcpv6Response drop(DropReason reason) {
  return {.outcome = Dhcpv6Response::Outcome::kDrop, .reason = reason};
}

bool names_other_server(const Dhcpv6Request& request, const Dhcpv6Settings& settings) {
  const Bytes own{reinterpret_cast<const std::uint8_t*>(&settings.server), sizeof(settings.server)};
  return !request.server_identifier.empty() &&
         !std::equal(own.begin(), own.end(), request.server_identifier.begin(),
                     request.server_identifier.end());
}

// RFC 8415, 18.3.3. The link is right if the client may use the addresses here, and it may use one.
Dhcpv6Response confirm(Reply& reply, const Dhcpv6Request& request, const Dhcpv6Settings& settings,
                       const Dhcpv6Client& client) {
  bool has_other = false;
  bool is_empty = true;
  for (const auto& association : std::span{request.associations}.first(request.association_count)) {
    const AddressCheck check = check_addresses(association, settings, client.address);
    has_other |= check.has_other;
    is_empty &= check.is_empty;
  }
  if (is_empty) {
    return {.outcome = Dhcpv6Response::Outcome::kConsumed};
  }
  if (has_other) {
    reply.options().put_status(Dhcpv6Status::kNotOnLink, "address of another link");
  } else {
    reply.options().put_status(Dhcpv6Status::kSuccess, {});
  }
  return reply.finish(Type::kReply);
}

Dhcpv6Response advertise(Reply& reply, const Dhcpv6Request& request,
                         const Dhcpv6Settings& settings) {
  const bool assigned = reply.assign_addresses();
  const bool committed = assigned && request.rapid_commit;
  if (committed) {
    reply.options().put(dhcpv6_option::kRapidCommit, {});
  } else {
    reply.options().put_object(dhcpv6_option::kPreference, settings.preference);
  }
  reply.put_parameters();
  return reply.finish(committed ? Type::kReply : Type::kAdvertise);
}

// RFC 8415, 18.4: for those that a client sends to the server once it knows it.
Dhcpv6Response refuse_unicast(Reply& reply, Type type) {
  if (type != Type::kRequest && type != Type::kRenew && type != Type::kRelease &&
      type != Type::kDecline) {
    return {.outcome = Dhcpv6Response::Outcome::kConsumed};
  }
  reply.options().put_status(Dhcpv6Status::kUseMulticast, "ask ff02::1:2");
  return reply.finish(Type::kReply);
}

DropReason refusal(const Dhcpv6Request& request, const Dhcpv6Settings& settings,
                   const Dhcpv6Client& client) {
  if (!settings.enabled) {
    return DropReason::dhcp_disabled;
  }
  const bool wants_address = request.type != Type::kInformationRequest;
  if (settings.mode == Ipv6AddressMode::kSlaac ||
      (settings.mode == Ipv6AddressMode::kDhcpv6Stateless && wants_address)) {
    return DropReason::dhcpv6_mode;
  }
  if (names_other_server(request, settings)) {
    return DropReason::dhcpv6_other_server;
  }
  return wants_address && !client.has_binding ? DropReason::dhcpv6_no_binding : DropReason::kNone;
}

}  // namespace

Dhcpv6Response respond_dhcpv6(const Dhcpv6Request& request, const Dhcpv6Settings& settings,
                              const Dhcpv6Client& client, std::span<std::uint8_t> output) noexcept {
  if (const DropReason reason = refusal(request, settings, client); reason != DropReason::kNone) {
    return drop(reason);
  }
  if (output.size() < kDhcpv6ReplyLimit) {
    return drop(DropReason::no_buffer);
  }
  Reply reply{request, settings, client, output.first(kDhcpv6ReplyLimit)};
  if (client.used_unicast) {
    return refuse_unicast(reply, request.type);
  }
  switch (request.type) {
    case Type::kSolicit:
      return advertise(reply, request, settings);
    case Type::kConfirm:
      return confirm(reply, request, settings, client);
    case Type::kRequest:
      reply.assign_addresses();
      reply.put_parameters();
      return reply.finish(Type::kReply);
    case Type::kRenew:
    case Type::kRebind:
      reply.extend_addresses();
      reply.put_parameters();
      return reply.finish(Type::kReply);
    case Type::kRelease:
    case Type::kDecline:
      reply.give_up_addresses();
      return reply.finish(Type::kReply);
    case Type::kInformationRequest:
      reply.put_parameters();
      return reply.finish(Type::kReply);
    default:
      return drop(DropReason::dhcpv6_message_type);
  }
}

}  // namespace alkaid
