/*
 * Records what a process does to the files under one directory, in order, and can make calls fail or do nothing.
 * Loaded with LD_PRELOAD; see README.md for the environment variables and log.ts for the record layout.
 *
 * One mutex, shared by all recorded processes, is held from before an operation to after its record is written, so the
 * log has the order in which the operations took effect. Syncs are the exception: they leave a record when they begin
 * and one when they end, and hold nothing between, because a sync covers what was written before it began.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
  CREATE = 1, TRUNCATE, WRITE, RENAME, LINK, UNLINK, MKDIR, RMDIR, SYNC_BEGIN, SYNC_END, ACK, MAP_SHARED_NOTE, SYMLINK,
};
enum { FLAG_DROPPED = 1, FLAG_INJECTED = 2, FLAG_SYNCED = 4 };
/* What a sync call asks for: stored in `offset` of SYNC_BEGIN. */
enum sync_kind { SYNC_FSYNC = 1, SYNC_FDATASYNC, SYNC_SYNCFS, SYNC_RANGE, SYNC_ALL };

struct record {
  uint32_t length; /* of the whole record, header included */
  uint8_t kind, flags;
  uint16_t error;
  uint64_t ino, offset, size;
  uint32_t tid, pid;
  uint64_t token;
  uint16_t path_length, path2_length;
  uint32_t data_length;
  uint64_t reserved;
} __attribute__((packed));
_Static_assert(sizeof(struct record) == 64, "log.ts reads 64 octets");

/* Shared by all recorded processes: LOG.ctl. */
struct control {
  uint32_t ready;
  pthread_mutex_t mutex;
  uint64_t token;
  uint64_t matched[16];
};

enum action { ACT_FAIL = 1, ACT_SHORT, ACT_DROP, ACT_KILL };
struct rule {
  enum action action;
  uint64_t calls; /* bits of enum call */
  char path[128];
  uint64_t nth, times; /* first match that is hit, from 1; how many are hit, 0 = all from there on */
  int error;
};
/* Call names a rule can ask for. */
enum call { C_OPEN, C_WRITE, C_TRUNCATE, C_FALLOCATE, C_RENAME, C_LINK, C_UNLINK, C_MKDIR, C_RMDIR, C_FSYNC, C_FDATASYNC,
            C_SYNCFS, C_RANGE, C_SYMLINK, C_COUNT };
static const char *const call_names[C_COUNT] = {"open", "write", "truncate", "fallocate", "rename", "link", "unlink",
  "mkdir", "rmdir", "fsync", "fdatasync", "syncfs", "sync_file_range", "symlink"};

#define FDS 65536
enum fd_state { FD_UNKNOWN, FD_OTHER, FD_TRACKED, FD_ACK };
struct fd_entry { uint64_t dev, ino; enum fd_state state; };

static struct fd_entry fds[FDS];
static struct control *control;
static struct rule rules[16];
static int rule_count;
static int folders_apart;
static int log_fd = -1;
static char root[PATH_MAX], ack_path[PATH_MAX];
static size_t root_length;
static volatile int ready;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static __thread int inside; /* a call made by the shim itself */

typedef void *(*dlsym_fn)(void *, const char *);
static dlsym_fn real_dlsym(void) {
  static dlsym_fn fn;
  if (!fn) {
    static const char *const versions[] = {"GLIBC_2.2.5", "GLIBC_2.17", "GLIBC_2.34", "GLIBC_2.27", "GLIBC_2.36"};
    for (size_t i = 0; i < sizeof versions / sizeof *versions && !fn; i++)
      fn = (dlsym_fn)dlvsym(RTLD_NEXT, "dlsym", versions[i]);
    if (!fn) abort();
  }
  return fn;
}
#define REAL(name) ({ static __typeof__(&name) fn; if (!fn) fn = (__typeof__(&name))real_dlsym()(RTLD_NEXT, #name); fn; })

/* The C library's own: the name is taken by the wrapper at the end of this file. */
typedef long (*syscall_fn)(long, ...);
static long raw(long number, long a, long b, long c, long d, long e, long f) {
  static syscall_fn fn;
  if (!fn) fn = (syscall_fn)real_dlsym()(RTLD_NEXT, "syscall");
  return fn(number, a, b, c, d, e, f);
}
#define RAW6(n, a, b, c, d, e, f, ...) raw((long)(n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define SYSCALL(n, ...) RAW6(n __VA_OPT__(,) __VA_ARGS__, 0, 0, 0, 0, 0, 0)

