/* Platypus verification: what a core must offer to the harness. SPDX-License-Identifier: 0BSD */
#ifndef PLATYPUS_VERIFY_HARNESS_H
#define PLATYPUS_VERIFY_HARNESS_H

#include <stddef.h>

/* Files of the working folder. open: handle, or -1; read and write: octets that were done. */
int io_open(const char* name, int for_writing);
long io_read(int handle, void* data, long size);
long io_write(int handle, const void* data, long size);
void io_close(int handle);
void io_print(const char* text);

/* Executed instructions between the two calls (0 where they cannot be counted). */
void count_start(void);
unsigned long count_stop(void);

/* A clock that runs on, in nanoseconds (0 where there is none). */
unsigned long clock_ns(void);

/* Deepest use of the stack, in octets, between the two calls. */
void stack_start(void);
unsigned long stack_stop(void);

#endif /* PLATYPUS_VERIFY_HARNESS_H */
