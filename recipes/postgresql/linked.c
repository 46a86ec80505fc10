/*
 * dlopen for a static program: the modules are linked into it. symbols.h lists them, as the build finds them:
 *     SYMBOL(module, the name that is asked for, the function)
 */
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#define SYMBOL(module, name, function) void function(void);
#include "symbols.h"
#undef SYMBOL

static const struct symbol
{
	const char *module, *name;
	void (*function)(void);
} symbols[] = {
#define SYMBOL(module, name, function) { #module, #name, function },
#include "symbols.h"
	{ NULL, NULL, NULL }
};

/* A module's handle is its first symbol. Directory and ending do not matter: no file is behind a module. */
void *dlopen(const char *path, int mode)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t length = strcspn(name, ".");
	for (const struct symbol *s = symbols; s->module; s++)
		if (!strncmp(s->module, name, length) && !s->module[length])
			return (void *)s;
	return NULL;
}

void *dlsym(void *restrict handle, const char *restrict name)
{
	const struct symbol *first = handle;
	for (const struct symbol *s = first; s->module && !strcmp(s->module, first->module); s++)
		if (!strcmp(s->name, name))
			return (void *)s->function;
	return NULL;
}

int dlclose(void *handle)
{
	return 0;
}

char *dlerror(void)
{
	return "it is not among the modules that are linked into this program";
}
