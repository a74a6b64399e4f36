// What Swift's Glibc module leaves out (epoll, eventfd, signalfd, prctl, pidfd, control messages) and what only C can do:
// variadic calls, macros, and the few lines a child runs between fork and exec. `_GNU_SOURCE` is defined for the .c
// file alone; in a public header it would give Swift two definitions of the same types.
#ifndef HEADWAY_CLINUX_H
#define HEADWAY_CLINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/statvfs.h>
#include <sys/types.h>

int hw_accept4(int listener);
int hw_pipe(int ends[2]);
int hw_describe_errno(int number, char *text, size_t count);
char **hw_environment(void);
long hw_getrandom(void *buffer, size_t count);
int hw_pidfd_open(pid_t pid);
int hw_pidfd_send_signal(int pidfd, int signal);
int hw_sync_file_range_write(int fd, int64_t offset, int64_t count);
long hw_copy_file_range(int from, int64_t *from_offset, int to, int64_t *to_offset, size_t count);
int hw_send_descriptors(int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count);
long hw_receive_descriptors(int socket, void *bytes, size_t count, int *descriptors, size_t *descriptor_count);
int hw_set_thread_name(const char *name);
int hw_memory_file(const char *name);
void hw_release_freed_memory(void);

/// How a waited-for child ended: an exit code, or the signal that killed it.
typedef struct {
    bool exited;
    int exit_code;
    int signal;
    int64_t cpu_microseconds;
    int64_t resident_kib_max;
} hw_ending;
/// 1 when the child has ended and is reaped, 0 while it runs, -1 with errno.
int hw_reap(pid_t pid, bool block, hw_ending *ending);

/// What a child is given. Descriptors are installed as 0, 1, 2, 3 … in this order; everything else is closed on exec.
typedef struct {
    const char *path;
    char *const *arguments;
    char *const *environment;
    const int *descriptors;
    size_t descriptor_count;
    int64_t data_bytes_max;       // RLIMIT_DATA, 0: as inherited
    int64_t cpu_seconds_max;      // RLIMIT_CPU
    int64_t file_bytes_max;       // RLIMIT_FSIZE
    int64_t open_files_max;       // RLIMIT_NOFILE
    bool low_priority;
} hw_spawn_request;
/// Starts a child in a session of its own that dies with its parent. Returns 0, or the errno of the step that failed.
int hw_spawn(const hw_spawn_request *request, pid_t *pid);

#endif
