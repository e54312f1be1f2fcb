#include "base/pages.h"

#include <sys/mman.h>

void *pages_new(size_t octets)
{
	void *p = mmap(NULL, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void pages_free(void *pages, size_t octets)
{
	if (pages)
		(void)munmap(pages, octets);
}
