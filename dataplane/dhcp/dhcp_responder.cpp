#include "dataplane/dhcp/dhcp_responder.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "dataplane/packet/headers.hpp"

namespace alkaid {
namespace {

constexpr std::size_t kIpAndUdpHeaders = sizeof(Ipv4Header) + sizeof(UdpHeader);
constexpr std::uint16_t kSmallestMtu = 68;
constexpr std::string_view kNakText = "address not assigned to this client";

// Sent to a client without a parameter request list.
constexpr std::array<std::uint8_t, 4> kDefaultParameters = {
    dhcp_option::kSubnetMask, dhcp_option::kRouter, dhcp_option::kDomainNameServer,
    dhcp_option::kInterfaceMtu};

// Appends options up to a limit, and keeps room for the renewal and rebinding times and the end.
class OptionWriter {
 public:
  OptionWriter(std::span<std::uint8_t> output, std::size_t reserved)
      : output_(output), reserved_(reserved + 1) {}

  // False if it doesn't fit.
  bool put(std::uint8_t code, std::span<const std::uint8_t> value) {
    if (value.size() > room_for_value()) {
      return false;
    }
    output_[position_++] = code;
    output_[position_++] = static_cast<std::uint8_t>(value.size());
    if (!value.empty()) {
      std::memcpy(output_.data() + position_, value.data(), value.size());
      position_ += value.size();
    }
    return true;
  }

