#!/bin/sh
# An agent without an SDK: plain sh, files in its workspace and sd_notify messages. It may be killed at any moment.
#
# It works through todo.txt, a line a task, and appends one line a task to done.txt. How far it is, is what done.txt says: there is no other state,
# so whatever moment the runner's cut was taken at, a restored workspace is a place to go on from.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
workspace=${WORKSPACE:-$here/workspace}
todo=${TASKS:-$here/todo.txt}
pause=${PAUSE:-1}
mkdir -p "$workspace"
cd "$workspace"

# Sends one datagram to the runner. perl is part of every Debian; without any of the three the agent is supervised by its exit alone.
notify() {
    [ -n "${NOTIFY_SOCKET:-}" ] || return 0
    if command -v perl >/dev/null 2>&1; then
        perl -MSocket -e '
            my $name = $ENV{NOTIFY_SOCKET};
            $name =~ s/^@/\0/;
            socket(DOOR, AF_UNIX, SOCK_DGRAM, 0) or exit 1;
            send(DOOR, join("\n", @ARGV), 0, sockaddr_un($name)) or exit 1;
        ' "$@" || return 0
    elif command -v python3 >/dev/null 2>&1; then
        python3 -c '
import os, socket, sys
name = os.environ["NOTIFY_SOCKET"]
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
    door.sendto("\n".join(sys.argv[1:]).encode(), "\0" + name[1:] if name.startswith("@") else name)
' "$@" || return 0
    elif command -v systemd-notify >/dev/null 2>&1; then
        systemd-notify --no-block "$@" || return 0
    fi
}

touch done.txt
# A line without its end was being written when a kill or a cut came: it is not done.
if [ -s done.txt ] && [ "$(tail -c 1 done.txt | wc -l)" -eq 0 ]; then
    sed '$d' done.txt >done.txt.new
    mv done.txt.new done.txt
fi

all=$(wc -l <"$todo")
finished=$(wc -l <done.txt)
echo "going on at task $((finished + 1)) of $((all))"
notify READY=1 "STATUS=task $((finished + 1)) of $((all))"

while [ "$finished" -lt "$all" ]; do
    task=$(sed -n "$((finished + 1))p" "$todo")
    result=$(printf '%s' "$task" | cksum | cut -d ' ' -f 1)
    sleep "$pause" # the work
    printf '%s\t%s\t%s\n' "$((finished + 1))" "$task" "$result" >>done.txt
    finished=$((finished + 1))
    notify WATCHDOG=1 "STATUS=finished task $((finished)) of $((all))"
done

notify STOPPING=1 "STATUS=all $((all)) tasks are done"
echo "all $((all)) tasks are done"
