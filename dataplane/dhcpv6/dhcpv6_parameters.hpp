// What a DHCPv6 client is told besides its address. No allocation: workers call it.
#pragma once

#include <string_view>

#include "dataplane/dhcpv6/dhcpv6_message.hpp"
#include "dataplane/dhcpv6/dhcpv6_option_writer.hpp"
#include "dataplane/dhcpv6/dhcpv6_settings.hpp"

namespace alkaid {

// Writes the options that the client's option request names, in its order, each once; all that
// there are if it has none (RFC 8415, 18.3: servers send what is asked for). The client's FQDN
// (RFC 4704) is told only to clients that sent one and asked for it.
void put_dhcpv6_parameters(const Dhcpv6Request& request, const Dhcpv6Settings& settings,
                           std::string_view host_name, Dhcpv6OptionWriter& options) noexcept;

}  // namespace alkaid
