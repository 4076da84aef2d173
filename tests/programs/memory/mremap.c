// mremap(2).
#include "fault.h"
#include <sys/mman.h>

#define PAGE 4096

int main(void) {
    catch_faults();
    char *area = mmap(NULL, 16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *pages = mmap(area, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    memset(pages, 'a', PAGE);
    memset(pages + PAGE, 'b', PAGE);
    outcome("grow where there is no room", (long)mremap(pages, 2 * PAGE, 3 * PAGE, 0));
    munmap(area + 2 * PAGE, 4 * PAGE);
    fact_if("grow in place", mremap(pages, 2 * PAGE, 3 * PAGE, 0) == pages);
    fact("contents", "%c %c %d", pages[0], pages[PAGE], pages[2 * PAGE]);
    fact_if("shrink", mremap(pages, 3 * PAGE, PAGE, 0) == pages);
    fact_if("the rest is gone", !mapped(pages + PAGE));
    fact_if("the same size", mremap(pages, PAGE, PAGE, 0) == pages);
    char *moved = mremap(pages, PAGE, 20 * PAGE, MREMAP_MAYMOVE);
    fact_if("moved", moved != pages && moved != MAP_FAILED);
    fact("contents then", "%c %d", moved[0], moved[PAGE]);
    fact_if("the old place is gone", !mapped(pages));
    char *target = mmap(NULL, 20 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fact_if("fixed", mremap(moved, 20 * PAGE, 10 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target);
    fact("contents there", "%c", target[0]);
    ATTEMPT("writable there", target, poke(target));
    ATTEMPT("behind it as before", target, poke(target + 10 * PAGE));
    fact_if("the old place is gone too", !mapped(moved) && !mapped(moved + 15 * PAGE));
    outcome("fixed without may-move", (long)mremap(target, PAGE, PAGE, MREMAP_FIXED, moved));
    outcome("fixed and overlapping", (long)mremap(target, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target + PAGE));
    outcome("fixed at an odd address", (long)mremap(target, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, moved + 1));
    outcome("an unknown flag", (long)mremap(target, PAGE, PAGE, 0x80));
    outcome("at an odd address", (long)mremap(target + 1, PAGE, PAGE, 0));
    outcome("new size 0", (long)mremap(target, PAGE, 0, 0));
    outcome("old size 0 of a private mapping", (long)mremap(target, 0, PAGE, MREMAP_MAYMOVE));
    outcome("where nothing is", (long)mremap((void *)0x10000, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
    munmap(target + 5 * PAGE, PAGE);
    outcome("over a hole", (long)mremap(target, 10 * PAGE, 12 * PAGE, MREMAP_MAYMOVE));
    char *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    poke(shared);
    char *again = mremap(shared, 0, PAGE, MREMAP_MAYMOVE);
    fact_if("old size 0 of a shared mapping: twice there", again != MAP_FAILED && again != shared && again[0] == 1);
    shared[5] = 'x';
    fact("one page in two places", "%c", again[5]);
    char *kept = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    poke(kept);
    char *taken = mremap(kept, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
    outcome("without unmapping", (long)taken);
    fact("new and old", "%d %d", taken[0], kept[0]);
    return 0;
}
