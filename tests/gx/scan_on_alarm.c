/* Victron's svscan looks at /service at once when it gets SIGALRM; Debian's would die of it. Loaded into svscan alone. */
#include <signal.h>
#include <stdlib.h>

static void wake(int number) { (void)number; }

__attribute__((constructor)) static void begin(void) {
    signal(SIGALRM, wake); /* ends the sleep between two looks */
    unsetenv("LD_PRELOAD");
}
