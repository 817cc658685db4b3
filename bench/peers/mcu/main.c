/* A peer's network on an emulated core: what one inference takes, printed over semihosting as the
 * packages' own bare_metal/main.c prints it. network.h is the peer's. */
#include "harness.h"
#include "network.h"

static network_value in[NETWORK_IN];
static network_value out[NETWORK_OUT];
static long long scratch[8192];

/* By which outputs of one network are told apart. */
static unsigned long digest(void) {
  const unsigned char* octets = (const unsigned char*)out;
  unsigned long value = 0;
  unsigned i;
  for (i = 0; i < sizeof out; ++i) {
    value = value * 31u + octets[i];
  }
  return value;
}

static void print(const char* what, unsigned long value) {
  char text[16];
  int at = 15;
  text[at] = '\0';
  do {
    at -= 1;
    text[at] = (char)('0' + value % 10u);
    value /= 10u;
  } while (value != 0u);
  io_print(what);
  io_print(": ");
  io_print(text + at);
  io_print("\n");
}

int main(void) {
  unsigned long random = 1;
  int failed;
  int i;
  for (i = 0; i < NETWORK_IN; ++i) {
    random = random * 1664525u + 1013904223u;
    in[i] = (network_value)((int)(random >> 24 & 255u) - 128);
  }
  if (network_scratch() > sizeof scratch) {
    io_print("the network wants more scratch memory than there is\n");
    return 1;
  }
  network_prepare();
  count_start();
  failed = network_run(in, out, scratch);
  print("instructions of one inference", count_stop());
  stack_start();
  failed |= network_run(in, out, scratch);
  print("octets of stack below it", stack_stop());
  print("octets of scratch memory", network_scratch());
  print("digest of the output", digest());
#ifdef NETWORK_ARENA
  print("octets of arena", NETWORK_ARENA);
#endif
  io_print(failed ? "a layer failed\n" : "done\n");
  return failed;
}
