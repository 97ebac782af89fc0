#include "control/goalstate/report.hpp"

#include <charconv>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <nlohmann/json.hpp>

#include "control/common/logging.hpp"
#include "control/common/text_table.hpp"

namespace alkaid::goalstate {
namespace {

using alcor::schema::GoalStateOperationReply;
using Status = GoalStateOperationReply::GoalStateOperationStatus;

// Enumerations are open: a newer agent may answer with a number that has no name here.
template <class Enumeration>
std::string name_of(const std::string& name, Enumeration value) {
  return name.empty() ? fmt::format("{}", static_cast<int>(value)) : name;
}

std::vector<std::string> row_of(const Status& status) {
  return {
      name_of(alcor::schema::ResourceType_Name(status.resource_type()), status.resource_type()),
      printable(status.resource_id(), 64),
      name_of(alcor::schema::OperationType_Name(status.operation_type()), status.operation_type()),
      name_of(alcor::schema::OperationStatus_Name(status.operation_status()),
              status.operation_status()),
      fmt::format("{}", status.state_elapse_time()),
      fmt::format("{}", status.dataplane_programming_time()),
  };
}

std::string slice_lines(const std::vector<Reply>& replies) {
  std::string text;
  for (const Reply& reply : replies) {
    for (const auto& slice : reply.reply.slices()) {
      text += fmt::format("slice {}: version {}, digest {}, {} resources\n",
                          printable(slice.name(), 64), slice.version(), slice.digest(),
                          slice.resources());
      if (!slice.problem().empty()) {
        text += fmt::format("  {}\n", slice.problem());
      }
    }
  }
  return text;
}

std::string summary(const std::vector<Reply>& replies, const Totals& totals) {
  const std::size_t all = totals.success + totals.pending + totals.failure + totals.invalid_arg;
  std::string text = fmt::format("{} resources: {} SUCCESS", all, totals.success);
  if (totals.pending != 0) {
    text += fmt::format(", {} PENDING", totals.pending);
  }
  if (totals.invalid_arg != 0) {
    text += fmt::format(", {} INVALID_ARG", totals.invalid_arg);
  }
  if (totals.failure != 0) {
    text += fmt::format(", {} FAILURE", totals.failure);
  }
  std::uint64_t microseconds = 0;
  for (const Reply& reply : replies) {
    microseconds += reply.reply.message_total_operation_time();
  }
  text += fmt::format("; {} µs in the agent\n", microseconds);
  if (totals.pending != 0) {
    text +=
        "PENDING resources wait for something (a device, a subnet) and complete by themselves: "
        "alkaid-console show config\n";
  }
  if (!totals.all_good()) {
    text += "Field and value of what was refused: alkaid-console show config, or the agent's log\n";
  }
  return text;
}

// The agent sums up what it can't list: one status for "N resources".
std::uint64_t resources_of(const Status& status) {
  constexpr std::string_view kSummed = " resources";
  const std::string_view id = status.resource_id();
  std::uint64_t number = 0;
  if (id.ends_with(kSummed)) {
    const char* end = id.data() + id.size() - kSummed.size();
    const auto [stopped, error] = std::from_chars(id.data(), end, number);
    if (error == std::errc{} && stopped == end) {
      return number;
    }
  }
  return 1;
}

}  // namespace

Totals count(const std::vector<Reply>& replies) {
  Totals totals;
  for (const Reply& reply : replies) {
    for (const Status& status : reply.reply.operation_statuses()) {
      switch (status.operation_status()) {
        case alcor::schema::SUCCESS:
          totals.success += resources_of(status);
          break;
        case alcor::schema::PENDING:
          totals.pending += resources_of(status);
          break;
        case alcor::schema::INVALID_ARG:
          totals.invalid_arg += resources_of(status);
          break;
        default:
          totals.failure += resources_of(status);
      }
    }
    for (const auto& slice : reply.reply.slices()) {
      totals.slices_refused += slice.problem().empty() ? 0 : 1;
    }
  }
  return totals;
}

std::string to_text(const std::vector<Reply>& replies, std::size_t longest_success_list) {
  TextTable table{{{"RESOURCE"},
                   {"ID"},
                   {"OPERATION"},
                   {"STATUS"},
                   {"µs", TextTable::Align::kRight},
                   {"DATA PLANE µs", TextTable::Align::kRight}}};
  std::size_t successes = 0;
  for (const Reply& reply : replies) {
    for (const Status& status : reply.reply.operation_statuses()) {
      const bool success = status.operation_status() == alcor::schema::SUCCESS;
      if (!success || successes++ < longest_success_list) {
        table.add_row(row_of(status));
      }
    }
  }
  std::string text;
  if (!table.empty()) {
    text += table.to_string();
  }
  if (successes > longest_success_list) {
    text += fmt::format("... and {} more with SUCCESS (--all lists them)\n",
                        successes - longest_success_list);
  }
  return text + slice_lines(replies) + summary(replies, count(replies));
}

std::string to_json(const std::vector<Reply>& replies) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Reply& reply : replies) {
    std::string text;
    nlohmann::ordered_json entry;
    entry["file"] = reply.file;
    if (google::protobuf::util::MessageToJsonString(reply.reply, &text, options).ok()) {
      entry.update(nlohmann::ordered_json::parse(text, nullptr, false));
    }
    list.push_back(std::move(entry));
  }
  const Totals totals = count(replies);
  nlohmann::ordered_json document;
  document["replies"] = std::move(list);
  document["summary"] = {{"success", totals.success},
                         {"pending", totals.pending},
                         {"invalid_arg", totals.invalid_arg},
                         {"failure", totals.failure}};
  return document.dump(2) + "\n";
}

}  // namespace alkaid::goalstate
