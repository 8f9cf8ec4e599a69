/* A disk that is slow, full or broken, for one process: preloaded, this stands before those calls of
 * the C library that put bytes on a disk. It concerns files below SLOW_DISK_UNDER only. What to do,
 * and what was done, is in the shared page SLOW_DISK_PAGE; see slow_disk.py, which has the other end.
 * The page also says up to where each file was synced: what lies behind is gone when power is lost. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 500

struct page {
    volatile int32_t sync_ms, sync_errno, write_errno, tear; /* what to do; tear: write one half first */
    volatile int32_t slowed, failed, used, lock;             /* what was done */
    struct { volatile uint64_t inode, synced; } files[FILES];
};

static struct page *page;
static char under[4096];
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fsync)(int), (*real_fdatasync)(int);

__attribute__((constructor)) static void begin(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    const char *at = getenv("SLOW_DISK_PAGE"), *below = getenv("SLOW_DISK_UNDER");
    int descriptor = at && below ? open(at, O_RDWR | O_CLOEXEC) : -1;
    if (descriptor < 0) return;
    void *mapped = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    snprintf(under, sizeof under, "%s/", below);
    if (mapped == MAP_FAILED) return;
    page = mapped;
    page->lock = 0; /* of whoever was killed here before */
}

static int concerns(int descriptor) {
    char link[64], path[4096];
    if (!page) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return !strncmp(path, under, strlen(under));
}

static void note(uint64_t inode, uint64_t size) {
    while (__sync_lock_test_and_set(&page->lock, 1)) usleep(10);
    int32_t n = 0;
    while (n < page->used && page->files[n].inode != inode) n++;
    if (n < FILES) {
        page->files[n].inode = inode;
        page->files[n].synced = size;
        if (n == page->used) page->used++;
    }
    __sync_lock_release(&page->lock);
}

static int failing(int32_t error) {
    __sync_fetch_and_add(&page->failed, 1);
    errno = error;
    return -1;
}

ssize_t write(int descriptor, const void *data, size_t size) {
    if (!page || !page->write_errno || !concerns(descriptor)) return real_write(descriptor, data, size);
    if (page->tear && size > 1) {
        page->tear = 0;
        return real_write(descriptor, data, size / 2);
    }
    return failing(page->write_errno);
}

static int synced(int descriptor, int (*really)(int)) {
    struct stat before;
    if (!concerns(descriptor) || fstat(descriptor, &before)) return really(descriptor);
    if (page->sync_ms) {
        __sync_fetch_and_add(&page->slowed, 1);
        usleep(page->sync_ms * 1000);
    }
    if (page->sync_errno) return failing(page->sync_errno);
    int result = really(descriptor);
    if (!result && S_ISREG(before.st_mode)) note(before.st_ino, before.st_size);
    return result;
}

int fsync(int descriptor) { return synced(descriptor, real_fsync); }
int fdatasync(int descriptor) { return synced(descriptor, real_fdatasync); }
