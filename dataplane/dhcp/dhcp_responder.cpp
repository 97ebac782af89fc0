#include "dataplane/dhcp/dhcp_responder.hpp"

#include <algorithm>
#include <bitset>
#include <cstring>
#include <string_view>

#include "dataplane/packet/headers.hpp"

namespace alkaid {
namespace {

constexpr std::size_t kIpAndUdpHeaders = sizeof(Ipv4Header) + sizeof(UdpHeader);
constexpr std::uint16_t kSmallestMtu = 68;
constexpr std::size_t kLongestHostName = 255;
constexpr std::string_view kNakText = "address not assigned to this client";

// Appends options up to a limit, and keeps room for the end and for what comes late.
class OptionWriter {
 public:
  OptionWriter(std::span<std::uint8_t> output, std::size_t reserved)
      : output_(output), reserved_(reserved + 1) {}

  // Appends whole options, encoded. False if they don't fit.
  bool append(std::span<const std::uint8_t> encoded) {
    if (encoded.size() > room()) {
      return false;
    }
    std::memcpy(output_.data() + position_, encoded.data(), encoded.size());
    position_ += encoded.size();
    return true;
  }

  // A value of up to 255 bytes. False if it doesn't fit.
  bool put(std::uint8_t code, std::span<const std::uint8_t> value) {
    if (value.size() + 2 > room()) {
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

  // What was kept may now be used.
  void release(std::size_t bytes) { reserved_ -= bytes; }

  [[nodiscard]] std::size_t room() const {
    const std::size_t used = position_ + reserved_;
    return used < output_.size() ? output_.size() - used : 0;
  }

  // Ends the options; returns their length.
  std::size_t finish() {
    output_[position_++] = dhcp_option::kEnd;
    return position_;
  }

 private:
  template <class Value>
  bool put_object(std::uint8_t code, const Value& value) {
    return put(code, std::span{reinterpret_cast<const std::uint8_t*>(&value), sizeof(value)});
  }

  std::span<std::uint8_t> output_;
  std::size_t position_ = 0;
  std::size_t reserved_;
};

constexpr std::size_t kTimeOptionSize = 2 + sizeof(std::uint32_t);

// Writes the options that depend on what the client asked for. `leased`: with the lease's times.
class ParameterWriter {
 public:
  ParameterWriter(OptionWriter& options, const DhcpBindingFacts& binding, bool leased)
      : options_(options), binding_(binding), leased_(leased) {}

  void put_requested(std::span<const std::uint8_t> codes) {
    for (const std::uint8_t code : codes) {
      // RFC 2132, 3.3: the mask must come before the router, whatever order the client likes.
      if (code == dhcp_option::kRouter &&
          std::find(codes.begin(), codes.end(), dhcp_option::kSubnetMask) != codes.end()) {
        put(dhcp_option::kSubnetMask);
      }
      put(code);
    }
  }

  // To a client that names no options.
  void put_all() {
    binding_.options.for_each_code([this](std::uint8_t code) { put(code); });
    put(dhcp_option::kHostName);
    put(dhcp_option::kInterfaceMtu);
  }

  // Sent with every lease, wherever the client wants them.
  void put_times() {
    put(dhcp_option::kRenewalTime);
    put(dhcp_option::kRebindingTime);
  }

 private:
  void put(std::uint8_t code) {
    if (done_.test(code)) {
      return;
    }
    done_.set(code);
    if (code == dhcp_option::kRenewalTime || code == dhcp_option::kRebindingTime) {
      put_time(code);
      return;
    }
    const auto encoded = binding_.options.find(code);
    if (!encoded.empty()) {
      options_.append(encoded);
    } else if (code == dhcp_option::kHostName && !binding_.host_name.empty() &&
               binding_.host_name.size() <= kLongestHostName) {
      options_.put(code, binding_.host_name);
    } else if (code == dhcp_option::kInterfaceMtu && binding_.mtu >= kSmallestMtu) {
      options_.put(code, BigEndian16{binding_.mtu});
    }
  }

  void put_time(std::uint8_t code) {
    const std::uint32_t seconds = code == dhcp_option::kRenewalTime
                                      ? binding_.options.renewal_seconds()
                                      : binding_.options.rebinding_seconds();
    if (leased_ && seconds != 0) {
      options_.release(kTimeOptionSize);
      options_.put(code, BigEndian32{seconds});
    }
  }

  OptionWriter& options_;
  const DhcpBindingFacts& binding_;
  bool leased_;
  std::bitset<256> done_;
};

std::size_t relay_information_size(const DhcpRequest& request) {
  return request.relay_information_length == 0 ? 0 : 2U + request.relay_information_length;
}

// How long a reply this client takes and `output` holds.
std::size_t reply_limit(const DhcpRequest& request, std::size_t output_size) {
  std::size_t limit = kDhcpDefaultReplyLimit;
  if (request.maximum_message_size) {
    // Below 576 isn't legal (RFC 2132, 9.10).
    limit = std::max<std::size_t>(
        limit, *request.maximum_message_size -
                   std::min<std::size_t>(*request.maximum_message_size, kIpAndUdpHeaders));
  }
  // The relay takes its information off before the client gets the reply.
  return std::min(limit + relay_information_size(request), output_size);
}

// RFC 2131, 4.1.
void address_reply(const DhcpRequest& request, const DhcpBindingFacts& binding,
                   DhcpResponse& response) {
  response.source_ip = binding.options.server_identifier();
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
  std::size_t reserved = relay_information_size(request);
  for (const std::uint32_t time :
       {binding.options.renewal_seconds(), binding.options.rebinding_seconds()}) {
    reserved += leased && time != 0 ? kTimeOptionSize : 0;
  }
  OptionWriter options{output.subspan(sizeof(header)), reserved};
  options.put(dhcp_option::kMessageType, static_cast<std::uint8_t>(reply));
  options.put(dhcp_option::kServerIdentifier, binding.options.server_identifier());
  if (leased) {
    options.put(dhcp_option::kLeaseTime, BigEndian32{binding.options.lease_seconds()});
  }
  if (request.client_identifier_length > 0) {
    options.put(dhcp_option::kClientIdentifier,
                std::span{request.client_identifier}.first(request.client_identifier_length));
  }
  if (is_nak) {
    options.put(dhcp_option::kMessage, kNakText);
  } else {
    ParameterWriter parameters{options, binding, leased};
    if (request.has_parameter_request_list) {
      parameters.put_requested(std::span{request.parameters}.first(request.parameter_count));
    } else {
      parameters.put_all();
    }
    parameters.put_times();
  }
  if (request.relay_information_length > 0) {
    // RFC 3046, 2.2: unchanged, and last.
    options.release(relay_information_size(request));
    options.put(dhcp_option::kRelayAgentInformation,
                std::span{request.relay_information}.first(request.relay_information_length));
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

DhcpResponse respond_dhcp(const DhcpRequest& request, const DhcpBindingFacts& binding,
                          std::span<std::uint8_t> output) noexcept {
  DhcpResponse response;
  response.request = request.type;
  if (output.size() < kDhcpSmallestOutput) {
    return drop(response, DropReason::no_buffer);
  }
  // A DISCOVER and an INFORM concern every server, whatever their option 54.
  const bool for_other_server = request.server_identifier &&
                                *request.server_identifier != binding.options.server_identifier();
  switch (request.type) {
    case DhcpMessageType::kDiscover:
      write_reply(request, binding, DhcpMessageType::kOffer, output, response);
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
      const bool matches = request.requested_ip.value_or(binding.address) == binding.address &&
                           (request.client_ip.is_zero() || request.client_ip == binding.address);
      write_reply(request, binding, matches ? DhcpMessageType::kAck : DhcpMessageType::kNak, output,
                  response);
      return response;
    }
    case DhcpMessageType::kInform:
      // Must not be checked against leases, but there is nowhere to answer to without ciaddr.
      if (request.client_ip.is_zero()) {
        return drop(response, DropReason::dhcp_malformed);
      }
      write_reply(request, binding, DhcpMessageType::kAck, output, response);
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
