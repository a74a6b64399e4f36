// Writes down what a process does to the files of one directory, in order and with the data, so that a test can work out
// what a power cut at any moment would have left (power_loss.py).
//
// Preloaded into the server (LD_PRELOAD) and, because execve(2) hands it on, into its workers, which write to
// descriptors that they were given. A record is appended after its call has returned and before the caller knows: so
// what stands behind it in the log may rely on it, and nothing before it can. Only a sync has two records: it covers what
// was over before it began, and is worth something once it has ended.
//
// HEADWAY_POWER_LOSS_DATA is the directory, HEADWAY_POWER_LOSS_LOG the log, HEADWAY_POWER_LOSS_LOCK a file of zeros
// whose first word is the lock of all processes around what changes names.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum operation { CREATE = 1, WRITE, TRUNCATE, SYNC_BEGIN, SYNC_END, RENAME, UNLINK, MAKE_DIRECTORY, LINK, EXTEND };

struct record {
    uint32_t magic, operation;
    uint64_t inode;
    int64_t offset;  // a size for TRUNCATE and EXTEND, the sync's number for SYNC_*
    uint32_t path_bytes, other_path_bytes;
    uint64_t data_bytes;
};

static char data[4096];
static size_t data_length;
static int log_file = -1;
static _Atomic uint32_t *names_lock;
static _Atomic uint32_t last_sync;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void start(void) {
    const char *directory = getenv("HEADWAY_POWER_LOSS_DATA"), *log = getenv("HEADWAY_POWER_LOSS_LOG");
    const char *lock = getenv("HEADWAY_POWER_LOSS_LOCK");
    if (!directory || !log || !lock || strlen(directory) >= sizeof data) return;
    int file = (int)syscall(SYS_openat, AT_FDCWD, lock, O_RDWR | O_CLOEXEC);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
    if (page == MAP_FAILED) return;
    names_lock = page;
    strcpy(data, directory);
    data_length = strlen(data);
    log_file = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CLOEXEC);
}

static void lock_names(void) { while (atomic_exchange(names_lock, 1)) sched_yield(); }
static void unlock_names(void) { atomic_store(names_lock, 0); }

// One append a record: the kernel puts appends of all processes into one order.
static void note(enum operation operation, uint64_t inode, int64_t offset, const char *path, const char *other,
                 const struct iovec *pieces, int count, size_t bytes) {
    int before = errno;
    struct record record = {0x52415748, operation, inode, offset, path ? strlen(path) : 0, other ? strlen(other) : 0, bytes};
    struct iovec out[3 + 64] = {{&record, sizeof record}, {(void *)path, record.path_bytes},
                                {(void *)other, record.other_path_bytes}};
    int used = 3;
    for (int i = 0; i < count && used < 3 + 64 && bytes > 0; i++) {
        size_t part = pieces[i].iov_len < bytes ? pieces[i].iov_len : bytes;
        out[used++] = (struct iovec){pieces[i].iov_base, part};
        bytes -= part;
    }
    syscall(SYS_writev, log_file, out, used);
    errno = before;
}

static int is_ours(const char *path) {
    return log_file >= 0 && strncmp(path, data, data_length) == 0 && (path[data_length] == '/' || !path[data_length]);
}

// The path behind a descriptor of ours; an unlinked one ends in " (deleted)".
static int path_of(int descriptor, char *path) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, 4095);
    if (length < 0) return 0;
    path[length] = 0;
    return is_ours(path);
}

static uint64_t inode_of(int descriptor, mode_t kind) {
    struct stat status;
    return fstat(descriptor, &status) == 0 && (status.st_mode & S_IFMT) == kind ? status.st_ino : 0;
}

static uint64_t our_file(int descriptor) {
    int before = errno;
    char path[4096];
    uint64_t inode = log_file >= 0 ? inode_of(descriptor, S_IFREG) : 0;
    if (inode && !path_of(descriptor, path)) inode = 0;
    errno = before;
    return inode;
}

// A path under a directory's descriptor, made whole.
static const char *whole(int directory, const char *path, char *room) {
    if (path[0] == '/' || log_file < 0) return path;
    if (directory == AT_FDCWD) {
        if (!getcwd(room, 2048)) return path;
    } else if (!path_of(directory, room)) {
        return path;
    }
    size_t length = strlen(room);
    snprintf(room + length, 4096 - length, "/%s", path);
    return room;
}

// Opening

