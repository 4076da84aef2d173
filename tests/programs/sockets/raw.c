// Raw sockets of ICMP over loopback, as ping uses them.
#include "fact.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

// <linux/icmp.h>, which does not go with glibc's headers.
#define ICMP_FILTER 1

static uint16_t sum(const void *bytes, size_t length) {
    const uint8_t *next = bytes;
    uint32_t total = 0;
    for (size_t at = 0; at + 1 < length; at += 2) {
        total += (uint32_t)next[at] << 8 | next[at + 1];
    }
    while (total >> 16) {
        total = (total & 0xffff) + (total >> 16);
    }
    return htons((uint16_t)~total);
}

static void received(const char *what, int fd) {
    uint8_t packet[2000];
    struct sockaddr_in from = {0};
    socklen_t length = sizeof from;
    struct pollfd waited = {.fd = fd, .events = POLLIN};
    poll(&waited, 1, 1000);
    ssize_t count = recvfrom(fd, packet, sizeof packet, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
    if (count < 0) {
        result(what, count);
        return;
    }
    const struct iphdr *header = (const struct iphdr *)packet;
    const struct icmphdr *message = (const struct icmphdr *)(packet + 4 * header->ihl);
    char text[64];
    fact(what, "%zd bytes from %s port %d, version %d, protocol %d, ttl %d, length %d", count,
         inet_ntop(AF_INET, &from.sin_addr, text, sizeof text), from.sin_port, header->version, header->protocol,
         header->ttl, ntohs(header->tot_len));
    fact(what, "type %d, code %d, sequence %d, sums %s and %s", message->type, message->code,
         ntohs(message->un.echo.sequence), sum(header, 4 * header->ihl) == 0 ? "right" : "wrong",
         sum(message, count - 4 * header->ihl) == 0 ? "right" : "wrong");
}

int main(void) {
    result("protocol 0", socket(AF_INET, SOCK_RAW, 0));
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    fact_if("a socket", fd >= 0);
    int type, protocol;
    socklen_t length = sizeof type;
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length);
    fact("type and protocol", "%d %d", type, protocol);
    // Nobody else's packets: another test may ping, too.
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("127.0.0.77")};
    result("connect", connect(fd, (struct sockaddr *)&address, sizeof address));
    struct sockaddr_in own;
    length = sizeof own;
    result("getsockname", getsockname(fd, (struct sockaddr *)&own, &length));
    fact("own address", "%s, %d", inet_ntoa(own.sin_addr), ntohs(own.sin_port));
    length = sizeof own;
    result("getpeername", getpeername(fd, (struct sockaddr *)&own, &length));
    address.sin_port = htons(5);
    result("connect with a port", connect(fd, (struct sockaddr *)&address, sizeof address));
    result("getpeername then", getpeername(fd, (struct sockaddr *)&own, &length));
    fact("the peer's", "%s, %d", inet_ntoa(own.sin_addr), ntohs(own.sin_port));

    uint8_t packet[64] = {0};
    struct icmphdr *message = (struct icmphdr *)packet;
    message->type = ICMP_ECHO;
    message->un.echo.id = htons(0x1234);
    message->un.echo.sequence = htons(1);
    message->checksum = sum(packet, sizeof packet);
    result("send", send(fd, packet, sizeof packet, 0));
    received("the answer", fd);
    received("no more", fd);

    int all = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    uint32_t filter = ~(1u << ICMP_ECHOREPLY);
    result("filter", setsockopt(all, SOL_RAW, ICMP_FILTER, &filter, sizeof filter));
    uint32_t found = 0;
    length = sizeof found;
    result("the filter", getsockopt(all, SOL_RAW, ICMP_FILTER, &found, &length));
    fact_if("is that", found == filter);
    result("no such option", setsockopt(all, SOL_RAW, 99, &filter, sizeof filter));
    result("to nobody", send(all, packet, sizeof packet, 0));
    result("no peer", getpeername(all, (struct sockaddr *)&own, &length));
    int ttl = 7;
    result("ttl", setsockopt(all, SOL_IP, IP_TTL, &ttl, sizeof ttl));
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("127.0.0.78")};
    result("bind", bind(all, (struct sockaddr *)&local, sizeof local));
    message->checksum = 0;
    message->un.echo.sequence = htons(2);
    message->checksum = sum(packet, sizeof packet);
    result("sendto", sendto(all, packet, sizeof packet, 0, (struct sockaddr *)&address, sizeof address));
    received("filtered", all);
    received("nothing else", all);
    result("listen", listen(all, 1));
    result("shutdown", shutdown(all, SHUT_RD));
    return 0;
}
