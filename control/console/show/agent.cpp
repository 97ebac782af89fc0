#include "control/console/show/agent.hpp"

#include <chrono>

#include "control/console/api_values.hpp"
#include "control/console/clients.hpp"
#include "control/console/show/version.hpp"

namespace alkaid::console {
namespace {

using namespace std::chrono_literals;
using agent::v1::Event;
using agent::v1::Problem;

// The stream of events goes on with new ones: a pause this long ends what was remembered.
constexpr auto kPauseAfterRemembered = 200ms;
constexpr auto kWaitForFirst = 1s;
constexpr std::size_t kMostRemembered = 1024;

Section problems_section(std::string key, std::string heading, std::string when_empty,
                         const google::protobuf::RepeatedPtrField<Problem>& problems) {
  Section section{
      .key = std::move(key), .heading = std::move(heading), .when_empty = std::move(when_empty)};
  section.columns = {left("time", "TIME"),      left("resource_type", "RESOURCE"),
                     left("resource_id", "ID"), left("operation", "OPERATION"),
                     left("status", "STATUS"),  left("field", "FIELD"),
                     left("value", "VALUE"),    left("message", "MESSAGE")};
  for (const Problem& problem : problems) {
    section.rows.push_back({timestamp(problem.time_microseconds()), text(problem.resource_type()),
                            text(problem.resource_id()), text(problem.operation()),
                            text(problem.status()), text(problem.field()), text(problem.value()),
                            text(problem.message())});
  }
  return section;
}

std::string severity_text(Event::Severity severity) {
  switch (severity) {
    case Event::INFO:
      return "info";
    case Event::WARNING:
      return "warning";
    case Event::ERROR:
      return "error";
    default:
      return "unknown";
  }
}

// Reads events until the agent pauses; the call is then canceled, which is no error.
grpc::Status read_remembered(Clients::AgentStub& stub, grpc::ClientContext* context,
                             std::vector<Event>& events) {
  grpc::CompletionQueue queue;
  Event event;
  grpc::Status status;
  void* tag = nullptr;
  bool good = false;
  const auto wait = [&](auto duration) {
    return queue.AsyncNext(&tag, &good, std::chrono::system_clock::now() + duration) ==
           grpc::CompletionQueue::GOT_EVENT;
  };

  auto reader = stub.AsyncWatchEvents(context, {}, &queue, nullptr);
  bool paused = false;
  queue.Next(&tag, &good);  // the call is sent, or has failed
  if (good) {
    reader->Read(&event, nullptr);
    bool first = true;
    while (events.size() < kMostRemembered &&
           wait(first ? std::chrono::milliseconds{kWaitForFirst} : kPauseAfterRemembered) && good) {
      first = false;
      events.push_back(event);
      reader->Read(&event, nullptr);
    }
    if (good) {
      paused = true;
      context->TryCancel();
      queue.Next(&tag, &good);  // the last read
    }
  }
  reader->Finish(&status, nullptr);
  queue.Next(&tag, &good);
  queue.Shutdown();
  while (queue.Next(&tag, &good)) {
  }
  return paused && status.error_code() == grpc::StatusCode::CANCELLED ? grpc::Status::OK : status;
}

}  // namespace

Display config_display(const agent::v1::GetConfigResponse& config) {
  Section resources{
      .key = "resources", .heading = "Resources", .when_empty = "no goal state was received"};
  resources.columns = {left("type", "RESOURCE"), right("wanted", "WANTED"),
                       right("applied", "APPLIED"), right("pending", "PENDING")};
  for (const auto& count : config.resources()) {
    resources.rows.push_back({text(count.type()), number(count.wanted()), number(count.applied()),
                              number(count.pending())});
  }
  return {
      {agent_section(config), std::move(resources),
       problems_section("pending", "Pending", "nothing pending", config.pending()),
       problems_section("refused", "Refused, newest first", "nothing refused", config.refused())}};
}

Display events_display(const std::vector<Event>& events) {
  Section section{.key = "events", .when_empty = "no events"};
  section.columns = {left("time", "TIME"),
                     left("severity", "SEVERITY"),
                     left("kind", "KIND"),
                     left("resource_type", "RESOURCE"),
                     left("resource_id", "ID"),
                     left("field", "FIELD"),
                     left("value", "VALUE"),
                     left("message", "MESSAGE"),
                     detail("operation", "OPERATION"),
                     detail("status", "STATUS")};
  for (const Event& event : events) {
    const Problem& resource = event.resource();
    section.rows.push_back({timestamp(event.time_microseconds()),
                            text(severity_text(event.severity())), text(event.kind()),
                            text(resource.resource_type()), text(resource.resource_id()),
                            text(resource.field()), text(resource.value()),
                            text(event.message().empty() ? resource.message() : event.message()),
                            text(resource.operation()), text(resource.status())});
  }
  return {{std::move(section)}};
}

Answer show_config(Clients& clients, const Arguments& /*arguments*/) {
  agent::v1::GetConfigResponse config;
  if (auto failure = clients.call_agent(
          [&](auto& stub, auto* context) { return stub.GetConfig(context, {}, &config); })) {
    return failed(*failure);
  }
  return {config_display(config), {}};
}

Answer show_events(Clients& clients, const Arguments& /*arguments*/) {
  std::vector<Event> events;
  if (auto failure = clients.call_agent(
          [&](auto& stub, auto* context) { return read_remembered(stub, context, events); })) {
    return failed(*failure);
  }
  return {events_display(events), {}};
}

}  // namespace alkaid::console