static int opened(int directory, const char *given, int flags, mode_t mode) {
    char room[4096];
    const char *path = whole(directory, given, room);
    if (!is_ours(path) || !(flags & (O_CREAT | O_TRUNC)))
        return (int)syscall(SYS_openat, directory, given, flags, mode);
    lock_names();
    struct stat status;
    int was_there = fstatat(AT_FDCWD, path, &status, 0) == 0;
    int descriptor = (int)syscall(SYS_openat, directory, given, flags, mode);
    int failure = errno;
    if (descriptor >= 0) {
        uint64_t inode = inode_of(descriptor, S_IFREG);
        if (!was_there) note(CREATE, inode, 0, path, NULL, NULL, 0, 0);
        else if (flags & O_TRUNC) note(TRUNCATE, inode, 0, NULL, NULL, NULL, 0, 0);
    }
    unlock_names();
    errno = failure;
    return descriptor;
}

#define MODE(last) va_list rest; va_start(rest, last); mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0; va_end(rest)
int open(const char *path, int flags, ...) { MODE(flags); return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags); return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags); return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags); return opened(at, path, flags, mode); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

// Writing

static ssize_t wrote(int descriptor, off_t offset, const struct iovec *pieces, int count, ssize_t result) {
    if (result <= 0) return result;
    uint64_t inode = our_file(descriptor);
    if (!inode) return result;
    int before = errno;
    // Behind the call the position is the end of what was written, also where it appends.
    if (offset < 0) offset = lseek(descriptor, 0, SEEK_CUR) - result;
    note(WRITE, inode, offset, NULL, NULL, pieces, count, (size_t)result);
    errno = before;
    return result;
}

ssize_t write(int to, const void *bytes, size_t count) {
    struct iovec piece = {(void *)bytes, count};
    return wrote(to, -1, &piece, 1, syscall(SYS_write, to, bytes, count));
}
ssize_t pwrite(int to, const void *bytes, size_t count, off_t offset) {
    struct iovec piece = {(void *)bytes, count};
    return wrote(to, offset, &piece, 1, syscall(SYS_pwrite64, to, bytes, count, offset));
}
ssize_t pwrite64(int to, const void *bytes, size_t count, off64_t offset) { return pwrite(to, bytes, count, offset); }
ssize_t writev(int to, const struct iovec *pieces, int count) {
    return wrote(to, -1, pieces, count, REAL(writev)(to, pieces, count));
}
ssize_t pwritev(int to, const struct iovec *pieces, int count, off_t offset) {
    return wrote(to, offset, pieces, count, REAL(pwritev)(to, pieces, count, offset));
}
ssize_t pwritev64(int to, const struct iovec *pieces, int count, off64_t offset) {
    return pwritev(to, pieces, count, offset);
}
ssize_t pwritev2(int to, const struct iovec *pieces, int count, off_t offset, int flags) {
    return wrote(to, offset, pieces, count, REAL(pwritev2)(to, pieces, count, offset, flags));
}

// What the kernel copied is read back.
static ssize_t copied(int to, const off64_t *given, off64_t start, ssize_t result) {
    uint64_t inode = result > 0 ? our_file(to) : 0;
    if (!inode) return result;
    int before = errno;
    off64_t at = given ? start : lseek(to, 0, SEEK_CUR) - result;
    // The descriptor may be for writing only.
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", to);
    int from = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
    static _Thread_local char piece[65536];
    for (ssize_t done = 0; done < result;) {
        size_t want = (size_t)(result - done) < sizeof piece ? (size_t)(result - done) : sizeof piece;
        ssize_t got = pread(from, piece, want, at + done);
        if (got <= 0) break;
        struct iovec whole_piece = {piece, (size_t)got};
        note(WRITE, inode, at + done, NULL, NULL, &whole_piece, 1, (size_t)got);
        done += got;
    }
    syscall(SYS_close, from);
    errno = before;
    return result;
}

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t count, unsigned flags) {
    off64_t start = to_at ? *to_at : 0;
    return copied(to, to_at, start, syscall(SYS_copy_file_range, from, from_at, to, to_at, count, flags));
}
ssize_t splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t count, unsigned flags) {
    off64_t start = to_at ? *to_at : 0;
    return copied(to, to_at, start, syscall(SYS_splice, from, from_at, to, to_at, count, flags));
}
ssize_t sendfile(int to, int from, off_t *from_at, size_t count) {
    return copied(to, NULL, 0, syscall(SYS_sendfile, to, from, from_at, count));
}
ssize_t sendfile64(int to, int from, off64_t *from_at, size_t count) { return sendfile(to, from, from_at, count); }

int ftruncate(int descriptor, off_t size) {
    int result = (int)syscall(SYS_ftruncate, descriptor, size);
    uint64_t inode = result == 0 ? our_file(descriptor) : 0;
    if (inode) note(TRUNCATE, inode, size, NULL, NULL, NULL, 0, 0);
    return result;
}
int ftruncate64(int descriptor, off64_t size) { return ftruncate(descriptor, size); }

