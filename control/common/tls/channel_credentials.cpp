#include "control/common/tls/channel_credentials.hpp"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include "control/common/tls/tls_material.hpp"

namespace alkaid {
namespace {

constexpr unsigned kReloadSeconds = 1;

}  // namespace

std::shared_ptr<grpc::ChannelCredentials> make_channel_credentials(const TlsFiles& files,
                                                                   std::string& error) {
  if (!read_tls_material(files, error)) {
    return nullptr;
  }
  if (!files.any()) {
    return grpc::SslCredentials({});
  }
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          files.key, files.certificate, files.authorities, kReloadSeconds));
  if (!files.authorities.empty()) {
    options.watch_root_certs();
  }
  if (!files.certificate.empty()) {
    options.watch_identity_key_cert_pairs();
  }
  return grpc::experimental::TlsCredentials(options);
}

}  // namespace alkaid
