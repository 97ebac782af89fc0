#include "dataplane/config/offload_options.hpp"

#include <string>

namespace alkaid {

void add_offload_options(CLI::App& app, OffloadSettings& settings) {
  const auto* group = "Hardware offload";
  app.add_option_function<std::string>(
         "--offload", [&settings](const std::string& mode) { settings.is_on = mode == "on"; },
         "Give established connections to the network card, where its driver says that it can "
         "(on), or forward everything in software (off); 'set offload' changes it at run time")
      ->default_str("off")
      ->check(CLI::IsMember({"on", "off"}))
      ->group(group);
  app.add_option("--offload-after", settings.after_packets,
                 "Packets of both directions after which a connection has earned it")
      ->capture_default_str()
      ->group(group);
  app.add_option("--offload-idle", settings.idle_seconds,
                 "Seconds without a packet after which a connection comes back from the card")
      ->capture_default_str()
      ->check(CLI::Range(2U, 3600U))
      ->group(group);
  app.add_option("--max-offloaded", settings.connections,
                 "Connections in hardware at once; about 500 bytes each, taken as they come")
      ->capture_default_str()
      ->check(CLI::Range(16U, 1U << 24))
      ->group(group);
}

}  // namespace alkaid
