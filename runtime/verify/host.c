/* Platypus verification: the harness on the development machine. SPDX-License-Identifier: 0BSD */
#include "harness.h"

#include <stdio.h>
#include <time.h>

static FILE* files[4];

int io_open(const char* name, int for_writing) {
  int i;
  for (i = 0; i < 4; ++i) {
    if (files[i] == NULL) {
      files[i] = fopen(name, for_writing ? "wb" : "rb");
      return files[i] == NULL ? -1 : i;
    }
  }
  return -1;
}
long io_read(int handle, void* data, long size) {
  return (long)fread(data, 1, (size_t)size, files[handle]);
}
long io_write(int handle, const void* data, long size) {
  return (long)fwrite(data, 1, (size_t)size, files[handle]);
}
void io_close(int handle) {
  fclose(files[handle]);
  files[handle] = NULL;
}
void io_print(const char* text) { fputs(text, stdout); }
void count_start(void) {}
unsigned long count_stop(void) { return 0; }
unsigned long clock_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (unsigned long)now.tv_sec * 1000000000UL + (unsigned long)now.tv_nsec;
}
void stack_start(void) {}
unsigned long stack_stop(void) { return 0; }
