// TLS of a gRPC client.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/security/credentials.h>

#include "control/common/tls/tls_files.hpp"

namespace alkaid {

// files.authorities empty: those that the system trusts; files.certificate and key: shown to
// servers that ask for them. The files are looked at again every second, for connections made
// later. Null with an error that names the file if they are no good now.
std::shared_ptr<grpc::ChannelCredentials> make_channel_credentials(const TlsFiles& files,
                                                                   std::string& error);

}  // namespace alkaid
