// Starts a program on this host as the guest does: any argv[0], and the variables in the order that was said (Rust's
// `Command` sorts them). launcher FILE COUNT VARIABLE… ARGV0 ARGUMENT…
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int count, char **words) {
    int variables = count > 2 ? atoi(words[2]) : -1;
    if (variables < 0 || variables > count - 4) {
        fprintf(stderr, "launcher: FILE COUNT VARIABLE... ARGV0 ARGUMENT...\n");
        return 125;
    }
    char **environment = calloc((size_t)variables + 1, sizeof *environment);
    if (environment == NULL) {
        return 125;
    }
    for (int i = 0; i < variables; i++) {
        environment[i] = words[3 + i];
    }
    execve(words[1], words + 3 + variables, environment);
    perror(words[1]);
    return 126;
}
