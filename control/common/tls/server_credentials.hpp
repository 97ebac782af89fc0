// TLS of a gRPC server whose certificates may be replaced while it runs.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/security/server_credentials.h>

#include "control/common/tls/tls_files.hpp"

namespace alkaid {

// For one listening port; keep it until the server is destroyed. The files are read now, and again
// when a connection comes after they were replaced (within a second); connections that exist stay.
// files.authorities given: only clients with a certificate that these signed are admitted (mutual
// TLS). Null with an error that names the file if they are no good now.
std::shared_ptr<grpc::ServerCredentials> make_server_credentials(const TlsFiles& files,
                                                                 std::string& error);

}  // namespace alkaid
