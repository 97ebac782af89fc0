// Certificates made for a test.
#pragma once

#include <memory>
#include <string>

#include <openssl/x509.h>

namespace alkaid::test {

struct CertificateAndKey {
  std::string certificate;  // PEM
  std::string key;
};

// A certificate authority of its own key.
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name);

  [[nodiscard]] std::string certificate() const;  // PEM

  // Of a new key, valid for the DNS name, now.
  [[nodiscard]] CertificateAndKey issue(const std::string& dns_name) const;

 private:
  std::shared_ptr<EVP_PKEY> key_;
  std::shared_ptr<X509> certificate_;
};

}  // namespace alkaid::test
