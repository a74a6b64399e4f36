// What Swift's Glibc module leaves out (epoll, eventfd, signalfd, prctl, pidfd, control messages) and what only C can do:
// variadic calls, macros, and the few lines a child runs between fork and exec. `_GNU_SOURCE` is defined for the .c
// file alone; in a public header it would give Swift two definitions of the same types.
#ifndef HEADWAY_CLINUX_H
#define HEADWAY_CLINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/types.h>

int hw_accept4(int listener);
int hw_pipe(int ends[2]);
int hw_describe_errno(int number, char *text, size_t count);
char **hw_environment(void);
long hw_getrandom(void *buffer, size_t count);
int hw_pidfd_open(pid_t pid);
int hw_pidfd_send_signal(int pidfd, int signal);
bool hw_contains(const void *bytes, size_t count, const void *wanted, size_t wanted_count);
int hw_sync_file_range_write(int fd, int64_t offset, int64_t count);
long hw_copy_file_range(int from, int64_t *from_offset, int to, int64_t *to_offset, size_t count);
int hw_send_descriptors(int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count);
long hw_receive_descriptors(int socket, void *bytes, size_t count, int *descriptors, size_t *descriptor_count);
int hw_set_thread_name(const char *name);
int hw_memory_file(const char *name);
int hw_seal(int fd);
int hw_seal_size(int fd);
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

/// What a process gives up for good, made before it is forked.
typedef struct {
    int landlock_ruleset;         // -1: none
    uint64_t own_process_access;  // Landlock rights on its own folder below /proc; 0: none
    struct sock_filter *filter;   // seccomp; HW_OWN_PROCESS becomes the number of the process
    size_t filter_count;          // 0: none
} hw_sandbox;
enum { HW_OWN_PROCESS = 0x7ffffff1, HW_MARK_RESOURCE = 5 };
/// The two parts of entering a sandbox: no new privileges and files first; capabilities and system calls last. Each 0,
/// or -1 with errno.
int hw_enter_ruleset(const hw_sandbox *sandbox);
int hw_enter_filter(const hw_sandbox *sandbox);
/// The version of Landlock's interface; -1 with errno where there is none.
int hw_landlock_version(void);
int hw_landlock_create(uint64_t files, uint64_t network, uint64_t scope);
int hw_landlock_allow(int ruleset, int fd, uint64_t access);
int hw_open_path(const char *path);
bool hw_has_seccomp(void);
int hw_adopt_orphans(void);
int hw_hard_limit(pid_t pid, int resource, uint64_t *value);
int hw_limit_file_size(pid_t pid, int64_t bytes_max);

/// What a child is given. Descriptors are installed as 0, 1, 2, 3 … in this order; everything else is closed on exec.
typedef struct {
    const char *path;
    const char *directory;        // where it starts; NULL: where its parent is
    char *const *arguments;
    char *const *environment;
    const int *descriptors;
    size_t descriptor_count;
    int64_t data_bytes_max;       // RLIMIT_DATA, 0: as inherited
    int64_t cpu_seconds_max;      // RLIMIT_CPU
    int64_t file_bytes_max;       // RLIMIT_FSIZE
    int64_t open_files_max;       // RLIMIT_NOFILE
    int64_t processes_max;        // RLIMIT_NPROC
    uint64_t mark;                // HW_MARK_RESOURCE; 0: none
    bool low_priority;
    bool outlives_parent;
    const hw_sandbox *sandbox;    // NULL: none
} hw_spawn_request;
/// Starts a child in a session of its own that dies with its parent, unless it is to outlive it. Returns 0, or the errno
/// of the step that failed.
int hw_spawn(const hw_spawn_request *request, pid_t *pid);

#endif
