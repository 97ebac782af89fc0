#include "control/console/worker_commands.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "control/console/argument_checks.hpp"
#include "control/console/clients.hpp"
#include "control/console/show/worker.hpp"

namespace alkaid::console {
namespace {

// The words have been checked.
std::uint32_t number_of(const Arguments& arguments, const char* word) {
  return static_cast<std::uint32_t>(std::stoul(arguments.find(word)->second));
}

// Answers with the workers as they are then.
Answer move_port(Clients& clients, const Arguments& arguments) {
  dataplane::v1::MovePortRequest request;
  request.set_id(arguments.find("ID")->second);
  request.set_worker(number_of(arguments, "WORKER"));
  if (arguments.contains("QUEUE")) {
    request.set_queue(number_of(arguments, "QUEUE"));
  }
  dataplane::v1::MovePortResponse response;
  if (auto failure = clients.call_placement(
          [&](auto& stub, auto* context) { return stub.MovePort(context, request, &response); })) {
    return failed(*failure);
  }
  return show_workers(clients, arguments);
}

Answer set_worker(Clients& clients, const Arguments& arguments, bool active) {
  dataplane::v1::SetWorkerRequest request;
  request.set_worker(number_of(arguments, "WORKER"));
  request.set_active(active);
  dataplane::v1::SetWorkerResponse response;
  if (auto failure = clients.call_placement(
          [&](auto& stub, auto* context) { return stub.SetWorker(context, request, &response); })) {
    return failed(*failure);
  }
  return show_workers(clients, arguments);
}

Answer worker_on(Clients& clients, const Arguments& arguments) {
  return set_worker(clients, arguments, true);
}

Answer worker_off(Clients& clients, const Arguments& arguments) {
  return set_worker(clients, arguments, false);
}

}  // namespace

Node set_port_node() {
  const Node worker =
      argument("WORKER", "its number in show worker", move_port, NameKind::kNone, check_worker);
  Node queue{.kind = Node::Kind::kArgument,
             .word = "QUEUE",
             .help = "its number, from 0",
             .children = {keyword("worker", "which worker polls the queue", {worker})},
             .check = check_queue};
  Node id{.kind = Node::Kind::kArgument,
          .word = "ID",
          .help = "a port as show port has it",
          .children = {keyword("queue", "one of its receive queues", {std::move(queue)}),
                       keyword("worker", "which worker polls all its queues", {worker})},
          .names = NameKind::kPort};
  return keyword("port", "move a port, or a queue of it, to another worker, without loss",
                 {std::move(id)});
}

Node set_worker_node() {
  Node number{.kind = Node::Kind::kArgument,
              .word = "WORKER",
              .help = "its number in show worker",
              .children = {show("off", "its ports go to others, it sleeps", worker_off),
                           show("on", "it takes its share of ports again", worker_on)},
              .check = check_worker};
  return keyword("worker", "take a worker out, or in again, without loss", {std::move(number)});
}

}  // namespace alkaid::console