static void die(const char *what) {
  char line[256];
  int n = snprintf(line, sizeof line, "simulation shim: %s: %s\n", what, strerror(errno));
  if (n > 0) (void)!SYSCALL(SYS_write, 2, line, n);
  _exit(99);
}

static int error_by_name(const char *name) {
  if (!strcmp(name, "ENOSPC")) return ENOSPC;
  if (!strcmp(name, "EIO")) return EIO;
  if (!strcmp(name, "EROFS")) return EROFS;
  if (!strcmp(name, "EDQUOT")) return EDQUOT;
  if (!strcmp(name, "EMFILE")) return EMFILE;
  errno = EINVAL;
  die(name);
  return EINVAL;
}

/* "action=fail,call=write|fsync,path=*.db-wal,nth=3,times=1,error=EIO", several separated by ";". */
static void parse_rules(const char *text) {
  char copy[4096];
  snprintf(copy, sizeof copy, "%s", text);
  char *save_rule = NULL;
  for (char *one = strtok_r(copy, ";", &save_rule); one; one = strtok_r(NULL, ";", &save_rule)) {
    if (rule_count == 16) die("too many rules");
    struct rule *rule = &rules[rule_count++];
    *rule = (struct rule){.action = ACT_FAIL, .calls = ~0ULL, .path = "*", .nth = 1, .times = 1, .error = EIO};
    char *save_field = NULL;
    for (char *field = strtok_r(one, ",", &save_field); field; field = strtok_r(NULL, ",", &save_field)) {
      char *value = strchr(field, '=');
      if (!value) die("rule without =");
      *value++ = 0;
      if (!strcmp(field, "action")) {
        rule->action = !strcmp(value, "fail") ? ACT_FAIL : !strcmp(value, "short") ? ACT_SHORT
                     : !strcmp(value, "drop") ? ACT_DROP : !strcmp(value, "kill") ? ACT_KILL : 0;
        if (!rule->action) die("unknown action");
      } else if (!strcmp(field, "call")) {
        rule->calls = 0;
        char *save_call = NULL;
        for (char *call = strtok_r(value, "|", &save_call); call; call = strtok_r(NULL, "|", &save_call)) {
          int found = 0;
          for (int i = 0; i < C_COUNT; i++) if (!strcmp(call, call_names[i])) rule->calls |= 1ULL << i, found = 1;
          if (!found) die("unknown call in rule");
        }
      } else if (!strcmp(field, "path")) snprintf(rule->path, sizeof rule->path, "%s", value);
      else if (!strcmp(field, "nth")) rule->nth = strtoull(value, NULL, 10);
      else if (!strcmp(field, "times")) rule->times = strtoull(value, NULL, 10);
      else if (!strcmp(field, "error")) rule->error = error_by_name(value);
      else die("unknown field in rule");
    }
  }
}

