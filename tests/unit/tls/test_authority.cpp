#include "tests/unit/tls/test_authority.hpp"

#include <stdexcept>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace alkaid::test {
namespace {

constexpr long kSecondsOfADay = 86400;

std::shared_ptr<EVP_PKEY> new_key() {
  return {EVP_EC_gen("P-256"), &EVP_PKEY_free};
}

std::shared_ptr<X509> new_certificate(const std::string& name, EVP_PKEY* key) {
  static long serial = 0;
  std::shared_ptr<X509> certificate{X509_new(), &X509_free};
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kSecondsOfADay);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kSecondsOfADay);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

void extend(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  if (extension == nullptr) {
    throw std::runtime_error("no such extension");
  }
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

template <class Write>
std::string pem(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio{BIO_new(BIO_s_mem()), &BIO_free_all};
  write(bio.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace

TestAuthority::TestAuthority(const std::string& name)
    : key_(new_key()), certificate_(new_certificate(name, key_.get())) {
  X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
  extend(certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  extend(certificate_.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  X509_sign(certificate_.get(), key_.get(), EVP_sha256());
}

std::string TestAuthority::certificate() const {
  return pem([this](BIO* bio) { PEM_write_bio_X509(bio, certificate_.get()); });
}

CertificateAndKey TestAuthority::issue(const std::string& dns_name) const {
  const auto key = new_key();
  const auto certificate = new_certificate(dns_name, key.get());
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get()));
  extend(certificate.get(), NID_subject_alt_name, "DNS:" + dns_name);
  X509_sign(certificate.get(), key_.get(), EVP_sha256());
  return {pem([&](BIO* bio) { PEM_write_bio_X509(bio, certificate.get()); }), pem([&](BIO* bio) {
            PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

}  // namespace alkaid::test
