#!/bin/sh
# An agent that knows nothing but sd_notify: it says READY=1 and then beats, until the file "$1/hang" is there; then it is silent.
notify() {
    perl -MSocket -e 'socket(DOOR, AF_UNIX, SOCK_DGRAM, 0) or exit 1; send(DOOR, join("\n", @ARGV), 0, sockaddr_un($ENV{NOTIFY_SOCKET}))' "$@"
}
notify READY=1 "STATUS=up in incarnation $RUNNER_INCARNATION, watchdog $WATCHDOG_USEC"
while [ ! -e "$1/hang" ] || [ "$RUNNER_INCARNATION" -gt 1 ]; do
    notify WATCHDOG=1
    echo "$RUNNER_INCARNATION" >>lives.txt
    sleep 0.1
done
exec sleep 1000
