// SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
// SPDX-License-Identifier: MIT
//
// A long line between two network namespaces: it delays packets, and carries so many of them a second.
//
//     wan PID DELAY_MS MBIT
//
// It makes a device wan0 in its own namespace and one in that of process PID, and prints a line when both are there.
// What goes into one comes out of the other DELAY_MS later, in both directions. Packets of TCP stay as large as the
// kernel makes them (up to 64 KiB), so that a relay in a process can carry more than 1 Gbit/s.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
    PACKET_SIZE = 65536 + 64,
    SLOTS = 32768,          // packets on their way in one direction
    OFFLOAD_HEADER = 10,    // struct virtio_net_hdr before each packet; it does not travel
    NS_PER_MS = 1000000,
    LONGEST_QUEUE_MS = 100,  // a packet that would wait longer for the line is dropped, as a router does
};

typedef struct {
    uint64_t due;
    size_t size;
    char *data;
} Packet;

typedef struct {
    int from, to;
    uint64_t delay;
    double ns_per_byte;
    Packet packets[SLOTS];
    size_t first, count;
    pthread_mutex_t lock;
    pthread_cond_t arrival;
} Direction;

static void require(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "wan: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int open_device(void) {
    struct ifreq request = {0};
    int device = open("/dev/net/tun", O_RDWR);
    require(device >= 0, "/dev/net/tun");
    request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
    strcpy(request.ifr_name, "wan0");
    require(!ioctl(device, TUNSETIFF, &request), "TUNSETIFF");
    require(!ioctl(device, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6), "TUNSETOFFLOAD");
    return device;
}

static int open_device_at(const char *pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/ns/net", pid);
    int here = open("/proc/self/ns/net", O_RDONLY), there = open(path, O_RDONLY);
    require(here >= 0 && there >= 0, path);
    require(!setns(there, CLONE_NEWNET), "setns");
    int device = open_device();
    require(!setns(here, CLONE_NEWNET), "setns");
    close(here);
    close(there);
    return device;
}

// Takes packets in; each leaves when the line is free, and arrives a delay later.
static void *take_in(void *argument) {
    Direction *direction = argument;
    uint64_t line_is_free = 0;
    char *data = malloc(PACKET_SIZE);
    for (;;) {
        require(data != NULL, "memory");
        ssize_t size = read(direction->from, data, PACKET_SIZE);
        if (size <= OFFLOAD_HEADER) continue;
        uint64_t began = now(), leaves = line_is_free > began ? line_is_free : began;
        if (leaves - began > (uint64_t)LONGEST_QUEUE_MS * NS_PER_MS) continue;
        leaves += (uint64_t)((double)(size - OFFLOAD_HEADER) * direction->ns_per_byte);
        pthread_mutex_lock(&direction->lock);
        if (direction->count < SLOTS) {
            Packet *packet = &direction->packets[(direction->first + direction->count++) % SLOTS];
            *packet = (Packet){leaves + direction->delay, (size_t)size, data};
            line_is_free = leaves;
            data = malloc(PACKET_SIZE);
            pthread_cond_signal(&direction->arrival);
        }
        pthread_mutex_unlock(&direction->lock);
    }
    return NULL;
}

static void *hand_out(void *argument) {
    Direction *direction = argument;
    prctl(PR_SET_TIMERSLACK, 1000);
    for (;;) {
        pthread_mutex_lock(&direction->lock);
        while (!direction->count) pthread_cond_wait(&direction->arrival, &direction->lock);
        Packet packet = direction->packets[direction->first];
        direction->first = (direction->first + 1) % SLOTS;
        direction->count--;
        pthread_mutex_unlock(&direction->lock);
        struct timespec due = {(time_t)(packet.due / 1000000000u), (long)(packet.due % 1000000000u)};
        if (packet.due > now()) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        // A device that is down drops it, as a cable that is not plugged in does.
        if (write(direction->to, packet.data, packet.size) < 0 && errno != EIO) perror("wan: write");
        free(packet.data);
    }
    return NULL;
}

int main(int count, char **arguments) {
    static Direction directions[2];
    if (count != 4) {
        fputs("usage: wan PID DELAY_MS MBIT\n", stderr);
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int here = open_device(), there = open_device_at(arguments[1]);
    for (int i = 0; i < 2; i++) {
        Direction *direction = &directions[i];
        pthread_t thread;
        direction->from = i ? there : here;
        direction->to = i ? here : there;
        direction->delay = (uint64_t)(atof(arguments[2]) * NS_PER_MS);
        direction->ns_per_byte = 8000.0 / atof(arguments[3]);
        pthread_mutex_init(&direction->lock, NULL);
        pthread_cond_init(&direction->arrival, NULL);
        require(!pthread_create(&thread, NULL, take_in, direction), "thread");
        require(!pthread_create(&thread, NULL, hand_out, direction), "thread");
    }
    puts("up");
    fflush(stdout);
    pause();
}
