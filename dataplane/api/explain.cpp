#include "dataplane/api/explain.hpp"

#include <fmt/format.h>

#include "dataplane/explain/explainer.hpp"

namespace alkaid {
namespace {

namespace api = alkaid::dataplane::v1;

constexpr std::uint64_t kLargestMac = (1ULL << 48) - 1;

// A field of the message that is wider than what a packet has room for.
struct NumberField {
  const char* name;
  std::uint64_t value;
  std::uint64_t largest;
};

std::optional<std::string> check_numbers(const api::ExplainRequest& request) {
  const NumberField fields[] = {
      {"protocol", request.protocol(), UINT8_MAX},
      {"source_port", request.source_port(), UINT16_MAX},
      {"destination_port", request.destination_port(), UINT16_MAX},
      {"icmp_type", request.icmp_type(), UINT8_MAX},
      {"icmp_code", request.icmp_code(), UINT8_MAX},
      {"tcp_flags", request.tcp_flags(), UINT8_MAX},
      {"source_mac", request.source_mac(), kLargestMac},
      {"destination_mac", request.destination_mac(), kLargestMac},
      {"length", request.length(), UINT16_MAX},
      {"ttl", request.ttl(), UINT8_MAX},
  };
  for (const auto& field : fields) {
    if (field.value > field.largest) {
      return fmt::format("{}: {} is beyond {}", field.name, field.value, field.largest);
    }
  }
  return std::nullopt;
}

IpAddress ip_of(const api::IpAddress& message) {
  return IpAddress::from_numbers(message.high(), message.low());
}

// The numbers have been checked.
DescribedPacket packet_of(const api::ExplainRequest& request) {
  DescribedPacket packet{.port = request.port(),
                         .inbound = request.inbound(),
                         .protocol = static_cast<std::uint8_t>(request.protocol()),
                         .source = ip_of(request.source()),
                         .destination = ip_of(request.destination()),
                         .source_port = static_cast<std::uint16_t>(request.source_port()),
                         .destination_port = static_cast<std::uint16_t>(request.destination_port()),
                         .source_mac = MacAddress::from_number(request.source_mac()),
                         .destination_mac = MacAddress::from_number(request.destination_mac()),
                         .length = request.length()};
  if (request.has_icmp_type()) {
    packet.icmp_type = static_cast<std::uint8_t>(request.icmp_type());
  }
  if (request.has_icmp_code()) {
    packet.icmp_code = static_cast<std::uint8_t>(request.icmp_code());
  }
  if (request.has_tcp_flags()) {
    packet.tcp_flags = static_cast<std::uint8_t>(request.tcp_flags());
  }
  if (request.ttl() != 0) {
    packet.ttl = static_cast<std::uint8_t>(request.ttl());
  }
  return packet;
}

api::ExplainResponse::Outcome outcome_of(Explanation::Outcome outcome) {
  switch (outcome) {
    case Explanation::Outcome::kForwarded:
      return api::ExplainResponse::FORWARDED;
    case Explanation::Outcome::kDropped:
      return api::ExplainResponse::DROPPED;
    case Explanation::Outcome::kAnswered:
      return api::ExplainResponse::ANSWERED;
    case Explanation::Outcome::kConsumed:
      return api::ExplainResponse::CONSUMED;
    case Explanation::Outcome::kWaits:
      return api::ExplainResponse::WAITS;
  }
  return api::ExplainResponse::OUTCOME_UNSPECIFIED;
}

void to_api(const Explanation& explanation, api::ExplainResponse& response) {
  for (const auto& stage : explanation.stages) {
    auto* message = response.add_stages();
    message->set_node(name_of(stage.node));
    message->set_decision(stage.decision);
    for (const auto& fact : stage.facts) {
      message->add_facts(fact);
    }
  }
  response.set_outcome(outcome_of(explanation.outcome));
  if (explanation.reason != DropReason::kNone) {
    response.set_reason(std::string{text_of(explanation.reason).name});
  }
  response.set_description(explanation.description);
  response.set_egress(explanation.egress);
  response.set_hit(explanation.hit);
  response.set_frame(explanation.frame.data(), explanation.frame.size());
}

}  // namespace

grpc::Status explain_packet(Dataplane& dataplane, const api::ExplainRequest& request,
                            api::ExplainResponse& response) {
  if (auto error = check_numbers(request)) {
    return {grpc::StatusCode::INVALID_ARGUMENT, *error};
  }
  const auto result = explain(dataplane, packet_of(request));
  if (const auto* error = std::get_if<ObjectError>(&result)) {
    return {
        error->field == "port" ? grpc::StatusCode::NOT_FOUND : grpc::StatusCode::INVALID_ARGUMENT,
        fmt::format("{}: {}", error->field, error->message)};
  }
  to_api(std::get<Explanation>(result), response);
  return grpc::Status::OK;
}

}  // namespace alkaid
