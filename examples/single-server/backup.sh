#!/bin/sh
# backup.sh QUEUE FOLDER: a copy of a queue in use, as FOLDER/queue.db and FOLDER/queue.db-run.
# Large payloads are files. They are copied before and after the database, so that no message of it lacks its own.
set -eu
queue=$1 folder=$2
umask 077
mkdir -p "$folder/queue.db-run"

payloads() {
    for file in "$queue-run"/payload-*; do
        case $file in *.draft) continue ;; esac
        [ ! -e "$file" ] || cp -p "$file" "$folder/queue.db-run/" || [ ! -e "$file" ]
    done
}

payloads
rm -f "$folder/queue.db"
sqlite3 "$queue" "VACUUM INTO '$folder/queue.db'"
payloads
