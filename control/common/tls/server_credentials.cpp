#include "control/common/tls/server_credentials.hpp"

#include <cstdint>
#include <utility>

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include "control/common/tls/watched_tls_files.hpp"

namespace alkaid {
namespace {

// gRPC's C++ interface has no credentials that ask for certificates anew; its C interface has.
class ReloadingServerCredentials final : public grpc::ServerCredentials {
 public:
  explicit ReloadingServerCredentials(TlsFiles files) : watched_(std::move(files)) {}

  std::string load() { return watched_.load(); }

  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    const auto demand = watched_.files().authorities.empty()
                            ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                            : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
    grpc_server_credentials* credentials = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(demand, &fetch, this));
    const int port = grpc_server_add_http2_port(server, address.c_str(), credentials);
    grpc_server_credentials_release(credentials);
    return port;
  }

  // Called at the start and for every connection, by one thread at a time.
  static grpc_ssl_certificate_config_reload_status fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    auto& credentials = *static_cast<ReloadingServerCredentials*>(self);
    const auto material = credentials.watched_.newer_than(credentials.version_);
    if (!material) {
      return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    }
    const grpc_ssl_pem_key_cert_pair pair{material->key.c_str(), material->certificate.c_str()};
    // gRPC insists on some, also where no client is asked for a certificate.
    const std::string& authorities =
        material->authorities.empty() ? material->certificate : material->authorities;
    *config = grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  WatchedTlsFiles watched_;
  std::uint64_t version_ = 0;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> make_server_credentials(const TlsFiles& files,
                                                                 std::string& error) {
  auto credentials = std::make_shared<ReloadingServerCredentials>(files);
  error = credentials->load();
  if (!error.empty()) {
    return nullptr;
  }
  return credentials;
}

}  // namespace alkaid
