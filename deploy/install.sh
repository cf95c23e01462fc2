#!/bin/sh
# Puts the program and what belongs to it in place; needs no network. As root: ./install.sh
# 以 root 执行，无需联网。DESTDIR=目录 时只安装到该目录，不建账号。
#
# Nothing of a site is touched: configuration, keys and data stay as they are. Run again for an update.
set -eu

cd "$(dirname "$0")"
fail() { echo "install.sh: $1" >&2; exit 1; }
sha256sum --quiet -c SHA256SUMS || fail "a file is not as it was packed: nothing was installed  文件校验不符，未安装"
./chaobiao --version >/dev/null || fail "the program does not run on this machine: nothing was installed  程序无法在本机运行，未安装"

to=${DESTDIR-}
if [ -z "$to" ]; then
    [ "$(id -u)" -eq 0 ] || fail "must be run as root  须以 root 执行"
    id chaobiao >/dev/null 2>&1 || useradd --system --home-dir /var/lib/chaobiao --shell /usr/sbin/nologin chaobiao
    install -d -o chaobiao -g chaobiao -m 0750 /var/lib/chaobiao /etc/chaobiao
fi
install -d "$to/usr/local/bin" "$to/usr/share/chaobiao" "$to/usr/share/doc/chaobiao" "$to/etc/systemd/system" "$to/etc/udev/rules.d"
# Under another name first: a program that runs is replaced whole or not at all.
install -m 0755 chaobiao "$to/usr/local/bin/.chaobiao.new"
mv "$to/usr/local/bin/.chaobiao.new" "$to/usr/local/bin/chaobiao"
cp -R deploy/. "$to/usr/share/chaobiao/"
cp -R README.md CHANGELOG.md LICENSE SOFTWARE.tsv handbook "$to/usr/share/doc/chaobiao/"
install -m 0644 deploy/systemd/chaobiao.service "$to/etc/systemd/system/"
install -m 0644 deploy/udev/70-chaobiao.rules "$to/etc/udev/rules.d/"
if [ -z "$to" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
echo "installed $(./chaobiao --version)  已安装"
echo "next: /usr/share/doc/chaobiao/handbook  下一步见运行手册"
