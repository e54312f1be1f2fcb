/* Where labnode-tls.so comes from, and who asks for certificates.
 *
 * A node has an empty root: the zygote put the library and OpenSSL's two into it, as files of the
 * host that can be read (sandbox.c). Other programs find it beside themselves. */
#include "shell_stream.h"

#include <dlfcn.h>
#include <errno.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shell_addr.h"
#include "shell_tls_lib.h"

/* In the order in which they need each other: what is there already is not looked for. */
const char *const tls_lib_files[TLS_LIB_FILES] = { "libcrypto.so.3", "libssl.so.3",
						   "labnode-tls.so" };

int tls_lib_path(unsigned i, char *out, size_t size)
{
	char exe[PATH_MAX], *slash;
	ssize_t n;

	if (i + 1 < TLS_LIB_FILES)
		return snprintf(out, size, OPENSSL_LIBDIR "/%s", tls_lib_files[i]) < (int)size
			       ? 0
			       : -ENAMETOOLONG;
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n < 0)
		return -errno;
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	if (!slash)
		return -EINVAL;
	*slash = '\0';
	return snprintf(out, size, "%s/%s", exe, tls_lib_files[i]) < (int)size ? 0 : -ENAMETOOLONG;
}

static void *open_one(unsigned i)
{
	char path[PATH_MAX + 32];
	void *lib;

	snprintf(path, sizeof(path), "/%s", tls_lib_files[i]);
	lib = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
	if (!lib && tls_lib_path(i, path, sizeof(path)) == 0)
		lib = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
	return lib;
}

const struct tls_lib *tls_lib_open(const char **ret_why)
{
	static const struct tls_lib *lib;
	static char why[TLS_WHY_MAX];
	void *handle = NULL;

	*ret_why = why;
	if (lib || why[0])
		return lib;
	for (unsigned i = 0; i < TLS_LIB_FILES; i++) {
		handle = open_one(i);
		if (!handle) {
			snprintf(why, sizeof(why), "TLS is not to be had here: %s", dlerror());
			return NULL;
		}
	}
	lib = dlsym(handle, TLS_SYMBOL);
	if (!lib || lib->version != TLS_LIB_VERSION) {
		snprintf(why, sizeof(why),
			 "TLS is not to be had here: labnode-tls.so is another "
			 "version's");
		lib = NULL;
	}
	return lib;
}

struct tls_seeds node_tls_seeds(const struct node *n)
{
	return (struct tls_seeds){ .ca = n->ca_seed, .own = seed_for(n->seed, "tls") };
}

void certificate_answer(struct machine *m, uint32_t ask_id, const struct tls_identity *id)
{
	struct tls_seeds seeds = node_tls_seeds(m->node);
	struct answer a = { .err = -ENOSYS };
	const char *why = "";
	const struct tls_lib *lib = tls_lib_open(&why);

	if (lib && lib->certificate(&seeds, id, &a) < 0)
		why = "the certificate could not be made";
	if (a.err)
		str_copy(a.why, sizeof(a.why), why);
	queue_answer(m, ask_id, &a, m->node->turn_cause, NULL, 0);
}

static int complain(const char *why)
{
	fprintf(stderr, "labnode: %s\n", *why ? why : "no certificate could be made");
	return 1;
}

/* All that others may reach this device by, as far as it has any yet. */
static void own_addresses(struct tls_identity *id)
{
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) < 0)
		return;
	for (struct ifaddrs *i = all; i && id->n_addrs < TLS_ADDRS_MAX; i = i->ifa_next) {
		struct sockaddr_storage ss = { 0 };

		if (!i->ifa_addr || i->ifa_flags & IFF_LOOPBACK ||
		    (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
			continue;
		memcpy(&ss, i->ifa_addr,
		       i->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
							 : sizeof(struct sockaddr_in6));
		id->addrs[id->n_addrs++] = ep_from_sockaddr(&ss).addr;
	}
	freeifaddrs(all);
}

int cert_main(uint64_t ca_seed, uint64_t seed, const char *name, int ca_fd)
{
	struct tls_seeds seeds = { .ca = ca_seed, .own = seed_for(seed, "tls") };
	struct tls_identity id;
	char pem[4096];
	const char *why = "";
	const struct tls_lib *lib = tls_lib_open(&why);

	if (!lib)
		return complain(why);
	if (ca_fd >= 0 &&
	    (lib->ca_pem(ca_seed, pem, sizeof(pem)) < 0 || write(ca_fd, pem, strlen(pem)) < 0))
		return complain("");
	memset(&id, 0, sizeof(id));
	str_copy(id.names[id.n_names++], sizeof(id.names[0]), name);
	own_addresses(&id);
	if (lib->cert_pem(&seeds, &id, pem, sizeof(pem)) < 0)
		return complain("");
	return fputs(pem, stdout) < 0;
}