static void init(void) {
  const char *root_env = getenv("SIM_ROOT"), *log_env = getenv("SIM_LOG"), *ack_env = getenv("SIM_ACK");
  const char *rules_env = getenv("SIM_RULES");
  folders_apart = getenv("SIM_APART") != NULL;
  if (!root_env || !log_env) { ready = -1; return; }
  inside++;
  if (!realpath(root_env, root)) die(root_env);
  root_length = strlen(root);
  if (ack_env) snprintf(ack_path, sizeof ack_path, "%s", ack_env);
  if (rules_env) parse_rules(rules_env);
  log_fd = (int)SYSCALL(SYS_openat, AT_FDCWD, log_env, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (log_fd < 0) die(log_env);
  /* Out of the way of programs that expect low descriptors for their own (fd 3 and 4). */
  int high = (int)SYSCALL(SYS_fcntl, log_fd, F_DUPFD_CLOEXEC, 900);
  if (high < 0) die("dup of the log");
  SYSCALL(SYS_close, log_fd);
  log_fd = high;
  char ctl[PATH_MAX];
  snprintf(ctl, sizeof ctl, "%s.ctl", log_env);
  int fd = (int)SYSCALL(SYS_openat, AT_FDCWD, ctl, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || SYSCALL(SYS_ftruncate, fd, sizeof(struct control))) die(ctl);
  control = (struct control *)SYSCALL(SYS_mmap, NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (control == MAP_FAILED) die("mmap of the control page");
  struct flock lock = {.l_type = F_WRLCK};
  SYSCALL(SYS_fcntl, fd, F_SETLKW, &lock);
  if (!control->ready) {
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&control->mutex, &attr);
    control->ready = 1;
  }
  SYSCALL(SYS_close, fd); /* also lets go of the lock */
  inside--;
  ready = 1;
}
__attribute__((constructor)) static void constructor(void) { pthread_once(&once, init); }
/* Whether this call is to be looked at. */
static int active(void) {
  if (inside) return 0;
  if (!ready) pthread_once(&once, init);
  return ready == 1;
}

static void lock(void) {
  inside++;
  if (pthread_mutex_lock(&control->mutex) == EOWNERDEAD) pthread_mutex_consistent(&control->mutex);
}
static void unlock(void) {
  pthread_mutex_unlock(&control->mutex);
  inside--;
}

static void put(struct record record, const char *path, const char *path2, const struct iovec *data, int data_count) {
  struct iovec parts[3 + IOV_MAX];
  int n = 0;
  record.path_length = path ? strlen(path) : 0;
  record.path2_length = path2 ? strlen(path2) : 0;
  record.tid = (uint32_t)SYSCALL(SYS_gettid);
  record.pid = (uint32_t)getpid();
  parts[n++] = (struct iovec){&record, sizeof record};
  if (record.path_length) parts[n++] = (struct iovec){(void *)path, record.path_length};
  if (record.path2_length) parts[n++] = (struct iovec){(void *)path2, record.path2_length};
  size_t left = record.data_length;
  for (int i = 0; i < data_count && left && n < 3 + IOV_MAX; i++) {
    size_t take = data[i].iov_len < left ? data[i].iov_len : left;
    if (!take) continue;
    parts[n++] = (struct iovec){data[i].iov_base, take};
    left -= take;
  }
  record.length = sizeof record + record.path_length + record.path2_length + record.data_length;
  if (n > IOV_MAX) die("too many parts");
  ssize_t written = SYSCALL(SYS_writev, log_fd, parts, n);
  if (written != (ssize_t)record.length) die("short write of the log");
}

static int below_root(const char *path) {
  return !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}
/* Path below the root, without leading slash; "" is the root itself. */
static const char *relative(const char *path) { return path[root_length] ? path + root_length + 1 : ""; }

/* Absolute path without ".", ".." and doubled slashes; symbolic links are not followed. */
static int absolute(int dirfd, const char *path, char *out) {
  char joined[PATH_MAX * 2];
  if (path[0] == '/') snprintf(joined, sizeof joined, "%s", path);
  else {
    char base[PATH_MAX];
    if (dirfd == AT_FDCWD) { if (!getcwd(base, sizeof base)) return -1; }
    else {
      char link[64];
      snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
      ssize_t n = readlink(link, base, sizeof base - 1);
      if (n < 0) return -1;
      base[n] = 0;
    }
    snprintf(joined, sizeof joined, "%s/%s", base, path);
  }
  size_t length = 0;
  char *save = NULL;
  for (char *part = strtok_r(joined, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
    if (!strcmp(part, ".")) continue;
    if (!strcmp(part, "..")) { while (length && out[--length] != '/') ; continue; }
    size_t n = strlen(part);
    if (length + n + 2 > PATH_MAX) return -1;
    out[length++] = '/';
    memcpy(out + length, part, n);
    length += n;
  }
  out[length] = 0;
  return 0;
}
/* The path below the root, or NULL when it is somewhere else. */
static const char *tracked_path(int dirfd, const char *path, char *buffer) {
  if (!path || absolute(dirfd, path, buffer) || !below_root(buffer)) return NULL;
  return relative(buffer);
}

static int fd_path(int fd, char *out) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, out, PATH_MAX - 1);
  if (n < 0) return -1;
  out[n] = 0;
  char *deleted = n > 10 ? out + n - 10 : NULL;
  if (deleted && !strcmp(deleted, " (deleted)")) *deleted = 0;
  return 0;
}
/* What a descriptor refers to. Looked up again whenever the inode behind the number has changed. */
static enum fd_state fd_state(int fd, struct stat *st) {
  if (fd < 0 || fd >= FDS) return FD_OTHER;
  int saved = errno;
  enum fd_state state = FD_OTHER;
  if (!fstat(fd, st)) {
    struct fd_entry *entry = &fds[fd];
    if (entry->state != FD_UNKNOWN && entry->dev == st->st_dev && entry->ino == st->st_ino) state = entry->state;
    else {
      char path[PATH_MAX];
      if ((S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)) && !fd_path(fd, path))
        state = ack_path[0] && !strcmp(path, ack_path) ? FD_ACK : below_root(path) ? FD_TRACKED : FD_OTHER;
      *entry = (struct fd_entry){st->st_dev, st->st_ino, state};
    }
  }
  errno = saved;
  return state;
}