static void extended(int descriptor, int mode, off_t end) {
    uint64_t inode = mode & FALLOC_FL_KEEP_SIZE ? 0 : our_file(descriptor);
    if (inode) note(EXTEND, inode, end, NULL, NULL, NULL, 0, 0);
}
int fallocate(int descriptor, int mode, off_t offset, off_t length) {
    int result = (int)syscall(SYS_fallocate, descriptor, mode, offset, length);
    if (result == 0) extended(descriptor, mode, offset + length);
    return result;
}
int fallocate64(int descriptor, int mode, off64_t offset, off64_t length) {
    return fallocate(descriptor, mode, offset, length);
}
int posix_fallocate(int descriptor, off_t offset, off_t length) {
    int result = REAL(posix_fallocate)(descriptor, offset, length);
    if (result == 0) extended(descriptor, 0, offset + length);
    return result;
}
int posix_fallocate64(int descriptor, off64_t offset, off64_t length) {
    return posix_fallocate(descriptor, offset, length);
}

// Syncing

static int synced(int descriptor, long call) {
    char path[4096];
    uint64_t inode = 0;
    if (log_file >= 0 && path_of(descriptor, path)) {
        inode = inode_of(descriptor, S_IFREG);
        if (!inode) inode = inode_of(descriptor, S_IFDIR);
    }
    int64_t number = (int64_t)getpid() << 32 | ++last_sync;
    if (inode) note(SYNC_BEGIN, inode, number, path, NULL, NULL, 0, 0);
    int result = (int)syscall(call, descriptor);
    if (inode && result == 0) note(SYNC_END, inode, number, path, NULL, NULL, 0, 0);
    return result;
}
int fsync(int descriptor) { return synced(descriptor, SYS_fsync); }
int fdatasync(int descriptor) { return synced(descriptor, SYS_fdatasync); }

// Names

static int named(enum operation operation, const char *path, const char *other, int directory, const char *given,
                 int other_directory, const char *other_given, long call, long last) {
    if (!is_ours(path) && !(other && is_ours(other)))
        return other ? (int)syscall(call, directory, given, other_directory, other_given, last)
                     : (int)syscall(call, directory, given, last);
    lock_names();
    int result = other ? (int)syscall(call, directory, given, other_directory, other_given, last)
                       : (int)syscall(call, directory, given, last);
    if (result == 0) note(operation, 0, 0, path, other, NULL, 0, 0);
    unlock_names();
    return result;
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    char room[4096], other[4096];
    return named(RENAME, whole(from, old, room), whole(to, new, other), from, old, to, new, SYS_renameat2, flags);
}
int renameat(int from, const char *old, int to, const char *new) { return renameat2(from, old, to, new, 0); }
int rename(const char *old, const char *new) { return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }
int linkat(int from, const char *old, int to, const char *new, int flags) {
    char room[4096], other[4096];
    return named(LINK, whole(from, old, room), whole(to, new, other), from, old, to, new, SYS_linkat, flags);
}
int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }
int unlinkat(int at, const char *path, int flags) {
    char room[4096];
    return named(UNLINK, whole(at, path, room), NULL, at, path, 0, NULL, SYS_unlinkat, flags);
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
    int result = unlink(path);
    return result != 0 && (errno == EISDIR || errno == EPERM) ? rmdir(path) : result;
}
int mkdirat(int at, const char *path, mode_t mode) {
    char room[4096];
    return named(MAKE_DIRECTORY, whole(at, path, room), NULL, at, path, 0, NULL, SYS_mkdirat, mode);
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

// Children

int execve(const char *path, char *const arguments[], char *const environment[]) {
    static const char *const handed_on[] = {"LD_PRELOAD", "HEADWAY_POWER_LOSS_DATA", "HEADWAY_POWER_LOSS_LOG",
                                            "HEADWAY_POWER_LOSS_LOCK"};
    int count = 0;
    while (environment[count]) count++;
    char *extended_environment[count + 5], room[4][4200];
    memcpy(extended_environment, environment, sizeof(char *) * (size_t)count);
    for (int i = 0; i < 4; i++) {
        const char *value = getenv(handed_on[i]);
        if (!value || log_file < 0) continue;
        snprintf(room[i], sizeof room[i], "%s=%s", handed_on[i], value);
        extended_environment[count++] = room[i];
    }
    extended_environment[count] = NULL;
    return (int)syscall(SYS_execve, path, arguments, extended_environment);
}
