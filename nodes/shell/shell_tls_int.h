/* shell_tls_int.h: between the two halves of labnode-tls.so. */
#ifndef LABD_NODES_SHELL_TLS_INT_H
#define LABD_NODES_SHELL_TLS_INT_H

#include <openssl/x509.h>

#include "shell_tls_lib.h"

/* shell_tls_cert.c: the caller frees; NULL without memory. */
EVP_PKEY *tls_key(uint64_t seed);
X509 *tls_ca_cert(uint64_t ca_seed);
X509 *tls_cert(const struct tls_seeds *seeds, const struct tls_identity *id);
/* The names and addresses that it is for, with commas; empty when it names none. */
void tls_cert_names(X509 *cert, char *out, size_t size);
int tls_certificate(const struct tls_seeds *seeds, const struct tls_identity *id,
		    struct answer *ret);
int tls_ca_pem(uint64_t ca_seed, char *out, size_t size);
int tls_cert_pem(const struct tls_seeds *seeds, const struct tls_identity *id, char *out,
		 size_t size);

#endif
