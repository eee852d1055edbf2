/* Stands in front of the C library's clock (LD_PRELOAD), and does as the file says that SHIM_ORDERS
 * names: eight bytes by which the calendar is off, in seconds, and the name of a thread, in sixteen
 * bytes, whose next look at any clock fails; once. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct orders {
    int64_t offset;
    char thread[16];
};

static struct orders *orders;

__attribute__((constructor)) static void read_orders(void) {
    const char *path = getenv("SHIM_ORDERS");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *memory =
        mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory != MAP_FAILED)
        orders = memory;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    char name[16];
    if (orders && orders->thread[0] &&
        pthread_getname_np(pthread_self(), name, sizeof name) == 0 &&
        strncmp(name, orders->thread, sizeof name) == 0) {
        memset(orders->thread, 0, sizeof orders->thread);
        errno = EINVAL;
        return -1;
    }
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && orders && clock == CLOCK_REALTIME)
        time->tv_sec += orders->offset;
    return result;
}