  bool put(std::uint8_t code, std::uint8_t value) { return put(code, std::span{&value, 1}); }
  bool put(std::uint8_t code, BigEndian16 value) { return put_object(code, value); }
  bool put(std::uint8_t code, BigEndian32 value) { return put_object(code, value); }
  bool put(std::uint8_t code, Ipv4Address value) { return put_object(code, value); }
  bool put(std::uint8_t code, std::string_view text) {
    return put(code, std::span{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }

  // As many of the addresses as fit, from the first.
  void put_list(std::uint8_t code, std::span<const Ipv4Address> addresses) {
    const std::size_t count = std::min(addresses.size(), room_for_value() / sizeof(Ipv4Address));
    if (count > 0) {
      put(code, std::span{reinterpret_cast<const std::uint8_t*>(addresses.data()),
                          count * sizeof(Ipv4Address)});
    }
  }

  // What was kept may now be used.
  void release(std::size_t bytes) { reserved_ -= bytes; }

  // Ends the options; returns their length.
  std::size_t finish() {
    output_[position_++] = dhcp_option::kEnd;
    return position_;
  }

 private:
  [[nodiscard]] std::size_t room_for_value() const {
    const std::size_t used = position_ + reserved_ + 2;
    return used < output_.size() ? std::min<std::size_t>(output_.size() - used, 255) : 0;
  }

  template <class Value>
  bool put_object(std::uint8_t code, const Value& value) {
    return put(code, std::span{reinterpret_cast<const std::uint8_t*>(&value), sizeof(value)});
  }

  std::span<std::uint8_t> output_;
  std::size_t position_ = 0;
  std::size_t reserved_;
};

constexpr std::size_t kTimeOptionSize = 2 + sizeof(std::uint32_t);

struct LeaseTimes {
  std::uint32_t lease;
  std::uint32_t renewal;    // T1
  std::uint32_t rebinding;  // T2

  explicit LeaseTimes(std::uint32_t seconds)
      : lease(seconds == 0 ? kDhcpDefaultLeaseSeconds : seconds),
        renewal(lease / 2),
        rebinding(static_cast<std::uint32_t>(std::uint64_t{lease} * 7 / 8)) {}

  // A lease that never ends is never renewed.
  [[nodiscard]] bool has_renewal() const { return lease != kDhcpInfiniteLease; }
};

// Writes the options that depend on what the client asked for. `leased`: with the lease's times.
class ParameterWriter {
 public:
  ParameterWriter(OptionWriter& options, const DhcpBindingFacts& binding, const LeaseTimes& times,
                  bool leased)
      : options_(options), binding_(binding), times_(times), leased_(leased) {}

  void put_all(std::span<const std::uint8_t> codes) {
    for (const std::uint8_t code : codes) {
      // RFC 2132, 3.3: the mask must come before the router, whatever order the client likes.
      if (code == dhcp_option::kRouter &&
          std::find(codes.begin(), codes.end(), dhcp_option::kSubnetMask) != codes.end()) {
        put_mask();
      }
      put(code);
    }
    if (leased_) {
      put_renewal();
      put_rebinding();
    }
  }

 private:
  void put(std::uint8_t code) {
    switch (code) {
      case dhcp_option::kSubnetMask:
        put_mask();
        break;
      case dhcp_option::kRouter:
        if (!binding_.gateway.is_zero()) {
          options_.put(code, binding_.gateway);
        }
        break;
      case dhcp_option::kDomainNameServer:
        options_.put_list(code, binding_.dns_servers);
        break;
      case dhcp_option::kHostName:
        if (!binding_.host_name.empty()) {
          options_.put(code, binding_.host_name);
        }
        break;
      case dhcp_option::kInterfaceMtu:
        if (binding_.mtu >= kSmallestMtu) {
          options_.put(code, BigEndian16{binding_.mtu});
        }
        break;
      case dhcp_option::kBroadcastAddress:
        // Networks of one or two addresses have none (RFC 3021).
        if (binding_.prefix_length <= 30) {
          options_.put(code, Ipv4Address{binding_.address.host() | ~netmask()});
        }
        break;
      case dhcp_option::kRenewalTime:
        put_renewal();
        break;
      case dhcp_option::kRebindingTime:
        put_rebinding();
        break;
      default:
        break;
    }
  }

  [[nodiscard]] std::uint32_t netmask() const {
    return ipv4_netmask(std::min<std::uint8_t>(binding_.prefix_length, 32));
  }

  void put_mask() {
    if (!std::exchange(mask_done_, true)) {
      options_.put(dhcp_option::kSubnetMask, BigEndian32{netmask()});
    }
  }

  void put_renewal() {
    if (leased_ && times_.has_renewal() && !std::exchange(renewal_done_, true)) {
      options_.release(kTimeOptionSize);
      options_.put(dhcp_option::kRenewalTime, BigEndian32{times_.renewal});
    }
  }

  void put_rebinding() {
    if (leased_ && times_.has_renewal() && !std::exchange(rebinding_done_, true)) {
      options_.release(kTimeOptionSize);
      options_.put(dhcp_option::kRebindingTime, BigEndian32{times_.rebinding});
    }
  }

  OptionWriter& options_;
  const DhcpBindingFacts& binding_;
  const LeaseTimes& times_;
  bool leased_;
  bool mask_done_ = false;
  bool renewal_done_ = false;
  bool rebinding_done_ = false;
};

// How long a reply this client takes and `output` holds.
std::size_t reply_limit(const DhcpRequest& request, std::size_t output_size) {
  std::size_t limit = kDhcpDefaultReplyLimit;
  if (request.maximum_message_size) {
    // Below 576 isn't legal (RFC 2132, 9.10).
    limit = std::max<std::size_t>(
        limit, *request.maximum_message_size -
                   std::min<std::size_t>(*request.maximum_message_size, kIpAndUdpHeaders));
  }
  return std::min(limit, output_size);
}

// RFC 2131, 4.1.
void address_reply(const DhcpRequest& request, const DhcpBindingFacts& binding,
                   DhcpResponse& response) {
  response.source_ip = binding.server_identifier();
  response.destination_port = udp_port::kDhcpClient;
  if (!request.relay_ip.is_zero()) {
    response.destination_ip = request.relay_ip;
    response.destination_port = udp_port::kDhcpServer;
  } else if (response.reply != DhcpMessageType::kNak && !request.client_ip.is_zero()) {
    response.destination_ip = request.client_ip;
  } else if (response.reply != DhcpMessageType::kNak && !request.wants_broadcast()) {
    response.destination_ip = binding.address;
  } else {
    response.destination_ip = Ipv4Address{0xffffffff};
    response.destination_broadcast_mac = true;
  }
}

// RFC 2131, table 3.
DhcpHeader reply_header(const DhcpRequest& request, const DhcpBindingFacts& binding,
                        DhcpMessageType reply) {
  DhcpHeader header;
  header.operation = DhcpHeader::kBootReply;
  header.hardware_type = DhcpHeader::kEthernet;
  header.hardware_length = sizeof(MacAddress);
  header.transaction = request.transaction;
  header.flags = request.flags;
  header.relay_ip = request.relay_ip;
  header.client_hardware_address = request.client_hardware_address;
  header.cookie = BigEndian32{DhcpHeader::kMagicCookie};
  if (reply == DhcpMessageType::kAck) {
    header.client_ip = request.client_ip;
  }
  if (reply == DhcpMessageType::kNak) {
    if (!request.relay_ip.is_zero()) {
      // The client may have an address of another network: the relay must broadcast it.
      header.flags = BigEndian16{
          static_cast<std::uint16_t>(request.flags.host() | DhcpHeader::kBroadcastFlag)};
    }
  } else if (request.type != DhcpMessageType::kInform) {
    header.your_ip = binding.address;
  }
  return header;
}

void write_reply(const DhcpRequest& request, const DhcpBindingFacts& binding, DhcpMessageType reply,
                 std::span<std::uint8_t> output, DhcpResponse& response) {
  response.outcome = DhcpResponse::Outcome::kReply;
  response.reply = reply;
  address_reply(request, binding, response);

  output = output.first(reply_limit(request, output.size()));
  const DhcpHeader header = reply_header(request, binding, reply);
  std::memcpy(output.data(), &header, sizeof(header));

  const bool is_nak = reply == DhcpMessageType::kNak;
  const bool leased = !is_nak && request.type != DhcpMessageType::kInform;
  const LeaseTimes times{binding.lease_seconds};
  const std::size_t reserved = leased && times.has_renewal() ? 2 * kTimeOptionSize : 0;
  OptionWriter options{output.subspan(sizeof(header)), reserved};
  options.put(dhcp_option::kMessageType, static_cast<std::uint8_t>(reply));
  options.put(dhcp_option::kServerIdentifier, binding.server_identifier());
  if (leased) {
    options.put(dhcp_option::kLeaseTime, BigEndian32{times.lease});
  }
  if (request.client_identifier_length > 0) {
    options.put(dhcp_option::kClientIdentifier,
                std::span{request.client_identifier}.first(request.client_identifier_length));
  }
  if (is_nak) {
    options.put(dhcp_option::kMessage, kNakText);
  } else {
    ParameterWriter parameters{options, binding, times, leased};
    parameters.put_all(request.has_parameter_request_list
                           ? std::span{request.parameters}.first(request.parameter_count)
                           : std::span{kDefaultParameters});
  }
  response.reply_length = sizeof(header) + options.finish();
  if (response.reply_length < kDhcpSmallestReply) {
    std::fill(output.begin() + static_cast<std::ptrdiff_t>(response.reply_length),
              output.begin() + kDhcpSmallestReply, std::uint8_t{0});
    response.reply_length = kDhcpSmallestReply;
  }
}
// The longest identifier and everything that is always sent fit in the smallest buffer.
static_assert(sizeof(DhcpHeader) + 3 + 6 + 6 + (2 + 255) + 2 * kTimeOptionSize + 1 <=
              kDhcpDefaultReplyLimit);

DhcpResponse& drop(DhcpResponse& response, DropReason reason) {
  response.outcome = DhcpResponse::Outcome::kDrop;
  response.reason = reason;
  return response;
}

}  // namespace

DhcpResponse respond_dhcp(const DhcpRequest& request, const DhcpBindingFacts* binding,
                          std::span<std::uint8_t> output) noexcept {
  DhcpResponse response;
  response.request = request.type;
  if (binding == nullptr) {
    return drop(response, DropReason::dhcp_no_binding);
  }
  if (output.size() < kDhcpDefaultReplyLimit) {
    return drop(response, DropReason::no_buffer);
  }
  // A DISCOVER and an INFORM concern every server, whatever their option 54.
  const bool for_other_server =
      request.server_identifier && *request.server_identifier != binding->server_identifier();
  switch (request.type) {
    case DhcpMessageType::kDiscover:
      write_reply(request, *binding, DhcpMessageType::kOffer, output, response);
      return response;
    case DhcpMessageType::kRequest: {
      if (for_other_server) {
        return drop(response, DropReason::dhcp_other_server);
      }
      // SELECTING and INIT-REBOOT name the address in option 50, RENEWING and REBINDING in ciaddr
      // (RFC 2131, 4.3.2). Which of them it is makes no difference with fixed addresses.
      if (!request.requested_ip && request.client_ip.is_zero()) {
        return drop(response, DropReason::dhcp_malformed);
      }
      const bool matches = request.requested_ip.value_or(binding->address) == binding->address &&
                           (request.client_ip.is_zero() || request.client_ip == binding->address);
      write_reply(request, *binding, matches ? DhcpMessageType::kAck : DhcpMessageType::kNak,
                  output, response);
      return response;
    }
    case DhcpMessageType::kInform:
      // Must not be checked against leases, but there is nowhere to answer to without ciaddr.
      if (request.client_ip.is_zero()) {
        return drop(response, DropReason::dhcp_malformed);
      }
      write_reply(request, *binding, DhcpMessageType::kAck, output, response);
      return response;
    case DhcpMessageType::kRelease:
    case DhcpMessageType::kDecline:
      if (for_other_server) {
        return drop(response, DropReason::dhcp_other_server);
      }
      response.outcome = DhcpResponse::Outcome::kConsumed;
      return response;
    default:
      return drop(response, DropReason::dhcp_message_type);
  }
}

}  // namespace alkaid
