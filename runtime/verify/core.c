/* Platypus verification: start-up, files and counting on an emulated core. SPDX-License-Identifier:
 * 0BSD
 *
 * Files and exit go through semihosting. Instructions: the emulator runs with every instruction
 * taking 2^7 ns of its clock, so that the board's timer of 25, 20 or 32 MHz moves by 3.2, 2.56 or
 * 4.096 ticks an instruction and the count is exact; the Cortex-R5 counts every 64th cycle of its
 * 1 GHz, two ticks an instruction; RISC-V has a counter of its own. */
#include "harness.h"

#include <stdint.h>

int main(void);
extern uint32_t stack_top[], stack_limit[], data_load[], data_start[], data_end[], bss_start[],
    bss_end[];

#define REG(address) (*(volatile uint32_t*)(address))

#if defined(__arm__)
#if __ARM_ARCH_PROFILE == 'M'
#define HOST_CALL "bkpt 0xAB"
#else
#define HOST_CALL "svc 0xAB"
#endif
static int host_call(int operation, const void* block) {
  register int r0 __asm("r0") = operation;
  register const void* r1 __asm("r1") = block;
  __asm volatile(HOST_CALL : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}
#else
static int host_call(int operation, const void* block) {
  register int a0 __asm("a0") = operation;
  register const void* a1 __asm("a1") = block;
  __asm volatile(
      ".option push\n .option norvc\n .balign 16\n slli x0, x0, 0x1f\n ebreak\n srai x0, x0, 7\n "
      ".option pop"
      : "+r"(a0)
      : "r"(a1)
      : "memory");
  return a0;
}
#endif

/* volatile: or the compiler makes a call of strlen of it. */
static uint32_t length_of(const volatile char* text) {
  uint32_t n = 0;
  while (text[n] != '\0') {
    ++n;
  }
  return n;
}

int io_open(const char* name, int for_writing) {
  uint32_t block[3];
  block[0] = (uint32_t)(uintptr_t)name;
  block[1] = for_writing ? 5u : 1u; /* "wb", "rb" */
  block[2] = length_of(name);
  return host_call(0x01, block);
}

/* Both calls answer how many octets were NOT done. */
static long transfer(int operation, int handle, const void* data, long size) {
  uint32_t block[3];
  block[0] = (uint32_t)handle;
  block[1] = (uint32_t)(uintptr_t)data;
  block[2] = (uint32_t)size;
  return size - (long)host_call(operation, block);
}
long io_read(int handle, void* data, long size) { return transfer(0x06, handle, data, size); }
long io_write(int handle, const void* data, long size) {
  return transfer(0x05, handle, data, size);
}
void io_close(int handle) {
  uint32_t block = (uint32_t)handle;
  (void)host_call(0x02, &block);
}
void io_print(const char* text) { (void)host_call(0x04, text); }

static void leave(int status) {
  uint32_t block[2];
  block[0] = 0x20026u;
  block[1] = (uint32_t)status;
  for (;;) {
    (void)host_call(0x20, block);
  }
}

/* Switches on what the core needs for C, and the timer that counts. */
static void start_core(void) {
#if defined(TIMER)
#if defined(__ARM_FP)
  REG(0xE000ED88u) |= 0xFu << 20; /* the FPU */
  __asm volatile("dsb\n\tisb" ::: "memory");
#endif
#if __ARM_ARCH == 6
  REG(0xE000ED14u) |= 1u << 3; /* unaligned accesses trap, as on a real Armv6-M core */
#endif
#if defined(TIMER_ENABLE)
  REG(TIMER_ENABLE) = 1u;
#else
  REG(TIMER + 8u) = 0xFFFFFFFFu; /* counts down from there */
  REG(TIMER + 4u) = 0xFFFFFFFFu;
  REG(TIMER) = 1u;
#endif
#elif defined(__arm__)
  uint32_t access;
  __asm volatile("mrc p15, 0, %0, c1, c0, 2" : "=r"(access));
  __asm volatile("mcr p15, 0, %0, c1, c0, 2\n\tisb\n\tvmsr fpexc, %1" /* the FPU */
                 ::"r"(access | 0xFu << 20),
                 "r"(1u << 30));
  __asm volatile("mcr p15, 0, %0, c9, c12, 0" ::"r"(1u | 4u | 8u)); /* from 0, by 64 cycles */
  __asm volatile("mcr p15, 0, %0, c9, c12, 1" ::"r"(1u << 31));
#endif
}

static void start(void) {
  uint32_t* from = data_load;
  uint32_t* to = data_start;
  while (to < data_end) {
    *to++ = *from++;
  }
  for (to = bss_start; to < bss_end;) {
    *to++ = 0;
  }
  start_core();
  leave(main());
}

static void fault(void) {
  io_print("failed: processor fault\n");
  leave(3);
}

#if defined(TIMER)
void reset(void);
void reset(void) { start(); }
__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))stack_top,
    reset,
    fault,
    fault,
    fault,
    fault,
    fault,
    fault,
    0,
    0,
    0,
    fault,
    fault,
    0,
    fault,
    fault};
