/* A wall clock that is wrong, for one process: preloaded, this stands before those calls of the C
 * library that tell the time of day. How far it is ahead is in the shared page SHIFTED_CLOCK_PAGE; see
 * shifted_clock.py, which has the other end. Monotonic clocks are left alone, as they are when somebody
 * sets the clock; so are the times that the kernel gives to files. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct page {
    volatile int64_t ahead_us; /* what to do */
    volatile int64_t misled;   /* how often a wrong time was told */
};

static struct page *page;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    const char *at = getenv("SHIFTED_CLOCK_PAGE");
    int descriptor = at ? open(at, O_RDWR | O_CLOEXEC) : -1;
    if (descriptor < 0) return;
    void *mapped = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (mapped != MAP_FAILED) page = mapped;
}

static int64_t ahead(void) {
    int64_t us = page ? page->ahead_us : 0;
    if (us) __sync_fetch_and_add(&page->misled, 1);
    return us;
}

int clock_gettime(clockid_t clock, struct timespec *told) {
    if (!real_clock_gettime) real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real_clock_gettime(clock, told);
    if (result || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return result;
    int64_t us = ahead(), ns = told->tv_nsec + us % 1000000 * 1000;
    told->tv_sec += us / 1000000 + (ns >= 1000000000) - (ns < 0);
    told->tv_nsec = ns + (ns < 0 ? 1000000000 : ns >= 1000000000 ? -1000000000 : 0);
    return 0;
}

int gettimeofday(struct timeval *told, void *zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    told->tv_sec = now.tv_sec;
    told->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *told) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (told) *told = now.tv_sec;
    return now.tv_sec;
}
