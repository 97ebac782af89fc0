// Frames that the control thread originates, handed to the worker that owns the port's transmit
// queue.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <rte_mbuf.h>

#include "dataplane/ports/port.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

// Control thread only.
class FrameSender {
 public:
  // Both outlive the sender.
  FrameSender(rte_mempool* pool, const std::vector<std::unique_ptr<Worker>>& workers)
      : pool_(pool), workers_(workers) {}

  // Sends a whole frame out of the port. False if there is no buffer or no room in the worker's
  // ring, or the frame is larger than a buffer: the caller decides whether it tries again.
  bool send(const Port& port, std::span<const std::uint8_t> frame) const;

 private:
  rte_mempool* const pool_;
  const std::vector<std::unique_ptr<Worker>>& workers_;
};

}  // namespace alkaid
