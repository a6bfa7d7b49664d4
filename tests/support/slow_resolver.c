/* slow_resolver.c - a name service that does not answer, to be preloaded. */
#include <netdb.h>
#include <unistd.h>

static int hang(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **result)
{
	(void)node;
	(void)service;
	(void)hints;
	(void)result;
	sleep(60);
	return EAI_AGAIN;
}
__attribute__((visibility("default"), alias("hang"))) int
getaddrinfo(const char *, const char *, const struct addrinfo *, struct addrinfo **);
