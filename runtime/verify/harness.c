/* Platypus verification: plays a test set through a generated package. SPDX-License-Identifier:
 * 0BSD
 *
 * input.bin: samples, recordings, mode (32 bits each); per sample IN_LEN floats; per recording
 * ROWS x VARIABLES floats.
 *
 * output.bin: per sample its outputs; per recording its features (floats), then its outputs. In
 * mode TRACE, of the one sample: the network's input; after each layer the arena, then the outputs.
 *
 * Counts are printed as "count NAME instructions stack"; of the layers in their order "count layer
 * instructions nanoseconds stack". */
#include "harness.h"

#include "model.h"

enum { PLAY, COUNT, TRACE };

static M(app) app;
static tm_f32 rows[GOLDEN_ROWS * U(FE_VARIABLES)];
static tm_f32 features[U(FE_FEATURES)];

/* Hexadecimal: a division would link the compiler's library, which is not the package's doing. */
static void print_number(unsigned long value) {
  char text[24];
  int at = 23;
  text[at] = '\0';
  do {
    text[--at] = "0123456789abcdef"[value % 16UL];
    value /= 16UL;
  } while (value != 0UL);
  io_print(" 0x");
  io_print(text + at);
}

static void print_count(const char* name, unsigned long instructions, unsigned long stack) {
  io_print("count ");
  io_print(name);
  print_number(instructions);
  print_number(stack);
  io_print("\n");
}

static int fail(const char* what) {
  io_print("failed: ");
  io_print(what);
  io_print("\n");
  return 1;
}

static void feed(void) {
  tm_i32 taken = 0;
  M(fe_init)(&app.fe);
  app.fe.wait = U(FE_FRAMES);
  while (taken < GOLDEN_ROWS && !M(fe_ready)(&app.fe)) {
    taken += M(fe_push)(&app.fe, rows + taken * U(FE_VARIABLES), GOLDEN_ROWS - taken);
  }
}

/* Fifty additions in a row: shows that the counter counts single instructions. */
static void known_block(void) {
#if defined(__arm__) || defined(__riscv)
  __asm volatile(".rept 50\n nop\n .endr");
#endif
}

/* Layer after layer, of the sample in features. */
static int trace(int out) {
  tm_status status;
  long missing;
  M(quantize_input)(features, app.in);
  missing = (long)sizeof app.in - io_write(out, app.in, (long)sizeof app.in);
  memset(app.out, 0, sizeof app.out);
  (void)M(start)(&app.net, app.in, app.out);
  do {
    status = M(step)(&app.net);
    missing +=
        (long)sizeof app.net.arena - io_write(out, app.net.arena, (long)sizeof app.net.arena);
    missing += (long)sizeof app.out - io_write(out, app.out, (long)sizeof app.out);
  } while (status == TM_BUSY);
  if (status != TM_OK || missing != 0) {
    return fail("trace");
  }
  io_close(out);
  io_print("done\n");
  return 0;
}

#if defined(__arm__) || defined(__riscv)
#define ROUNDS 1 /* instructions are the same every time */
#else
#define ROUNDS 200
#define MOST_NS 100000000UL /* for all rounds */
#endif

/* One inference, layer after layer, of the sample in app.in. */
static void count_layers(unsigned long overhead) {
  static unsigned long instructions[U(NUM_LAYERS)];
  static unsigned long shortest[U(NUM_LAYERS)];
  const unsigned long begun = clock_ns();
  unsigned long i;
  int round;
  for (round = 0; round < ROUNDS; ++round) {
    (void)M(start)(&app.net, app.in, app.out);
    for (i = 0; i < U(NUM_LAYERS); ++i) {
      const unsigned long before = clock_ns();
      unsigned long passed;
      count_start();
      (void)M(step)(&app.net);
      instructions[i] = count_stop() - overhead;
      passed = clock_ns() - before;
      shortest[i] = round == 0 || passed < shortest[i] ? passed : shortest[i];
    }
#if defined(MOST_NS)
    if (clock_ns() - begun > MOST_NS) {
      break;
    }
#endif
  }
  (void)begun;
  (void)M(start)(&app.net, app.in, app.out);
  for (i = 0; i < U(NUM_LAYERS); ++i) {
    unsigned long stack;
    stack_start();
    (void)M(step)(&app.net);
    stack = stack_stop();
    io_print("count layer");
    print_number(instructions[i]);
    print_number(shortest[i]);
    print_number(stack);
    io_print("\n");
  }
}

int main(void) {
  tm_u32 head[3];
  tm_u32 i;
  unsigned long overhead;
  const int in = io_open("input.bin", 0);
  const int out = io_open("output.bin", 1);
  if (in < 0 || out < 0 || io_read(in, head, (long)sizeof head) != (long)sizeof head) {
    return fail("input");
  }
  M(app_init)(&app);
  print_count("memory", (unsigned long)sizeof app, 0);
  count_start();
  overhead = count_stop();
  count_start();
  known_block();
  print_count("fifty", count_stop() - overhead, 0);
  for (i = 0; i < head[0]; ++i) {
    if (io_read(in, features, (long)sizeof features) != (long)sizeof features) {
      return fail("sample");
    }
    if (head[2] == TRACE) {
      return trace(out);
    }
    if (i == 0 && head[2] == COUNT) {
      unsigned long instructions;
      M(quantize_input)(features, app.in);
      stack_start();
      (void)M(run)(&app.net, app.in, app.out);
      {
        const unsigned long stack = stack_stop();
        count_start();
        (void)M(run)(&app.net, app.in, app.out);
        instructions = count_stop() - overhead;
        print_count("network", instructions, stack);
        count_layers(overhead);
      }
    }
    M(infer)(&app, features);
    if (io_write(out, app.out, (long)sizeof app.out) != (long)sizeof app.out) {
      return fail("output");
    }
  }
  for (i = 0; i < head[1]; ++i) {
    if (io_read(in, rows, (long)sizeof rows) != (long)sizeof rows) {
      return fail("recording");
    }
    stack_start();
    count_start();
    feed();
    M(fe_input)(&app.fe, features);
    if (i == 0) {
      const unsigned long instructions = count_stop() - overhead;
      print_count("features", instructions, stack_stop());
    }
    M(infer)(&app, features);
    if (io_write(out, features, (long)sizeof features) != (long)sizeof features ||
        io_write(out, app.out, (long)sizeof app.out) != (long)sizeof app.out) {
      return fail("output");
    }
  }
  io_close(out);
  io_print("done\n");
  return 0;
}
