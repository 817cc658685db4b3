/* Platypus verification: start-up, files and counting on an emulated core. SPDX-License-Identifier:
 * 0BSD
 *
 * Files and exit go through semihosting. Instructions: the emulator runs with every instruction
 * taking 2^7 ns of its clock, so that the board's 25 or 20 MHz timer moves by 3.2 or 2.56 ticks an
 * instruction and the count is exact; RISC-V has a counter of its own. */
#include "harness.h"

#include <stdint.h>

int main(void);
extern uint32_t stack_top[], stack_limit[], data_load[], data_start[], data_end[], bss_start[],
    bss_end[];

#define REG(address) (*(volatile uint32_t*)(address))

#if defined(__arm__)
static int host_call(int operation, const void* block) {
  register int r0 __asm("r0") = operation;
  register const void* r1 __asm("r1") = block;
  __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
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

static void start(void) {
  uint32_t* from = data_load;
  uint32_t* to = data_start;
  while (to < data_end) {
    *to++ = *from++;
  }
  for (to = bss_start; to < bss_end;) {
    *to++ = 0;
  }
#if defined(__arm__)
#if defined(__ARM_FP)
  REG(0xE000ED88u) |= 0xFu << 20; /* switches the FPU on */
  __asm volatile("dsb\n\tisb" ::: "memory");
#endif
#if __ARM_ARCH == 6
  REG(0xE000ED14u) |= 1u << 3; /* unaligned accesses trap, as on a real Armv6-M core */
#endif
  REG(TIMER + 8u) = 0xFFFFFFFFu; /* counts down from there */
  REG(TIMER + 4u) = 0xFFFFFFFFu;
  REG(TIMER) = 1u;
#endif
  leave(main());
}

static void fault(void) {
  io_print("failed: processor fault\n");
  leave(3);
}

#if defined(__arm__)
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
#if defined(__arm__)
  return 0xFFFFFFFFu - REG(TIMER + 4u);
#else
  uint32_t value;
  __asm volatile(".option push\n .option arch, +zicsr\n csrr %0, minstret\n .option pop"
                 : "=r"(value));
  return value;
#endif
}

void count_start(void) { started = ticks(); }

unsigned long count_stop(void) {
  const uint32_t passed = ticks() - started;
#if defined(__arm__)
  /* instructions = passed * 1000 / (MHz * 128), without a 64-bit division: passed * PERIOD / 16
   * rounded, PERIOD = 5 for 25 MHz (5 / 16 = 1 / 3.2), 6.25 for 20 MHz (25 / 64 = 1 / 2.56) */
#if TIMER_MHZ == 25
  return (unsigned long)(passed / 16u * 5u + (passed % 16u * 5u + 8u) / 16u);
#else
  return (unsigned long)(passed / 64u * 25u + (passed % 64u * 25u + 32u) / 64u);
#endif
#else
  return (unsigned long)passed;
#endif
}

unsigned long clock_ns(void) { return 0; }

#define PAINT 0xA5C3F00Du
static uint32_t* painted_to;

__attribute__((noinline)) void stack_start(void) {
  uint32_t marker = 0;
  uint32_t* at = (uint32_t*)((uintptr_t)&marker & ~(uintptr_t)3) - 16;
  painted_to = at;
  while (at > stack_limit) {
    *--at = PAINT;
  }
}

__attribute__((noinline)) unsigned long stack_stop(void) {
  uint32_t* at = stack_limit;
  while (at < painted_to && *at == PAINT) {
    ++at;
  }
  return (unsigned long)((uintptr_t)painted_to - (uintptr_t)at) + 64u;
}
