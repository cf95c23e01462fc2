#!/bin/sh
# Makes the passwords and addresses of compose.yaml: container/secrets.sh DIRECTORY. What is there already stays as it is.
# 生成 compose.yaml 所需的口令和数据库地址；已有的文件不变。
set -eu
umask 077
to=${1:?usage: secrets.sh DIRECTORY}
mkdir -p "$to"

# The accounts in the containers: compose mounts files with the owner and mode that they have here.
postgres=999
chaobiao=64500
put() { # name, who reads it; the text comes by standard input
    [ -e "$to/$1" ] && return
    cat >"$to/.$1"
    if [ "$(id -u)" -eq 0 ]; then
        chown "$2" "$to/.$1"
    else
        echo "secrets.sh: not root: let $2 own $to/$1  请将该文件的属主改为 $2" >&2
    fi
    chmod 0400 "$to/.$1"
    mv "$to/.$1" "$to/$1"
}
drawn() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
address() { printf 'postgres://%s:%s@database/chaobiao\n' "$1" "$(cat "$to/$2")"; }

for name in postgres_password owner_password service_password; do
    drawn | put "$name" "$postgres"
done
address chaobiao_owner owner_password | put owner_url "$chaobiao"
address chaobiao_service service_password | put database_url "$chaobiao"
