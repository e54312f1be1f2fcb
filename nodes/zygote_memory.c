/* What a device costs in memory and in page faults, which are most of the time that it takes to be
 * born: how the allocator is set, and what is mapped ahead of its use. */
#include "shell/shell.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#define MMAP_FROM_BYTES (8 * 1024)
#define MALLOC_STEP	16   /* octets between the sizes of its chunks */
#define KEPT_BY_MALLOC	1032 /* octets: what is freed up to there stays in lists of its own */
#define HOLES_MAX	4096 /* of one size */
#define STACK_AT_BIRTH	(32 * 1024) /* of what its first calls use */

/* --- the heap ----------------------------------------------------------------------------- */

/* While a node is born most of what it allocates is tables that stay empty for long: as pages of
 * their own, which come zeroed, they cost nothing until they are used. */
void heap_for_birth(void)
{
	mallopt(M_MMAP_THRESHOLD, MMAP_FROM_BYTES);
	mallopt(M_TOP_PAD, 0);
}

static char *stack_page(void)
{
	char *here = __builtin_frame_address(0);

	return here - ((uintptr_t)here & ((uintptr_t)getpagesize() - 1));
}

/* Reading the configuration goes deep, what follows hardly ever does. */
static void give_back_stack(void)
{
	size_t some = (size_t)16 * (size_t)getpagesize();

	(void)madvise(stack_page() - some, some - (size_t)getpagesize(), MADV_DONTNEED);
}

/* What was freed here lies about in many pages, and a child that takes it pays for a copy of each:
 * nothing is left to take, so that whatever a child allocates is new and close together. */
void heap_fill_holes(void)
{
	char *volatile got; /* or the compiler sees that nothing is done with it, and leaves it */
	char *top;

	malloc_trim(0);
	top = (char *)sbrk(0) - getpagesize();
	for (size_t size = MALLOC_STEP / 2; size < MMAP_FROM_BYTES; size += MALLOC_STEP) {
		for (unsigned i = 0; i < HOLES_MAX; i++) {
			got = malloc(size);
			if (!got || got >= top)
				break;
		}
		if (size > KEPT_BY_MALLOC)
			free(got); /* joins what is unused at the heap's end */
	}
}

/* A node at work allocates and frees buffers all the time: not by a system call each. */
void heap_for_work(void)
{
	mallopt(M_MMAP_THRESHOLD, 256 * 1024);
	mallopt(M_TRIM_THRESHOLD, 512 * 1024);
	mallopt(M_TOP_PAD, 64 * 1024);
	give_back_stack();
}

/* --- pages -------------------------------------------------------------------------------- */

/* Where this program is in memory: what a child runs through at its birth. */
static void *text;
static size_t text_len;

/* The first object is the program. Of its libraries a child needs too little. */
static int note_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size, (void)arg;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t from = info->dlpi_addr + p->p_vaddr, page = (uintptr_t)getpagesize();

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		text = (void *)(from & -page);
		text_len = p->p_memsz + (from & (page - 1));
	}
	return 1;
}

void note_text(void)
{
	dl_iterate_phdr(note_object, NULL);
}

/* A fork copies no page tables of files: a child would fault its way through the program place by
 * place, and copy its stack page by page. A call for each took a third of that time where a fault
 * takes 20 us, and as long where it takes 4. Kernels before 5.14 refuse; then it does without. */
void fault_in(void)
{
	char *page = stack_page();

	(void)madvise(text, text_len, MADV_POPULATE_READ);
	(void)madvise(page - STACK_AT_BIRTH, STACK_AT_BIRTH, MADV_POPULATE_WRITE);
}
