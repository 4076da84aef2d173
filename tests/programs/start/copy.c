// stdin: some text\nwithout an end
// Standard input to standard output, by reads of odd sizes.
#include <stdio.h>
#include <unistd.h>

int main(void) {
    char buffer[7001];
    size_t total = 0;
    ssize_t got;
    while ((got = read(0, buffer, sizeof buffer)) > 0) {
        for (ssize_t done = 0; done < got;) {
            ssize_t put = write(1, buffer + done, got - done);
            if (put < 0) {
                return 1;
            }
            done += put;
        }
        total += got;
    }
    printf("\n%zu bytes, then %zd and %zd\n", total, got, read(0, buffer, 1));
    return 0;
}
