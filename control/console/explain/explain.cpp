#include "control/console/explain/explain.hpp"

#include <fmt/format.h>

#include "control/console/clients.hpp"
#include "control/console/explain/packet_words.hpp"
#include "control/console/protocols.hpp"

namespace alkaid::console {
namespace {

using dataplane::v1::ExplainRequest;
using dataplane::v1::ExplainResponse;

constexpr const char* kOptionsArgument = "[OPTION VALUE...]";

std::optional<std::string> check_direction(std::string_view text) {
  return text == "in" || text == "out"
             ? std::nullopt
             : std::optional<std::string>{"in, to the guest, or out, from it"};
}

std::optional<std::string> check_protocol(std::string_view text) {
  return parse_protocol(text)
             ? std::nullopt
             : std::optional<std::string>{"tcp, udp, icmp, icmpv6, sctp or a number to 255"};
}

std::optional<std::string> check_end(std::string_view text) {
  return parse_packet_end(text)
             ? std::nullopt
             : std::optional<std::string>{"an address, or 10.1.0.12:80 or [2001:db8::1]:80"};
}

void set_address(const IpAddress& address, dataplane::v1::IpAddress& message) {
  message.set_high(address.high());
  message.set_low(address.low());
}

std::string outcome_text(ExplainResponse::Outcome outcome) {
  switch (outcome) {
    case ExplainResponse::FORWARDED:
      return "forwarded";
    case ExplainResponse::DROPPED:
      return "dropped";
    case ExplainResponse::ANSWERED:
      return "answered";
    case ExplainResponse::CONSUMED:
      return "consumed";
    case ExplainResponse::WAITS:
      return "waits";
    default:
      return "unknown";
  }
}

Value facts_of(const ExplainResponse::Stage& stage) {
  std::vector<std::string> facts(stage.facts().begin(), stage.facts().end());
  Value value = list(facts);
  std::string joined;
  for (const std::string& fact : facts) {
    joined += (joined.empty() ? "" : "; ") + text(fact).text;
  }
  return {joined, std::move(value.json)};
}

Value hex(const std::string& bytes) {
  std::string digits;
  for (const char byte : bytes) {
    digits += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  }
  return text(digits);
}

// The arguments have passed their checks.
Answer explain(Clients& clients, const Arguments& arguments) {
  ExplainRequest request;
  request.set_port(arguments.at("PORT"));
  request.set_inbound(arguments.at("DIRECTION") == "in");
  request.set_protocol(*parse_protocol(arguments.at("PROTOCOL")));
  const PacketEnd source = *parse_packet_end(arguments.at("SOURCE"));
  const PacketEnd destination = *parse_packet_end(arguments.at("DESTINATION"));
  set_address(source.address, *request.mutable_source());
  set_address(destination.address, *request.mutable_destination());
  request.set_source_port(source.port);
  request.set_destination_port(destination.port);
  if (const auto options = arguments.find(kOptionsArgument); options != arguments.end()) {
    if (auto wrong = parse_packet_options(options->second, request)) {
      return failed({ExitCode::kBadCommand, std::move(*wrong)});
    }
  }
  ExplainResponse response;
  if (auto failure = clients.call_dataplane(
          [&](auto& stub, auto* context) { return stub.Explain(context, request, &response); })) {
    return failed(*failure);
  }
  Answer answer{explanation_display(response), {}};
  if (response.outcome() == ExplainResponse::DROPPED) {
    answer.failure = Failure{ExitCode::kDropped, fmt::format("the packet would be dropped: {}",
                                                             text(response.reason()).text)};
  }
  return answer;
}

Node argument(std::string name, std::string help,
              std::optional<std::string> (*check)(std::string_view), std::vector<Node> children) {
  Node node = keyword(std::move(name), std::move(help), std::move(children));
  node.kind = Node::Kind::kArgument;
  node.check = check;
  return node;
}

}  // namespace

Display explanation_display(const ExplainResponse& response) {
  Section stages{.key = "stages", .when_empty = "no node would see it"};
  stages.columns = {left("node", "NODE"), left("decision", "DECISION"), left("facts", "BECAUSE")};
  for (const auto& stage : response.stages()) {
    stages.rows.push_back({text(stage.node()), text(stage.decision()), facts_of(stage)});
  }
  Section verdict{.key = "verdict", .style = Section::Style::kObject};
  verdict.columns = {left("outcome", "OUTCOME"),     left("reason", "REASON"),
                     left("description", "MEANING"), left("egress", "EGRESS"),
                     left("fast_path", "FAST PATH"), left("frame", "FRAME")};
  verdict.rows = {{text(outcome_text(response.outcome())), text(response.reason()),
                   text(response.description()), text(response.egress()), boolean(response.hit()),
                   hex(response.frame())}};
  return {{std::move(stages), std::move(verdict)}};
}

Node explain_node() {
  Node options{
      .kind = Node::Kind::kRest,
      .word = kOptionsArgument,
      .help = "flags syn,ack; type, code of ICMP; ttl; length; source-mac; destination-mac"};
  options.action = Node::Action::kShow;
  options.handler = explain;
  Node destination = argument("DESTINATION", "address, or address:port, [IPv6]:port", check_end,
                              {std::move(options)});
  destination.action = Node::Action::kShow;
  destination.handler = explain;
  destination.help = "every stage's decision for a packet, without sending it";
  Node source = argument("SOURCE", "address, or address:port, [IPv6]:port", check_end,
                         {std::move(destination)});
  Node protocol = argument("PROTOCOL", "tcp, udp, icmp, icmpv6, sctp or a number", check_protocol,
                           {std::move(source)});
  Node direction = argument("DIRECTION", "out: from the guest; in: to it, out of a tunnel",
                            check_direction, {std::move(protocol)});
  Node port = argument("PORT", "the guest's port", nullptr, {std::move(direction)});
  port.names = NameKind::kPort;
  return keyword("explain", "what the data plane would do with a packet", {std::move(port)});
}

}  // namespace alkaid::console
