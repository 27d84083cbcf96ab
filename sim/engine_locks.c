/*
 * The engine's page locks, which it takes for every store into RAM: it builds a search tree of the
 * pages and drops it again. They are for several threads. In Unicorn 2.0 there is one, a page has
 * no lock, and nothing looks into the tree (accel/tcg/translate-all.c there); they took 40 % of a
 * sweep. The engine calls them through its symbol table, so that these stand in front of its own.
 * Before any other version, and where the linker resolves it otherwise, the engine's own are used.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "sim_internal.h"

#include <dlfcn.h>
#include <string.h>

#define VISIBLE __attribute__((used, visibility("default")))

struct page_collection;
struct page_collection *page_collection_lock_arm(struct uc_struct *uc, uint64_t start,
                                                 uint64_t end);
void page_collection_unlock_arm(struct page_collection *pages);

static struct page_collection *(*own_lock)(struct uc_struct *, uint64_t, uint64_t);
static void (*own_unlock)(struct page_collection *);

/* ISO C has no conversion from void * to a function pointer, POSIX systems do. */
static void find(const char *name, void *function, size_t size)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, size);
}

void sim_engine_locks(void)
{
    unsigned major = 0, minor = 0;
    (void)uc_version(&major, &minor);
    if (major == 2 && minor == 0)
        return;
    find("page_collection_lock_arm", &own_lock, sizeof own_lock);
    find("page_collection_unlock_arm", &own_unlock, sizeof own_unlock);
}

VISIBLE struct page_collection *page_collection_lock_arm(struct uc_struct *uc, uint64_t start,
                                                         uint64_t end)
{
    return own_lock ? own_lock(uc, start, end) : NULL;
}

VISIBLE void page_collection_unlock_arm(struct page_collection *pages)
{
    if (own_unlock)
        own_unlock(pages);
}
