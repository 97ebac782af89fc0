#include "dataplane/xdp/xdp_program.hpp"

#include <linux/if_link.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <unistd.h>

#include "xdp_program_object.hpp"

namespace alkaid {
namespace {

// libbpf would write to stderr.
int keep_quiet(libbpf_print_level /*level*/, const char* /*format*/, va_list /*arguments*/) {
  return 0;
}

XdpSettings settings_of(const std::optional<UplinkFilter>& filter) {
  XdpSettings settings{};
  if (!filter) {
    settings.is_guest = 1;
    return settings;
  }
  settings.has_v4 = filter->vtep_v4.is_zero() ? 0 : 1;
  settings.has_v6 = filter->vtep_v6.is_unset() ? 0 : 1;
  settings.vlan = filter->vlan;
  settings.vxlan_port = BigEndian16{filter->vxlan_port}.raw();
  settings.vtep_v4 = filter->vtep_v4.raw();
  std::memcpy(settings.vtep_v6, filter->vtep_v6.bytes().data(), sizeof(settings.vtep_v6));
  return settings;
}

int attach_link(int program, unsigned device_index, std::uint32_t mode) {
  LIBBPF_OPTS(bpf_link_create_opts, options);
  options.flags = mode;
  return bpf_link_create(program, static_cast<int>(device_index), BPF_XDP, &options);
}

}  // namespace

const std::array<XdpVerdictName, kXdpVerdictCount>& xdp_verdict_names() {
  static constexpr std::array<XdpVerdictName, kXdpVerdictCount> kNames{{
      {"guest", "to the data plane: from a guest's device"},
      {"vxlan", "to the data plane: VXLAN to our tunnel endpoint"},
      {"arp", "to the data plane: ARP to our tunnel endpoint"},
      {"neighbor_discovery", "to the data plane: neighbor discovery for our tunnel endpoint"},
      {"malformed", "to the kernel: too short to tell"},
      {"other_vlan", "to the kernel: a VLAN tag that is not the uplink's, or none"},
      {"fragment", "to the kernel: a fragment of an IP packet"},
      {"other_endpoint", "to the kernel: VXLAN to an address that is not our tunnel endpoint"},
      {"other", "to the kernel: none of our business"},
      {"no_socket", "by a queue without a socket: an uplink's to the kernel, a guest's dropped"},
  }};
  return kNames;
}

std::unique_ptr<XdpProgram> XdpProgram::load(const std::optional<UplinkFilter>& filter,
                                             std::string& error) {
  libbpf_set_print(keep_quiet);
  bpf_object* object = bpf_object__open_mem(kXdpProgramObject, sizeof(kXdpProgramObject), nullptr);
  if (object == nullptr) {
    error = fmt::format("can't read the XDP program: {}", std::strerror(errno));
    return nullptr;
  }
  std::unique_ptr<XdpProgram> program{new XdpProgram{object}};
  const XdpSettings settings = settings_of(filter);
  bpf_map* constants = bpf_object__find_map_by_name(object, ".rodata");
  if (constants == nullptr ||
      bpf_map__set_initial_value(constants, &settings, sizeof(settings)) != 0 ||
      bpf_object__load(object) != 0) {
    const int failure = errno;
    error = fmt::format("the kernel refuses the XDP program: {}{}", std::strerror(failure),
                        failure == EINVAL  ? " (it needs Linux 5.18)"
                        : failure == EPERM ? " (it needs CAP_BPF and CAP_NET_ADMIN)"
                                           : "");
    return nullptr;
  }
  program->program_ = bpf_program__fd(bpf_object__find_program_by_name(object, "alkaid_xdp"));
  program->verdicts_ = bpf_object__find_map_fd_by_name(object, "verdicts");
  program->sockets_ = bpf_object__find_map_fd_by_name(object, "sockets");
  return program;
}

XdpProgram::~XdpProgram() {
  if (link_ >= 0) {
    // At once, so that the device can be attached anew; closing alone may take the kernel a while.
    bpf_link_detach(link_);
    ::close(link_);
  }
  bpf_object__close(object_);
}

bool XdpProgram::attach(unsigned device_index, XdpMode mode, std::string& error) {
  if (mode != XdpMode::kGeneric) {
    link_ = attach_link(program_, device_index, XDP_FLAGS_DRV_MODE);
    is_native_ = link_ >= 0;
  }
  // Another program in its place would be there in generic mode too.
  if (link_ < 0 && (mode == XdpMode::kGeneric || (mode == XdpMode::kAutomatic && errno != EBUSY))) {
    link_ = attach_link(program_, device_index, XDP_FLAGS_SKB_MODE);
  }
  if (link_ < 0) {
    error = fmt::format(
        "can't attach an XDP program: {}{}", std::strerror(errno),
        errno == EBUSY || errno == EEXIST ? " (another one is there: 'ip link' shows it)" : "");
  }
  return link_ >= 0;
}

bool XdpProgram::set_socket(std::uint32_t queue, int socket, std::string& error) {
  if (bpf_map_update_elem(sockets_, &queue, &socket, BPF_ANY) == 0) {
    return true;
  }
  error = fmt::format("can't hand receive queue {} to its socket: {}", queue, std::strerror(errno));
  return false;
}

XdpVerdicts XdpProgram::verdicts() const {
  XdpVerdicts sums{};
  const int cpus = libbpf_num_possible_cpus();
  std::vector<std::uint64_t> values(cpus > 0 ? static_cast<std::size_t>(cpus) : 0);
  for (std::uint32_t verdict = 0; verdict < kXdpVerdictCount && !values.empty(); ++verdict) {
    if (bpf_map_lookup_elem(verdicts_, &verdict, values.data()) == 0) {
      for (const std::uint64_t value : values) {
        sums[verdict] += value;
      }
    }
  }
  return sums;
}

std::optional<std::uint32_t> XdpProgram::run_on(std::span<const std::uint8_t> frame) const {
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.data_in = frame.data();
  options.data_size_in = static_cast<std::uint32_t>(frame.size());
  options.repeat = 1;
  return bpf_prog_test_run_opts(program_, &options) == 0 ? std::optional{options.retval}
                                                         : std::nullopt;
}

}  // namespace alkaid
