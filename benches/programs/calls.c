/* What system calls cost: prints a line `NAME TICKS` for each, or `NAME unsupported` when it fails. With
 * `-icount shift=0` a tick of the time stamp counter is an instruction.
 *
 * `trap` is the cheapest of many single calls of getpid, from the `syscall` to the instruction after it. The others are
 * means over many operations, less what the loop itself takes; both sides of a ping-pong are in its cost.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define A_FILE "/tmp/calls-file"
#define MAPPED_PAGES 16
#define PAGE 4096

static char page[PAGE];
static int here, there; /* descriptors of the operation at hand */
static int way[2], way_back[2];
static pthread_t partner;

/* One row of the table. `once` says whether it worked. */
struct operation {
	const char *name;
	bool (*prepare)(void);
	bool (*once)(void);
	bool (*finish)(void);
	int times;
};

static bool nothing(void) { return true; }
static bool close_here(void) { return close(here) == 0; }
static bool close_both(void) { return close(here) == 0 && close(there) == 0; }

static bool open_zero(void) { return (here = open("/dev/zero", O_RDONLY)) >= 0; }
static bool read_byte(void) { return read(here, page, 1) == 1; }

static bool open_null(void) { return (here = open("/dev/null", O_WRONLY)) >= 0; }
static bool write_byte(void) { return write(here, page, 1) == 1; }

static bool read_clock(void)
{
	struct timespec now;
	return clock_gettime(CLOCK_MONOTONIC, &now) == 0;
}

static bool open_file(void)
{
	here = open(A_FILE, O_RDWR | O_CREAT, 0600);
	return here >= 0 && pwrite(here, page, PAGE, 0) == PAGE;
}
static bool remove_file(void) { return close(here) == 0 && unlink(A_FILE) == 0; }
static bool open_close(void) { return close(open(A_FILE, O_RDONLY)) == 0; }
static bool read_page(void) { return pread(here, page, PAGE, 0) == PAGE; }
static bool write_page(void) { return pwrite(here, page, PAGE, 0) == PAGE; }
static bool stat_file(void)
{
	struct stat facts;
	return fstat(here, &facts) == 0;
}

static bool open_pipe(void)
{
	int ends[2];
	if (pipe(ends) != 0)
		return false;
	here = ends[0];
	there = ends[1];
	return true;
}
static bool through_pipe(void) { return write(there, page, 1) == 1 && read(here, page, 1) == 1; }

/* Sends back each byte that comes, until none comes any more. */
static void *pipe_partner(void *unused)
{
	char byte;
	while (read(way[0], &byte, 1) == 1 && write(way_back[1], &byte, 1) == 1) {
	}
	return unused;
}
static bool open_pipes(void)
{
	return pipe(way) == 0 && pipe(way_back) == 0 && pthread_create(&partner, NULL, pipe_partner, NULL) == 0;
}
static bool pipe_there_and_back(void) { return write(way[1], page, 1) == 1 && read(way_back[0], page, 1) == 1; }
static bool close_pipes(void)
{
	return close(way[1]) == 0 && pthread_join(partner, NULL) == 0 && close(way[0]) == 0 &&
	       close(way_back[0]) == 0 && close(way_back[1]) == 0;
}

enum turn { MINE, PARTNERS, NOBODYS };
static _Atomic int turn;

