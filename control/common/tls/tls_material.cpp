#include "control/common/tls/tls_material.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <string_view>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "control/common/logging.hpp"

namespace alkaid {
namespace {

constexpr std::size_t kMostFileBytes = std::size_t{1} << 20;

template <auto Free>
struct FreeWith {
  template <class Object>
  void operator()(Object* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;

Bio bio_of(std::string_view text) {
  return Bio{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

// Asked for the password of an encrypted key: nobody is there to type it.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) {
  return -1;
}

Certificate first_certificate(const std::string& pem) {
  return Certificate{PEM_read_bio_X509(bio_of(pem).get(), nullptr, &no_password, nullptr)};
}

bool read_file(const std::string& path, std::string& text, std::string& error) {
  std::ifstream file{path, std::ios::binary};
  if (!file) {
    error = fmt::format("{}: can't open it: {}", printable(path), std::strerror(errno));
    return false;
  }
  text.resize(kMostFileBytes + 1);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (file.bad() || text.size() > kMostFileBytes || text.empty()) {
    error = fmt::format("{}: can't read it, or it is empty or larger than 1 MiB", printable(path));
    return false;
  }
  return true;
}

bool check(const TlsFiles& files, const TlsMaterial& material, std::string& error) {
  if (!material.authorities.empty() && !first_certificate(material.authorities)) {
    error = fmt::format("{}: holds no certificate in PEM", printable(files.authorities));
    return false;
  }
  if (material.certificate.empty()) {
    return true;
  }
  const Certificate certificate = first_certificate(material.certificate);
  if (!certificate) {
    error = fmt::format("{}: holds no certificate in PEM", printable(files.certificate));
    return false;
  }
  const Key key{
      PEM_read_bio_PrivateKey(bio_of(material.key).get(), nullptr, &no_password, nullptr)};
  if (!key) {
    error = fmt::format("{}: holds no private key in PEM, or one with a password",
                        printable(files.key));
    return false;
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    error =
        fmt::format("{} is not the key of {}", printable(files.key), printable(files.certificate));
    return false;
  }
  return true;
}

}  // namespace

std::optional<TlsMaterial> read_tls_material(const TlsFiles& files, std::string& error) {
  if (files.certificate.empty() != files.key.empty()) {
    error = "a certificate and its key belong together: one of the two files is not given";
    return std::nullopt;
  }
  TlsMaterial material;
  if ((!files.certificate.empty() && !read_file(files.certificate, material.certificate, error)) ||
      (!files.key.empty() && !read_file(files.key, material.key, error)) ||
      (!files.authorities.empty() && !read_file(files.authorities, material.authorities, error))) {
    return std::nullopt;
  }
  const bool good = check(files, material, error);
  ERR_clear_error();
  if (!good) {
    return std::nullopt;
  }
  return material;
}

}  // namespace alkaid
