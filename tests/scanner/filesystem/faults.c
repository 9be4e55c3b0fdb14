/* A file system that fails and lies, for tests: preloaded into a scan, this stands between it and
 * the C library, in the calls by which Python reads files.
 *
 * FAULTS_ROOT is a folder, without links in its path; only what lies under it is ever touched.
 * FAULTS_PLAN is a file that is read anew at each call about that folder, so that one set of
 * processes can live through many plans. Its first line is `SERIAL PID`: of the plan, with which
 * all counts begin anew, and of the main process. Every other line is a rule, of fields that are
 * separated by tabs:
 *
 *   where   main, child or any: in which process
 *   call    open, stat, read, seek, opendir, list or close; open names a folder as well
 *   name    the last component of the path that the call is about
 *   times   from which such call of a process on, by count: 3 is the third alone, -3 all from there
 *   action  one of those below
 *   a, b    two numbers, and
 *   text    a text, that the action takes
 *   victim  what a change befalls, relative to FAULTS_ROOT; `=` is what the call is about
 *
 * errno a b: fail with error a; a read only from byte b on, those before are given.
 * Changes, before the call goes on: remove; folder; fifo; link (to text); copy (of the file text
 * takes its place); resize (to a bytes, with zeros where it grows).
 * Lies, in what the call gives: cut (the file ends at byte a), short (a read gives a bytes at
 * most), mtime (a seconds, b nanoseconds), size, mode, ino, blocks, blksize (a); of a listing:
 * twice (the entry comes again), type (a), name (text).
 * note: for the call and name `*`, add a line `main or child, call, name` to the file text.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_RULES 8
#define REAL(call) ((__typeof__(&call))dlsym(RTLD_NEXT, #call))

struct rule {
    char line[4096];
    const char *where, *call, *name, *action, *text, *victim;
    long long times, met, a, b;
};

static struct rule rules[MOST_RULES];
static int rule_count;
static long serial, main_process;
static __thread int busy; /* the calls of this library are not about the evidence */

/* Read the plan, if it is another than the last. */
static void load_plan(void) {
    FILE *plan = fopen(getenv("FAULTS_PLAN"), "r");
    long now = serial;
    if (plan && fscanf(plan, "%ld %ld\n", &now, &main_process) == 2 && now != serial) {
        serial = now;
        for (rule_count = 0; rule_count < MOST_RULES; rule_count++) {
            struct rule *r = &rules[rule_count];
            char *field[9] = {0}, *rest = r->line;
            if (!fgets(r->line, sizeof r->line, plan)) break;
            for (int n = 0; n < 9; n++) field[n] = strsep(&rest, "\t\n");
            if (!field[8]) abort();
            r->where = field[0], r->call = field[1], r->name = field[2], r->action = field[4];
            r->times = atoll(field[3]), r->a = atoll(field[5]), r->b = atoll(field[6]);
            r->text = field[7], r->victim = field[8], r->met = 0;
        }
    }
    if (plan) fclose(plan);
}

/* The absolute path of what a call is about, with no link in its folder; NULL outside the root. */
static char *locate(int folder, const char *path, char *place) {
    const char *root = getenv("FAULTS_ROOT");
    char link[64];
    size_t size = 0;
    if (!root) return NULL;
    if (*path != '/') {
        if (folder == AT_FDCWD) strcpy(link, "/proc/self/cwd");
        else snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t given = readlink(link, place, PATH_MAX - 1);
        if (given < 1 || *place != '/') return NULL;
        size = given;
        place[size++] = '/';
    }
    if (size + strlen(path) >= 2 * PATH_MAX) return NULL;
    strcpy(place + size, path);
    for (char *end; (end = strrchr(place, '/')) && end > place;) {
        if (end[1] && strcmp(end, "/.") && strcmp(end, "/..")) break;
        int is_up = !strcmp(end, "/..");
        *end = 0;
        if (is_up && (end = strrchr(place, '/'))) *end = 0;
    }
    size = strlen(root);
    return strncmp(place, root, size) || (place[size] && place[size] != '/') ? NULL : place;
}

/* Change the victim: what was there lies behind the root afterwards, under a name of its own. */
static void change(const struct rule *r, const char *place) {
    static int changes;
    char victim[3 * PATH_MAX], aside[PATH_MAX], bytes[1 << 16];
    const char *root = getenv("FAULTS_ROOT");
    if (!strcmp(r->victim, "=")) strcpy(victim, place);
    else snprintf(victim, sizeof victim, "%s/%s", root, r->victim);
    if (!strcmp(r->action, "resize")) {
        if (truncate(victim, r->a) < 0) perror(victim); /* it is gone by now */
        return;
    }
    if (!strstr("remove folder fifo link copy", r->action)) return;
    snprintf(aside, sizeof aside, "%s.aside/%d.%d", root, getpid(), changes++);
    if (rename(victim, aside) < 0) return; /* another process was first */
    if (!strcmp(r->action, "folder")) mkdir(victim, 0755);
    if (!strcmp(r->action, "fifo")) mkfifo(victim, 0644);
    if (!strcmp(r->action, "link") && symlink(r->text, victim) < 0) abort();
    if (!strcmp(r->action, "copy")) {
        int from = open(r->text, O_RDONLY), to = open(victim, O_WRONLY | O_CREAT, 0644);
        for (ssize_t size; (size = read(from, bytes, sizeof bytes)) > 0;)
            if (write(to, bytes, size) < 0) abort();
        close(from);
        close(to);
    }
}