/* The rule that hits this call, or NULL. Called under the lock. */
static const struct rule *hit(enum call call, const char *path) {
  const struct rule *found = NULL;
  for (int i = 0; i < rule_count; i++) {
    const struct rule *rule = &rules[i];
    if (!(rule->calls & 1ULL << call) || fnmatch(rule->path, path, 0)) continue;
    uint64_t n = ++control->matched[i];
    if (!found && n >= rule->nth && (!rule->times || n < rule->nth + rule->times)) found = rule;
  }
  if (found && found->action == ACT_KILL) SYSCALL(SYS_kill, getpid(), SIGKILL);
  return found;
}
static const struct rule *hit_fd(enum call call, int fd) {
  if (!rule_count) return NULL;
  char path[PATH_MAX];
  return fd_path(fd, path) || !below_root(path) ? NULL : hit(call, relative(path));
}
/* A rule that makes the call fail: errno is set, the failure is in the log. */
static int fails(const struct rule *rule, struct record record, const char *path, const char *path2) {
  if (!rule || rule->action != ACT_FAIL) return 0;
  record.flags |= FLAG_INJECTED;
  record.error = rule->error;
  put(record, path, path2, NULL, 0);
  errno = rule->error;
  return 1;
}

/* --- opening --- */

typedef int (*openat_fn)(int, const char *, int, ...);
static int open_any(int dirfd, const char *path, int flags, mode_t mode) {
  openat_fn real = (openat_fn)REAL(openat64);
  if (!active() || !(flags & (O_CREAT | O_TRUNC | __O_TMPFILE))) return real(dirfd, path, flags, mode);
  lock();
  char buffer[PATH_MAX];
  const char *rel = tracked_path(dirfd, path, buffer);
  int fd;
  if (!rel) fd = real(dirfd, path, flags, mode);
  else {
    struct stat before, after;
    int unnamed = (flags & O_TMPFILE) == O_TMPFILE;
    int existed = !unnamed && !fstatat(dirfd, path, &before, 0);
    struct record record = {.kind = CREATE};
    const struct rule *rule = existed && !(flags & O_TRUNC) ? NULL : hit(C_OPEN, rel);
    if (fails(rule, record, rel, NULL)) fd = -1;
    else {
      fd = real(dirfd, path, flags, mode);
      int saved = errno;
      if (fd >= 0 && !fstat(fd, &after)) {
        record.ino = after.st_ino;
        if (!existed) put(record, unnamed ? NULL : rel, NULL, NULL, 0);
        else if ((flags & O_TRUNC) && before.st_size)
          put((struct record){.kind = TRUNCATE, .ino = after.st_ino}, rel, NULL, NULL, 0);
      }
      errno = saved;
    }
  }
  unlock();
  return fd;
}
#define MODE(flags) ({ mode_t m = 0; if ((flags) & (O_CREAT | __O_TMPFILE)) { va_list ap; va_start(ap, flags); m = va_arg(ap, mode_t); va_end(ap); } m; })
int open(const char *path, int flags, ...) { return open_any(AT_FDCWD, path, flags, MODE(flags)); }
int open64(const char *path, int flags, ...) { return open_any(AT_FDCWD, path, flags, MODE(flags)); }
int openat(int dirfd, const char *path, int flags, ...) { return open_any(dirfd, path, flags, MODE(flags)); }
int openat64(int dirfd, const char *path, int flags, ...) { return open_any(dirfd, path, flags, MODE(flags)); }
int creat(const char *path, mode_t mode) { return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

/* --- writing --- */

/* Does the write; offset -1 means at the descriptor's position. */
static ssize_t write_real(int fd, const struct iovec *iov, int count, off_t offset, int rwf) {
  if (rwf) return SYSCALL(SYS_pwritev2, fd, iov, count, offset, 0L, rwf);
  return offset < 0 ? SYSCALL(SYS_writev, fd, iov, count) : SYSCALL(SYS_pwritev, fd, iov, count, offset, 0L);
}
static ssize_t write_any(int fd, const struct iovec *iov, int count, off_t offset, int rwf) {
  struct stat st;
  if (!active()) return write_real(fd, iov, count, offset, rwf);
  enum fd_state state = fd_state(fd, &st);
  if (state == FD_OTHER) return write_real(fd, iov, count, offset, rwf);
  lock();
  ssize_t result;
  struct record record = {.kind = state == FD_ACK ? ACK : WRITE, .ino = st.st_ino};
  const struct rule *rule = state == FD_ACK ? NULL : hit_fd(C_WRITE, fd);
  if (fails(rule, record, NULL, NULL)) result = -1;
  else {
    int flags = fcntl(fd, F_GETFL);
    if (flags & O_APPEND) { fstat(fd, &st); record.offset = st.st_size; }
    else record.offset = offset < 0 ? lseek(fd, 0, SEEK_CUR) : offset;
    if ((flags & O_DSYNC) || (rwf & (RWF_DSYNC | RWF_SYNC))) record.flags |= FLAG_SYNCED;
    if (rule && rule->action == ACT_SHORT && count > 0) {
      struct iovec half = {iov[0].iov_base, iov[0].iov_len / 2};
      record.flags |= FLAG_INJECTED;
      result = write_real(fd, &half, 1, offset, rwf);
    } else result = write_real(fd, iov, count, offset, rwf);
    int saved = errno;
    if (result < 0) record.error = saved;
    else record.size = record.data_length = result;
    put(record, NULL, NULL, iov, result > 0 ? count : 0);
    errno = saved;
  }
  unlock();
  return result;
}
ssize_t write(int fd, const void *data, size_t n) {
  struct stat st;
  if (!active() || fd_state(fd, &st) == FD_OTHER) return REAL(write)(fd, data, n);
  struct iovec iov = {(void *)data, n};
  return write_any(fd, &iov, 1, -1, 0);
}
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t offset) {
  struct iovec iov = {(void *)data, n};
  return write_any(fd, &iov, 1, offset, 0);
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t offset) { return pwrite64(fd, data, n, offset); }
ssize_t writev(int fd, const struct iovec *iov, int count) {
  struct stat st;
  if (!active() || fd_state(fd, &st) == FD_OTHER) return REAL(writev)(fd, iov, count);
  return write_any(fd, iov, count, -1, 0);
}
ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t offset) { return write_any(fd, iov, count, offset, 0); }
ssize_t pwritev64(int fd, const struct iovec *iov, int count, off64_t offset) { return write_any(fd, iov, count, offset, 0); }
ssize_t pwritev2(int fd, const struct iovec *iov, int count, off_t offset, int rwf) { return write_any(fd, iov, count, offset, rwf); }
ssize_t pwritev64v2(int fd, const struct iovec *iov, int count, off64_t offset, int rwf) { return write_any(fd, iov, count, offset, rwf); }

