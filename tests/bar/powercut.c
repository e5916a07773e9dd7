/* Keeps a journal of what reaches files of one folder, so that a power cut at any moment can be played afterwards.

   Preloaded into a process, it watches files in $POWERCUT_FOLDER whose name does not end in "-shm", and those in its
   subfolders whose name has "payload-" in it. Each write, truncation, creation, renaming, removal and sync is appended
   to $POWERCUT_JOURNAL as one record, in the order in which they completed; a sync has a second record for its begin.
   It changes nothing of what the process does.

   Record: op, 3 bytes padding, length of the data, inode, birth (both tell files apart although inodes are used again),
   offset; then the data: bytes written, or a name relative to the folder. Ops: W write, T truncate to offset, C created,
   U unlinked, M renamed (old name, NUL, new name), B and E a sync begins and ends (offset: its number), D and F the same
   for a folder (data: its name, empty for the watched one). */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST 4096
enum { NONE, FILE_OF_OURS, FOLDER };

struct record { char op, padding[3]; uint32_t length; uint64_t inode, birth; int64_t offset; };
struct tracked { int kind; uint64_t inode, birth; char name[NAME_MAX + 1]; };

static struct tracked table[MOST];
static int journal = -1;
static char folder[PATH_MAX];
static atomic_ulong syncs;

#define REAL(type, name, ...) static type (*real_##name)(__VA_ARGS__)
REAL(int, open64, const char *, int, ...);
REAL(int, close, int);
REAL(ssize_t, write, int, const void *, size_t);
REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
REAL(int, ftruncate64, int, off64_t);
REAL(int, fsync, int);
REAL(int, fdatasync, int);
REAL(int, unlink, const char *);
REAL(int, rename, const char *, const char *);

