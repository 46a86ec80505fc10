/* _dl_find_object of glibc 2.35, which the seeds' libgcc_eh calls to unwind, told by the program headers.
   musl does not have it. There is one object here, since nothing is linked dynamically. */
#include <stddef.h>

struct phdr { unsigned type, flags; unsigned long offset, vaddr, paddr, filesz, memsz, align; };
struct info { unsigned long base; const char *name; const struct phdr *phdr; unsigned short count; };
struct found { unsigned long long flags; void *start, *end; void *link_map; void *eh_frame; unsigned long long reserved[7]; };
struct query { unsigned long pc; struct found *found; };

int dl_iterate_phdr(int (*)(struct info *, size_t, void *), void *);

static int look(struct info *info, size_t size, void *data)
{
	struct query *query = data;
	unsigned long start = -1UL, end = 0, eh_frame = 0;
	(void)size;
	for (int i = 0; i < info->count; i++) {
		const struct phdr *p = &info->phdr[i];
		unsigned long from = info->base + p->vaddr;
		if (p->type == 1) { /* PT_LOAD */
			if (from < start) start = from;
			if (from + p->memsz > end) end = from + p->memsz;
		} else if (p->type == 0x6474e550) /* PT_GNU_EH_FRAME */
			eh_frame = from;
	}
	if (!eh_frame || query->pc < start || query->pc >= end) return 0;
	query->found->flags = 0;
	query->found->start = (void *)start;
	query->found->end = (void *)end;
	query->found->link_map = NULL;
	query->found->eh_frame = (void *)eh_frame;
	return 1;
}

int _dl_find_object(void *pc, struct found *found)
{
	struct query query = { (unsigned long)pc, found };
	return dl_iterate_phdr(look, &query) ? 0 : -1;
}
