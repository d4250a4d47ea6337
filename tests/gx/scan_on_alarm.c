/* Victron's svscan looks at /service at once when it gets SIGALRM, also when it is looking just then; Debian's would
   die of it. Loaded into svscan alone. */
#include <signal.h>
#include <stdlib.h>
#include <time.h>

static volatile sig_atomic_t asked;

static void ask(int number) {
    (void)number;
    asked = 1;
}

/* what svscan does between two looks; the signal ends it */
unsigned int sleep(unsigned int seconds) {
    struct timespec time = {seconds, 0};
    if (!asked) nanosleep(&time, NULL);
    asked = 0;
    return 0;
}

__attribute__((constructor)) static void begin(void) {
    signal(SIGALRM, ask);
    unsetenv("LD_PRELOAD");
}
