#include "control/common/tls/channel_credentials.hpp"

namespace alkaid {

std::shared_ptr<grpc::ChannelCredentials> make_channel_credentials(const TlsMaterial& material) {
  return grpc::SslCredentials({.pem_root_certs = material.authorities,
                               .pem_private_key = material.key,
                               .pem_cert_chain = material.certificate});
}

std::shared_ptr<grpc::ChannelCredentials> make_channel_credentials(const TlsFiles& files,
                                                                   std::string& error) {
  const auto material = read_tls_material(files, error);
  return material ? make_channel_credentials(*material) : nullptr;
}

}  // namespace alkaid