/* Copies inside the kernel are refused for tracked files: callers (libuv) fall back to reading and writing. */
ssize_t copy_file_range(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t n, unsigned flags) {
  struct stat st;
  if (active() && fd_state(out, &st) != FD_OTHER) { errno = ENOSYS; return -1; }
  return SYSCALL(SYS_copy_file_range, in, in_offset, out, out_offset, n, flags);
}
static ssize_t sendfile_any(int out, int in, off64_t *offset, size_t n) {
  struct stat st;
  if (active() && fd_state(out, &st) != FD_OTHER) { errno = EINVAL; return -1; }
  return SYSCALL(SYS_sendfile, out, in, offset, n);
}
ssize_t sendfile(int out, int in, off_t *offset, size_t n) { return sendfile_any(out, in, offset, n); }
ssize_t sendfile64(int out, int in, off64_t *offset, size_t n) { return sendfile_any(out, in, offset, n); }

static int truncate_any(int fd, off_t size) {
  struct stat st;
  if (!active() || fd_state(fd, &st) != FD_TRACKED) return (int)SYSCALL(SYS_ftruncate, fd, size);
  lock();
  struct record record = {.kind = TRUNCATE, .ino = st.st_ino, .size = size};
  int result = -1;
  if (!fails(hit_fd(C_TRUNCATE, fd), record, NULL, NULL)) {
    result = (int)SYSCALL(SYS_ftruncate, fd, size);
    int saved = errno;
    if (result) record.error = saved;
    put(record, NULL, NULL, NULL, 0);
    errno = saved;
  }
  unlock();
  return result;
}
int ftruncate(int fd, off_t size) { return truncate_any(fd, size); }
int ftruncate64(int fd, off64_t size) { return truncate_any(fd, size); }
static int truncate_path(const char *path, off_t size) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  int result = ftruncate(fd, size), saved = errno;
  close(fd);
  errno = saved;
  return result;
}
int truncate(const char *path, off_t size) { return truncate_path(path, size); }
int truncate64(const char *path, off64_t size) { return truncate_path(path, size); }

