#pragma once

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>

#include "tests/integration/loopback_server.h"

namespace tapedeck {

// A certificate for 127.0.0.1 and localhost that vouches for itself, made for one test, and the
// server's side of TLS with it.
class TlsIdentity {
public:
    // `protocol` is what ALPN agrees to: "h2" or "http/1.1".
    explicit TlsIdentity(std::string protocol = "http/1.1")
        : protocol_(std::move(protocol)), key_(EVP_RSA_gen(2'048)), certificate_(X509_new()) {
        TAPEDECK_ASSERT(key_ && certificate_);
        X509_set_version(certificate_.get(), 2);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate_.get()), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate_.get()), -3'600);
        X509_gmtime_adj(X509_getm_notAfter(certificate_.get()), 3'600);
        X509_set_pubkey(certificate_.get(), key_.get());
        X509_NAME* name = X509_get_subject_name(certificate_.get());
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
        X509_set_issuer_name(certificate_.get(), name);
        extend(NID_basic_constraints, "critical,CA:TRUE");
        extend(NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
        TAPEDECK_ASSERT(X509_sign(certificate_.get(), key_.get(), EVP_sha256()) > 0);

        context_.reset(SSL_CTX_new(TLS_server_method()));
        TAPEDECK_ASSERT(SSL_CTX_use_certificate(context_.get(), certificate_.get()) == 1);
        TAPEDECK_ASSERT(SSL_CTX_use_PrivateKey(context_.get(), key_.get()) == 1);
        SSL_CTX_set_alpn_select_cb(context_.get(), &TlsIdentity::choose, this);
    }

    TlsIdentity(const TlsIdentity&) = delete;
    TlsIdentity& operator=(const TlsIdentity&) = delete;

    // For a client that shall trust it.
    void write_certificate(const std::string& path) const {
        std::FILE* file = std::fopen(path.c_str(), "w");
        TAPEDECK_ASSERT(file != nullptr && PEM_write_X509(file, certificate_.get()) == 1);
        std::fclose(file);
    }

    // What a LoopbackServer greets with.
    LoopbackServer::Welcome welcome() const {
        return [this](int fd) -> std::unique_ptr<LoopbackConnection> {
            SSL* ssl = SSL_new(context_.get());
            SSL_set_fd(ssl, fd);
            if (SSL_accept(ssl) == 1) return std::make_unique<Connection>(fd, ssl);
            SSL_free(ssl);
            return nullptr;
        };
    }

private:
    class Connection : public LoopbackConnection {
    public:
        Connection(int fd, SSL* ssl) : LoopbackConnection(fd), ssl_(ssl) {}
        ~Connection() override {
            SSL_shutdown(ssl_);
            SSL_free(ssl_);
        }
        std::string receive() override {
            char bytes[16 * 1024];
            const int got = SSL_read(ssl_, bytes, sizeof bytes);
            return got > 0 ? std::string(bytes, static_cast<std::size_t>(got)) : std::string();
        }
        bool send(std::string_view bytes) override {
            return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
        }

    private:
        SSL* ssl_;
    };

    struct Free {
        void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
        void operator()(X509* certificate) const { X509_free(certificate); }
        void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    };

    void extend(int kind, const char* value) {
        X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
        TAPEDECK_ASSERT(extension != nullptr);
        X509_add_ext(certificate_.get(), extension, -1);
        X509_EXTENSION_free(extension);
    }

    static int choose(SSL*, const unsigned char** chosen, unsigned char* size,
                      const unsigned char* offered, unsigned offered_size, void* self) {
        const std::string& protocol = static_cast<const TlsIdentity*>(self)->protocol_;
        const std::string_view all(reinterpret_cast<const char*>(offered), offered_size);
        const std::size_t at = all.find(static_cast<char>(protocol.size()) + protocol);
        if (at == std::string_view::npos) return SSL_TLSEXT_ERR_NOACK;
        *chosen = offered + at + 1;
        *size = static_cast<unsigned char>(protocol.size());
        return SSL_TLSEXT_ERR_OK;
    }

    const std::string protocol_;
    std::unique_ptr<EVP_PKEY, Free> key_;
    std::unique_ptr<X509, Free> certificate_;
    std::unique_ptr<SSL_CTX, Free> context_;
};

}  // namespace tapedeck