/* Let a test know where plans can strike. */
static void note(const struct rule *r, const char *where, const char *call, const char *name) {
    int file = open(r->text, O_WRONLY | O_CREAT | O_APPEND, 0644);
    dprintf(file, "%s\t%s\t%s\n", where, call, name);
    close(file);
}

/* The rule that strikes this call, whose change is made; NULL for nearly every call. */
static const struct rule *struck(const char *call, int folder, const char *path) {
    char place[3 * PATH_MAX];
    int before = errno;
    const struct rule *found = NULL;
    if (busy) return NULL;
    busy = 1;
    if (locate(folder, path, place)) {
        load_plan();
        const char *name = strrchr(place, '/') + 1;
        for (struct rule *r = rules; r < rules + rule_count; r++) {
            int is_main = getpid() == main_process;
            if (!strcmp(r->action, "note")) note(r, is_main ? "main" : "child", call, name);
            if (strcmp(r->call, call) || strcmp(r->name, name)) continue;
            if (strcmp(r->where, "any") && strcmp(r->where, is_main ? "main" : "child")) continue;
            r->met++;
            if (found || (r->times < 0 ? r->met < -r->times : r->met != r->times)) continue;
            found = r;
            change(r, place);
        }
    }
    busy = 0;
    errno = before;
    return found;
}

static int does(const struct rule *r, const char *action) {
    return r && !strcmp(r->action, action);
}

static int fails(const struct rule *r) {
    if (!does(r, "errno")) return 0;
    errno = (int)r->a;
    return 1;
}

int openat64(int folder, const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return fails(struck("open", folder, path)) ? -1 : REAL(openat64)(folder, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return openat64(AT_FDCWD, path, flags, mode);
}

static int lie(const struct rule *r, int outcome, struct stat64 *facts) {
    if (outcome < 0 || !r) return outcome;
    if (does(r, "size")) facts->st_size = r->a;
    if (does(r, "mode")) facts->st_mode = (mode_t)r->a;
    if (does(r, "ino")) facts->st_ino = (ino_t)r->a;
    if (does(r, "blocks")) facts->st_blocks = (blkcnt_t)r->a;
    if (does(r, "blksize")) facts->st_blksize = (blksize_t)r->a;
    if (does(r, "mtime")) facts->st_mtim = (struct timespec){(time_t)r->a, (long)r->b};
    return outcome;
}

int fstatat64(int folder, const char *path, struct stat64 *facts, int flags) {
    const struct rule *r = struck("stat", folder, path);
    return fails(r) ? -1 : lie(r, REAL(fstatat64)(folder, path, facts, flags), facts);
}

int fstat64(int file, struct stat64 *facts) {
    const struct rule *r = struck("stat", file, "");
    return fails(r) ? -1 : lie(r, REAL(fstat64)(file, facts), facts);
}

int stat64(const char *path, struct stat64 *facts) { return fstatat64(AT_FDCWD, path, facts, 0); }

int lstat64(const char *path, struct stat64 *facts) {
    return fstatat64(AT_FDCWD, path, facts, AT_SYMLINK_NOFOLLOW);
}

ssize_t read(int file, void *bytes, size_t size) {
    const struct rule *r = struck("read", file, "");
    int is_errno = does(r, "errno");
    if (is_errno || does(r, "cut")) {
        off64_t end = is_errno ? r->b : r->a, at = REAL(lseek64)(file, 0, SEEK_CUR);
        if (at >= end && fails(r)) return -1;
        size = at >= end ? 0 : size < (size_t)(end - at) ? size : (size_t)(end - at);
    }
    if (does(r, "short") && size > (size_t)r->a) size = (size_t)r->a;
    return REAL(read)(file, bytes, size);
}

off64_t lseek64(int file, off64_t by, int from) {
    return fails(struck("seek", file, "")) ? -1 : REAL(lseek64)(file, by, from);
}

int close(int file) {
    const struct rule *r = struck("close", file, "");
    int outcome = REAL(close)(file);
    return fails(r) ? -1 : outcome;
}

DIR *fdopendir(int file) {
    return fails(struck("opendir", file, "")) ? NULL : REAL(fdopendir)(file);
}

struct dirent64 *readdir64(DIR *folder) {
    static struct dirent64 again, told;
    static DIR *again_in;
    if (again_in == folder) return again_in = NULL, &again;
    const struct rule *r = struck("list", dirfd(folder), "");
    struct dirent64 *entry = fails(r) ? NULL : REAL(readdir64)(folder);
    if (!entry || !r) return entry;
    if (does(r, "twice")) memcpy(&again, entry, entry->d_reclen), again_in = folder;
    memcpy(&told, entry, entry->d_reclen);
    if (does(r, "type")) told.d_type = (unsigned char)r->a;
    if (does(r, "name")) *stpncpy(told.d_name, r->text, NAME_MAX) = 0;
    return &told;
}