#elif defined(__arm__)
__attribute__((naked, target("arm"), section(".vectors"), used)) void _start(void) {
  __asm volatile(
      "b 2f\n b 1f\n b 1f\n b 1f\n b 1f\n b 1f\n b 1f\n b 1f\n"
      "1: ldr sp, =stack_top\n ldr r0, =%1\n bx r0\n"
      "2: ldr sp, =stack_top\n ldr r0, =%0\n bx r0\n .ltorg\n" ::"i"(start),
      "i"(fault));
}
#else
__attribute__((naked, section(".vectors"), used)) void _start(void) {
  __asm volatile(
      ".option push\n .option norelax\n la gp, __global_pointer$\n .option pop\n la sp, stack_top\n"
      " la t0, 1f\n .option push\n .option arch, +zicsr\n"
      " csrw mtvec, t0\n .option pop\n j %0\n .balign 4\n1: j %1\n" ::"i"(start),
      "i"(fault));
}
#endif

static uint32_t started;

static uint32_t ticks(void) {
#if defined(TIMER_ENABLE)
  return REG(TIMER);
#elif defined(TIMER)
  return 0xFFFFFFFFu - REG(TIMER + 4u);
#else
  uint32_t value;
#if defined(__arm__)
  __asm volatile("mrc p15, 0, %0, c9, c13, 0" : "=r"(value));
#else
  __asm volatile(".option push\n .option arch, +zicsr\n csrr %0, minstret\n .option pop"
                 : "=r"(value));
#endif
  return value;
#endif
}

/* Instructions in PER ticks: with the timer, PER / INSTRUCTIONS = MHz * 128 / 1000. */
#if defined(TIMER) && TIMER_MHZ == 25
#define INSTRUCTIONS 5u
#define PER 16u
#elif defined(TIMER) && TIMER_MHZ == 20
#define INSTRUCTIONS 25u
#define PER 64u
#elif defined(TIMER) && TIMER_MHZ == 32
#define INSTRUCTIONS 125u
#define PER 512u
#elif defined(__arm__)
#define INSTRUCTIONS 1u
#define PER 2u
#else
#define INSTRUCTIONS 1u
#define PER 1u
#endif

void count_start(void) { started = ticks(); }

/* Rounded; without a 64-bit division, which would link the compiler's library. */
unsigned long count_stop(void) {
  const uint32_t passed = ticks() - started;
  return (unsigned long)(passed / PER * INSTRUCTIONS +
                         (passed % PER * INSTRUCTIONS + PER / 2u) / PER);
}

unsigned long clock_ns(void) { return 0; }

#define PAINT 0xA5C3F00Du
static uintptr_t stack_of_caller;

__attribute__((noinline)) void stack_start(void) {
  uint32_t* at;
#if defined(__arm__)
  __asm volatile("mov %0, sp" : "=r"(at));
#else
  __asm volatile("mv %0, sp" : "=r"(at));
#endif
  stack_of_caller = (uintptr_t)__builtin_dwarf_cfa();
  while (at > stack_limit) {
    *--at = PAINT;
  }
}

/* Counts its own frame if nothing deeper was used. */
__attribute__((noinline)) unsigned long stack_stop(void) {
  const volatile uint32_t* at = stack_limit;
  while ((uintptr_t)at < stack_of_caller && *at == PAINT) {
    ++at;
  }
  return (unsigned long)(stack_of_caller - (uintptr_t)at);
}
