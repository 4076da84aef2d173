// sendfile(2), copy_file_range(2), splice(2) between files and pipes.
#include "fact.h"
#include <fcntl.h>
#include <sys/sendfile.h>

int main(void) {
    int from = need("open", open("from", O_RDWR | O_CREAT | O_TRUNC, 0644));
    int to = need("open", open("to", O_RDWR | O_CREAT | O_TRUNC, 0644));
    for (int i = 0; i < 3000; i++) {
        need("write", write(from, "0123456789", 10));
    }
    off_t offset = 5;
    result("sendfile to a file", sendfile(to, from, &offset, 20000));
    fact("offset", "%ld, of the file %ld", (long)offset, (long)lseek(from, 0, SEEK_CUR));
    lseek(from, 29990, SEEK_SET);
    result("sendfile at the end", sendfile(to, from, NULL, 100));
    result("sendfile behind the end", sendfile(to, from, NULL, 100));
    result("sendfile to a reader", sendfile(open("to", O_RDONLY), from, NULL, 1));
    result("sendfile to a closed one", sendfile(99, from, NULL, 1));
    int pipes[2];
    need("pipe", pipe(pipes));
    result("sendfile from a pipe", sendfile(to, pipes[0], NULL, 1));
    offset = 0;
    result("sendfile to a pipe", sendfile(pipes[1], from, &offset, 100));
    char buffer[200];
    result("read it", read(pipes[0], buffer, sizeof buffer));
    fact("start", "%.12s", buffer);
    off64_t in = 3, out = 100;
    result("copy_file_range", copy_file_range(from, &in, to, &out, 50, 0));
    fact("offsets", "%ld %ld", (long)in, (long)out);
    result("copy_file_range with a flag", copy_file_range(from, &in, to, &out, 50, 1));
    result("copy_file_range to a pipe", copy_file_range(from, &in, pipes[1], NULL, 50, 0));
    return 0;
}