/* Only growth is modelled: other modes (punching holes) are refused for tracked files. */
static int fallocate_any(int fd, int mode, off_t offset, off_t n) {
  struct stat st;
  if (!active() || fd_state(fd, &st) != FD_TRACKED) return (int)SYSCALL(SYS_fallocate, fd, mode, offset, n);
  lock();
  struct record record = {.kind = TRUNCATE, .ino = st.st_ino, .size = offset + n};
  int result = -1;
  if (mode & ~FALLOC_FL_KEEP_SIZE) errno = EOPNOTSUPP;
  else if (!fails(hit_fd(C_FALLOCATE, fd), record, NULL, NULL)) {
    fstat(fd, &st);
    result = (int)SYSCALL(SYS_fallocate, fd, mode, offset, n);
    int saved = errno;
    if (result) record.error = saved;
    if (result || (!(mode & FALLOC_FL_KEEP_SIZE) && offset + n > st.st_size)) put(record, NULL, NULL, NULL, 0);
    errno = saved;
  }
  unlock();
  return result;
}
int fallocate(int fd, int mode, off_t offset, off_t n) { return fallocate_any(fd, mode, offset, n); }
int fallocate64(int fd, int mode, off64_t offset, off64_t n) { return fallocate_any(fd, mode, offset, n); }
int posix_fallocate(int fd, off_t offset, off_t n) { return fallocate_any(fd, 0, offset, n) ? errno : 0; }
int posix_fallocate64(int fd, off64_t offset, off64_t n) { return fallocate_any(fd, 0, offset, n) ? errno : 0; }

/* --- names --- */

static uint64_t inode_of(int dirfd, const char *path) {
  struct stat st;
  return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) ? 0 : st.st_ino;
}
/* Runs CALL under the lock and logs it; PATH/PATH2 are tracked paths or NULL, INO is asked before or after the call. */
#define NAMED(KIND, CALLNAME, PATH, PATH2, INO_BEFORE, INO_AFTER, EXPR) ({ \
    struct record record = {.kind = KIND}; \
    const char *p1 = PATH, *p2 = PATH2; \
    int result; \
    if (!p1 && !p2) result = EXPR; \
    else { \
      record.ino = INO_BEFORE; \
      if (fails(hit(CALLNAME, p1 ? p1 : p2), record, p1, p2)) result = -1; \
      else { \
        result = EXPR; \
        int saved = errno; \
        if (result) record.error = saved; else if (!record.ino) record.ino = INO_AFTER; \
        put(record, p1, p2, NULL, 0); \
        errno = saved; \
      } \
    } \
    result; })

/* Whether the paths lie in different folders of the root, when each folder stands for a filesystem of its own. */
static int are_apart(const char *one, const char *other) {
  if (!folders_apart || !one || !other) return 0;
  size_t n = strcspn(one, "/"), m = strcspn(other, "/");
  return n != m || memcmp(one, other, n) != 0;
}