__attribute__((constructor)) static void begin(void) {
    real_open64 = dlsym(RTLD_NEXT, "open64");
    real_close = dlsym(RTLD_NEXT, "close");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite64 = dlsym(RTLD_NEXT, "pwrite64");
    real_ftruncate64 = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_rename = dlsym(RTLD_NEXT, "rename");
    const char *where = getenv("POWERCUT_FOLDER"), *to = getenv("POWERCUT_JOURNAL");
    if (where && to && realpath(where, folder))
        journal = real_open64(to, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static void note(char op, const struct tracked *file, int64_t offset, const void *data, size_t length) {
    int saved = errno;
    struct record record = {op, {0}, (uint32_t)length, file->inode, file->birth, offset};
    struct iovec parts[2] = {{&record, sizeof record}, {(void *)data, length}};
    if (writev(journal, parts, length ? 2 : 1) != (ssize_t)(sizeof record + length)) abort();
    errno = saved;
}

static const char *within(const char *path) { /* the name relative to the folder, "" for itself, or NULL */
    size_t length = strlen(folder);
    if (journal < 0 || strncmp(path, folder, length) || (path[length] && path[length] != '/')) return NULL;
    return path[length] ? path + length + 1 : "";
}

static const char *watched(const char *path) { /* the same of a file that is watched */
    const char *name = within(path);
    if (!name || !*name) return NULL;
    size_t rest = strlen(name);
    if (rest > 4 && !strcmp(name + rest - 4, "-shm")) return NULL;
    return strchr(name, '/') && !strstr(name, "/payload-") ? NULL : name;
}

static struct tracked identity(int fd, const char *path) {
    struct statx about;
    struct tracked file = {FILE_OF_OURS, 0, 0, {0}};
    if (!statx(fd, path, fd < 0 ? 0 : AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &about)) {
        file.inode = about.stx_ino;
        file.birth = (uint64_t)about.stx_btime.tv_sec * 1000000000u + about.stx_btime.tv_nsec;
    }
    return file;
}

static int is_folder(int fd) {
    struct stat about;
    return !fstat(fd, &about) && S_ISDIR(about.st_mode);
}

static int opened(const char *path, int flags, mode_t mode) {
    const char *name = watched(path);
    int fd, created = 0;
    if (name && (flags & O_CREAT)) {
        do {
            fd = real_open64(path, flags | O_EXCL, mode);
            created = fd >= 0;
            if (!created && errno == EEXIST && !(flags & O_EXCL)) fd = real_open64(path, flags & ~O_CREAT, mode);
        } while (fd < 0 && errno == ENOENT && !(flags & O_EXCL));
    } else
        fd = real_open64(path, flags, mode);
    if (fd < 0 || fd >= MOST) return fd;
    table[fd].kind = NONE;
    int saved = errno;
    if (within(path) && !created && is_folder(fd)) {
        table[fd].kind = FOLDER;
        strncpy(table[fd].name, within(path), NAME_MAX);
    } else if (name) {
        table[fd] = identity(fd, "");
        if (created) note('C', &table[fd], 0, name, strlen(name));
    }
    errno = saved;
    return fd;
}

#define OPEN(name)                                                \
    int name(const char *path, int flags, ...) {                  \
        va_list rest;                                             \
        va_start(rest, flags);                                    \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                             \
        return opened(path, flags, mode);                         \
    }
OPEN(open)
OPEN(open64)
int __open_2(const char *path, int flags) { return opened(path, flags, 0); }
int __open64_2(const char *path, int flags) { return opened(path, flags, 0); }

static struct tracked *of(int fd) {
    return journal >= 0 && fd >= 0 && fd < MOST && table[fd].kind != NONE ? &table[fd] : NULL;
}

int close(int fd) {
    if (fd >= 0 && fd < MOST) table[fd].kind = NONE;
    return real_close(fd);
}

ssize_t write(int fd, const void *data, size_t length) {
    struct tracked *file = of(fd);
    ssize_t done = real_write(fd, data, length);
    if (file && done > 0) note('W', file, lseek(fd, 0, SEEK_CUR) - done, data, (size_t)done);
    return done;
}

static ssize_t written(int fd, const void *data, size_t length, off64_t offset) {
    struct tracked *file = of(fd);
    ssize_t done = real_pwrite64(fd, data, length, offset);
    if (file && done > 0) note('W', file, offset, data, (size_t)done);
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return written(fd, data, length, offset); }
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) { return written(fd, data, length, offset); }

static int cut(int fd, off64_t size) {
    struct tracked *file = of(fd);
    int failed = real_ftruncate64(fd, size);
    if (file && !failed) note('T', file, size, NULL, 0);
    return failed;
}
int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off64_t size) { return cut(fd, size); }

static int synced(int fd, int (*real)(int)) {
    struct tracked *file = of(fd);
    if (!file) return real(fd);
    int whole = file->kind == FOLDER;
    int64_t number = (int64_t)getpid() << 32 | (int64_t)atomic_fetch_add(&syncs, 1);
    note(whole ? 'D' : 'B', file, number, file->name, whole ? strlen(file->name) : 0);
    int failed = real(fd);
    if (!failed) note(whole ? 'F' : 'E', file, number, file->name, whole ? strlen(file->name) : 0);
    return failed;
}
int fsync(int fd) { return synced(fd, real_fsync); }
int fdatasync(int fd) { return synced(fd, real_fdatasync); }

int unlink(const char *path) {
    const char *name = watched(path);
    struct tracked file = {0};
    if (name) file = identity(-1, path);
    int failed = real_unlink(path);
    if (name && !failed) note('U', &file, 0, name, strlen(name));
    return failed;
}

int rename(const char *from, const char *to) {
    const char *before = watched(from), *after = watched(to);
    struct tracked file = {0};
    if (before && after) file = identity(-1, from);
    int failed = real_rename(from, to);
    if (before && after && !failed) {
        char names[2 * PATH_MAX];
        size_t length = strlen(before) + 1;
        memcpy(names, before, length);
        memcpy(names + length, after, strlen(after));
        note('M', &file, 0, names, length + strlen(after));
    }
    return failed;
}