static void await_other_than(int value)
{
	while (turn == value)
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}
static void hand_over(int value)
{
	turn = value;
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
static void *futex_partner(void *unused)
{
	for (;;) {
		await_other_than(MINE);
		if (turn == NOBODYS)
			return unused;
		hand_over(MINE);
	}
}
static bool start_partner(void)
{
	turn = MINE;
	return pthread_create(&partner, NULL, futex_partner, NULL) == 0;
}
static bool futex_there_and_back(void)
{
	hand_over(PARTNERS);
	await_other_than(PARTNERS);
	return true;
}
static bool end_partner(void)
{
	hand_over(NOBODYS);
	return pthread_join(partner, NULL) == 0;
}

static bool open_event(void) { return (here = eventfd(0, 0)) >= 0; }
static bool set_and_take_event(void)
{
	eventfd_t value;
	return eventfd_write(here, 1) == 0 && eventfd_read(here, &value) == 0;
}

static bool open_epoll(void)
{
	struct epoll_event interest = { .events = EPOLLIN };
	here = epoll_create1(0);
	there = eventfd(1, 0);
	return epoll_ctl(here, EPOLL_CTL_ADD, there, &interest) == 0;
}
static bool await_ready(void)
{
	struct epoll_event event;
	return epoll_wait(here, &event, 1, -1) == 1;
}

static bool map_touch_unmap(void)
{
	char *pages = mmap(NULL, MAPPED_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		return false;
	for (int i = 0; i < MAPPED_PAGES; i++)
		*(volatile char *)(pages + i * PAGE) = 1;
	return munmap(pages, MAPPED_PAGES * PAGE) == 0;
}

static void *end_at_once(void *unused) { return unused; }
static bool start_and_join(void)
{
	pthread_t thread;
	return pthread_create(&thread, NULL, end_at_once, NULL) == 0 && pthread_join(thread, NULL) == 0;
}

static bool fork_and_wait(void)
{
	int status;
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static volatile sig_atomic_t signals_seen;
static void see_signal(int number) { signals_seen += number == SIGUSR1; }
static bool catch_signals(void)
{
	struct sigaction action = { .sa_handler = see_signal };
	return sigaction(SIGUSR1, &action, NULL) == 0;
}
static bool signal_self(void)
{
	int before = signals_seen;
	return kill(getpid(), SIGUSR1) == 0 && signals_seen == before + 1;
}

static const struct operation OPERATIONS[] = {
	{ "read_zero", open_zero, read_byte, close_here, 2000 },
	{ "write_null", open_null, write_byte, close_here, 2000 },
	{ "clock_gettime", nothing, read_clock, nothing, 2000 },
	{ "open_close", open_file, open_close, remove_file, 1000 },
	{ "fstat", open_file, stat_file, remove_file, 1000 },
	{ "pread_4k", open_file, read_page, remove_file, 1000 },
	{ "pwrite_4k", open_file, write_page, remove_file, 1000 },
	{ "pipe", open_pipe, through_pipe, close_both, 1000 },
	{ "pipe_ping_pong", open_pipes, pipe_there_and_back, close_pipes, 1000 },
	{ "futex_ping_pong", start_partner, futex_there_and_back, end_partner, 1000 },
	{ "eventfd", open_event, set_and_take_event, close_here, 1000 },
	{ "epoll_wait", open_epoll, await_ready, close_both, 1000 },
	{ "mmap_16", nothing, map_touch_unmap, nothing, 200 },
	{ "thread", nothing, start_and_join, nothing, 200 },
	{ "signal", catch_signals, signal_self, nothing, 1000 },
	{ "fork", nothing, fork_and_wait, nothing, 50 },
};

/* Ticks of one operation, the loop's own included; negative when one failed. Some go ahead that are not counted. */
static double mean(bool (*once)(void), int times)
{
	unsigned long long start;
	for (int i = 0; i < 10; i++)
		if (!once())
			return -1;
	start = __rdtsc();
	for (int i = 0; i < times; i++)
		if (!once())
			return -1;
	return (double)(__rdtsc() - start) / times;
}

/* Ticks between two readings of the counter with `middle` between them. */
#define BETWEEN_READINGS(middle) ({                                     \
	unsigned low, high;                                             \
	unsigned long long first;                                       \
	long number = SYS_getpid;                                       \
	__asm__ volatile("rdtsc\n\t"                                    \
			 "shlq $32, %%rdx\n\t"                          \
			 "leaq (%%rax, %%rdx), %%r8\n\t"                \
			 "movq %3, %%rax\n\t"                           \
			 middle "\n\t"                                  \
			 "rdtsc\n\t"                                    \
			 "movq %%r8, %2"                                \
			 : "=&a"(low), "=&d"(high), "=&r"(first)        \
			 : "r"(number)                                  \
			 : "rcx", "r8", "r11", "memory");               \
	((unsigned long long)high << 32 | low) - first; })

static unsigned long long trap(void)
{
	unsigned long long with = ~0ULL, without = ~0ULL;
	for (int i = 0; i < 200; i++) {
		unsigned long long ticks = BETWEEN_READINGS("syscall");
		with = ticks < with ? ticks : with;
		ticks = BETWEEN_READINGS("");
		without = ticks < without ? ticks : without;
	}
	return with - without;
}

int main(void)
{
	double loop = mean(nothing, 1000);
	setvbuf(stdout, NULL, _IONBF, 0);
	printf("trap %llu\n", trap());
	for (size_t i = 0; i < sizeof OPERATIONS / sizeof *OPERATIONS; i++) {
		const struct operation *operation = &OPERATIONS[i];
		double ticks = operation->prepare() ? mean(operation->once, operation->times) : -1;
		if (ticks < 0)
			printf("%s unsupported\n", operation->name);
		else
			printf("%s %.0f\n", operation->name, ticks - loop);
		operation->finish();
	}
	return 0;
}