static int rename_any(int dir1, const char *from, int dir2, const char *to, unsigned flags) {
  if (!active()) return (int)SYSCALL(SYS_renameat2, dir1, from, dir2, to, flags);
  lock();
  char b1[PATH_MAX], b2[PATH_MAX];
  const char *r1 = tracked_path(dir1, from, b1), *r2 = tracked_path(dir2, to, b2);
  int result;
  if (flags & 2 /* RENAME_EXCHANGE: not modelled */ && (r1 || r2)) errno = EINVAL, result = -1;
  else if (are_apart(r1, r2)) errno = EXDEV, result = -1;
  else result = NAMED(RENAME, C_RENAME, r1, r2, inode_of(dir1, from), 0, (int)SYSCALL(SYS_renameat2, dir1, from, dir2, to, flags));
  unlock();
  return result;
}
int rename(const char *from, const char *to) { return rename_any(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int d1, const char *from, int d2, const char *to) { return rename_any(d1, from, d2, to, 0); }
int renameat2(int d1, const char *from, int d2, const char *to, unsigned flags) { return rename_any(d1, from, d2, to, flags); }

static int link_any(int d1, const char *from, int d2, const char *to, int flags) {
  if (!active()) return (int)SYSCALL(SYS_linkat, d1, from, d2, to, flags);
  lock();
  char b1[PATH_MAX], b2[PATH_MAX];
  const char *r1 = tracked_path(d1, from, b1), *r2 = tracked_path(d2, to, b2);
  int result;
  /* In the kernel's order: a name that is taken is found first. */
  if (are_apart(r1, r2)) errno = inode_of(d1, from) == 0 ? ENOENT : inode_of(d2, to) != 0 ? EEXIST : EXDEV, result = -1;
  else result = NAMED(LINK, C_LINK, NULL, r2, 0, inode_of(d2, to), (int)SYSCALL(SYS_linkat, d1, from, d2, to, flags));
  unlock();
  return result;
}
int link(const char *from, const char *to) { return link_any(AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int d1, const char *from, int d2, const char *to, int flags) { return link_any(d1, from, d2, to, flags); }

static int symlink_any(const char *target, int dirfd, const char *path) {
  if (!active()) return (int)SYSCALL(SYS_symlinkat, target, dirfd, path);
  lock();
  char b[PATH_MAX];
  const char *rel = tracked_path(dirfd, path, b);
  struct record record = {.kind = SYMLINK};
  int result;
  if (!rel) result = (int)SYSCALL(SYS_symlinkat, target, dirfd, path);
  else if (fails(hit(C_SYMLINK, rel), record, rel, target)) result = -1;
  else {
    result = (int)SYSCALL(SYS_symlinkat, target, dirfd, path);
    int saved = errno;
    if (result) record.error = saved; else record.ino = inode_of(dirfd, path);
    put(record, rel, target, NULL, 0);
    errno = saved;
  }
  unlock();
  return result;
}
int symlink(const char *target, const char *path) { return symlink_any(target, AT_FDCWD, path); }
int symlinkat(const char *target, int dirfd, const char *path) { return symlink_any(target, dirfd, path); }

static int unlink_any(int dirfd, const char *path, int flags) {
  if (!active()) return (int)SYSCALL(SYS_unlinkat, dirfd, path, flags);
  lock();
  char b[PATH_MAX];
  const char *rel = tracked_path(dirfd, path, b);
  int result = flags & AT_REMOVEDIR
    ? NAMED(RMDIR, C_RMDIR, rel, NULL, inode_of(dirfd, path), 0, (int)SYSCALL(SYS_unlinkat, dirfd, path, flags))
    : NAMED(UNLINK, C_UNLINK, rel, NULL, inode_of(dirfd, path), 0, (int)SYSCALL(SYS_unlinkat, dirfd, path, flags));
  unlock();
  return result;
}
int unlink(const char *path) { return unlink_any(AT_FDCWD, path, 0); }
int unlinkat(int dirfd, const char *path, int flags) { return unlink_any(dirfd, path, flags); }
int rmdir(const char *path) { return unlink_any(AT_FDCWD, path, AT_REMOVEDIR); }
/* The C++ library's remove_all ends with this one. */
int remove(const char *path) {
  struct stat st;
  if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW)) return -1;
  return unlink_any(AT_FDCWD, path, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
}

static int mkdir_any(int dirfd, const char *path, mode_t mode) {
  if (!active()) return (int)SYSCALL(SYS_mkdirat, dirfd, path, mode);
  lock();
  char b[PATH_MAX];
  const char *rel = tracked_path(dirfd, path, b);
  int existed = rel && inode_of(dirfd, path) != 0;
  int result = existed ? (errno = EEXIST, -1)
    : NAMED(MKDIR, C_MKDIR, rel, NULL, 0, inode_of(dirfd, path), (int)SYSCALL(SYS_mkdirat, dirfd, path, mode));
  unlock();
  return result;
}
int mkdir(const char *path, mode_t mode) { return mkdir_any(AT_FDCWD, path, mode); }
int mkdirat(int dirfd, const char *path, mode_t mode) { return mkdir_any(dirfd, path, mode); }

/* --- syncs --- */

static int sync_any(int fd, enum sync_kind what, enum call call, long number, off64_t offset, off64_t n, unsigned flags) {
#define SYNC_CALL() (what == SYNC_RANGE ? (int)SYSCALL(number, fd, offset, n, flags) : (int)SYSCALL(number, fd))
  struct stat st;
  if (!active() || fd_state(fd, &st) != FD_TRACKED) return SYNC_CALL();
  char path[PATH_MAX];
  lock();
  const char *rel = fd_path(fd, path) || !below_root(path) ? "" : relative(path);
  struct record record = {.kind = SYNC_BEGIN, .ino = st.st_ino, .offset = what, .token = ++control->token};
  const struct rule *rule = hit(call, rel);
  int dropped = rule && rule->action == ACT_DROP;
  if (dropped) record.flags |= FLAG_DROPPED | FLAG_INJECTED;
  put(record, rel, NULL, NULL, 0);
  struct record end = record;
  end.kind = SYNC_END;
  int result = 0;
  if (!fails(rule, end, rel, NULL)) {
    if (!dropped) {
      unlock();
      result = SYNC_CALL();
      lock();
      if (result) end.error = errno;
    }
    int saved = errno;
    put(end, rel, NULL, NULL, 0);
    errno = saved;
  } else result = -1;
  int saved = errno;
  unlock();
  errno = saved;
  return result;
}
int fsync(int fd) { return sync_any(fd, SYNC_FSYNC, C_FSYNC, SYS_fsync, 0, 0, 0); }
int fdatasync(int fd) { return sync_any(fd, SYNC_FDATASYNC, C_FDATASYNC, SYS_fdatasync, 0, 0, 0); }
int syncfs(int fd) { return sync_any(fd, SYNC_SYNCFS, C_SYNCFS, SYS_syncfs, 0, 0, 0); }
int sync_file_range(int fd, off64_t offset, off64_t n, unsigned flags) {
  return sync_any(fd, SYNC_RANGE, C_RANGE, SYS_sync_file_range, offset, n, flags);
}

/* --- mappings: noted only, the test refuses logs in which a file other than the WAL-index was mapped for writing --- */

static void *mmap_any(void *at, size_t n, int prot, int flags, int fd, off_t offset) {
  void *result = (void *)SYSCALL(SYS_mmap, at, n, prot, flags, fd, offset);
  struct stat st;
  if (result == MAP_FAILED || fd < 0 || (flags & MAP_ANONYMOUS) || !(prot & PROT_WRITE)) return result;
  if ((flags & MAP_TYPE) == MAP_PRIVATE || !active() || fd_state(fd, &st) != FD_TRACKED) return result;
  lock();
  char path[PATH_MAX];
  if (!fd_path(fd, path) && below_root(path))
    put((struct record){.kind = MAP_SHARED_NOTE, .ino = st.st_ino, .offset = offset, .size = n}, relative(path), NULL, NULL, 0);
  unlock();
  return result;
}
void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset) { return mmap_any(at, n, prot, flags, fd, offset); }
void *mmap64(void *at, size_t n, int prot, int flags, int fd, off64_t offset) { return mmap_any(at, n, prot, flags, fd, offset); }

