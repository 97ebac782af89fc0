#include "dataplane/config/connection_options.hpp"

#include <map>
#include <string>

#include <fmt/format.h>

namespace alkaid {
namespace {

std::string timeout_flag(std::string name) {
  for (char& c : name) {
    c = c == '_' ? '-' : c;
  }
  return "--timeout-" + name;
}

}  // namespace

void add_connection_options(CLI::App& app, FlowSettings& settings) {
  const auto* group = "Connections";
  app.add_option("--connections", settings.connections,
                 "Connections that may be tracked at once, of each address family; memory is taken "
                 "as they come: about 190 bytes each (IPv6: 255)")
      ->capture_default_str()
      ->check(CLI::Range(1024U, 1U << 27))
      ->group(group);
  app.add_option("--connections-per-port", settings.connections_per_port,
                 "Connections that one guest port may have; 0: as many as there is room for")
      ->capture_default_str()
      ->group(group);
  app.add_flag("--fast-path,!--no-fast-path", settings.fast_path,
               "Forward packets of known connections without asking the tables again (default)")
      ->group(group);
  app.add_option("--mid-stream", settings.mid_stream,
                 "TCP connections that began before this process (or the port) was here and that "
                 "the security groups allow: picked up for a \"window\" of time, \"always\" or "
                 "\"never\"")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, MidStreamPickup>{{"window", MidStreamPickup::kWindow},
                                                 {"always", MidStreamPickup::kAlways},
                                                 {"never", MidStreamPickup::kNever}}))
      ->default_str("window")
      ->group(group);
  app.add_option("--mid-stream-seconds", settings.mid_stream_seconds,
                 "Length of that window, from a port's appearance on")
      ->capture_default_str()
      ->check(CLI::Range(0U, 86400U))
      ->group(group);
  app.add_flag("--tcp-window-check", settings.tcp_window_check,
               "Drop TCP segments that their receiver can't be expecting, forged RSTs among them "
               "(connection_out_of_window); every TCP packet is then decided by the slow path, and "
               "a connection takes 64 bytes more")
      ->group(group);
  for_each_timeout([&](const char* name, auto member) {
    app.add_option(timeout_flag(name), settings.timeouts.*member,
                   fmt::format("Seconds after which an idle connection is forgotten ({})", name))
        ->capture_default_str()
        ->check(CLI::Range(1U, 2'000'000U))
        ->group(group);
  });
}

}  // namespace alkaid
