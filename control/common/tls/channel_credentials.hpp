// TLS of a gRPC client.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/security/credentials.h>

#include "control/common/tls/tls_files.hpp"
#include "control/common/tls/tls_material.hpp"

namespace alkaid {

// authorities empty: those that the system trusts; certificate and key: shown to servers that ask
// for them.
std::shared_ptr<grpc::ChannelCredentials> make_channel_credentials(const TlsMaterial& material);

// As the files are now. Null with an error that names the file if they are no good.
std::shared_ptr<grpc::ChannelCredentials> make_channel_credentials(const TlsFiles& files,
                                                                   std::string& error);

}  // namespace alkaid