/* libuv makes some calls past their wrappers in the C library. */
long syscall(long number, ...) {
  va_list ap;
  va_start(ap, number);
  long v[6];
  for (int i = 0; i < 6; i++) v[i] = va_arg(ap, long);
  va_end(ap);
  switch (number) {
    case SYS_copy_file_range: return copy_file_range(v[0], (off64_t *)v[1], v[2], (off64_t *)v[3], v[4], v[5]);
    case SYS_fsync: return fsync(v[0]);
    case SYS_fdatasync: return fdatasync(v[0]);
    case SYS_syncfs: return syncfs(v[0]);
    case SYS_sync_file_range: return sync_file_range(v[0], v[1], v[2], v[3]);
    case SYS_renameat2: return renameat2(v[0], (const char *)v[1], v[2], (const char *)v[3], v[4]);
    case SYS_pwritev2: return pwritev2(v[0], (const struct iovec *)v[1], v[2], v[3], v[5]);
    case 425 /* io_uring_setup: would write past everything here */: errno = ENOSYS; return -1;
    default: return raw(number, v[0], v[1], v[2], v[3], v[4], v[5]);
  }
}

/* Foreign function interfaces ask libc for its symbols by handle, past the preload order: give them ours. */
void *dlsym(void *handle, const char *name) {
  static const struct { const char *name; void *fn; } ours[] = {
    {"open", open}, {"open64", open64}, {"openat", openat}, {"openat64", openat64}, {"creat", creat}, {"write", write},
    {"pwrite", pwrite}, {"pwrite64", pwrite64}, {"writev", writev}, {"pwritev", pwritev}, {"pwritev2", pwritev2},
    {"ftruncate", ftruncate}, {"ftruncate64", ftruncate64}, {"fallocate", fallocate}, {"posix_fallocate", posix_fallocate},
    {"rename", rename}, {"renameat", renameat}, {"renameat2", renameat2}, {"link", link}, {"linkat", linkat},
    {"symlink", symlink}, {"unlink", unlink}, {"unlinkat", unlinkat}, {"rmdir", rmdir}, {"remove", remove}, {"mkdir", mkdir},
    {"mkdirat", mkdirat}, {"fsync", fsync}, {"fdatasync", fdatasync}, {"syncfs", syncfs},
    {"sync_file_range", sync_file_range}, {"syscall", syscall}, {"copy_file_range", copy_file_range}, {"mmap", mmap}, {"mmap64", mmap64},
  };
  if (handle != RTLD_NEXT)
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) if (!strcmp(name, ours[i].name)) return ours[i].fn;
  return real_dlsym()(handle, name);
}
